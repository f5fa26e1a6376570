//! One call: its credentials, its body, its deadline, its answer.
//!
//! A call on one item whose body came along with its headers is answered at once, in the
//! connection's own task: no task is spawned, no timer set. Everything else, which is whatever must
//! wait, goes on in [`Call::run`].

use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bytes::Bytes;
use kura_base::Millis;
use kura_commands::{Cache, Items, Lease, Session, Subscription};
use kura_front::{Pace, Reserved};
use kura_http2::{Head, Request, SendResponse};
use kura_wire::{Code, Status};
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout_at};

use crate::answer::{Long, Outcome, Reply};
use crate::body::{Body, PREFIX_BYTES, Progress};
use crate::deadline::{Deadline, time_left};
use crate::error::status;
use crate::faults::Fault;
use crate::respond::{self, AT_ONCE_BYTES, Messages};
use crate::route::Kind;
use crate::rows::Rows;
use crate::scalar::{self, Answer};
use crate::subscriber::Subscribers;
use crate::{Front, Method, batch, collection, control, leaderboard, token, topic};

/// The last token seen on a connection, who it was, and the cache they used: nearly all calls of a
/// connection carry the same ones.
#[derive(Default)]
pub(crate) struct LastToken(Option<(Box<[u8]>, Lease)>);

impl LastToken {
    /// Has what calls that came together will read fetched from memory together.
    pub(crate) fn fetch_ahead(&self, front: &Front, requests: &[Request]) {
        if let (Some((_, lease)), [_, _, ..]) = (&self.0, requests) {
            front.commands.fetch_ahead(lease, requests.iter().filter_map(key));
        }
    }
}

/// The cache and the key of a request that has come whole. In all of those on items the key is the first field; in others
/// it is something else, or nothing.
fn key(request: &Request) -> Option<(&str, &[u8])> {
    let message = request.body.whole()?.get(PREFIX_BYTES..)?;
    let (&[tag, length], rest) = message.split_first_chunk()?;
    let key = rest.get(..length.into()).filter(|_| tag == 0x0a && length < 0x80)?;
    Some((std::str::from_utf8(request.head.get("cache")?).ok()?, key))
}

/// A call whose credentials stand.
pub(crate) struct Call {
    front: Arc<Front>,
    method: Method,
    session: Arc<Session>,
    head: Arc<Head>,
    body: Body,
    respond: SendResponse,
    /// Known from when the call has to wait; one that is answered at once needs no clock.
    deadline: Deadline,
    /// What its caller asked to happen to it.
    fault: Option<Box<Fault>>,
    /// Where a subscription goes once it stands; only Subscribe has it.
    subscribers: Option<Subscribers>,
}

/// What became of a request.
pub(crate) enum Begun {
    /// It is answered.
    Answered,
    /// It must wait; how far it has come, and the rest of its way.
    Waiting(Box<Call>, Stage),
    /// It is over, and nobody was authenticated: its body was not read.
    Stranger,
}

/// How far a call came without waiting.
pub(crate) enum Stage {
    /// Its message is not whole yet.
    Unread,
    /// Its message.
    Message(Bytes),
    /// It is carried out, or begun.
    Outcome(Outcome),
}

