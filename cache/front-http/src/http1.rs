//! HTTP/1.1.

use std::convert::Infallible;
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};

use crate::Peer;
use crate::stall::Stall;

/// How long a connection may take for the head of a request, and stay open between two.
const HEAD: Duration = Duration::from_secs(30);
/// Largest head in bytes, and most that is held of a body before it is asked for. Room for the
/// longest URI that there is (65,534 bytes).
const HEAD_BYTES: usize = 96 * 1024;

impl Peer {
    /// Serves an HTTP/1.1 connection until it ends.
    ///
    /// # Errors
    /// What broke the connection: a peer that does not speak HTTP/1.1, or went away.
    pub async fn http1<S>(self: Arc<Self>, io: S) -> io::Result<()>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let (draining, over) = (self.drain.clone().draining(), self.drain.clone().over());
        let answer = service_fn(move |request| {
            let peer = self.clone();
            async move { Ok::<_, Infallible>(peer.respond(request).await) }
        });
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(HEAD)
            .max_buf_size(HEAD_BYTES)
            .serve_connection(TokioIo::new(Stall::new(io)), answer);
        let (mut connection, mut draining, mut over) = (pin!(connection), pin!(draining), pin!(over));
        let mut told = false;
        loop {
            tokio::select! {
                ended = &mut connection => return ended.map_err(io::Error::other),
                () = &mut draining, if !told => {
                    told = true;
                    connection.as_mut().graceful_shutdown();
                }
                () = &mut over => return Ok(()),
            }
        }
    }
}
