//! One topic: its log, and who waits for its next message.

use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use kura_base::CacheName;
use parking_lot::Mutex;
use slab::Slab;

use crate::log::{Bounds, Cursor, Log};
use crate::{Discontinuity, Message, Start, Value};

/// What a subscription gets.
#[derive(Clone, Debug)]
pub enum Event {
    /// The next message.
    Item(Arc<Message>),
    /// Messages before the next one are missing.
    Discontinuity(Discontinuity),
    /// Nothing more will come.
    Ended(End),
}

/// Why a subscription ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// Its cache was deleted.
    CacheDeleted,
    /// The server stops.
    Stopping,
}

/// One incarnation of a topic.
#[derive(Debug)]
pub(crate) struct Topic {
    pub(crate) cache: CacheName,
    pub(crate) name: Arc<str>,
    pub(crate) page: u64,
    state: Mutex<TopicState>,
}

#[derive(Debug)]
struct TopicState {
    log: Log,
    /// A place for each subscription; its waker is there while it waits.
    waiting: Slab<Option<Waker>>,
    ended: Option<End>,
}

impl Topic {
    pub(crate) fn new(cache: CacheName, name: Arc<str>, page: u64) -> Self {
        let state = TopicState { log: Log::new(page), waiting: Slab::new(), ended: None };
        Self { cache, name, page, state: Mutex::new(state) }
    }

    /// Appends a message; its number, what the log takes now, and whom to wake.
    pub(crate) fn append(&self, value: Value, publisher: &str, bounds: Bounds) -> (u64, usize, Vec<Waker>) {
        let mut state = self.state.lock();
        let sequence = state.log.append(value, publisher, bounds);
        (sequence, state.log.bytes(), state.take_waiting())
    }

    /// Ends every subscription; whom to wake.
    pub(crate) fn end(&self, why: End) -> Vec<Waker> {
        let mut state = self.state.lock();
        state.ended.get_or_insert(why);
        state.take_waiting()
    }

    /// Whether it has ended.
    pub(crate) fn ended(&self) -> Option<End> {
        self.state.lock().ended
    }

    /// Drops the messages.
    pub(crate) fn forget(&self) {
        self.state.lock().log.forget();
    }

    /// What the kept messages take, in bytes.
    pub(crate) fn bytes(&self) -> usize {
        self.state.lock().log.bytes()
    }

    /// Whether nothing was ever published.
    pub(crate) fn is_fresh(&self) -> bool {
        self.state.lock().log.is_fresh()
    }

    /// A new subscription's place in the log and among those who wait.
    pub(crate) fn enter(&self, start: Start) -> (Cursor, usize) {
        let mut state = self.state.lock();
        (state.log.start(start), state.waiting.insert(None))
    }

    /// A subscription has gone.
    pub(crate) fn leave(&self, place: usize) {
        self.state.lock().waiting.remove(place);
    }

    /// What comes next, or a place in the queue for it.
    pub(crate) fn poll(&self, cursor: &mut Cursor, place: usize, cx: &mut Context<'_>) -> Poll<Event> {
        let mut state = self.state.lock();
        if let Some(why) = state.ended {
            return Poll::Ready(Event::Ended(why));
        }
        if let Some(event) = state.log.read(cursor) {
            return Poll::Ready(event);
        }
        match state.waiting.get_mut(place) {
            Some(Some(waker)) => waker.clone_from(cx.waker()),
            Some(empty) => *empty = Some(cx.waker().clone()),
            None => {}
        }
        Poll::Pending
    }
}

impl TopicState {
    /// They are woken after the locks are given back.
    fn take_waiting(&mut self) -> Vec<Waker> {
        self.waiting.iter_mut().filter_map(|(_, waker)| waker.take()).collect()
    }
}
