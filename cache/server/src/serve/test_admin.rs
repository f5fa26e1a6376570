//! `/block` and `/unblock`, as Momento Local has them: an outage of the local port for tests of
//! clients.

use http::{Method, Request, StatusCode};
use hyper::body::Incoming;

use super::gate::Gate;

/// Answers a request and does what it says.
pub fn respond(request: &Request<Incoming>, gate: &Gate) -> (StatusCode, String) {
    let (status, text) = match (request.method(), request.uri().path()) {
        (&Method::GET | &Method::POST, "/block") => {
            gate.block();
            (StatusCode::OK, "blocked\n")
        }
        (&Method::GET | &Method::POST, "/unblock") => {
            gate.unblock();
            (StatusCode::OK, "unblocked\n")
        }
        (_, "/block" | "/unblock") => (StatusCode::METHOD_NOT_ALLOWED, "use GET\n"),
        _ => (StatusCode::NOT_FOUND, "Not Found: try /block or /unblock\n"),
    };
    (status, text.to_owned())
}
