//! Momento's HTTP API, and grpc-web.
//!
//! Both share a port with gRPC: what HTTP/2 requests are not gRPC come here by [`Peer::http2`], and
//! HTTP/1.1 connections as a whole by [`Peer::http1`]. This crate opens no socket.
//!
//! One file per hop: `http1`, `http2` (how a request comes and its answer leaves) > `connection`
//! (grpc-web or API; may this origin) > `route` (which operation, the one table that the OpenAPI
//! document is made from too) > `item`, … (parameters, execute) > `content`. Credentials are checked
//! from the head: a stranger's body is not read.
//!
//! grpc-web is translated into gRPC and served by the gRPC front end over a pipe in memory, so that
//! there is one implementation of the calls, with one set of bounds. That costs a web client some
//! microseconds a call, and nobody else anything.
//!
//! What it does not do: TLS, compression, ranges, caching headers. Values are bytes.

mod body;
mod connection;
mod content;
mod cors;
mod endpoints;
mod http1;
mod http2;
mod item;
mod management;
mod openapi;
mod problem;
pub mod query;
mod route;
mod stall;
mod topic;
pub mod web;

use std::sync::Arc;

use kura_commands::Commands;
use kura_front::Budget;
use parking_lot::RwLock;

pub use connection::Peer;
pub use cors::{Cors, Origin, OriginError};
pub use endpoints::{Advertised, Zones, ZonesError};

/// How the API is offered.
pub struct Options {
    /// Which web pages may call.
    pub cors: Cors,
    /// What `/endpoints` lists.
    pub advertised: Advertised,
    /// Draws what must not be guessed; none if the system has no randomness to give.
    pub random: fn() -> Option<[u8; 48]>,
}

/// What all connections share.
pub struct Http {
    pub(crate) commands: Arc<Commands>,
    pub(crate) budget: Budget,
    pub(crate) cors: Cors,
    pub(crate) advertised: RwLock<Advertised>,
    pub(crate) random: fn() -> Option<[u8; 48]>,
}

impl Http {
    /// The API onto `commands`, whose large bodies take room in `budget`.
    #[must_use]
    pub fn new(commands: Arc<Commands>, budget: Budget, options: Options) -> Self {
        let Options { cors, advertised, random } = options;
        Self { commands, budget, cors, advertised: RwLock::new(advertised), random }
    }

    /// Lists other servers from now on; false if they are the same.
    pub fn advertise(&self, advertised: Advertised) -> bool {
        let mut listed = self.advertised.write();
        let others = *listed != advertised;
        *listed = advertised;
        others
    }
}
