//! One topic's messages in order, and places in that order.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::{Event, Message, Value};

/// Where a subscription begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Resume {
    /// The number of the first message wanted; zero for the latest.
    pub sequence: u64,
    /// The incarnation that the number belongs to; zero for the current one.
    pub page: u64,
}

impl Resume {
    /// With the latest message.
    pub const LATEST: Self = Self { sequence: 0, page: 0 };
}

/// What a subscription gets first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// What is kept, from there on.
    At(Resume),
    /// What is published from now on.
    Next,
}

impl From<Resume> for Start {
    fn from(resume: Resume) -> Self {
        Self::At(resume)
    }
}

/// Messages are missing, or the topic began anew.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Discontinuity {
    /// The number of the last message that the subscriber had; zero if that is not known.
    pub last_sequence: u64,
    /// The number after which it goes on: the next message has the one that follows.
    pub new_sequence: u64,
    /// The incarnation that the new number belongs to.
    pub new_page: u64,
}

/// How much a topic keeps. The newest message is kept in any case.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    pub(crate) messages: usize,
    pub(crate) bytes: usize,
}

/// A place in a log: what its reader gets next.
#[derive(Debug)]
pub(crate) struct Cursor {
    /// The next message's number.
    next: u64,
    /// Before it a discontinuity is due, with this last number.
    gap: Option<u64>,
}

/// The newest messages of one incarnation of a topic.
#[derive(Debug)]
pub(crate) struct Log {
    page: u64,
    /// The number of the next message that is published.
    next: u64,
    kept: VecDeque<Arc<Message>>,
    bytes: usize,
}

impl Log {
    pub(crate) fn new(page: u64) -> Self {
        Self { page, next: 1, kept: VecDeque::new(), bytes: 0 }
    }

    /// What the kept messages take, in bytes.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Whether nothing was ever published.
    pub(crate) fn is_fresh(&self) -> bool {
        self.next == 1
    }

    /// Appends a message and drops the oldest that no longer fit; its number.
    pub(crate) fn append(&mut self, value: Value, publisher: &str, bounds: Bounds) -> u64 {
        let sequence = self.next;
        let message = Message::new(self.page, sequence, publisher, value);
        self.next += 1;
        self.bytes += message.memory();
        self.kept.push_back(Arc::new(message));
        while self.kept.len() > 1 && (self.kept.len() > bounds.messages || self.bytes > bounds.bytes) {
            if let Some(oldest) = self.kept.pop_front() {
                self.bytes -= oldest.memory();
            }
        }
        sequence
    }

    /// Drops every message; numbers go on.
    pub(crate) fn forget(&mut self) {
        self.kept = VecDeque::new();
        self.bytes = 0;
    }

    /// The place that a subscription begins at.
    pub(crate) fn start(&self, start: Start) -> Cursor {
        let Start::At(resume) = start else { return Cursor { next: self.next, gap: None } };
        let latest = self.first().max(self.next - 1);
        let known_page = resume.page == 0 || resume.page == self.page;
        if !known_page || resume.sequence > self.next {
            return Cursor { next: latest, gap: Some(0) };
        }
        // One beyond the newest is where a reader stands that has them all.
        Cursor { next: if resume.sequence == 0 { latest } else { resume.sequence }, gap: None }
    }

    /// What comes next at a place; nothing if all has been read.
    pub(crate) fn read(&self, cursor: &mut Cursor) -> Option<Event> {
        let first = self.first();
        if cursor.next < first && cursor.gap.is_none() {
            cursor.gap = Some(cursor.next - 1);
        }
        cursor.next = cursor.next.max(first);
        if let Some(last_sequence) = cursor.gap.take() {
            return Some(Event::Discontinuity(Discontinuity {
                last_sequence,
                new_sequence: cursor.next - 1,
                new_page: self.page,
            }));
        }
        let at = usize::try_from(cursor.next - first).ok()?;
        let message = self.kept.get(at)?.clone();
        cursor.next += 1;
        Some(Event::Item(message))
    }

    /// The number of the oldest kept message, or of the next one if none is kept.
    fn first(&self) -> u64 {
        self.next - self.kept.len() as u64
    }
}