/// Takes a request as far as it goes without waiting. It had come by `received`, if that is known.
pub(crate) fn begin(
    front: &Arc<Front>,
    last_token: &mut LastToken,
    subscribers: &Subscribers,
    received: Option<Instant>,
    request: Request,
) -> Begun {
    let Request { head, body, mut respond } = request;
    let method = Method::of(path(&head));
    // Where calls wait unread, callers' cancellations are read along with them.
    if received.is_some() && respond.is_gone() {
        front.metrics.call_ended(method, Code::Cancelled);
        return Begun::Stranger;
    }
    let time_left = match time_left(head.get("grpc-timeout"), received) {
        Ok(time_left) => time_left,
        Err(status) => {
            front.metrics.call_ended(method, status.code);
            respond::fail(&mut respond, &status);
            return Begun::Stranger;
        }
    };
    if method == Method::Ping {
        // Momento's Ping carries no credentials, so its body, which has nothing to say, is not read.
        front.metrics.call_ended(method, Code::Ok);
        respond::unary_at_once(&mut respond, Answer::of(&[]));
        return Begun::Stranger;
    }
    if method == Method::Login {
        // It is for those who have no credentials, and its request has nothing to say.
        front.metrics.call_ended(method, Code::Ok);
        respond::unary_at_once(&mut respond, token::login());
        return Begun::Stranger;
    }
    let now = front.commands.now();
    let session = match check_head(front, last_token, method, &head, now) {
        Ok(session) => session,
        Err(status) => {
            front.metrics.call_ended(method, status.code);
            respond::fail(&mut respond, &status);
            return Begun::Stranger;
        }
    };
    let max_message = match method.kind() {
        Kind::Token => token::MAX_MESSAGE_BYTES,
        Kind::Topic => topic::max_message_bytes(front.commands.limits()),
        _ => front.commands.limits().max_request_bytes,
    };
    let mut call = Call {
        front: front.clone(),
        method,
        session,
        head,
        body: Body::new(body, max_message),
        respond,
        deadline: Deadline::NEVER,
        fault: None,
        subscribers: (method == Method::Subscribe).then(|| subscribers.clone()),
    };
    if let Some(faults) = &front.faults {
        match faults.of(method, &|name| call.head.get(name)) {
            Ok(None) => {}
            Ok(Some(fault)) => {
                call.fault = Some(Box::new(fault));
                return call.waits(Stage::Unread, time_left);
            }
            Err(status) => {
                call.fail(&status);
                return Begun::Answered;
            }
        }
    }
    // Nobody waits on this waker: if the body is not here yet, `run` polls it anew with its own.
    match call.body.poll(&mut Context::from_waker(Waker::noop()), false) {
        Poll::Ready(Ok(Progress::Message(message))) => match method.kind() {
            Kind::Scalar => {
                let answer = call.scalar_at_once(last_token, &message, now);
                call.answer_at_once(answer, message, time_left)
            }
            Kind::Topic if method == Method::Publish => {
                let answer = topic::publish(&front.commands, &call.session, &message);
                call.answer_at_once(answer, message, time_left)
            }
            Kind::Collection | Kind::Leaderboard if collection::is_short(method, &message) => {
                call.begin_collection(&message, time_left)
            }
            _ => call.waits(Stage::Message(message), time_left),
        },
        Poll::Ready(Ok(Progress::Announced(_) | Progress::Partial(_))) | Poll::Pending => {
            call.waits(Stage::Unread, time_left)
        }
        Poll::Ready(Err(status)) => {
            call.fail(&status);
            Begun::Answered
        }
    }
}

/// What a call is for, without a query.
pub(crate) fn path(head: &Head) -> &str {
    let path = head.path();
    path.split_once('?').map_or(path, |(path, _)| path)
}

/// Checks what the headers alone decide.
fn check_head(
    front: &Front,
    last_token: &mut LastToken,
    method: Method,
    head: &Head,
    now: Millis,
) -> Result<Arc<Session>, Status> {
    match method.kind() {
        Kind::Unknown => {
            let path = path(head);
            return Err(Status::new(Code::Unimplemented, format!("this server has no method {path}")));
        }
        Kind::Absent(why) => return Err(Status::new(Code::Unimplemented, why)),
        _ => {}
    }
    let token = head.get("authorization").unwrap_or_default();
    if let Some((last, lease)) = &last_token.0
        && **last == *token
    {
        if let Err(error) = front.commands.check_at(lease.session(), now) {
            last_token.0 = None;
            return Err(status(&error));
        }
        return Ok(lease.session().clone());
    }
    let session = match front.commands.authenticate(token) {
        Err(_) if token.is_empty() && method.kind() == Kind::Token => return Ok(front.commands.nobody()),
        other => other.map_err(|error| status(&error))?,
    };
    last_token.0 = Some((token.into(), Lease::new(session.clone())));
    Ok(session)
}

/// The cache that a call's metadata names, if its session may use it in this way.
fn cache(front: &Front, session: &Session, head: &Head, method: Method) -> Result<Cache, Status> {
    let name = cache_name(head)?;
    front.commands.cache(session, name, items(method)).map_err(|error| status(&error))
}

