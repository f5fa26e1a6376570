//! `/topics/{cache}/{topic}`: publishing, and waiting for what was published.

use std::future::poll_fn;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderValue};
use http::{HeaderMap, Response};
use http_body::Body;
use kura_commands::{Delivery, Error, Need, Resume, Session, Subscription, TopicValue};
use serde_json::{Value, json};
use tokio::time::{Instant, timeout};

use crate::content::Content;
use crate::item::no_content;
use crate::problem::Problem;
use crate::query::Query;
use crate::{Http, body};

/// Longest wait for a message. An answer without any then says that the connection is good still,
/// before what lies between gives it up; a peer that has vanished is forgotten as soon.
const WAIT: Duration = Duration::from_secs(50);
/// How often it is looked at whether the session still stands: a revocation ends a poll so soon, an expiry
/// on time.
const BEAT: Duration = Duration::from_secs(1);
/// Most events of one answer, and most bytes of their values but for the last one's. What is left
/// comes with the next request.
const MAX_EVENTS: usize = 100;
const MAX_BYTES: usize = 1024 * 1024;

/// `POST`: the body becomes a message.
pub(crate) async fn publish<B>(
    http: &Http,
    session: &Session,
    (cache, topic): (&str, &str),
    headers: &HeaderMap,
    body: B,
) -> Result<Response<Content>, Problem>
where
    B: Body<Data = Bytes, Error: std::fmt::Display>,
{
    session.authorize_topic(Need::Write, cache, topic)?;
    let (bytes, _room) = body::read(body, http.commands.limits().max_topic_value_bytes, &http.budget).await?;
    http.commands.publish(session, cache, topic, value(headers, bytes)?)?;
    Ok(no_content())
}

/// Bytes are what is said to be `application/octet-stream`; everything else is text, also what
/// command lines send as a form without being told otherwise.
fn value(headers: &HeaderMap, bytes: Bytes) -> Result<TopicValue, Problem> {
    let kind = headers.get(CONTENT_TYPE).map(|value| value.as_bytes()).unwrap_or_default();
    let essence = kind.split(|byte| *byte == b';').next().unwrap_or_default().trim_ascii();
    if essence.eq_ignore_ascii_case(b"application/octet-stream") {
        return Ok(TopicValue::binary(bytes));
    }
    match String::from_utf8(bytes.into()) {
        Ok(text) => Ok(TopicValue::text(text)),
        Err(_) => Err(Problem::bad_request(
            "the text is not UTF-8; publish bytes with the content type application/octet-stream",
        )),
    }
}

/// `GET`: messages from the one that is asked for on, once there is one.
pub(crate) async fn poll(
    http: &Http,
    session: &Arc<Session>,
    (cache, topic): (&str, &str),
    query: Query<'_>,
) -> Result<Response<Content>, Problem> {
    session.authorize_topic(Need::Read, cache, topic)?;
    let resume =
        Resume { sequence: number(query, "sequence_number")?, page: number(query, "sequence_page")? };
    let mut subscription = http.commands.subscribe(session, cache, topic, resume)?;
    let end = Instant::now() + WAIT;
    let mut events = Vec::new();
    while events.is_empty() && Instant::now() < end {
        // An expiry is known in advance; a millisecond later the clock has reached it.
        let left = session.expires().map(|end| end.since(http.commands.now()) + Duration::from_millis(1));
        let beat = left.map_or(BEAT, |left| left.min(BEAT));
        if let Ok(some) = timeout(beat, poll_fn(|cx| take(&mut subscription, cx))).await {
            events = some?;
        }
        http.commands.check_subscription(&subscription)?;
    }
    // Until there is room the messages are the topic's own, shared; as JSON each answer has its copy.
    let room = http.budget.reserve(events.iter().map(json_bytes).sum()).await;
    http.commands.check_subscription(&subscription)?;
    let items: Vec<Value> = events.iter().map(event).collect();
    let text = json!({ "items": items }).to_string();
    let mut response = Response::new(Content::Whole(text.into(), Some(room)));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    Ok(response)
}

/// Bytes that an event takes as JSON at most: a control character is written with six.
fn json_bytes(delivery: &Delivery) -> usize {
    const FRAME: usize = 256;
    match delivery {
        Delivery::Item(message) => message.value.bytes().len() * 6 + FRAME,
        Delivery::Discontinuity(_) => FRAME,
    }
}

/// All that is there, once something is.
fn take(
    subscription: &mut Subscription,
    cx: &mut std::task::Context<'_>,
) -> Poll<Result<Vec<Delivery>, Error>> {
    let (mut events, mut bytes) = (Vec::new(), 0);
    while events.len() < MAX_EVENTS && bytes < MAX_BYTES {
        match subscription.poll_next(cx) {
            Poll::Ready(Ok(delivery)) => {
                if let Delivery::Item(message) = &delivery {
                    bytes += message.value.bytes().len();
                }
                events.push(delivery);
            }
            // What came before is told first; the next request hears the rest.
            Poll::Ready(Err(error)) if events.is_empty() => return Poll::Ready(Err(error)),
            Poll::Pending if events.is_empty() => return Poll::Pending,
            Poll::Ready(Err(_)) | Poll::Pending => break,
        }
    }
    Poll::Ready(Ok(events))
}

fn event(delivery: &Delivery) -> Value {
    match delivery {
        Delivery::Item(message) => {
            let bytes = message.value.bytes();
            let value = if message.value.is_text() {
                json!({ "text": String::from_utf8_lossy(bytes) })
            } else {
                json!({ "binary": STANDARD.encode(bytes) })
            };
            json!({
                "item": {
                    "topic_sequence_number": message.sequence,
                    "sequence_page": message.page,
                    "value": value,
                },
            })
        }
        Delivery::Discontinuity(gap) => json!({
            "discontinuity": {
                "last_topic_sequence": gap.last_sequence,
                "new_topic_sequence": gap.new_sequence,
                "new_sequence_page": gap.new_page,
            },
        }),
    }
}

fn number(query: Query<'_>, name: &'static str) -> Result<u64, Problem> {
    let Some(text) = query.text(name)? else { return Ok(0) };
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|_| digits).ok_or_else(|| {
        Problem::bad_request(format!("{name} is {text:?}; give a whole number from 0 to {}", u64::MAX))
    })
}
