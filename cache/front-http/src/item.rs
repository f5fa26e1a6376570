//! `/cache/{cache}`: one item of a cache.

use std::borrow::Cow;

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderValue};
use http::{Response, StatusCode};
use http_body::Body;
use kura_base::Ttl;
use kura_commands::{Command, Items, Session, Value};

use crate::content::Content;
use crate::problem::Problem;
use crate::query::{Query, decode_base64};
use crate::{Http, body};

/// A value at least this long shares the request's buffer; a shorter one is copied. The engine draws
/// the same line.
const SHARED_BYTES: usize = 4096;

/// `GET`: the value, or 404.
pub(crate) async fn get(
    http: &Http,
    session: &Session,
    cache: &str,
    query: Query<'_>,
) -> Result<Response<Content>, Problem> {
    let commands = &http.commands;
    let cache = commands.cache(session, cache, Items::Read)?;
    let key = key(query)?;
    let mut value = None;
    commands.execute(cache, &key, Command::Get, commands.now(), |found| value = Some(found.to_bytes()))?;
    let Some(value) = value else { return Err(Problem::new(StatusCode::NOT_FOUND, "Key Not Found")) };
    let room = http.budget.reserve(value.len()).await;
    let mut response = Response::new(Content::Whole(value, Some(room)));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/octet-stream"));
    Ok(response)
}

/// `PUT`: the body becomes the value. Nothing of it is read before all else stands.
pub(crate) async fn put<B>(
    http: &Http,
    session: &Session,
    cache: &str,
    query: Query<'_>,
    body: B,
) -> Result<Response<Content>, Problem>
where
    B: Body<Data = Bytes, Error: std::fmt::Display>,
{
    let commands = &http.commands;
    let cache = commands.cache(session, cache, Items::Write)?;
    let key = key(query)?;
    cache.authorize_key(&key)?;
    let ttl = ttl(http, query)?;
    let (value, room) = body::read(body, commands.limits().max_item_bytes, &http.budget).await?;
    let value = match value.len() {
        ..SHARED_BYTES => Value::Copied(&value),
        // Given away, so that the store need not copy what nobody else holds.
        _ => Value::Shared(value),
    };
    commands.execute(cache, &key, Command::Set { value, ttl }, commands.now(), |_| {})?;
    drop(room);
    Ok(no_content())
}

/// `DELETE`: the item is gone, whether it was there or not.
pub(crate) fn delete(
    http: &Http,
    session: &Session,
    cache: &str,
    query: Query<'_>,
) -> Result<Response<Content>, Problem> {
    let commands = &http.commands;
    let cache = commands.cache(session, cache, Items::Write)?;
    commands.execute(cache, &key(query)?, Command::Delete, commands.now(), |_| {})?;
    Ok(no_content())
}

/// An answer that says only that it is done.
pub(crate) fn no_content() -> Response<Content> {
    let mut response = Response::new(Content::empty());
    *response.status_mut() = StatusCode::NO_CONTENT;
    response
}

fn key(query: Query<'_>) -> Result<Cow<'_, [u8]>, Problem> {
    match (query.bytes("key")?, query.bytes("key_base64")?) {
        (Some(key), None) => Ok(key),
        (None, Some(key)) => match decode_base64(&key) {
            Some(key) => Ok(Cow::Owned(key)),
            None => Err(Problem::bad_request("key_base64 is not URL-safe base64 (A-Z, a-z, 0-9, - and _)")),
        },
        (None, None) => Err(Problem::bad_request("the key is missing: give ?key= or ?key_base64=")),
        (Some(_), Some(_)) => {
            Err(Problem::bad_request("key and key_base64 are both given; give one of them"))
        }
    }
}

fn ttl(http: &Http, query: Query<'_>) -> Result<Ttl, Problem> {
    let text = query
        .text("ttl_seconds")?
        .ok_or_else(|| Problem::bad_request("the time to live is missing: give ?ttl_seconds="))?;
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if !digits {
        return Err(Problem::bad_request(format!(
            "ttl_seconds is {text:?}; give a whole number of seconds from 1 on"
        )));
    }
    // More digits than a number holds are a long time all the same, and taken as the longest.
    let seconds = text.parse::<u64>().unwrap_or(u64::MAX);
    Ok(http.commands.ttl(seconds.saturating_mul(1000))?)
}
