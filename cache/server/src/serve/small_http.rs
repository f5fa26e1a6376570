//! A small HTTP/1.1 server for those who watch over the server or test with it: few connections,
//! and answers that are known at once.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;

/// Connections at a time: a few, never a way to crowd out the service.
const MAX_CONNECTIONS: usize = 64;

/// Serves until dropped. `respond` gives status and text.
pub async fn serve<R>(listener: TcpListener, respond: R)
where
    R: Fn(&Request<Incoming>) -> (StatusCode, String) + Clone + Send + 'static,
{
    let places = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    loop {
        let Ok(place) = places.clone().acquire_owned().await else { return };
        let Ok((stream, _)) = listener.accept().await else {
            tokio::time::sleep(Duration::from_millis(50)).await;
            continue;
        };
        let respond = respond.clone();
        tokio::spawn(async move {
            let _place = place;
            let answer = service_fn(move |request| {
                let (status, text) = respond(&request);
                async move { Ok::<_, Infallible>(response(status, text)) }
            });
            let _ = http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(Duration::from_secs(10))
                .serve_connection(TokioIo::new(stream), answer)
                .await;
        });
    }
}

fn response(status: StatusCode, text: String) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::from(text));
    *response.status_mut() = status;
    // The version is that of metrics: https://prometheus.io/docs/instrumenting/exposition_formats/
    response.headers_mut().insert(
        http::header::CONTENT_TYPE,
        http::HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8"),
    );
    response
}
