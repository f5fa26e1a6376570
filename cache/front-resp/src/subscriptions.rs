//! The subscriptions of one connection: a place in each topic, and a bell that the topic rings.
//!
//! A subscription holds no messages: they are taken from the topic when what was taken before has been
//! sent. A slow connection so costs what a fast one does, and publishers never wait for it. If the
//! topic drops messages meanwhile, or ends, or the token does, then so does the connection: nothing
//! else would tell a client of Redis that something is missing.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use bytes::Bytes;
use kura_base::Millis;
use kura_commands::{Commands, Delivery, Error, Subscription};
use tokio::sync::Notify;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::time::{Instant, sleep_until};

use crate::reply::{Failure, Out};

/// How often it is looked at whether sessions still stand: a revocation ends a connection so soon.
/// Expiry is known in advance and ends it on time.
const BEAT: Duration = Duration::from_secs(1);
/// Messages taken from one topic before the next has its turn.
const MESSAGES_IN_TURN: usize = 64;
/// Topics that have their turn before the peer is listened to.
const TURNS: usize = 64;

/// How a channel is subscribed to. Both are the topic of that name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Kind {
    Channel,
    /// As of a cluster's shard.
    Shard,
}

impl Kind {
    /// What a message begins with.
    fn message(self) -> &'static str {
        match self {
            Self::Channel => "message",
            Self::Shard => "smessage",
        }
    }
}

/// The subscriptions of one connection; none costs next to nothing.
#[derive(Default)]
pub(crate) struct Subscriptions(Option<Box<Open>>);

struct Open {
    by_name: BTreeMap<(Kind, Bytes), u64>,
    places: BTreeMap<u64, Place>,
    next_id: u64,
    /// Those that have been rung for.
    due: VecDeque<u64>,
    line: Arc<Line>,
    rung: UnboundedReceiver<u64>,
    next_look: Instant,
}

/// One subscription.
struct Place {
    kind: Kind,
    channel: Bytes,
    subscription: Subscription,
    bell: Arc<Bell>,
}

/// What a topic rings when it has something. It is put down once until it has been heard.
struct Bell {
    id: u64,
    rung: AtomicBool,
    line: Arc<Line>,
}

/// Where all bells of a connection are heard.
struct Line {
    rung: UnboundedSender<u64>,
    any: Notify,
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        if !self.rung.swap(true, Ordering::AcqRel) {
            // Nobody listens any more once the connection has gone.
            let _ = self.line.rung.send(self.id);
            self.line.any.notify_one();
        }
    }
}

/// What has become of a turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Turn {
    /// Nothing more has come.
    Over,
    /// There is more.
    More,
}

/// Why a connection ends.
#[derive(Debug)]
pub(crate) enum Ended {
    Because(Failure),
    /// The server stops, which needs no word.
    Stopping,
}

impl From<Error> for Ended {
    fn from(error: Error) -> Self {
        match error {
            Error::Stopping => Self::Stopping,
            error => Self::Because(error.into()),
        }
    }
}

impl Subscriptions {
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    /// To how many channels the connection subscribes.
    pub(crate) fn count(&self, kind: Kind) -> u64 {
        self.0
            .as_ref()
            .map_or(0, |open| open.by_name.keys().filter(|(other, _)| *other == kind).count() as u64)
    }

    pub(crate) fn contains(&self, kind: Kind, channel: &Bytes) -> bool {
        self.0.as_ref().is_some_and(|open| open.by_name.contains_key(&(kind, channel.clone())))
    }

    /// The channels subscribed to in this way, in order.
    pub(crate) fn channels(&self, kind: Kind) -> Vec<Bytes> {
        let names = self.0.iter().flat_map(|open| open.by_name.keys());
        names.filter(|(other, _)| *other == kind).map(|(_, channel)| channel.clone()).collect()
    }

    pub(crate) fn add(&mut self, kind: Kind, channel: Bytes, subscription: Subscription) {
        let open = self.0.get_or_insert_with(|| {
            let (line, rung) = unbounded_channel();
            Box::new(Open {
                by_name: BTreeMap::new(),
                places: BTreeMap::new(),
                next_id: 0,
                due: VecDeque::new(),
                line: Arc::new(Line { rung: line, any: Notify::new() }),
                rung,
                next_look: Instant::now(),
            })
        });
        let id = open.next_id;
        open.next_id += 1;
        let bell = Arc::new(Bell { id, rung: AtomicBool::new(false), line: open.line.clone() });
        open.by_name.insert((kind, channel.clone()), id);
        open.places.insert(id, Place { kind, channel, subscription, bell });
        // It is asked once, so that it knows whom to ring for.
        open.due.push_back(id);
    }

