//! Faults that a caller asks for in its metadata, so that its own tests can see how it bears them.
//!
//! The metadata is what Momento Local takes and the official SDKs' test middlewares send. It is
//! honoured where the server was told to (`--test-admin`) and otherwise not looked at.
//!
//! | metadata | meaning |
//! |---|---|
//! | `request-id` | whose counts these are: one for each test |
//! | `return-error`, `error-rpcs` | these calls fail with this status |
//! | `error-count` | only so many of them, the first ones |
//! | `delay-rpcs`, `delay-ms` | these calls are answered so much later |
//! | `delay-count` | only so many of them, the first ones |
//! | `stream-error`, `stream-error-rpcs` | these streams end with this status ... |
//! | `stream-error-message-limit` | ... after so many messages, heartbeats included (0 if left out) |
//!
//! Calls are named as Momento Local does: `get`, `set-if-not-exists`, `topic-subscribe`; statuses as
//! gRPC does, in small letters: `unavailable`. A call that is to be late and to fail is both.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use kura_wire::{Code, Status};

use crate::Method;

/// Most request ids whose counts are remembered; the oldest are forgotten first.
const MAX_REQUEST_IDS: usize = 10_000;
/// Longest request id in bytes: far more than the UUID that it usually is.
const MAX_REQUEST_ID_BYTES: usize = 256;
/// Longest delay: longer than any deadline that an SDK has by default.
const MAX_DELAY: Duration = Duration::from_secs(600);

/// The counts of all request ids.
#[derive(Debug, Default)]
pub(crate) struct Faults(Mutex<Counts>);

#[derive(Debug, Default)]
struct Counts {
    by_id: HashMap<Box<str>, Count>,
    order: VecDeque<Box<str>>,
}

/// How often faults of a kind have struck.
#[derive(Clone, Copy, Debug, Default)]
struct Count {
    errors: u64,
    delays: u64,
}

/// What is to happen to one call.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Fault {
    delay: Option<Duration>,
    error: Option<Status>,
    /// Where its stream is to end.
    pub(crate) ending: Option<Ending>,
}

/// Where a stream is to end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Ending {
    /// After so many messages.
    pub(crate) messages: u64,
    /// With this status.
    pub(crate) status: Status,
}

impl Fault {
    /// Lets the fault happen, but for an end that is to come after some messages.
    pub(crate) async fn strike(&mut self) -> Result<(), Status> {
        if let Some(delay) = self.delay.take() {
            tokio::time::sleep(delay).await;
        }
        if let Some(status) = self.error.take() {
            return Err(status);
        }
        match self.ending.take_if(|ending| ending.messages == 0) {
            None => Ok(()),
            Some(ending) => Err(ending.status),
        }
    }
}

/// Finds a value of a call's metadata by its name.
pub(crate) type Metadata<'a> = &'a dyn Fn(&str) -> Option<&'a [u8]>;

impl Faults {
    /// The fault that a call asks for, if it is its turn.
    ///
    /// # Errors
    /// INVALID_ARGUMENT for metadata that cannot be understood: a test must not pass because its
    /// fault never happened.
    pub(crate) fn of(&self, method: Method, metadata: Metadata<'_>) -> Result<Option<Fault>, Status> {
        let asked = Asked::read(method, metadata)?;
        let mut fault = Fault { ending: asked.ending, ..Fault::default() };
        if let Some((error, limit)) = asked.error
            && self.strikes(asked.request_id, limit, "error-count", |count| &mut count.errors)?
        {
            fault.error = Some(error);
        }
        if let Some((delay, limit)) = asked.delay
            && self.strikes(asked.request_id, limit, "delay-count", |count| &mut count.delays)?
        {
            fault.delay = Some(delay);
        }
        Ok((fault != Fault::default()).then_some(fault))
    }

    /// Whether a fault that is to strike `limit` times still does, and counts that.
    fn strikes(
        &self,
        request_id: Option<&str>,
        limit: Option<u64>,
        name: &str,
        kind: impl FnOnce(&mut Count) -> &mut u64,
    ) -> Result<bool, Status> {
        let Some(limit) = limit else { return Ok(true) };
        let id = request_id.ok_or_else(|| wrong(format!("{name} needs request-id, which it counts by")))?;
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let struck = kind(counts.of(id));
        let strikes = *struck < limit;
        *struck += u64::from(strikes);
        Ok(strikes)
    }
}

