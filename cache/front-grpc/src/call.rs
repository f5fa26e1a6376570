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
use tokio::time::{Instant, timeout, timeout_at};

use crate::batch::{self, Broken};
use crate::body::{Body, Progress};
use crate::budget::Reserved;
use crate::error::status;
use crate::respond::{self, AT_ONCE_BYTES, Messages};
use crate::scalar::{self, Answer};
use crate::{Front, Method, control, metadata};

/// How long a body may take once it is waited for; and again once room for it is reserved.
const BODY: Duration = Duration::from_secs(20);

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
    if method == Method::Ping {
        // Momento's Ping carries no credentials, so its body, which has nothing to say, is not read.
        front.metrics.call_ended(method, Code::Ok);
        respond::unary_at_once(&mut respond, Answer::of(&[]));
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
    let mut call = Call {
        front: front.clone(),
        method,
        session,
        headers: parts.headers,
        body: Body::new(body, front.commands.limits().max_request_bytes),
        respond,
    };
    // Nobody waits on this waker: if the body is not here yet, `run` polls it anew with its own.
    match call.body.poll(&mut Context::from_waker(Waker::noop()), false) {
        Poll::Ready(Ok(Progress::Message(message))) if is_scalar(method) => call.answer_at_once(message),
        Poll::Ready(Ok(Progress::Message(message))) => Begun::Waiting(Box::new(call), Some(message)),
        Poll::Ready(Ok(Progress::Announced(_))) | Poll::Pending => Begun::Waiting(Box::new(call), None),
        Poll::Ready(Err(status)) => {
            call.fail(&status);
            Begun::Answered
        }
    }
}

/// Whether a method is answered with one message and without waiting.
fn is_scalar(method: Method) -> bool {
    matches!(
        method,
        Method::Get
            | Method::Set
            | Method::Delete
            | Method::GetWithHash
            | Method::SetIf
            | Method::SetIfHash
            | Method::SetIfNotExists
            | Method::Increment
            | Method::UpdateTtl
            | Method::ItemGetTtl
            | Method::ItemGetType
    )
}

