//! One call: its credentials, its body, its deadline, its answer.
//!
//! A scalar call whose body came along with its headers is answered at once, in the connection's
//! own task: no task is spawned, no timer set. Everything else, which is whatever must wait, goes
//! on in [`Call::run`].

use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bytes::Bytes;
use h2::RecvStream;
use h2::server::SendResponse;
use http::header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue};
use http::{HeaderMap, Request};
use kura_commands::{Cache, Session};
use kura_wire::{Code, Status};
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout_at};

use crate::batch;
use crate::body::{Body, Progress};
use crate::budget::Reserved;
use crate::deadline::{Deadline, time_left};
use crate::error::status;
use crate::pace::Pace;
use crate::respond::{self, AT_ONCE_BYTES, Messages};
use crate::route::Kind;
use crate::scalar::{self, Answer};
use crate::{Front, Method, control, metadata, token};

/// The last token seen on a connection, and who it was: nearly all calls of a connection carry
/// the same one.
#[derive(Default)]
pub(crate) struct LastToken(Option<(HeaderValue, Arc<Session>)>);

/// A call whose credentials stand.
pub(crate) struct Call {
    front: Arc<Front>,
    method: Method,
    session: Arc<Session>,
    headers: HeaderMap,
    body: Body,
    respond: SendResponse<Bytes>,
    /// Known from when the call has to wait; one that is answered at once needs no clock.
    deadline: Deadline,
}

/// What became of a request.
pub(crate) enum Begun {
    /// It is answered.
    Answered,
    /// It must wait: its message, if that is whole already, and the rest of its way.
    Waiting(Box<Call>, Option<Bytes>),
    /// It is answered, and nobody was authenticated: its body was not read.
    Stranger,
}

