//! Answers, and how they are written.

use std::cell::Cell;

use bytes::Bytes;
use kura_commands::{Elements, Error, Fields, Scored};

use crate::numbers;

/// What a command answers.
#[derive(Debug)]
pub(crate) enum Reply {
    Status(&'static str),
    Integer(i64),
    Bytes(Bytes),
    Null,
    /// Where Redis answers with no array in RESP2.
    NullArray,
    Score(f64),
    Array(Vec<Reply>),
    /// Keys and values, one after the other.
    Map(Vec<Reply>),
    /// Pairs; in RESP2 their parts, one after the other.
    Pairs(Vec<[Reply; 2]>),
    List(Elements),
    Set(Elements),
    /// An empty set.
    NoElements,
    Fields(Fields, Part),
    Scored(Scored, bool),
}

/// Which part of a dictionary is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    Fields,
    Values,
    Both,
}

impl Reply {
    pub(crate) const OK: Self = Self::Status("OK");

    pub(crate) fn count(count: u64) -> Self {
        Self::Integer(i64::try_from(count).unwrap_or(i64::MAX))
    }

    pub(crate) fn truth(truth: bool) -> Self {
        Self::Integer(truth.into())
    }

    pub(crate) fn text(text: impl Into<String>) -> Self {
        Self::Bytes(text.into().into())
    }

    pub(crate) fn bytes(bytes: Option<Bytes>) -> Self {
        bytes.map_or(Self::Null, Self::Bytes)
    }

    pub(crate) fn empty() -> Self {
        Self::Array(Vec::new())
    }
}

/// Why a command was not carried out.
#[derive(Debug)]
pub(crate) enum Failure {
    /// In the words of Redis, with the code in front.
    Said(String),
    /// By the commands.
    Refused(Error),
}

impl Failure {
    pub(crate) fn said(text: impl Into<String>) -> Self {
        Self::Said(text.into())
    }

    pub(crate) fn not_an_integer() -> Self {
        Self::said("ERR value is not an integer or out of range")
    }

    pub(crate) fn not_a_float() -> Self {
        Self::said("ERR value is not a valid float")
    }

    pub(crate) fn syntax() -> Self {
        Self::said("ERR syntax error")
    }

    /// The line that the peer is sent, without its frame.
    pub(crate) fn text(&self) -> String {
        match self {
            Self::Said(text) => text.clone(),
            Self::Refused(Error::Unauthenticated(why)) => format!("NOAUTH Authentication required: {why}"),
            Self::Refused(error @ Error::PermissionDenied(_)) => format!("NOPERM {error}"),
            Self::Refused(Error::WrongType(_)) => {
                "WRONGTYPE Operation against a key holding the wrong kind of value".to_owned()
            }
            Self::Refused(error @ Error::Storage(_)) => format!("OOM {error}"),
            Self::Refused(
                error @ (Error::CacheNotFound(_)
                | Error::CacheExists(_)
                | Error::NotFound(_)
                | Error::AlreadyExists(_)
                | Error::BuiltIn(_)
                | Error::LimitReached(_)
                | Error::InvalidArgument(_)
                | Error::FailedPrecondition(_)
                | Error::ItemTooLarge { .. }
                | Error::ElementTooLarge { .. }
                | Error::TooMany { .. }
                | Error::MessageTooLarge { .. }
                | Error::TooManySubscriptions { .. }
                | Error::Stopping),
            ) => format!("ERR {error}"),
        }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Refused(error)
    }
}

/// A large value up to this size is copied between the answers around it.
const COPIED_BYTES: usize = 16 * 1024;
/// Answers that are written before they are sent.
pub(crate) const ENOUGH_BYTES: usize = 64 * 1024;
/// Largest buffer that is kept for the next answers.
const KEPT_BYTES: usize = 256 * 1024;

