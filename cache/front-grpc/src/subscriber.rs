//! The subscriptions of one connection: one task sends what comes to them.
//!
//! One task rather than one each: a message to ten thousand subscribers then makes a hundred tasks
//! ready and not ten thousand, each of which gives way to other calls after a slice of its work,
//! and a subscription costs no task and no timer. A subscriber holds at most one message that its
//! peer has no room for, or a few short ones; the next is asked for when they have gone, and those
//! that were dropped meanwhile are told as a discontinuity. Who takes nothing of it for half a minute is given
//! up: a message that nobody else holds is in no account.

use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use kura_base::Millis;
use kura_commands::{Error, Subscription};
use kura_front::stream::STALLED;
use kura_http2::{Reason, SendStream};
use kura_wire::{Code, Status};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::coop::poll_proceed;
use tokio::time::{Instant, sleep};

use crate::error::status;
use crate::faults::Ending;
use crate::respond::{AT_ONCE_BYTES, end_with};
use crate::{Front, Method, topic};

/// Messages that wait are sent together until they have so many bytes. Not only is that cheaper:
/// clients built on `h2` hold frames of less than 256 bytes that they have not read yet against a
/// server, and give up a connection with more than some 150 of them.
const TOGETHER_BYTES: usize = 1024;

/// How often it is looked at whether sessions still stand: a revocation ends a stream so soon.
/// Expiry is known in advance and ends it on time.
const BEAT: Duration = Duration::from_secs(1);

/// A stream gets a heartbeat every so many beats. SDKs want one within 5 s or more; streams take
/// turns, so that not all of a connection are written to in the same moment.
const BEATS: u8 = 4;

/// Adds subscribers to the task of their connection, which begins with the first and ends with the
/// last of these handles.
#[derive(Clone, Default)]
pub(crate) struct Subscribers(Arc<OnceLock<UnboundedSender<Subscriber>>>);

impl Subscribers {
    /// Takes over a subscription whose headers are sent; its first heartbeat goes out at once. As
    /// many can wait to be taken over as the connection may have streams.
    pub(crate) fn add(
        &self,
        front: &Arc<Front>,
        subscription: Subscription,
        stream: SendStream,
        ending: Option<Ending>,
    ) {
        let tasks = self.0.get_or_init(|| {
            let (sender, receiver) = unbounded_channel();
            tokio::spawn(run(front.clone(), receiver));
            sender
        });
        let mut subscriber = Subscriber {
            front: front.clone(),
            subscription,
            stream,
            head: Bytes::new(),
            tail: Bytes::new(),
            begun: false,
            stuck: 0,
            turn: 0,
            ended: false,
            code: Code::Cancelled,
            ending,
        };
        if subscriber.stream.send_data(Bytes::from_static(topic::HEARTBEAT), false).is_ok() {
            subscriber.count();
            // It fails only if the task has ended, and then the connection has.
            let _ = tasks.send(subscriber);
        }
    }
}

/// Sends to all subscribers of a connection until it ends.
async fn run(front: Arc<Front>, mut added: UnboundedReceiver<Subscriber>) {
    let mut subscribers = FuturesUnordered::new();
    let (mut turn, mut beat) = (0, 0);
    let mut next_beat = Instant::now() + BEAT;
    let timer = sleep(BEAT);
    tokio::pin!(timer);
    loop {
        tokio::select! {
            biased;
            subscriber = added.recv() => {
                let Some(mut subscriber) = subscriber else { return };
                subscriber.turn = turn;
                turn = (turn + 1) % BEATS;
                if subscribers.is_empty() {
                    next_beat = Instant::now() + BEAT;
                    timer.as_mut().reset(next_beat);
                }
                if let Some(left) = time_left(&subscriber, front.commands.now()) {
                    let end = Instant::now() + left;
                    if end < timer.deadline() {
                        timer.as_mut().reset(end);
                    }
                }
                subscribers.push(subscriber);
            }
            () = &mut timer, if !subscribers.is_empty() => {
                let on_time = Instant::now() >= next_beat;
                if on_time {
                    beat = (beat + 1) % BEATS;
                    next_beat = Instant::now() + BEAT;
                }
                let now = front.commands.now();
                let mut wake = next_beat;
                let mut any_ended = false;
                for subscriber in subscribers.iter_mut() {
                    subscriber.look();
                    if on_time {
                        subscriber.wait();
                    }
                    if on_time && subscriber.turn == beat {
                        subscriber.beat();
                    }
                    any_ended |= subscriber.ended;
                    if let Some(left) = time_left(subscriber, now) {
                        wake = wake.min(Instant::now() + left);
                    }
                }
                if any_ended {
                    subscribers = std::mem::take(&mut subscribers).into_iter().filter(|one| !one.ended).collect();
                }
                timer.as_mut().reset(wake);
            }
            Some(()) = subscribers.next(), if !subscribers.is_empty() => {}
        }
    }
}

/// How long a subscriber's session still stands, if it is known. A millisecond longer, because a
/// clock that has reached the moment is asked then.
fn time_left(subscriber: &Subscriber, now: Millis) -> Option<Duration> {
    subscriber.subscription.session().expires().map(|end| end.since(now) + Duration::from_millis(1))
}