fn cache_name(head: &Head) -> Result<&str, Status> {
    let name = head.get("cache").ok_or_else(|| {
        Status::new(Code::InvalidArgument, "the request lacks its `cache` metadata: the name of the cache")
    })?;
    std::str::from_utf8(name)
        .map_err(|_| Status::new(Code::InvalidArgument, "the `cache` metadata is not UTF-8"))
}

fn items(method: Method) -> Items {
    match method.kind() {
        Kind::Collection => collection::items(method),
        Kind::Leaderboard => leaderboard::items(method),
        _ => scalar::items(method),
    }
}

/// Carries out a call on a collection or leaderboard as far as it goes at once.
fn collection(front: &Front, cache: Cache, method: Method, message: &Bytes) -> Result<Outcome, Status> {
    if method.kind() == Kind::Leaderboard {
        return leaderboard::execute(&front.commands, cache, method, message);
    }
    let seed = match method {
        Method::SetPop | Method::SetSample => seed(front)?,
        _ => 0,
    };
    collection::execute(&front.commands, cache, method, message, seed)
}

/// A number that callers cannot guess.
fn seed(front: &Front) -> Result<u64, Status> {
    let random = random(front)?;
    Ok(random.first_chunk().map_or(0, |bytes| u64::from_ne_bytes(*bytes)))
}

fn random(front: &Front) -> Result<[u8; 48], Status> {
    (front.options.random)()
        .ok_or_else(|| Status::new(Code::Unavailable, "the operating system gives no randomness"))
}

fn broke_off() -> Status {
    Status::new(Code::Internal, "the call broke off inside the server; see its log")
}

impl Call {
    /// Whether the peer has shown credentials that stand.
    pub(crate) fn is_known(&self) -> bool {
        !self.session.is_nobody()
    }

    fn answer_at_once(
        mut self,
        answer: Result<Answer, Status>,
        message: Bytes,
        time_left: Option<Duration>,
    ) -> Begun {
        match answer {
            Ok(answer) if answer.len() <= AT_ONCE_BYTES => {
                self.front.metrics.call_ended(self.method, Code::Ok);
                respond::unary_at_once(&mut self.respond, answer);
                Begun::Answered
            }
            // Large answers follow the peer's window. Only reads have them, so reading again there
            // is safe; it costs a lookup and spares this path a third state.
            Ok(_) => self.waits(Stage::Message(message), time_left),
            Err(status) => {
                self.fail(&status);
                Begun::Answered
            }
        }
    }

    /// Answers a call on a collection if that takes no longer than a scalar one.
    fn begin_collection(mut self, message: &Bytes, time_left: Option<Duration>) -> Begun {
        let begun = self.cache().and_then(|cache| collection(&self.front, cache, self.method, message));
        match begun {
            Ok(Outcome::Done(reply)) => match reply.at_once() {
                Ok(answer) => {
                    self.front.metrics.call_ended(self.method, Code::Ok);
                    respond::unary_at_once(&mut self.respond, answer);
                    Begun::Answered
                }
                Err(large) => self.waits(Stage::Outcome(Outcome::Done(large)), time_left),
            },
            Ok(long) => self.waits(Stage::Outcome(long), time_left),
            Err(status) => {
                self.fail(&status);
                Begun::Answered
            }
        }
    }

    fn waits(mut self, stage: Stage, time_left: Option<Duration>) -> Begun {
        self.deadline = Deadline::after(time_left);
        Begun::Waiting(Box::new(self), stage)
    }

    fn cache(&self) -> Result<Cache, Status> {
        cache(&self.front, &self.session, &self.head, self.method)
    }

    /// Carries out a scalar call by the connection's last token, which is this call's.
    fn scalar_at_once(
        &self,
        last_token: &mut LastToken,
        message: &Bytes,
        now: Millis,
    ) -> Result<Answer, Status> {
        let (commands, method) = (&self.front.commands, self.method);
        let cache = match &mut last_token.0 {
            Some((_, lease)) => {
                let name = cache_name(&self.head)?;
                commands.leased(lease, name, items(method), now).map_err(|error| status(&error))?.clone()
            }
            None => self.cache()?,
        };
        scalar::execute(commands, cache, method, message, now)
    }

    fn fail(mut self, status: &Status) {
        self.front.metrics.call_ended(self.method, status.code);
        respond::fail(&mut self.respond, status);
    }