thread_local! {
    /// The buffer for answers that no connection of this thread uses at the moment: one that is silent
    /// holds none.
    static SPARE: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

/// Answers on their way to the peer.
#[derive(Debug, Default)]
pub(crate) struct Out {
    pub(crate) bytes: Vec<u8>,
    pub(crate) resp3: bool,
}

/// What of an answer is still to be written.
#[derive(Debug)]
pub(crate) enum Rest {
    /// A large value, to be sent as it is, and a line's end.
    Value(Bytes),
    Replies(std::vec::IntoIter<Reply>),
    Elements(Elements, u64),
    Fields(Fields, Part, u64),
    Scored(Scored, bool, u64),
}

impl Out {
    /// Takes the thread's buffer, for answers that are about to be added.
    pub(crate) fn begin(&mut self) {
        if self.bytes.capacity() == 0 {
            self.bytes = SPARE.take();
        }
    }

    /// All was sent.
    pub(crate) fn sent(&mut self) {
        self.bytes.clear();
        let bytes = std::mem::take(&mut self.bytes);
        if (1..=KEPT_BYTES).contains(&bytes.capacity()) {
            SPARE.set(bytes);
        }
    }

    pub(crate) fn is_enough(&self) -> bool {
        self.bytes.len() >= ENOUGH_BYTES
    }

    /// Writes an answer, or its beginning.
    pub(crate) fn write(&mut self, reply: Reply) -> Option<Rest> {
        match reply {
            Reply::Status(text) => self.line(b'+', text.as_bytes()),
            Reply::Integer(number) => self.number(b':', number),
            Reply::Bytes(bytes) if bytes.len() > COPIED_BYTES => {
                self.length(b'$', bytes.len() as u64);
                return Some(Rest::Value(bytes));
            }
            Reply::Bytes(bytes) => self.bulk(&bytes),
            Reply::Null if self.resp3 => self.bytes.extend_from_slice(b"_\r\n"),
            Reply::Null => self.bytes.extend_from_slice(b"$-1\r\n"),
            Reply::NullArray if self.resp3 => self.bytes.extend_from_slice(b"_\r\n"),
            Reply::NullArray => self.bytes.extend_from_slice(b"*-1\r\n"),
            Reply::Score(score) => self.score(score),
            Reply::Array(replies) => {
                self.length(b'*', replies.len() as u64);
                return Some(Rest::Replies(replies.into_iter()));
            }
            Reply::Map(replies) => {
                self.map(replies.len() as u64 / 2);
                return Some(Rest::Replies(replies.into_iter()));
            }
            Reply::Pairs(pairs) => {
                let replies: Vec<_> = match self.resp3 {
                    true => pairs.into_iter().map(|pair| Reply::Array(pair.into())).collect(),
                    false => pairs.into_iter().flatten().collect(),
                };
                return self.write(Reply::Array(replies));
            }
            Reply::List(elements) => {
                self.length(b'*', elements.len());
                return Some(Rest::Elements(elements, 0));
            }
            Reply::Set(elements) => {
                self.length(if self.resp3 { b'~' } else { b'*' }, elements.len());
                return Some(Rest::Elements(elements, 0));
            }
            Reply::NoElements => self.length(if self.resp3 { b'~' } else { b'*' }, 0),
            Reply::Fields(fields, part) => {
                match part {
                    Part::Both => self.map(fields.len()),
                    Part::Fields | Part::Values => self.length(b'*', fields.len()),
                }
                return Some(Rest::Fields(fields, part, 0));
            }
            Reply::Scored(scored, with_scores) => {
                let each = if with_scores && !self.resp3 { 2 } else { 1 };
                self.length(b'*', scored.len() * each);
                return Some(Rest::Scored(scored, with_scores, 0));
            }
        }
        None
    }

    /// Writes on until it is done or there is enough to be sent; what is then left.
    pub(crate) fn write_rest(&mut self, rest: Rest) -> Option<Rest> {
        match rest {
            Rest::Value(_) => return Some(rest),
            Rest::Replies(mut replies) => {
                while let Some(reply) = replies.next() {
                    // Answers within answers are short, but for single values.
                    if let Some(within) = self.write(reply) {
                        match within {
                            Rest::Value(value) => {
                                self.bytes.extend_from_slice(&value);
                                self.bytes.extend_from_slice(b"\r\n");
                            }
                            within => {
                                let mut within = Some(within);
                                while let Some(left) = within {
                                    within = self.write_rest(left);
                                }
                            }
                        }
                    }
                    if self.is_enough() {
                        return Some(Rest::Replies(replies));
                    }
                }
            }
            Rest::Elements(elements, from) => {
                for (element, next) in elements.iter_from(from).zip(from + 1..) {
                    self.bulk(element);
                    if self.is_enough() {
                        return Some(Rest::Elements(elements.clone(), next));
                    }
                }
            }
            Rest::Fields(fields, part, from) => {
                for ((field, value), next) in fields.iter_from(from).zip(from + 1..) {
                    if part != Part::Values {
                        self.bulk(field);
                    }
                    if part != Part::Fields {
                        self.bulk(value);
                    }
                    if self.is_enough() {
                        return Some(Rest::Fields(fields.clone(), part, next));
                    }
                }
            }
            Rest::Scored(scored, with_scores, from) => {
                for ((value, score), next) in scored.iter_from(from).zip(from + 1..) {
                    if with_scores && self.resp3 {
                        self.length(b'*', 2);
                    }
                    self.bulk(value);
                    if with_scores {
                        self.score(score);
                    }
                    if self.is_enough() {
                        return Some(Rest::Scored(scored.clone(), with_scores, next));
                    }
                }
            }
        }
        None
    }

    pub(crate) fn error(&mut self, text: &str) {
        self.bytes.push(b'-');
        // A line's end within would begin another answer.
        self.bytes.extend(text.bytes().map(|byte| if byte < b' ' { b' ' } else { byte }));
        self.bytes.extend_from_slice(b"\r\n");
    }

    pub(crate) fn bulk(&mut self, bytes: &[u8]) {
        self.length(b'$', bytes.len() as u64);
        self.bytes.extend_from_slice(bytes);
        self.bytes.extend_from_slice(b"\r\n");
    }

    fn score(&mut self, score: f64) {
        let text = numbers::text(score);
        if self.resp3 { self.line(b',', text.as_bytes()) } else { self.bulk(text.as_bytes()) }
    }

    fn map(&mut self, entries: u64) {
        if self.resp3 { self.length(b'%', entries) } else { self.length(b'*', entries * 2) }
    }

    fn line(&mut self, kind: u8, text: &[u8]) {
        self.bytes.push(kind);
        self.bytes.extend_from_slice(text);
        self.bytes.extend_from_slice(b"\r\n");
    }

    fn length(&mut self, kind: u8, length: u64) {
        self.number(kind, i64::try_from(length).unwrap_or(i64::MAX));
    }

    fn number(&mut self, kind: u8, number: i64) {
        let mut digits = [0; 20];
        let mut at = digits.len();
        let mut left = number.unsigned_abs();
        loop {
            at -= 1;
            digits[at] = b'0' + (left % 10) as u8;
            left /= 10;
            if left == 0 {
                break;
            }
        }
        self.bytes.push(kind);
        if number < 0 {
            self.bytes.push(b'-');
        }
        self.line_end(&digits[at..]);
    }

    fn line_end(&mut self, digits: &[u8]) {
        self.bytes.extend_from_slice(digits);
        self.bytes.extend_from_slice(b"\r\n");
    }
}