/// One subscription and its stream. As a future, it is over when nothing can be sent any more.
struct Subscriber {
    front: Arc<Front>,
    subscription: Subscription,
    stream: SendStream,
    /// What the peer has no room for yet: a message's head, or the rest of it, and what follows.
    head: Bytes,
    tail: Bytes,
    /// Whether a part of that message has been sent.
    begun: bool,
    /// For how many beats it has waited for its peer to take that message.
    stuck: u64,
    /// At which beat it gets its heartbeat.
    turn: u8,
    ended: bool,
    /// How it ended, for the count of calls.
    code: Code,
    /// Where its caller asked that it ends.
    ending: Option<Ending>,
}

/// The peer reset the stream or went away.
struct Gone;

impl Subscriber {
    /// Sends what is there as the peer's window allows.
    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Gone>> {
        while !(self.head.is_empty() && self.tail.is_empty()) {
            let part = if self.head.is_empty() { &mut self.tail } else { &mut self.head };
            self.stream.reserve_capacity(part.len().min(AT_ONCE_BYTES));
            let room = ready!(self.stream.poll_capacity(cx)).map_err(|_| Gone)?;
            let chunk = part.split_to(room.min(part.len()));
            self.begun = true;
            if self.stream.send_data(chunk, false).is_err() {
                return Poll::Ready(Err(Gone));
            }
        }
        (self.begun, self.stuck) = (false, 0);
        Poll::Ready(Ok(()))
    }

    /// Takes what has come, up to what is sent together. Pending, that was all; it may be something.
    fn poll_gather(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        let mut more = BytesMut::new();
        let gathered = loop {
            // After so many messages the whole task gives way to others.
            let Poll::Ready(progress) = poll_proceed(cx) else { break Poll::Pending };
            let delivery = match self.subscription.poll_next(cx) {
                Poll::Ready(Ok(delivery)) => delivery,
                Poll::Ready(Err(error)) => break Poll::Ready(Err(error)),
                Poll::Pending => break Poll::Pending,
            };
            progress.made_progress();
            let (head, tail) = topic::encode(&delivery);
            if self.head.is_empty() {
                // One alone is shared by all who get it.
                self.head = head;
            } else {
                more.extend_from_slice(&head);
            }
            self.tail = tail;
            self.count();
            let last = self.ending.as_ref().is_some_and(|ending| ending.messages == 0);
            if last || !self.tail.is_empty() || self.head.len() + more.len() >= TOGETHER_BYTES {
                break Poll::Ready(Ok(()));
            }
        };
        if !more.is_empty() {
            self.head = [&self.head[..], &more].concat().into();
        }
        gathered
    }

    fn is_idle(&self) -> bool {
        self.head.is_empty() && self.tail.is_empty()
    }

    /// Ends the stream if its session is over, or if its topic is and nobody would notice because
    /// the peer does not read.
    fn look(&mut self) {
        if let Err(error) = self.front.commands.check_subscription(&self.subscription) {
            self.end(&status(&error));
        } else if !self.is_idle()
            && let Some(error) = self.subscription.ended()
        {
            self.end(&status(&error));
        }
    }

    /// Gives up a peer that does not take what is there, once a beat.
    fn wait(&mut self) {
        self.stuck = if self.is_idle() { 0 } else { self.stuck + 1 };
        if self.stuck > STALLED.as_secs() / BEAT.as_secs() && !self.ended {
            self.ended = true;
            // SDKs come back after this one, and hear of what they missed then.
            self.stream.send_reset(Reason::NO_ERROR);
        }
    }

    /// Sends a heartbeat, unless the peer has no room for what is there already.
    fn beat(&mut self) {
        if self.ended || !self.is_idle() {
            return;
        }
        self.stream.reserve_capacity(topic::HEARTBEAT.len());
        if self.stream.capacity() >= topic::HEARTBEAT.len() {
            // A stream that is gone says so when it is polled.
            let _ = self.stream.send_data(Bytes::from_static(topic::HEARTBEAT), false);
            self.count();
            self.end_if_asked();
        }
    }

    /// Counts a message where its caller asked for an end after some.
    fn count(&mut self) {
        if let Some(ending) = &mut self.ending {
            ending.messages = ending.messages.saturating_sub(1);
        }
    }

    /// Ends the stream if it is where its caller asked for it.
    fn end_if_asked(&mut self) {
        if let Some(ending) = self.ending.take_if(|ending| ending.messages == 0) {
            self.end(&ending.status);
        }
    }

    /// Ends the stream with a status. A message that cannot be finished cannot be followed by one.
    fn end(&mut self, status: &Status) {
        if self.ended {
            return;
        }
        (self.ended, self.code) = (true, status.code);
        if self.begun {
            self.stream.send_reset(Reason::CANCEL);
        } else {
            end_with(&mut self.stream, status);
        }
    }
}

impl Future for Subscriber {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if self.ended || self.stream.poll_reset(cx).is_ready() {
            return Poll::Ready(());
        }
        let mut waiting = false;
        loop {
            if ready!(self.poll_flush(cx)).is_err() {
                return Poll::Ready(());
            }
            self.end_if_asked();
            if self.ended {
                return Poll::Ready(());
            }
            if waiting {
                return Poll::Pending;
            }
            match self.poll_gather(cx) {
                Poll::Pending => waiting = true,
                Poll::Ready(Ok(())) => {}
                // What came before the end is sent first; the end is told again.
                Poll::Ready(Err(_)) if !self.is_idle() => {}
                Poll::Ready(Err(error)) => {
                    self.end(&status(&error));
                    return Poll::Ready(());
                }
            }
        }
    }
}

impl Drop for Subscriber {
    fn drop(&mut self) {
        self.front.metrics.call_ended(Method::Subscribe, self.code);
    }
}
