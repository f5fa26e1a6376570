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
mod http1;
mod http2;
mod item;
mod problem;
pub mod query;
mod route;
mod stall;
pub mod web;

use std::sync::Arc;

use kura_commands::Commands;
use kura_front::Budget;

pub use connection::Peer;
pub use cors::{Cors, Origin, OriginError};

/// What all connections share.
pub struct Http {
    pub(crate) commands: Arc<Commands>,
    pub(crate) budget: Budget,
    pub(crate) cors: Cors,
}

impl Http {
    /// The API onto `commands`, whose large bodies take room in `budget`, open to pages of `cors`.
    #[must_use]
    pub fn new(commands: Arc<Commands>, budget: Budget, cors: Cors) -> Self {
        Self { commands, budget, cors }
    }
}