impl Counts {
    fn of(&mut self, id: &str) -> &mut Count {
        if !self.by_id.contains_key(id) {
            if self.order.len() >= MAX_REQUEST_IDS
                && let Some(oldest) = self.order.pop_front()
            {
                self.by_id.remove(&oldest);
            }
            self.order.push_back(id.into());
        }
        self.by_id.entry(id.into()).or_default()
    }
}

/// What a call's metadata asks to happen to it, if its turn has not passed.
struct Asked<'a> {
    request_id: Option<&'a str>,
    error: Option<(Status, Option<u64>)>,
    delay: Option<(Duration, Option<u64>)>,
    ending: Option<Ending>,
}

impl<'a> Asked<'a> {
    fn read(method: Method, metadata: Metadata<'a>) -> Result<Self, Status> {
        let request_id = text(metadata, "request-id")?;
        if let Some(id) = request_id
            && id.len() > MAX_REQUEST_ID_BYTES
        {
            return Err(wrong(format!(
                "request-id has {} bytes; at most {MAX_REQUEST_ID_BYTES} are allowed",
                id.len()
            )));
        }
        let mut asked = Self { request_id, error: None, delay: None, ending: None };
        if let Some(code) = pair(metadata, "return-error", "error-rpcs", method)? {
            asked.error = Some((told("return-error", code, method)?, number(metadata, "error-count")?));
        }
        // The Go SDK's middleware for caches has another name for it.
        let name = if metadata("delay-millis").is_some() { "delay-millis" } else { "delay-ms" };
        if pair(metadata, name, "delay-rpcs", method)?.is_some() {
            let delay = Duration::from_millis(number(metadata, name)?.unwrap_or_default());
            if delay > MAX_DELAY {
                return Err(wrong(format!("{name} is over {} ms", MAX_DELAY.as_millis())));
            }
            asked.delay = Some((delay, number(metadata, "delay-count")?));
        }
        if let Some(code) = pair(metadata, "stream-error", "stream-error-rpcs", method)? {
            let messages = number(metadata, "stream-error-message-limit")?.unwrap_or_default();
            asked.ending = Some(Ending { messages, status: told("stream-error", code, method)? });
        }
        Ok(asked)
    }
}

/// What is to happen and to which calls, which go together: what, if this call is among them.
fn pair<'a>(
    metadata: Metadata<'a>,
    what: &'static str,
    calls: &'static str,
    method: Method,
) -> Result<Option<&'a str>, Status> {
    let (value, calls_named) = match (text(metadata, what)?, text(metadata, calls)?) {
        (None, None) => return Ok(None),
        (Some(value), Some(calls_named)) => (value, calls_named),
        (Some(_), None) => return Err(wrong(format!("{what} needs {calls}: which calls it is for"))),
        (None, Some(_)) => return Err(wrong(format!("{calls} needs {what}: what is to happen to them"))),
    };
    let mut among = false;
    for name in calls_named.split_ascii_whitespace() {
        let named = Method::ALL.into_iter().find(|method| is_named(*method, name));
        let named = named.ok_or_else(|| {
            wrong(format!(
                "{calls} names {name:?}, which is no call; give names such as get or topic-subscribe"
            ))
        })?;
        among |= named == method;
    }
    Ok(among.then_some(value))
}

/// Whether a call is named so: as its method is, in small letters with hyphens between its words.
fn is_named(method: Method, name: &str) -> bool {
    let name = match (method, name) {
        (Method::Publish | Method::Subscribe, name) => match name.strip_prefix("topic-") {
            Some(name) => name,
            None => return false,
        },
        (Method::Unknown, _) => return false,
        // SDKs have one name for both.
        (Method::SetIfNotExists, "set-if") => return true,
        (_, name) => name,
    };
    let mut letters = name.chars();
    for (at, letter) in method.label().chars().enumerate() {
        if letter.is_ascii_uppercase() && at > 0 && letters.next() != Some('-') {
            return false;
        }
        if letters.next() != Some(letter.to_ascii_lowercase()) {
            return false;
        }
    }
    letters.next().is_none()
}

