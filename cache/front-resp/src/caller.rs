//! Who is on the other end, and what they get.

use std::sync::atomic::Ordering;

use kura_base::Millis;
use kura_commands::{Error, Lease};

use crate::Front;
use crate::call::{Answer, Call};
use crate::client::Named;
use crate::described::{command, config, hello, info, shown};
use crate::left_out;
use crate::parse::{Arguments, Bounds};
use crate::reply::{Failure, Out, Reply};
use crate::subscriptions::{Kind as Subscribed, Subscriptions};
use crate::table::{COMMANDS, Entry, Kind, Session};
use crate::task;

/// The cache of whoever names none: Redis' name for the user that is meant then.
const DEFAULT_CACHE: &str = "default";

/// The peer of one connection.
pub(crate) struct Caller {
    /// Who it is, and what that gives it; none for nobody.
    pub(crate) lease: Option<Lease>,
    pub(crate) cache: String,
    pub(crate) named: Named,
    pub(crate) id: u64,
    pub(crate) subscriptions: Subscriptions,
}

/// What follows from a command.
pub(crate) enum Next {
    Answer(Answer),
    /// The last answer of this connection.
    Last(Reply),
}

impl Caller {
    /// Somebody who has said nothing yet: nobody, unless everybody may come in.
    pub(crate) fn stranger(front: &Front) -> Self {
        Self {
            lease: front.commands.authenticate(b"").ok().map(Lease::new),
            cache: DEFAULT_CACHE.to_owned(),
            named: Named::default(),
            subscriptions: Subscriptions::default(),
            id: front.next_id.fetch_add(1, Ordering::Relaxed),
        }
    }

    /// Whether somebody is there whose rights are known.
    pub(crate) fn is_known(&self) -> bool {
        self.lease.is_some()
    }

    /// How large the next command may be.
    pub(crate) fn bounds(&self, front: &Front) -> Bounds {
        match self.is_known() {
            true => Bounds::known(front.commands.limits().max_request_bytes),
            false => Bounds::STRANGER,
        }
    }

