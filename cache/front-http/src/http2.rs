//! HTTP/2: requests on a connection that the gRPC front end serves.

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::header::{HeaderName, HeaderValue};
use http::request::Parts;
use http::{Response, Uri, Version};
use http_body::{Body, Frame, SizeHint};
use kura_front::Patience;
use kura_http2::{Field, Gone, Head, Reason, RecvStream, Request, SendResponse, SendStream};

use crate::Peer;
use crate::content::Content;

/// What is handed to the connection at a time; more follows the peer's window.
const AT_ONCE_BYTES: usize = 64 * 1024;

impl Peer {
    /// Answers a request, in a task of its own unless its head decides it; true if its credentials
    /// stand.
    pub fn http2(self: &Arc<Self>, request: Request) -> bool {
        let Request { head, body, mut respond } = request;
        let parts = match parts(&head) {
            Ok(parts) => parts,
            Err(error) => {
                bad_request(&mut respond, &error);
                return false;
            }
        };
        let admitted = match self.admit(&parts) {
            Ok(admitted) => admitted,
            Err(refused) => {
                // Refusals are small, so they wait for no window.
                if let (head, Content::Whole(bytes, _)) = split(*refused)
                    && let Ok(mut stream) = begin(&mut respond, &head, bytes.is_empty())
                    && !bytes.is_empty()
                {
                    // An error here means that the peer has gone: there is nobody left to tell.
                    let _ = stream.send_data(bytes, true);
                }
                return false;
            }
        };
        let known = admitted.is_known();
        let peer = self.clone();
        tokio::spawn(async move {
            let answer = {
                let answer = peer.answer(admitted, &parts, Incoming::new(&parts, body));
                tokio::select! {
                    biased;
                    answer = answer => answer,
                    _ = poll_fn(|cx| respond.poll_reset(cx)) => return,
                }
            };
            send(&mut respond, answer).await;
        });
        known
    }
}

/// The head of a request as the crate of all of HTTP has it.
fn parts(head: &Head) -> Result<Parts, http::Error> {
    let uri = if head.authority().is_empty() {
        head.path().parse::<Uri>()?
    } else {
        Uri::builder()
            .scheme(head.scheme())
            .authority(head.authority())
            .path_and_query(head.path())
            .build()?
    };
    let mut request =
        http::Request::builder().method(head.method()).uri(uri).version(Version::HTTP_2).body(())?;
    for (name, value) in head.fields() {
        request.headers_mut().append(HeaderName::from_bytes(name)?, HeaderValue::from_bytes(value)?);
    }
    Ok(request.into_parts().0)
}

fn bad_request(respond: &mut SendResponse, error: &http::Error) {
    const TEXT: [Field<'static>; 1] = [("content-type", b"text/plain; charset=utf-8")];
    if let Ok(mut stream) = respond.send_head(400, &TEXT, false) {
        let _ = stream.send_data(format!("Bad Request: {error}\n").into(), true);
    }
}

fn begin(respond: &mut SendResponse, head: &Response<()>, is_last: bool) -> Result<SendStream, Gone> {
    let fields = head.headers().iter().map(|(name, value)| (name.as_str(), value.as_bytes()));
    respond.send_head(head.status().as_u16(), &fields.collect::<Vec<_>>(), is_last)
}

fn split(response: Response<Content>) -> (Response<()>, Content) {
    let (parts, content) = response.into_parts();
    (Response::from_parts(parts, ()), content)
}

/// Sends an answer as the peer's window allows. Errors mean that the peer has gone.
async fn send(respond: &mut SendResponse, answer: Response<Content>) {
    let (head, content) = split(answer);
    let mut content = pin!(content);
    if content.is_end_stream() {
        let _ = begin(respond, &head, true);
        return;
    }
    let Ok(mut stream) = begin(respond, &head, false) else { return };
    let mut patience = Patience::default();
    loop {
        let frame = tokio::select! {
            frame = poll_fn(|cx| content.as_mut().poll_frame(cx)) => frame,
            _ = poll_fn(|cx| stream.poll_reset(cx)) => return,
        };
        let mut bytes = match frame {
            None => {
                let _ = stream.send_data(Bytes::new(), true);
                return;
            }
            Some(Ok(frame)) => frame.into_data().unwrap_or_default(),
        };
        while !bytes.is_empty() {
            stream.reserve_capacity(bytes.len().min(AT_ONCE_BYTES));
            match patience.wait(poll_fn(|cx| stream.poll_capacity(cx))).await {
                Some(Ok(room)) => {
                    let piece = bytes.split_to(room.min(bytes.len()));
                    patience.took(piece.len());
                    if stream.send_data(piece, false).is_err() {
                        return;
                    }
                }
                Some(_) => return,
                None => return stream.send_reset(Reason::CANCEL),
            }
        }
    }
}

/// The body of a request.
struct Incoming {
    stream: RecvStream,
    /// Bytes of all of it, if the peer said so. HTTP/2 holds it to that.
    length: Option<u64>,
}

impl Incoming {
    fn new(parts: &Parts, stream: RecvStream) -> Self {
        let length = if stream.is_end_stream() {
            Some(0)
        } else {
            let given = parts.headers.get(http::header::CONTENT_LENGTH);
            given.and_then(|value| value.to_str().ok()?.parse().ok())
        };
        Self { stream, length }
    }
}

impl Body for Incoming {
    type Data = Bytes;
    type Error = Gone;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Gone>>> {
        let next = ready!(self.stream.poll_data(cx));
        Poll::Ready(next.map(|data| data.map(Frame::data)))
    }

    fn is_end_stream(&self) -> bool {
        self.stream.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.length.map_or_else(SizeHint::default, SizeHint::with_exact)
    }
}
