//! The parsers that read what a peer sent, each with what must hold of it.

mod advertise;
mod collection;
mod connection;
mod control_socket;
mod endpoint;
mod faults;
mod fields;
mod frames;
mod http_query;
mod http_request;
mod increment;
mod leaderboard;
mod origin;
mod percent;
mod permissions;
mod protosocket;
mod protosocket_stream;
mod proxy_header;
mod record;
mod request;
mod resp;
mod resp_stream;
mod response_head;
mod role_rules;
mod scalar;
mod timeout;
mod token_claims;
mod token_forged;
mod token_request;
mod v1_key;
mod web_frames;

use crate::Target;

/// All targets, in the order in which they run.
#[must_use]
pub fn all() -> Vec<Target> {
    vec![
        fields::TARGET,
        scalar::TARGET,
        collection::TARGET,
        leaderboard::TARGET,
        request::TARGET,
        connection::TARGET,
        timeout::TARGET,
        protosocket::TARGET,
        protosocket_stream::TARGET,
        frames::TARGET,
        response_head::TARGET,
        percent::TARGET,
        endpoint::TARGET,
        token_forged::TARGET,
        token_claims::TARGET,
        v1_key::TARGET,
        token_request::TARGET,
        permissions::TARGET,
        role_rules::TARGET,
        record::TARGET,
        increment::TARGET,
        http_query::TARGET,
        http_request::TARGET,
        web_frames::TARGET,
        advertise::TARGET,
        origin::TARGET,
        proxy_header::TARGET,
        faults::TARGET,
        control_socket::TARGET,
        resp::TARGET,
        resp_stream::TARGET,
    ]
}
