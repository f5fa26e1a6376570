//! The server's side of HTTP/2 (RFC 9113), made for many small calls.
//!
//! A [`Connection`] is polled for [`Request`]s, a batch at a time: what has come with one read is taken, answered and
//! written together. Bodies that come along with their head are handed over where they were read; a head that is the
//! same as that of an earlier call is not read again; an answer is put straight into what is written next. A connection
//! that waits holds no buffers.
//!
//! `connection` reads frames, `head` and `hpack` read what they say of a request, `state` has the streams and their
//! windows, `stream` the handles that a call holds, `output` what waits for the socket.

mod connection;
mod error;
mod frame;
mod head;
mod hpack;
mod output;
mod state;
mod stream;
#[cfg(test)]
mod tests;

pub use connection::{Connection, Options};
pub use error::{Error, Gone, Reason};
pub use head::Head;
pub use state::Field;
pub use stream::{RecvStream, Request, SendResponse, SendStream};