    /// Goes on where [`begin`] would have had to wait.
    pub(crate) async fn run(mut self, stage: Stage) {
        let deadline = self.deadline;
        // Work that is dropped here is not done: nothing is carried out before its turn.
        let code = match deadline.bound(self.prepare(stage)).await {
            Ok(Prepared::Answer(answer, _room)) => respond::unary(&mut self.respond, answer, deadline).await,
            Ok(Prepared::Rows(head, rows, _room)) => self.rows(head, rows).await,
            Ok(Prepared::Batch(cache, message, _room)) => self.stream(cache, &message).await,
            // It is counted when it ends.
            Ok(Prepared::Subscription(subscription)) => return self.deliver(subscription),
            Err(status) => {
                respond::fail(&mut self.respond, &status);
                status.code
            }
        };
        self.front.metrics.call_ended(self.method, code);
    }

    /// Everything up to the first header of the answer.
    async fn prepare(&mut self, stage: Stage) -> Result<Prepared, Status> {
        if let Some(fault) = &mut self.fault {
            fault.strike().await?;
        }
        let (message, reserved) = match stage {
            Stage::Unread => self.read().await?,
            Stage::Message(message) => (message, None),
            Stage::Outcome(Outcome::Done(reply)) => return self.prepared(reply).await,
            Stage::Outcome(Outcome::Long(long)) => {
                self.deadline.check()?;
                let (respond, front, deadline) = (&mut self.respond, &self.front, self.deadline);
                let reply = unless_cancelled(respond, front.apart(deadline, long)).await?;
                return self.prepared(reply).await;
            }
        };
        self.deadline.check()?;
        if self.method == Method::Subscribe {
            let subscription = topic::subscribe(&self.front.commands, &self.session, &message)?;
            return Ok(Prepared::Subscription(subscription));
        }
        if matches!(self.method, Method::GetBatch | Method::SetBatch) {
            let cache = self.cache()?;
            batch::check(&self.front.commands, &cache, self.method, &message).await?;
            return Ok(Prepared::Batch(cache, message, reserved));
        }
        let (respond, work) = self.work(&message);
        let reply = unless_cancelled(respond, work).await?;
        // Given back first: calls that held room while they wait for more could wait for each other.
        drop((message, reserved));
        self.prepared(reply).await
    }

    /// An answer with the room that it takes.
    async fn prepared(&self, reply: Reply) -> Result<Prepared, Status> {
        match reply {
            Reply::Whole(answer) => {
                let room = self.front.budget.reserve(answer.len()).await;
                Ok(Prepared::Answer(answer, room))
            }
            Reply::Rows(rows) => {
                let room = self.front.budget.reserve(rows.held_bytes()).await;
                Ok(Prepared::Rows(rows.head().await?, rows, room))
            }
        }
    }

    /// Reads the body, with room reserved for a message that did not come in one piece.
    async fn read(&mut self) -> Result<(Bytes, Option<Reserved>), Status> {
        let mut reserved = None;
        let mut pace = Pace::start(Instant::now());
        loop {
            let holds = reserved.is_some();
            let progress = timeout_at(pace.limit(), poll_fn(|cx| self.body.poll(cx, holds))).await;
            match progress.map_err(|_| pace.too_slow())?? {
                Progress::Message(message) => return Ok((message, reserved)),
                Progress::Partial(bytes) => pace.reached(bytes, Instant::now()),
                Progress::Announced(length) => {
                    let asked = Instant::now();
                    reserved = Some(self.front.budget.reserve(length).await);
                    pace.pause(asked.elapsed());
                }
            }
        }
    }

