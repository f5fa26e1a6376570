//! The way back: messages as they come, then the trailers in a frame.

use std::task::{Context, Poll, ready};

use bytes::Bytes;
use h2::RecvStream;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE, HeaderName, HeaderValue};
use http::{HeaderMap, Response};
use kura_wire::{Code, Status, percent_encode};

use super::{Encoding, frame};
use crate::content::Content;

const GRPC_STATUS: HeaderName = HeaderName::from_static("grpc-status");
const GRPC_MESSAGE: HeaderName = HeaderName::from_static("grpc-message");
const ERR: HeaderName = HeaderName::from_static("err");

/// A call's answer on its way out. Dropped early, it cancels the call.
pub(crate) struct Answer {
    encoding: Encoding,
    rest: Rest,
}

enum Rest {
    /// Messages may come, and trailers after them.
    Messages(RecvStream),
    /// The trailers are known.
    Trailers(HeaderMap),
    Nothing,
}

impl Answer {
    /// The answer to a call that `response` began to answer.
    pub(crate) fn of(encoding: Encoding, response: Response<RecvStream>) -> Response<Content> {
        let (head, body) = response.into_parts();
        if !head.status.is_success() {
            let status = Status::new(
                Code::ResourceExhausted,
                format!("the call's metadata is refused with HTTP status {}: send less of it", head.status),
            );
            return Self::failed(encoding, &status);
        }
        let mut headers = head.headers;
        headers.remove(CONTENT_TYPE);
        headers.remove(CONTENT_LENGTH);
        let rest = if headers.contains_key(GRPC_STATUS) {
            let mut trailers = HeaderMap::new();
            for name in [GRPC_STATUS, GRPC_MESSAGE, ERR] {
                if let Some(value) = headers.remove(&name) {
                    trailers.insert(name, value);
                }
            }
            Rest::Trailers(trailers)
        } else {
            Rest::Messages(body)
        };
        Self { encoding, rest }.into_response(headers)
    }

    /// The answer to a call that did not reach the gRPC front end.
    pub(crate) fn failed(encoding: Encoding, status: &Status) -> Response<Content> {
        Self { encoding, rest: Rest::Trailers(trailers_of(status)) }.into_response(HeaderMap::new())
    }

    fn into_response(self, mut headers: HeaderMap) -> Response<Content> {
        headers.insert(CONTENT_TYPE, self.encoding.content_type());
        let mut response = Response::new(Content::Web(Box::new(self)));
        *response.headers_mut() = headers;
        response
    }

    /// The next piece of the body.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<Bytes>> {
        let piece = match &mut self.rest {
            Rest::Nothing => return Poll::Ready(None),
            Rest::Messages(body) => match ready!(body.poll_data(cx)) {
                Some(Ok(data)) => {
                    let _ = body.flow_control().release_capacity(data.len());
                    data
                }
                Some(Err(error)) => self.last(&trailers_of(&broken(&error))),
                None => match ready!(body.poll_trailers(cx)) {
                    Ok(Some(trailers)) => self.last(&trailers),
                    Ok(None) => self
                        .last(&trailers_of(&Status::new(Code::Internal, "the call ended without a status"))),
                    Err(error) => self.last(&trailers_of(&broken(&error))),
                },
            },
            Rest::Trailers(trailers) => {
                let trailers = std::mem::take(trailers);
                self.last(&trailers)
            }
        };
        Poll::Ready(Some(match self.encoding {
            Encoding::Binary => piece,
            Encoding::Text => frame::encode(&piece),
        }))
    }

    fn last(&mut self, trailers: &HeaderMap) -> Bytes {
        self.rest = Rest::Nothing;
        frame::trailers(trailers)
    }

    pub(crate) fn is_over(&self) -> bool {
        matches!(self.rest, Rest::Nothing)
    }
}

/// What a broken pipe means: the server stops, or the call was reset.
pub(super) fn broken(error: &h2::Error) -> Status {
    Status::new(Code::Unavailable, format!("the call broke off inside the server: {error}"))
}

fn trailers_of(status: &Status) -> HeaderMap {
    let mut trailers = HeaderMap::with_capacity(3);
    trailers.insert(GRPC_STATUS, HeaderValue::from_static(status.code.as_trailer()));
    if let Ok(message) = HeaderValue::from_str(&percent_encode(&status.message)) {
        trailers.insert(GRPC_MESSAGE, message);
    }
    if let Some(err) = status.err {
        trailers.insert(ERR, HeaderValue::from_static(err));
    }
    trailers
}
