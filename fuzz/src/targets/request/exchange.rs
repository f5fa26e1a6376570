//! One call over a connection in memory, with the server's own code at the other end.

use std::cell::OnceCell;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use h2::client::ResponseFuture;
use http::Request;
use kura_front_grpc::{Front, drain, serve};
use kura_wire::{Code, check_response_head, status_from_trailers};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::runtime::Runtime;

/// Longest that a call may take. No header asks for more than the server's own patience, which is for a body
/// that does not come; where faults can be had, a call can be asked to be later.
const PATIENCE: Duration = Duration::from_secs(10);
const FAULTS_PATIENCE: Duration = Duration::from_secs(700);

/// What a call was answered with.
pub(in crate::targets) struct Answer {
    pub(in crate::targets) code: Code,
    pub(in crate::targets) message: String,
    pub(in crate::targets) body: Bytes,
    /// On the server's clock.
    pub(in crate::targets) took: Duration,
}

/// A server for the calls of one thread.
pub(in crate::targets) struct Server {
    runtime: Runtime,
    front: Arc<Front>,
    patience: Duration,
}

impl Server {
    pub(in crate::targets) fn with<R>(run: impl FnOnce(&Self) -> R) -> R {
        thread_local! {
            static SERVER: OnceCell<Server> = const { OnceCell::new() };
        }
        SERVER.with(|server| run(server.get_or_init(Self::new)))
    }

    fn new() -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        Self { runtime, front: Arc::new(super::front()), patience: PATIENCE }
    }

    /// One whose callers may ask for faults, on a clock that moves only when nothing else does.
    pub(in crate::targets) fn with_faults() -> Self {
        let mut runtime = tokio::runtime::Builder::new_current_thread();
        let runtime = runtime.enable_all().start_paused(true).build().unwrap();
        Self { runtime, front: Arc::new(super::front().with_faults()), patience: FAULTS_PATIENCE }
    }

    /// Makes a call on a connection of its own.
    pub(in crate::targets) fn ask(&self, request: Request<()>, chunks: Vec<Bytes>) -> Answer {
        self.make(request, chunks, true)
    }

    /// The same for a call whose answer has no end: only whether it begins.
    pub(in crate::targets) fn begin(&self, request: Request<()>, chunks: Vec<Bytes>) -> Answer {
        self.make(request, chunks, false)
    }

    fn make(&self, request: Request<()>, chunks: Vec<Bytes>, whole: bool) -> Answer {
        self.runtime.block_on(async {
            let began = tokio::time::Instant::now();
            let (near, far) = tokio::io::duplex(64 * 1024);
            let (_drain, signal) = drain();
            let server = tokio::spawn(serve(far, self.front.clone(), signal));
            let call = tokio::time::timeout(self.patience, call(near, request, chunks, whole));
            let mut answer = call.await.expect("the call is answered in time");
            answer.took = began.elapsed();
            // The client's end is closed by now, so the connection ends.
            let ended = tokio::time::timeout(self.patience, server).await;
            let _ = ended.expect("the connection ends in time").expect("serving does not panic");
            answer
        })
    }
}

impl Server {
    /// Sends `bytes` on a connection of their own and ends it; how serving ended, and what came back.
    pub(in crate::targets) fn hear(&self, bytes: &[u8]) -> (io::Result<()>, Vec<u8>) {
        self.runtime.block_on(async {
            let (mut near, far) = tokio::io::duplex(64 * 1024);
            let (_drain, signal) = drain();
            let server = tokio::spawn(serve(far, self.front.clone(), signal));
            let talk = async {
                // The server may close before it has read everything.
                let _ = near.write_all(bytes).await;
                let _ = near.shutdown().await;
                let mut answered = Vec::new();
                let _ = near.read_to_end(&mut answered).await;
                answered
            };
            let answered =
                tokio::time::timeout(PATIENCE, talk).await.expect("the connection is closed in time");
            let ended = tokio::time::timeout(PATIENCE, server).await;
            (ended.expect("the connection ends in time").expect("serving does not panic"), answered)
        })
    }
}

async fn call(
    near: tokio::io::DuplexStream,
    request: Request<()>,
    chunks: Vec<Bytes>,
    whole: bool,
) -> Answer {
    let (sender, connection) = h2::client::handshake(near).await.expect("the server shakes hands");
    let driver = tokio::spawn(connection);
    let mut sender = sender.ready().await.expect("the connection takes a call");
    let (response, mut body) = sender.send_request(request, false).expect("the call is sent");
    let send = async {
        for chunk in chunks {
            let mut chunk = chunk;
            while !chunk.is_empty() {
                body.reserve_capacity(chunk.len());
                // The server may answer, and reset the stream, before it has read everything.
                let Some(Ok(room)) = std::future::poll_fn(|cx| body.poll_capacity(cx)).await else { return };
                if body.send_data(chunk.split_to(room.min(chunk.len())), false).is_err() {
                    return;
                }
            }
        }
        let _ = body.send_data(Bytes::new(), true);
    };
    let read = read(response, whole);
    tokio::pin!(send, read);
    let answer = tokio::select! {
        biased;
        answer = &mut read => answer,
        () = &mut send => read.await,
    };
    drop(sender);
    driver.abort();
    answer
}

async fn read(response: ResponseFuture, whole: bool) -> Answer {
    let (head, mut stream) = response.await.expect("the call has a response").into_parts();
    let refused = |status: kura_wire::Status| Answer {
        code: status.code,
        message: status.message.into_owned(),
        body: Bytes::new(),
        took: Duration::ZERO,
    };
    if let Err(status) = check_response_head(head.status, &head.headers) {
        return refused(status);
    }
    if !whole {
        return Answer { code: Code::Ok, message: String::new(), body: Bytes::new(), took: Duration::ZERO };
    }
    let mut body = Vec::new();
    while let Some(data) = stream.data().await {
        let data = data.expect("the response is whole");
        let _ = stream.flow_control().release_capacity(data.len());
        body.extend_from_slice(&data);
    }
    let trailers = stream.trailers().await.expect("the response is whole").expect("there are trailers");
    match status_from_trailers(&trailers).expect("the trailers have a status") {
        Ok(()) => Answer { code: Code::Ok, message: String::new(), body: body.into(), took: Duration::ZERO },
        Err(status) => Answer { body: body.into(), ..refused(status) },
    }
}
