//! The body of an answer.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use kura_front::Reserved;

use crate::web::Answer;

/// What is handed on at a time.
const PIECE_BYTES: usize = 64 * 1024;

/// A body on its way out.
pub(crate) enum Content {
    /// All of it, with the room that it takes.
    Whole(Bytes, #[expect(dead_code, reason = "held for its drop")] Option<Reserved>),
    /// A call's answer, as it comes.
    Web(Box<Answer>),
}

impl Content {
    /// A body that is small.
    pub(crate) fn whole(bytes: Bytes) -> Self {
        Self::Whole(bytes, None)
    }

    /// No body.
    pub(crate) fn empty() -> Self {
        Self::whole(Bytes::new())
    }
}

impl Body for Content {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        match self.get_mut() {
            Self::Whole(bytes, _) if bytes.is_empty() => Poll::Ready(None),
            // Piece by piece: the room is held until the last of it has left for the peer.
            Self::Whole(bytes, _) => {
                let piece = bytes.split_to(bytes.len().min(PIECE_BYTES));
                Poll::Ready(Some(Ok(Frame::data(piece))))
            }
            Self::Web(answer) => answer.poll(cx).map(|piece| piece.map(|bytes| Ok(Frame::data(bytes)))),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Whole(bytes, _) => bytes.is_empty(),
            Self::Web(answer) => answer.is_over(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Whole(bytes, _) => SizeHint::with_exact(bytes.len() as u64),
            Self::Web(_) => SizeHint::default(),
        }
    }
}