    /// Ends a subscription; whether there was one.
    pub(crate) fn remove(&mut self, kind: Kind, channel: &Bytes) -> bool {
        let Some(open) = &mut self.0 else { return false };
        let removed = open.by_name.remove(&(kind, channel.clone()));
        let removed = removed.and_then(|id| open.places.remove(&id)).is_some();
        if open.by_name.is_empty() {
            self.0 = None;
        }
        removed
    }

    /// Ends when there is something to be done; never if there are no subscriptions. It borrows
    /// nothing, so that the peer can be listened to meanwhile.
    pub(crate) fn due(&self) -> impl Future<Output = ()> + use<> {
        let open = self.0.as_ref();
        let waiting = open.map(|open| (open.line.clone(), open.due.is_empty(), open.next_look));
        async move {
            match waiting {
                Some((line, true, next_look)) => tokio::select! {
                    biased;
                    () = line.any.notified() => {}
                    () = sleep_until(next_look) => {}
                },
                Some(_) => {}
                None => std::future::pending().await,
            }
        }
    }

    /// Writes what has come, up to as much as is sent together.
    ///
    /// # Errors
    /// Why the connection has to end. What was written before is sent first.
    pub(crate) fn take(&mut self, commands: &Commands, out: &mut Out) -> Result<Turn, Ended> {
        let Some(open) = &mut self.0 else { return Ok(Turn::Over) };
        if Instant::now() >= open.next_look {
            open.look(commands)?;
        }
        while let Ok(id) = open.rung.try_recv() {
            open.due.push_back(id);
        }
        for _ in 0..TURNS {
            let Some(id) = open.due.pop_front() else { return Ok(Turn::Over) };
            // It may have ended since it was rung for.
            let Some(place) = open.places.get_mut(&id) else { continue };
            if place.take(out)? == Turn::More {
                open.due.push_back(id);
            }
            if out.is_enough() {
                break;
            }
        }
        Ok(if open.due.is_empty() { Turn::Over } else { Turn::More })
    }
}

impl Open {
    /// Whether all sessions still stand, and when to look again.
    fn look(&mut self, commands: &Commands) -> Result<(), Error> {
        let now = commands.now();
        let mut wait = BEAT;
        for place in self.places.values() {
            commands.check_subscription(&place.subscription)?;
            wait = wait.min(time_left(&place.subscription, now));
        }
        self.next_look = Instant::now() + wait;
        Ok(())
    }
}

/// How long a subscription's session still stands, as far as that is known. A millisecond longer,
/// because a clock that has reached the moment is asked then.
fn time_left(subscription: &Subscription, now: Millis) -> Duration {
    subscription.expires().map_or(BEAT, |end| end.since(now) + Duration::from_millis(1))
}

impl Place {
    fn take(&mut self, out: &mut Out) -> Result<Turn, Ended> {
        self.bell.rung.store(false, Ordering::Release);
        let waker = Waker::from(self.bell.clone());
        let mut cx = Context::from_waker(&waker);
        for _ in 0..MESSAGES_IN_TURN {
            match self.subscription.poll_next(&mut cx) {
                Poll::Pending => return Ok(Turn::Over),
                Poll::Ready(Ok(Delivery::Item(message))) => {
                    out.message(self.kind.message(), &self.channel, message.value.bytes());
                }
                Poll::Ready(Ok(Delivery::Discontinuity(_))) => return Err(Ended::Because(self.lost())),
                Poll::Ready(Err(error)) => return Err(error.into()),
            }
            if out.is_enough() {
                break;
            }
        }
        Ok(Turn::More)
    }

    fn lost(&self) -> Failure {
        Failure::said(format!(
            "ERR messages of channel '{}' were lost, as this connection read too slowly or the topics' memory \
             was full; subscribe again",
            crate::described::shown(&self.channel)
        ))
    }
}