/// The status that a name stands for: gRPC's, or the SDKs' own, which the Node SDK's middleware sends
/// for streams.
fn told(what: &str, name: &str, method: Method) -> Result<Status, Status> {
    let code = match name {
        "cancelled" | "CANCELLED_ERROR" => Code::Cancelled,
        "unknown" | "UNKNOWN_ERROR" | "UNKNOWN_SERVICE_ERROR" => Code::Unknown,
        "invalid-argument" | "INVALID_ARGUMENT_ERROR" | "BAD_REQUEST_ERROR" => Code::InvalidArgument,
        "deadline-exceeded" | "TIMEOUT_ERROR" => Code::DeadlineExceeded,
        "not-found" | "NOT_FOUND_ERROR" => Code::NotFound,
        "already-exists" | "ALREADY_EXISTS_ERROR" => Code::AlreadyExists,
        "permission-denied" | "PERMISSION_ERROR" => Code::PermissionDenied,
        "resource-exhausted" | "LIMIT_EXCEEDED_ERROR" => Code::ResourceExhausted,
        "failed-precondition" | "FAILED_PRECONDITION_ERROR" => Code::FailedPrecondition,
        "aborted" => Code::Aborted,
        "out-of-range" => Code::OutOfRange,
        "unimplemented" => Code::Unimplemented,
        "internal" | "INTERNAL_SERVER_ERROR" => Code::Internal,
        "unavailable" | "SERVER_UNAVAILABLE" => Code::Unavailable,
        "data-loss" => Code::DataLoss,
        "unauthenticated" | "AUTHENTICATION_ERROR" => Code::Unauthenticated,
        _ => {
            return Err(wrong(format!(
                "{what} is {name:?}, which is no status; give one such as unavailable"
            )));
        }
    };
    Ok(Status::new(code, format!("{} was asked to end with this status by its {what}", method.label())))
}

/// A value; an empty one is none, because middlewares send those for what is not set.
fn text<'a>(metadata: Metadata<'a>, name: &'static str) -> Result<Option<&'a str>, Status> {
    let Some(value) = metadata(name) else { return Ok(None) };
    let value = std::str::from_utf8(value).ok().filter(|value| value.is_ascii());
    let value = value.ok_or_else(|| wrong(format!("{name} is not ASCII")))?.trim();
    Ok(Some(value).filter(|value| !value.is_empty()))
}

fn number(metadata: Metadata<'_>, name: &'static str) -> Result<Option<u64>, Status> {
    let Some(value) = text(metadata, name)? else { return Ok(None) };
    let digits = value.bytes().all(|byte| byte.is_ascii_digit());
    let number = value.parse().ok().filter(|_| digits);
    number.map(Some).ok_or_else(|| wrong(format!("{name} is {value:?}; give a whole number from 0 on")))
}

