//! HTTP/1.1 on a port that speaks gRPC: a clear answer instead of broken bytes.

use std::convert::Infallible;
use std::io;

use bytes::Bytes;
use http::{Response, StatusCode};
use http_body_util::Full;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};

/// Serves one connection.
pub async fn serve(io: impl AsyncRead + AsyncWrite + Unpin) -> io::Result<()> {
    http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(std::time::Duration::from_secs(10))
        .serve_connection(TokioIo::new(io), service_fn(|_| async { Ok::<_, Infallible>(not_found()) }))
        .await
        .map_err(io::Error::other)
}

fn not_found() -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::from("Not Found: this port speaks gRPC over HTTP/2\n"));
    *response.status_mut() = StatusCode::NOT_FOUND;
    response
}
