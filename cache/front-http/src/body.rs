//! The body of a request: within its limit, in its pace, with room reserved before it is held.

use std::future::poll_fn;
use std::pin::pin;

use bytes::Bytes;
use http::StatusCode;
use http_body::Body;
use kura_front::{Budget, FREE_BYTES, Pace, Reserved};
use kura_pages::Buffer;
use tokio::time::{Instant, timeout_at};

use crate::problem::Problem;

/// Reads a body of at most `limit` bytes.
pub(crate) async fn read<B>(body: B, limit: usize, budget: &Budget) -> Result<(Bytes, Reserved), Problem>
where
    B: Body<Data = Bytes, Error: std::fmt::Display>,
{
    let announced = body.size_hint();
    if announced.lower() > limit as u64 {
        return Err(too_large(limit));
    }
    // A body that does not say how long it is may become as long as the limit.
    let most = announced.upper().and_then(|bytes| usize::try_from(bytes).ok()).unwrap_or(limit).min(limit);
    let mut room = budget.reserve(if announced.exact().is_some() { most } else { 0 }).await;
    let mut reserved = announced.exact().is_some();
    let mut body = pin!(body);
    let mut pace = Pace::start(Instant::now());
    let mut first = Bytes::new();
    let mut all: Option<Buffer> = None;
    loop {
        let frame = timeout_at(pace.limit(), poll_fn(|cx| body.as_mut().poll_frame(cx))).await;
        let frame = frame.map_err(|_| Problem::new(StatusCode::REQUEST_TIMEOUT, pace.too_slow().message))?;
        let data = match frame {
            None => break,
            Some(Ok(frame)) => frame.into_data().unwrap_or_default(),
            Some(Err(error)) => return Err(Problem::bad_request(format!("the request broke off: {error}"))),
        };
        let before = all.as_ref().map_or(&*first, Buffer::as_slice).len();
        let held = before + data.len();
        if held > limit {
            return Err(too_large(limit));
        }
        if held > FREE_BYTES && !reserved {
            let asked = Instant::now();
            room = budget.reserve(limit).await;
            reserved = true;
            pace.pause(asked.elapsed());
        }
        if held == data.len() {
            first = data;
        } else {
            let all = all.get_or_insert_with(|| {
                let bytes = if announced.exact().is_some() { most } else { held };
                let mut all = Buffer::with_capacity(bytes);
                all.extend_from_slice(&std::mem::take(&mut first));
                all
            });
            all.extend_from_slice(&data);
        }
        pace.reached(held, Instant::now());
    }
    Ok((all.map_or(first, Buffer::freeze), room))
}

fn too_large(limit: usize) -> Problem {
    Problem::new(
        StatusCode::PAYLOAD_TOO_LARGE,
        format!("the request's body is too large: at most {limit} bytes are allowed"),
    )
}
