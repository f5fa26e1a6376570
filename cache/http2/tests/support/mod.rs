//! A server to speak to.
#![allow(dead_code, reason = "each test uses another part of it")]

pub mod raw;

use std::future::{Future, poll_fn};

use bytes::Bytes;
use kura_http2::{Connection, Error, Gone, Options, RecvStream, Request, SendStream};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::timeout;

pub const OPTIONS: Options = Options {
    max_concurrent_streams: 100,
    max_head_bytes: 16 * 1024,
    stream_window: 64 * 1024,
    connection_window: 256 * 1024,
};

/// Serves a connection to its end; each request is given to a task of its own.
pub async fn serve<S, F, A>(io: S, options: Options, answer: F) -> Result<(), Error>
where
    S: AsyncRead + AsyncWrite + Unpin,
    F: Fn(Request) -> A,
    A: Future<Output = ()> + Send + 'static,
{
    let mut connection = Connection::handshake(io, &options).await?;
    let mut requests = Vec::new();
    while poll_fn(|cx| connection.poll_requests(cx, &mut requests)).await? {
        for request in requests.drain(..) {
            tokio::spawn(answer(request));
        }
    }
    Ok(())
}

/// Reads a body to its end.
pub async fn read(body: &mut RecvStream) -> Result<Vec<u8>, Gone> {
    let mut bytes = Vec::new();
    while let Some(data) = poll_fn(|cx| body.poll_data(cx)).await {
        bytes.extend_from_slice(&data?);
    }
    assert!(body.is_end_stream());
    Ok(bytes)
}

/// Sends bytes as the peer has room for them, and does not end.
pub async fn write(stream: &mut SendStream, mut bytes: Bytes) -> Result<(), Gone> {
    while !bytes.is_empty() {
        stream.reserve_capacity(bytes.len());
        let room = poll_fn(|cx| stream.poll_capacity(cx)).await?;
        stream.send_data(bytes.split_to(room), false)?;
    }
    Ok(())
}

/// Sends back what came.
pub async fn echo(mut request: Request) {
    if let Ok(bytes) = read(&mut request.body).await {
        let _ =
            request.respond.send_whole(200, &[("kind", b"echo")], [bytes.into()], &[("grpc-status", b"0")]);
    }
}

/// Holds a request until its peer resets it.
pub async fn hold(mut request: Request) {
    poll_fn(|cx| request.respond.poll_reset(cx)).await;
}

/// A body that tells where in it a piece was.
pub fn pattern(bytes: usize) -> Bytes {
    (0..bytes).map(|at| (at ^ (at >> 8) ^ (at >> 16)) as u8).collect()
}

/// Waits for something, but not for ever.
pub async fn soon<F: Future>(future: F) -> F::Output {
    timeout(raw::PATIENCE, future).await.expect("it comes to an end")
}