    /// Fetches what commands on these keys will read, if the commands before them were about the same cache.
    pub(crate) fn fetch_ahead<'k>(&self, front: &Front, keys: impl Iterator<Item = &'k [u8]>) {
        let Some(lease) = &self.lease else { return };
        front.commands.fetch_ahead(lease, keys.map(|key| (&*self.cache, key)));
    }

    /// Carries out a command at a time that was taken since it came. The place is that in the table.
    pub(crate) fn hear(
        &mut self,
        front: &Front,
        now: Millis,
        arguments: Arguments<'_>,
        out: &mut Out,
    ) -> (Option<usize>, Result<Next, Failure>) {
        let name = arguments.get(0);
        let place = Entry::find(name);
        (place, self.carry_out(front, now, place.and_then(|place| COMMANDS.get(place)), arguments, out))
    }

    fn carry_out(
        &mut self,
        front: &Front,
        now: Millis,
        entry: Option<&Entry>,
        arguments: Arguments<'_>,
        out: &mut Out,
    ) -> Result<Next, Failure> {
        let name = arguments.get(0);
        if self.lease.is_none()
            && !matches!(entry, Some(Entry { kind: Kind::Connection(it), .. }) if it.is_open())
        {
            return Err(no_authentication());
        }
        let Some(entry) = entry else {
            return Err(left_out::refused(name));
        };
        // In version 2 nothing tells an answer from a message.
        if !self.subscriptions.is_empty() && !out.resp3 && !entry.is_for_subscribers() {
            return Err(Failure::said(format!(
                "ERR Can't execute '{}': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET are \
                 allowed in this context",
                entry.name
            )));
        }
        if !entry.takes(arguments.len()) {
            return Err(Failure::said(format!("ERR wrong number of arguments for '{}' command", entry.name)));
        }
        let arguments = arguments.from(1);
        match entry.kind {
            Kind::Connection(session) => {
                if !session.is_open() {
                    self.check(front, now)?;
                }
                self.talk(front, session, arguments, out)
            }
            Kind::Items(_, run) => {
                let commands = &front.commands;
                let Some(lease) = &mut self.lease else { return Err(no_authentication()) };
                let cache = match commands.leased(lease, &self.cache, entry.items(arguments), now) {
                    Ok(cache) => cache.clone(),
                    Err(error) => {
                        // The token has ended, which leaves nobody.
                        if matches!(error, Error::Unauthenticated(_)) {
                            self.lease = None;
                        }
                        return Err(error.into());
                    }
                };
                let call = Call { commands, cache, now, arguments, random: front.random };
                task::run(entry, run, &call, out).map(Next::Answer)
            }
        }
    }

    /// Whether the caller's token still stands; one that does not leaves nobody.
    fn check(&mut self, front: &Front, now: Millis) -> Result<(), Failure> {
        let Some(lease) = &self.lease else { return Ok(()) };
        let stands = front.commands.check_at(lease.session(), now);
        if stands.is_err() {
            self.lease = None;
        }
        Ok(stands?)
    }

    fn talk(
        &mut self,
        front: &Front,
        about: Session,
        arguments: Arguments<'_>,
        out: &mut Out,
    ) -> Result<Next, Failure> {
        let reply = match about {
            Session::Auth => match arguments.len() {
                1 => self.authenticate(front, DEFAULT_CACHE.as_bytes(), arguments.get(0))?,
                2 => self.authenticate(front, arguments.get(0), arguments.get(1))?,
                _ => return Err(Failure::syntax()),
            },
            Session::Hello => self.hello(front, arguments, out)?,
            Session::Client => self.client(out.resp3, arguments)?,
            Session::Command => command(arguments)?,
            Session::Config => config(front, arguments)?,
            Session::Info => info(front, arguments),
            Session::Time => {
                let now = front.commands.now().0;
                let parts = [now / 1000, now % 1000 * 1000];
                Reply::Array(parts.iter().map(|part| Reply::text(part.to_string())).collect())
            }
            Session::Flush => return self.flush(front, arguments).map(Next::Answer),
            Session::Publish => self.publish(front, arguments)?,
            Session::Subscribe => self.subscribe(front, Subscribed::Channel, arguments)?,
            Session::SubscribeShard => self.subscribe(front, Subscribed::Shard, arguments)?,
            Session::Unsubscribe => self.unsubscribe(Subscribed::Channel, arguments),
            Session::UnsubscribeShard => self.unsubscribe(Subscribed::Shard, arguments),
            Session::UnsubscribePatterns => self.punsubscribe(arguments),
            Session::Pubsub => return self.pubsub(front, arguments).map(Next::Answer),
            Session::Echo => Reply::Bytes(bytes::Bytes::copy_from_slice(arguments.get(0))),
            Session::Ping if !self.subscriptions.is_empty() && !out.resp3 && arguments.len() < 2 => {
                let word = bytes::Bytes::copy_from_slice(arguments.get(0));
                Reply::Array(vec![Reply::text("pong"), Reply::Bytes(word)])
            }
            Session::Ping => match arguments.len() {
                0 => Reply::Status("PONG"),
                1 => Reply::Bytes(bytes::Bytes::copy_from_slice(arguments.get(0))),
                _ => return Err(Failure::said("ERR wrong number of arguments for 'ping' command")),
            },
            Session::Quit => return Ok(Next::Last(Reply::OK)),
            Session::Reset => {
                let id = self.id;
                *self = Self { id, ..Self::stranger(front) };
                out.resp3 = false;
                Reply::Status("RESET")
            }
            Session::Select => match arguments.get(0) {
                b"0" => Reply::OK,
                _ => return Err(Failure::said("ERR DB index is out of range: a cache has database 0 only")),
            },
        };
        Ok(Next::Answer(reply.into()))
    }

    /// A token that is refused ends what the one before it allowed: the peer said that it is
    /// somebody else now.
    fn authenticate(&mut self, front: &Front, cache: &[u8], token: &[u8]) -> Result<Reply, Failure> {
        if !self.subscriptions.is_empty() {
            return Err(Failure::said(
                "ERR this connection subscribes to channels with the key that it has; unsubscribe first",
            ));
        }
        self.lease = None;
        let wrong = |why: &str| Failure::said(format!("WRONGPASS {why}"));
        let cache = std::str::from_utf8(cache)
            .map_err(|_| wrong("the username is the name of a cache, and this one is no text"))?;
        let session = front.commands.authenticate(token).map_err(|error| match error {
            Error::Unauthenticated(_) if token.is_empty() => {
                wrong("invalid username-password pair: the password is empty; it is an API key")
            }
            Error::Unauthenticated(why) => wrong(&format!("invalid username-password pair: {why}")),
            other => other.into(),
        })?;
        self.lease = Some(Lease::new(session));
        cache.clone_into(&mut self.cache);
        Ok(Reply::OK)
    }

    fn hello(&mut self, front: &Front, arguments: Arguments<'_>, out: &mut Out) -> Result<Reply, Failure> {
        let resp3 = match arguments.get(0) {
            _ if arguments.is_empty() => out.resp3,
            b"2" => false,
            b"3" => true,
            _ => return Err(Failure::said("NOPROTO unsupported protocol version")),
        };
        let mut name = None;
        let mut at = 1;
        while at < arguments.len() {
            let left = arguments.len() - at - 1;
            match arguments.get(at).to_ascii_uppercase().as_slice() {
                b"AUTH" if left >= 2 => {
                    self.authenticate(front, arguments.get(at + 1), arguments.get(at + 2))?;
                    at += 3;
                }
                b"SETNAME" if left >= 1 => {
                    name = Some(arguments.get(at + 1));
                    at += 2;
                }
                _ => {
                    let option = shown(arguments.get(at));
                    return Err(Failure::said(format!("ERR Syntax error in HELLO option '{option}'")));
                }
            }
        }
        if self.lease.is_none() {
            return Err(Failure::said(
                "NOAUTH HELLO must be called with the client already authenticated, otherwise the HELLO \
                 <proto> AUTH <user> <pass> option can be used to authenticate the client and select the \
                 RESP protocol version at the same time",
            ));
        }
        if let Some(name) = name {
            self.named.set_name(name)?;
        }
        out.resp3 = resp3;
        Ok(hello(resp3, self.id))
    }

    /// Empties the cache, which has no other database: FLUSHALL and FLUSHDB do the same.
    fn flush(&self, front: &Front, arguments: Arguments<'_>) -> Result<Answer, Failure> {
        let option = arguments.get(0);
        let is_known = [&b"ASYNC"[..], b"SYNC"].iter().any(|known| known.eq_ignore_ascii_case(option));
        if arguments.len() > 1 || arguments.len() == 1 && !is_known {
            return Err(Failure::syntax());
        }
        let Some(lease) = &self.lease else { return Err(no_authentication()) };
        let session = lease.session().clone();
        let (commands, cache) = (front.commands.clone(), self.cache.clone());
        // Caches that are created or deleted meanwhile wait for the disk.
        Ok(Answer::Later(Box::new(move || {
            commands.flush_cache(&session, &cache)?;
            Ok(Reply::OK)
        })))
    }
}

pub(crate) fn no_authentication() -> Failure {
    Failure::said("NOAUTH Authentication required.")
}