fn wrong(what: String) -> Status {
    Status::new(Code::InvalidArgument, format!("the metadata asks for no fault that can be had: {what}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(faults: &Faults, method: Method, pairs: &[(&str, &str)]) -> Result<Option<Fault>, Status> {
        let find = |name: &str| pairs.iter().find(|pair| pair.0 == name).map(|pair| pair.1.as_bytes());
        faults.of(method, &find)
    }

    fn error(faults: &Faults, method: Method, pairs: &[(&str, &str)]) -> Option<Code> {
        let fault = of(faults, method, pairs).unwrap();
        fault.and_then(|fault| fault.error).map(|status| status.code)
    }

    #[test]
    fn the_first_calls_of_a_request_id_fail_and_no_others() {
        let faults = Faults::default();
        let asked = |id| {
            [
                ("request-id", id),
                ("return-error", "unavailable"),
                ("error-rpcs", "set get"),
                ("error-count", "2"),
            ]
        };
        assert_eq!(error(&faults, Method::Increment, &asked("a")), None);
        assert_eq!(error(&faults, Method::Get, &asked("a")), Some(Code::Unavailable));
        assert_eq!(error(&faults, Method::Get, &asked("b")), Some(Code::Unavailable));
        assert_eq!(error(&faults, Method::Set, &asked("a")), Some(Code::Unavailable));
        assert_eq!(error(&faults, Method::Get, &asked("a")), None);
        for _ in 0..3 {
            assert_eq!(
                error(&faults, Method::Get, &asked("a")[..3]),
                Some(Code::Unavailable),
                "without a count"
            );
        }
        assert_eq!(
            error(&faults, Method::Get, &[("request-id", "a"), ("error-rpcs", ""), ("return-error", "")]),
            None
        );
    }

    #[test]
    fn delays_are_counted_apart_and_streams_end_where_they_are_told() {
        let faults = Faults::default();
        let asked = [
            ("request-id", "a"),
            ("return-error", "internal"),
            ("error-rpcs", "get"),
            ("error-count", "1"),
            ("delay-rpcs", "get"),
            ("delay-ms", "100"),
            ("delay-count", "2"),
            ("stream-error", "not-found"),
            ("stream-error-rpcs", "topic-subscribe"),
            ("stream-error-message-limit", "3"),
        ];
        let delay = Some(Duration::from_millis(100));
        let first = of(&faults, Method::Get, &asked).unwrap().unwrap();
        assert_eq!((first.delay, first.error.is_some(), &first.ending), (delay, true, &None));
        let second = of(&faults, Method::Get, &asked).unwrap().unwrap();
        assert_eq!((second.delay, second.error), (delay, None));
        assert_eq!(of(&faults, Method::Get, &asked), Ok(None));
        let ending = of(&faults, Method::Subscribe, &asked).unwrap().unwrap().ending.unwrap();
        assert_eq!((ending.messages, ending.status.code), (3, Code::NotFound));
    }

    #[test]
    fn metadata_that_cannot_be_understood_is_refused_with_its_name() {
        for (pairs, part) in [
            (&[("return-error", "unavailable")][..], "return-error needs error-rpcs"),
            (&[("error-rpcs", "get")], "error-rpcs needs return-error"),
            (&[("return-error", "gone"), ("error-rpcs", "get")], "no status"),
            (&[("return-error", "internal"), ("error-rpcs", "get got")], "\"got\", which is no call"),
            (
                &[("return-error", "internal"), ("error-rpcs", "get"), ("error-count", "-1")],
                "error-count is \"-1\"",
            ),
            (
                &[("return-error", "internal"), ("error-rpcs", "get"), ("error-count", "1")],
                "needs request-id",
            ),
            (&[("delay-ms", "600001"), ("delay-rpcs", "get")], "over 600000 ms"),
            (&[("delay-ms", "soon"), ("delay-rpcs", "get")], "delay-ms is \"soon\""),
        ] {
            let refused = of(&Faults::default(), Method::Get, pairs).unwrap_err();
            assert_eq!(refused.code, Code::InvalidArgument);
            assert!(refused.message.contains(part), "{part} not in {refused}");
        }
    }

    #[test]
    fn every_call_has_one_name() {
        for (method, name) in [
            (Method::Get, "get"),
            (Method::SetIfNotExists, "set-if-not-exists"),
            (Method::SetIfHash, "set-if-hash"),
            (Method::ItemGetTtl, "item-get-ttl"),
            (Method::SortedSetLengthByScore, "sorted-set-length-by-score"),
            (Method::Publish, "topic-publish"),
            (Method::Subscribe, "topic-subscribe"),
        ] {
            let named: Vec<_> = Method::ALL.into_iter().filter(|method| is_named(*method, name)).collect();
            assert_eq!(named, [method], "{name}");
        }
        for name in ["", "unknown", "publish", "set-", "sett", "Get", "topic-get"] {
            assert!(!Method::ALL.into_iter().any(|method| is_named(method, name)), "{name}");
        }
    }

    #[test]
    fn the_oldest_counts_are_forgotten() {
        let mut counts = Counts::default();
        for n in 0..=MAX_REQUEST_IDS {
            counts.of(&n.to_string()).errors = 1;
        }
        assert_eq!((counts.by_id.len(), counts.order.len()), (MAX_REQUEST_IDS, MAX_REQUEST_IDS));
        assert_eq!((counts.of("0").errors, counts.of(&MAX_REQUEST_IDS.to_string()).errors), (0, 1));
    }
}