    /// The call's work, apart from the stream that it will be answered on.
    fn work<'a>(
        &'a mut self,
        message: &'a Bytes,
    ) -> (&'a mut SendResponse, impl Future<Output = Result<Reply, Status>> + 'a) {
        let Self { front, method, session, head, respond, deadline, .. } = self;
        let (method, deadline) = (*method, *deadline);
        let work = async move {
            let cache = || cache(front, session, head, method);
            match method.kind() {
                Kind::Batch => batch::keys_exist(&front.commands, cache()?, message).await.map(Reply::Whole),
                Kind::Scalar => {
                    let now = front.commands.now();
                    scalar::execute(&front.commands, cache()?, method, message, now).map(Reply::Whole)
                }
                Kind::Collection | Kind::Leaderboard => {
                    let (cache, front, message) = (cache()?, front.clone(), message.clone());
                    if !collection::is_short(method, &message) {
                        let shared = front.clone();
                        let long = move || collection(&shared, cache, method, &message)?.finish();
                        return front.apart(deadline, Box::new(long)).await;
                    }
                    match collection(&front, cache, method, &message)? {
                        Outcome::Done(reply) => Ok(reply),
                        Outcome::Long(long) => front.apart(deadline, long).await,
                    }
                }
                Kind::Topic => topic::publish(&front.commands, session, message).map(Reply::Whole),
                Kind::Control | Kind::Token => {
                    let (front, session, message) = (front.clone(), session.clone(), message.clone());
                    let random = random(&front)?;
                    let mut task = Queued(tokio::task::spawn_blocking(move || {
                        deadline.check()?;
                        let carry_out =
                            if method.kind() == Kind::Token { token::execute } else { control::execute };
                        carry_out(&front.commands, &session, method, &message, &random)
                    }));
                    (&mut task.0).await.unwrap_or_else(|_| Err(broke_off())).map(Reply::Whole)
                }
                _ => Err(Status::new(
                    Code::Unimplemented,
                    format!("this server does not answer {}", method.path()),
                )),
            }
        };
        (respond, work)
    }

    async fn rows(&mut self, head: Bytes, rows: Rows) -> Code {
        let Ok(mut messages) = Messages::start(&mut self.respond) else { return Code::Cancelled };
        let send = async {
            messages.send(head).await?;
            rows.send(&mut messages).await
        };
        let sent = self.deadline.bound(send).await;
        // If the collection has changed since, this frees what it was, which takes a while.
        tokio::task::spawn_blocking(move || drop(rows));
        messages.end(sent)
    }

    async fn stream(&mut self, cache: Cache, message: &Bytes) -> Code {
        let Ok(mut messages) = Messages::start(&mut self.respond) else { return Code::Cancelled };
        let send = batch::stream(&self.front.commands, cache, self.method, message, &mut messages);
        let sent = self.deadline.bound(send).await;
        messages.end(sent)
    }

    /// Sends the headers, and leaves the rest to the task of the connection's subscribers. What the
    /// call held until now goes with it.
    fn deliver(mut self, subscription: Subscription) {
        match (Messages::start(&mut self.respond), &self.subscribers) {
            (Ok(messages), Some(subscribers)) => {
                let ending = self.fault.and_then(|fault| fault.ending);
                subscribers.add(&self.front, subscription, messages.into_stream(), ending);
            }
            _ => self.front.metrics.call_ended(self.method, Code::Cancelled),
        }
    }
}

/// What is ready to be sent, with the room that it takes.
enum Prepared {
    Answer(Answer, Reserved),
    /// The message's first bytes, and the rest.
    Rows(Bytes, Rows, Reserved),
    Batch(Cache, Bytes, Option<Reserved>),
    Subscription(Subscription),
}

/// Does `work` as long as the caller waits for it, and drops it then.
async fn unless_cancelled<T>(
    respond: &mut SendResponse,
    work: impl Future<Output = Result<T, Status>>,
) -> Result<T, Status> {
    tokio::select! {
        biased;
        done = work => done,
        _ = poll_fn(|cx| respond.poll_reset(cx)) => {
            Err(Status::new(Code::Cancelled, "the caller cancelled the call"))
        }
    }
}

impl Front {
    /// Runs work that takes long on the blocking pool, when it is its turn.
    async fn apart(&self, deadline: Deadline, long: Long) -> Result<Reply, Status> {
        // The semaphore is never closed, so acquiring cannot fail.
        let turn = self.turns.clone().acquire_owned().await;
        let mut task = Queued(tokio::task::spawn_blocking(move || {
            let _turn = turn;
            deadline.check()?;
            long()
        }));
        (&mut task.0).await.unwrap_or_else(|_| Err(broke_off()))
    }
}

/// Work for the blocking pool. If nobody waits for it any more before its turn, it is not done.
struct Queued<T>(JoinHandle<T>);

impl<T> Drop for Queued<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}