/// Checks what the headers alone decide.
fn check_head(
    front: &Front,
    last_token: &mut LastToken,
    method: Method,
    parts: &http::request::Parts,
) -> Result<Arc<Session>, Status> {
    match method {
        Method::Unknown => {
            let path = parts.uri.path();
            return Err(Status::new(Code::Unimplemented, format!("this server has no method {path}")));
        }
        Method::RetiredIndex => {
            return Err(Status::new(
                Code::Unimplemented,
                "vector indexes are retired: Momento's service ended them and this server never had them",
            ));
        }
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
    let session = front.commands.authenticate(token.as_bytes()).map_err(|error| status(&error))?;
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
    fn answer_at_once(mut self, message: Bytes) -> Begun {
        match self.scalar(&message) {
            Ok(answer) if answer.len() <= AT_ONCE_BYTES => {
                self.front.metrics.call_ended(self.method, Code::Ok);
                respond::unary_at_once(&mut self.respond, answer);
                Begun::Answered
            }
            // Large answers follow the peer's window. Only reads have them, so reading again there
            // is safe; it costs a lookup and spares this path a third state.
            Ok(_) => Begun::Waiting(Box::new(self), Some(message)),
            Err(status) => {
                self.fail(&status);
                Begun::Answered
            }
        }
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
        let arrived = Instant::now();
        let deadline = self
            .headers
            .get("grpc-timeout")
            .and_then(|value| metadata::parse_timeout(value.as_bytes()))
            .and_then(|timeout| arrived.checked_add(timeout));
        let front = self.front.clone();
        let method = self.method;
        let code = match deadline {
            None => self.wait(message).await,
            Some(deadline) => {
                // Work that is dropped here is not done: nothing is carried out before its turn.
                match timeout_at(deadline, self.wait(message)).await {
                    Ok(code) => code,
                    Err(_) => {
                        let status =
                            Status::new(Code::DeadlineExceeded, "the call's deadline passed before its end");
                        respond::fail(&mut self.respond, &status);
                        status.code
                    }
                }
            }
        };
        front.metrics.call_ended(method, code);
    }

    async fn wait(&mut self, message: Option<Bytes>) -> Code {
        let (message, _reserved) = match message {
            Some(message) => (message, None),
            None => match self.read().await {
                Ok(read) => read,
                Err(status) => return self.refuse(&status),
            },
        };
        if matches!(self.method, Method::GetBatch | Method::SetBatch) {
            return self.stream(&message).await;
        }
        let answer = {
            let (respond, work) = self.work(&message);
            tokio::select! {
                biased;
                answer = work => answer,
                _ = poll_fn(|cx| respond.poll_reset(cx)) => return Code::Cancelled,
            }
        };
        match answer {
            Ok(answer) => {
                let _room = self.front.budget.reserve(answer.len()).await;
                respond::unary(&mut self.respond, answer).await
            }
            Err(status) => self.refuse(&status),
        }
    }

    /// Reads the body, with room reserved for a message that did not come in one piece.
    async fn read(&mut self) -> Result<(Bytes, Option<Reserved>), Status> {
        let mut reserved = None;
        loop {
            let holds = reserved.is_some();
            let progress = timeout(BODY, poll_fn(|cx| self.body.poll(cx, holds))).await;
            match progress {
                Ok(progress) => match progress? {
                    Progress::Message(message) => return Ok((message, reserved)),
                    Progress::Announced(length) => reserved = Some(self.front.budget.reserve(length).await),
                },
                Err(_) => {
                    return Err(Status::new(
                        Code::DeadlineExceeded,
                        format!("the request's body was not complete within {} s", BODY.as_secs()),
                    ));
                }
            }
        }
    }

    fn refuse(&mut self, status: &Status) -> Code {
        respond::fail(&mut self.respond, status);
        status.code
    }

    /// The call's work, apart from the stream that it will be answered on.
    fn work<'a>(
        &'a mut self,
        message: &'a Bytes,
    ) -> (&'a mut SendResponse<Bytes>, impl Future<Output = Result<Answer, Status>> + 'a) {
        let Self { front, method, session, headers, respond, .. } = self;
        let method = *method;
        let work = async move {
            match method {
                Method::KeysExist => {
                    batch::keys_exist(&front.commands, cache(front, session, headers, method)?, message).await
                }
                _ if is_scalar(method) => {
                    scalar::execute(&front.commands, cache(front, session, headers, method)?, method, message)
                }
                _ => {
                    let (front, session, message) = (front.clone(), session.clone(), message.clone());
                    let Some(random) = (front.options.random)() else {
                        return Err(Status::new(
                            Code::Unavailable,
                            "the operating system gives no randomness",
                        ));
                    };
                    tokio::task::spawn_blocking(move || {
                        control::execute(&front.commands, &session, method, &message, &random)
                    })
                    .await
                    .unwrap_or_else(|_| {
                        Err(Status::new(Code::Internal, "the call broke off inside the server; see its log"))
                    })
                }
            }
        };
        (respond, work)
    }

    async fn stream(&mut self, message: &Bytes) -> Code {
        let checked = self.cache().and_then(|cache| {
            batch::check(&self.front.commands, self.method, message)?;
            Ok(cache)
        });
        let cache = match checked {
            Ok(cache) => cache,
            Err(status) => return self.refuse(&status),
        };
        let Ok(mut messages) = Messages::start(&mut self.respond) else { return Code::Cancelled };
        match batch::stream(&self.front.commands, cache, self.method, message, &mut messages).await {
            Ok(()) => {
                messages.end();
                Code::Ok
            }
            Err(Broken::Status(status)) => {
                let code = status.code;
                messages.fail(&status);
                code
            }
            Err(Broken::Gone) => Code::Cancelled,
        }
    }
}
