//! One connection, from its first command to its end.

use std::future::poll_fn;
use std::io;
use std::pin::pin;
use std::sync::Arc;

use kura_front::DrainSignal;
use kura_front::stream::{self, Stranger};
use kura_wire::{Code, Status};
use tokio::io::{AsyncRead, AsyncWrite};

use crate::Front;
use crate::caller::{Caller, refuse};
use crate::command::{decode, message_id_in_front};
use crate::inbox::{Heard, Inbox, STRANGER_BYTES};
use crate::metrics::Counted;
use crate::reply::Answers;

/// Longest message that is read over, so that the connection survives its refusal.
const MOST_PASSED_OVER: u64 = 64 << 20;
/// In one of so many turns a connection asks whether the server stops, even if its peer never pauses.
const ASKS_IN: u32 = 64;

/// Serves one connection until it ends.
///
/// # Errors
/// What broke the connection: a peer that went away, is too slow or sends what is no frame.
pub async fn serve<S>(io: S, front: Arc<Front>, drain: DrainSignal) -> io::Result<()>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let _open = front.metrics.connections.enter();
    let mut conversation = Conversation {
        io,
        front: &front,
        caller: Caller::stranger(),
        stranger: Stranger::new(),
        inbox: Inbox::new(),
        answers: Answers::default(),
    };
    let over = drain.clone().over();
    tokio::select! {
        biased;
        served = conversation.run(drain) => served,
        () = over => Ok(()),
    }
}

struct Conversation<'a, S> {
    io: S,
    front: &'a Front,
    caller: Caller,
    /// When a peer that is nobody has to be gone; none while it is somebody.
    stranger: Stranger,
    inbox: Inbox,
    answers: Answers,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Conversation<'_, S> {
    async fn run(&mut self, drain: DrainSignal) -> io::Result<()> {
        let mut started = pin!(drain.clone().draining());
        let mut draining = false;
        let mut turns = 0_u32;
        loop {
            turns = turns.wrapping_add(1);
            if turns.is_multiple_of(ASKS_IN) {
                draining |= drain.is_draining();
            }
            if draining && self.inbox.is_empty() {
                return stream::farewell(&mut self.io).await;
            }
            let limit = [self.inbox.limit(), self.stranger.until()].into_iter().flatten().min();
            let heard = tokio::select! {
                biased;
                heard = self.hear() => heard?,
                // All that had come is answered by now.
                () = &mut started, if !draining => {
                    draining = true;
                    continue;
                }
                () = stream::until(limit) => {
                    let why = match self.caller.is_known() {
                        true => "a message came too slowly",
                        false => "not authenticated within 10 s",
                    };
                    return Err(io::Error::new(io::ErrorKind::TimedOut, why));
                }
            };
            match heard {
                Heard::Some => self.send().await?,
                Heard::Large(length) => self.receive(length).await?,
                Heard::TooLong(length) => {
                    if !self.refuse_length(length).await? {
                        return stream::farewell(&mut self.io).await;
                    }
                }
                Heard::Broken => {
                    let status =
                        Status::new(Code::InvalidArgument, "a message's length does not fit 64 bits");
                    refuse(self.front, &mut self.answers, Counted::None, 0, &status);
                    self.send().await?;
                    return stream::farewell(&mut self.io).await;
                }
                Heard::End => return Ok(()),
            }
            self.stranger.note(self.caller.is_known());
        }
    }

    async fn hear(&mut self) -> io::Result<Heard> {
        let Self { io, front, caller, inbox, answers, .. } = self;
        poll_fn(|cx| inbox.poll_hear(cx, io, front, caller, answers)).await
    }

    /// Reads a message that needs a buffer of its own, once there is room for it.
    async fn receive(&mut self, length: usize) -> io::Result<()> {
        self.send().await?;
        let reserved = self.front.budget.reserve(length).await;
        let message = self.inbox.receive(&mut self.io, length).await?;
        let now = self.front.commands.now();
        self.caller.hear(self.front, now, decode(message.as_slice()), &mut self.answers);
        drop(message);
        drop(reserved);
        self.send().await
    }

    /// Refuses a message for its length; true if the connection can go on behind it.
    async fn refuse_length(&mut self, length: u64) -> io::Result<bool> {
        let limit = self.front.commands.limits().max_request_bytes;
        let known = self.caller.is_known();
        let status = match known {
            true => Status::new(
                Code::ResourceExhausted,
                format!("request limit: the message has {length} bytes; at most {limit} are allowed"),
            ),
            false => Status::new(
                Code::Unauthenticated,
                format!(
                    "the message has {length} bytes; before the connection is authenticated at most \
                     {STRANGER_BYTES} are allowed"
                ),
            ),
        };
        let message_id = message_id_in_front(self.inbox.begun());
        refuse(self.front, &mut self.answers, Counted::None, message_id.unwrap_or(0), &status);
        self.send().await?;
        // Whoever waits for an answer to a message without an id would wait for ever.
        if !known || message_id.is_none() || length > MOST_PASSED_OVER {
            return Ok(false);
        }
        self.inbox.pass_over(&mut self.io, length).await?;
        Ok(true)
    }

    /// Sends all answers, as the peer takes them.
    async fn send(&mut self) -> io::Result<()> {
        if !self.answers.are_none() {
            stream::write(&mut self.io, &self.answers.bytes).await?;
        }
        self.answers.end();
        if let Some(tail) = self.answers.tail.take() {
            let _room = self.front.budget.reserve(tail.len()).await;
            stream::write(&mut self.io, &tail).await?;
        }
        Ok(())
    }
}
