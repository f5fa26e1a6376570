//! The wire APIs on HTTP/1.1: reads a whole request, hands it on, sends the answer.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper_util::rt::{TokioIo, TokioTimer};
use kura_aws_api::BODY_LIMIT_BYTES;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;

use crate::link::Link;

/// Most connections at a time; more wait to be accepted.
const MAX_CONNECTIONS: usize = 256;
/// How long a client may take to send a request.
const PATIENCE: Duration = Duration::from_secs(30);

/// Serves until the task is dropped.
pub async fn serve(listener: TcpListener, link: Arc<Link>) {
    let slots = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    loop {
        let slot = Arc::clone(&slots).acquire_owned().await;
        let (stream, peer) = match listener.accept().await {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::warn!(%error, "the API's listener cannot accept a connection");
                // Out of file descriptors, most likely: they come back, but not at once.
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            }
        };
        let link = Arc::clone(&link);
        tokio::spawn(async move {
            let _slot = slot;
            let service = hyper::service::service_fn(move |request| answer(request, Arc::clone(&link), peer));
            let mut http = hyper::server::conn::http1::Builder::new();
            http.timer(TokioTimer::new()).header_read_timeout(PATIENCE);
            if let Err(error) = http.serve_connection(TokioIo::new(stream), service).await {
                tracing::debug!(%error, %peer, "an API connection ended");
            }
        });
    }
}

async fn answer(
    request: Request<Incoming>,
    link: Arc<Link>,
    peer: SocketAddr,
) -> Result<Response<Full<Bytes>>, std::convert::Infallible> {
    let (head, body) = request.into_parts();
    let body = tokio::time::timeout(PATIENCE, Limited::new(body, BODY_LIMIT_BYTES).collect()).await;
    let body = match body {
        Ok(Ok(body)) => body.to_bytes(),
        Ok(Err(error)) => {
            tracing::debug!(%error, %peer, "a request's body was refused");
            let text =
                format!("the request cannot be read, or has more than {BODY_LIMIT_BYTES} bytes: {error}\n");
            return Ok(plain(StatusCode::PAYLOAD_TOO_LARGE, text));
        }
        Err(_) => {
            let text = format!("the request's body did not arrive within {} s\n", PATIENCE.as_secs());
            return Ok(plain(StatusCode::REQUEST_TIMEOUT, text));
        }
    };
    let request = Request::from_parts(head, body);
    let answered = tokio::task::spawn_blocking(move || link.api(request)).await;
    Ok(answered.map_or_else(
        |error| {
            tracing::error!(%error, "a request ended the thread that answered it");
            plain(
                StatusCode::INTERNAL_SERVER_ERROR,
                "the request could not be answered; see the log\n".to_owned(),
            )
        },
        |response| response.map(Full::new),
    ))
}

fn plain(status: StatusCode, text: String) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(text)));
    *response.status_mut() = status;
    response
}
