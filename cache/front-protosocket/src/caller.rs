//! Who is on the other end, and what they get.

use kura_base::Millis;
use kura_commands::{Cache, Command as Item, Error, Items, Lease, Reply, Value};
use kura_wire::{Code, Status};

use crate::Front;
use crate::batch::Batch;
use crate::command::{Command, Malformed, Request};
use crate::error::{KEY_NOT_FOUND, code};
use crate::metrics::Counted;
use crate::reply::Answers;

/// The peer of one connection.
pub(crate) struct Caller {
    /// Whoever authenticated last; nobody before, and after a token that was refused or has ended.
    lease: Option<Lease>,
}

impl Caller {
    pub(crate) fn stranger() -> Self {
        Self { lease: None }
    }

    /// Whether somebody has authenticated.
    pub(crate) fn is_known(&self) -> bool {
        self.lease.is_some()
    }

    /// Fetches what the commands of a batch will read, as far as they are about the cache that was used last.
    pub(crate) fn fetch_ahead(&self, front: &Front, batch: &Batch<'_>) {
        if let Some(lease) = self.lease.as_ref().filter(|_| batch.is_several()) {
            front.commands.fetch_ahead(lease, batch.keys());
        }
    }

    /// Carries out what a message asks, at a time that was taken since it came, and adds its answer.
    pub(crate) fn hear(
        &mut self,
        front: &Front,
        now: Millis,
        request: Result<Request<'_>, Malformed>,
        answers: &mut Answers,
    ) {
        let Request { message_id, control_code, command } = match request {
            Ok(request) => request,
            Err(Malformed { message_id, why }) => {
                return refuse(front, answers, Counted::None, message_id, &why.into());
            }
        };
        if control_code != 0 {
            // A cancellation, or the end of a stream: whatever it is about is over by now.
            return;
        }
        let Some(command) = command else {
            let status = Status::new(
                Code::Unimplemented,
                "the message holds no command that this server knows: authenticate, get, set or delete",
            );
            return refuse(front, answers, Counted::None, message_id, &status);
        };
        let (counted, done) = match command {
            Command::Authenticate { token } => {
                (Counted::Authenticate, self.authenticate(front, message_id, token, answers))
            }
            Command::Get { namespace, key } => {
                (Counted::Get, self.get(front, now, message_id, namespace, key, answers))
            }
            Command::Set { namespace, key, value, ttl } => {
                let done = self.set(front, now, namespace, key, Value::Copied(value), ttl);
                (Counted::Set, done.map(|()| answers.set(message_id)))
            }
            Command::Delete { namespace, key } => {
                let done = self.delete(front, now, namespace, key);
                (Counted::Delete, done.map(|()| answers.deleted(message_id)))
            }
        };
        end(front, answers, counted, message_id, done);
    }

    /// A token that is refused ends what the one before it allowed: the peer said that it is
    /// somebody else now.
    fn authenticate(
        &mut self,
        front: &Front,
        message_id: u64,
        token: &str,
        answers: &mut Answers,
    ) -> Result<(), Error> {
        self.lease = None;
        self.lease = Some(Lease::new(front.commands.authenticate(token.as_bytes())?));
        answers.authenticated(message_id);
        Ok(())
    }

    fn get(
        &mut self,
        front: &Front,
        now: Millis,
        message_id: u64,
        namespace: &str,
        key: &[u8],
        answers: &mut Answers,
    ) -> Result<(), Error> {
        let cache = self.cache(front, now, namespace, Items::Read)?;
        let sink = |value: kura_commands::ValueRef<'_>| answers.value(message_id, value);
        let reply = front.commands.execute(cache, key, Item::Get, now, sink)?;
        if reply != Reply::Found {
            answers.failed(message_id, Code::NotFound, KEY_NOT_FOUND);
        }
        Ok(())
    }

    fn set(
        &mut self,
        front: &Front,
        now: Millis,
        namespace: &str,
        key: &[u8],
        value: Value<'_>,
        ttl: u64,
    ) -> Result<(), Error> {
        let cache = self.cache(front, now, namespace, Items::Write)?;
        let command = Item::Set { value, ttl: front.commands.ttl(ttl)? };
        front.commands.execute(cache, key, command, now, |_| {})?;
        Ok(())
    }

    fn delete(&mut self, front: &Front, now: Millis, namespace: &str, key: &[u8]) -> Result<(), Error> {
        let cache = self.cache(front, now, namespace, Items::Write)?;
        front.commands.execute(cache, key, Item::Delete, now, |_| {})?;
        Ok(())
    }

    /// The cache of this name, if whoever calls may do this to it and their token still stands.
    fn cache(&mut self, front: &Front, now: Millis, name: &str, items: Items) -> Result<Cache, Error> {
        let Some(lease) = &mut self.lease else {
            return Err(Error::Unauthenticated(
                "the connection is not authenticated: its first command must carry an API key".to_owned(),
            ));
        };
        let found = front.commands.leased(lease, name, items, now).cloned();
        if let Err(Error::Unauthenticated(_)) = found {
            self.lease = None;
        }
        found
    }
}

fn end(front: &Front, answers: &mut Answers, counted: Counted, message_id: u64, done: Result<(), Error>) {
    match done {
        Ok(()) => front.metrics.ended(counted, Code::Ok),
        Err(error) => {
            let status = Status::new(code(&error), error.to_string());
            refuse(front, answers, counted, message_id, &status);
        }
    }
}

/// Answers with a status.
pub(crate) fn refuse(
    front: &Front,
    answers: &mut Answers,
    counted: Counted,
    message_id: u64,
    status: &Status,
) {
    front.metrics.ended(counted, status.code);
    answers.error(message_id, status);
}