/// Takes a request as far as it goes without waiting.
pub(crate) fn begin(
    front: &Arc<Front>,
    last_token: &mut LastToken,
    request: Request<RecvStream>,
    mut respond: SendResponse<Bytes>,
) -> Begun {
    let (parts, body) = request.into_parts();
    if !parts.headers.get(CONTENT_TYPE).is_some_and(|value| metadata::is_grpc(value.as_bytes())) {
        respond::not_grpc(&mut respond);
        return Begun::Stranger;
    }
    let method = Method::of(parts.uri.path());
    let time_left = match time_left(&parts.headers) {
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
    let session = match check_head(front, last_token, method, &parts) {
        Ok(session) => session,
        Err(status) => {
            front.metrics.call_ended(method, status.code);
            respond::fail(&mut respond, &status);
            return Begun::Stranger;
        }
    };
    let max_message = match method.kind() {
        Kind::Token => token::MAX_MESSAGE_BYTES,
        _ => front.commands.limits().max_request_bytes,
    };
    let mut call = Call {
        front: front.clone(),
        method,
        session,
        headers: parts.headers,
        body: Body::new(body, max_message),
        respond,
        deadline: Deadline::NEVER,
    };
    // Nobody waits on this waker: if the body is not here yet, `run` polls it anew with its own.
    match call.body.poll(&mut Context::from_waker(Waker::noop()), false) {
        Poll::Ready(Ok(Progress::Message(message))) if method.kind() == Kind::Scalar => {
            call.answer_at_once(message, time_left)
        }
        Poll::Ready(Ok(Progress::Message(message))) => call.waits(Some(message), time_left),
        Poll::Ready(Ok(Progress::Announced(_) | Progress::Partial(_))) | Poll::Pending => {
            call.waits(None, time_left)
        }
        Poll::Ready(Err(status)) => {
            call.fail(&status);
            Begun::Answered
        }
    }
}

/// Checks what the headers alone decide.
fn check_head(
    front: &Front,
    last_token: &mut LastToken,
    method: Method,
    parts: &http::request::Parts,
) -> Result<Arc<Session>, Status> {
    match method.kind() {
        Kind::Unknown => {
            let path = parts.uri.path();
            return Err(Status::new(Code::Unimplemented, format!("this server has no method {path}")));
        }
        Kind::Absent(why) => return Err(Status::new(Code::Unimplemented, why)),
        _ => {}
    }
    static NO_TOKEN: HeaderValue = HeaderValue::from_static("");
    let token = parts.headers.get(AUTHORIZATION).unwrap_or(&NO_TOKEN);
    if let Some((last, session)) = &last_token.0
        && last == token
    {
        if let Err(error) = front.commands.check(session) {
            last_token.0 = None;
            return Err(status(&error));
        }
        return Ok(session.clone());
    }
    let session = match front.commands.authenticate(token.as_bytes()) {
        Err(_) if token.is_empty() && method.kind() == Kind::Token => return Ok(front.commands.nobody()),
        other => other.map_err(|error| status(&error))?,
    };
    last_token.0 = Some((token.clone(), session.clone()));
    Ok(session)
}

/// The cache that a call's metadata names, if its session may use it in this way.
fn cache(front: &Front, session: &Session, headers: &HeaderMap, method: Method) -> Result<Cache, Status> {
    let name = headers.get("cache").ok_or_else(|| {
        Status::new(Code::InvalidArgument, "the request lacks its `cache` metadata: the name of the cache")
    })?;
    let name = std::str::from_utf8(name.as_bytes())
        .map_err(|_| Status::new(Code::InvalidArgument, "the `cache` metadata is not UTF-8"))?;
    front.commands.cache(session, name, scalar::items(method)).map_err(|error| status(&error))
}

impl Call {
    /// Whether the peer has shown credentials that stand.
    pub(crate) fn is_known(&self) -> bool {
        !self.session.is_nobody()
    }

    fn answer_at_once(mut self, message: Bytes, time_left: Option<Duration>) -> Begun {
        match self.scalar(&message) {
            Ok(answer) if answer.len() <= AT_ONCE_BYTES => {
                self.front.metrics.call_ended(self.method, Code::Ok);
                respond::unary_at_once(&mut self.respond, answer);
                Begun::Answered
            }
            // Large answers follow the peer's window. Only reads have them, so reading again there
            // is safe; it costs a lookup and spares this path a third state.
            Ok(_) => self.waits(Some(message), time_left),
            Err(status) => {
                self.fail(&status);
                Begun::Answered
            }
        }
    }

    fn waits(mut self, message: Option<Bytes>, time_left: Option<Duration>) -> Begun {
        self.deadline = Deadline::after(time_left);
        Begun::Waiting(Box::new(self), message)
    }

    fn cache(&self) -> Result<Cache, Status> {
        cache(&self.front, &self.session, &self.headers, self.method)
    }

    fn scalar(&self, message: &Bytes) -> Result<Answer, Status> {
        scalar::execute(&self.front.commands, self.cache()?, self.method, message)
    }

    fn fail(mut self, status: &Status) {
        self.front.metrics.call_ended(self.method, status.code);
        respond::fail(&mut self.respond, status);
    }

    /// Goes on where [`begin`] would have had to wait.
    pub(crate) async fn run(mut self, message: Option<Bytes>) {
        let deadline = self.deadline;
        // Work that is dropped here is not done: nothing is carried out before its turn.
        let code = match deadline.bound(self.prepare(message)).await {
            Ok(Prepared::Answer(answer, _room)) => respond::unary(&mut self.respond, answer, deadline).await,
            Ok(Prepared::Batch(cache, message, _room)) => self.stream(cache, &message).await,
            Err(status) => {
                respond::fail(&mut self.respond, &status);
                status.code
            }
        };
        self.front.metrics.call_ended(self.method, code);
    }

    /// Everything up to the first header of the answer.
    async fn prepare(&mut self, message: Option<Bytes>) -> Result<Prepared, Status> {
        let (message, reserved) = match message {
            Some(message) => (message, None),
            None => self.read().await?,
        };
        self.deadline.check()?;
        if matches!(self.method, Method::GetBatch | Method::SetBatch) {
            let cache = self.cache()?;
            batch::check(&self.front.commands, &cache, self.method, &message)?;
            return Ok(Prepared::Batch(cache, message, reserved));
        }
        let answer = {
            let (respond, work) = self.work(&message);
            tokio::select! {
                biased;
                answer = work => answer?,
                _ = poll_fn(|cx| respond.poll_reset(cx)) => {
                    return Err(Status::new(Code::Cancelled, "the caller cancelled the call"));
                }
            }
        };
        // Given back first: calls that held room while they wait for more could wait for each other.
        drop((message, reserved));
        let room = self.front.budget.reserve(answer.len()).await;
        Ok(Prepared::Answer(answer, room))
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
    ) -> (&'a mut SendResponse<Bytes>, impl Future<Output = Result<Answer, Status>> + 'a) {
        let Self { front, method, session, headers, respond, deadline, .. } = self;
        let (method, deadline) = (*method, *deadline);
        let work = async move {
            match method.kind() {
                Kind::Batch => {
                    batch::keys_exist(&front.commands, cache(front, session, headers, method)?, message).await
                }
                Kind::Scalar => {
                    scalar::execute(&front.commands, cache(front, session, headers, method)?, method, message)
                }
                Kind::Control | Kind::Token => {
                    let (front, session, message) = (front.clone(), session.clone(), message.clone());
                    let Some(random) = (front.options.random)() else {
                        return Err(Status::new(
                            Code::Unavailable,
                            "the operating system gives no randomness",
                        ));
                    };
                    let mut task = Queued(tokio::task::spawn_blocking(move || {
                        deadline.check()?;
                        let carry_out =
                            if method.kind() == Kind::Token { token::execute } else { control::execute };
                        carry_out(&front.commands, &session, method, &message, &random)
                    }));
                    (&mut task.0).await.unwrap_or_else(|_| {
                        Err(Status::new(Code::Internal, "the call broke off inside the server; see its log"))
                    })
                }
                _ => Err(Status::new(
                    Code::Unimplemented,
                    format!("this server does not answer {}", method.path()),
                )),
            }
        };
        (respond, work)
    }

    async fn stream(&mut self, cache: Cache, message: &Bytes) -> Code {
        let Ok(mut messages) = Messages::start(&mut self.respond) else { return Code::Cancelled };
        let send = batch::stream(&self.front.commands, cache, self.method, message, &mut messages);
        let sent = self.deadline.bound(send).await;
        messages.end(sent)
    }
}

/// What is ready to be sent, with the room that it takes.
enum Prepared {
    Answer(Answer, Reserved),
    Batch(Cache, Bytes, Option<Reserved>),
}

/// Work for the blocking pool. If nobody waits for it any more before its turn, it is not done.
struct Queued<T>(JoinHandle<T>);

impl<T> Drop for Queued<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}
