//! HTTP/2 connections that send what an SDK sends and read what it would read.

use std::future::poll_fn;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail};
use bytes::Bytes;
use h2::RecvStream;
use h2::client::{ResponseFuture, SendRequest};
use http::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, TE, USER_AGENT};
use http::uri::{Authority, PathAndQuery, Scheme, Uri};
use http::{Method, Request, Response, Version};

use crate::socket::Target;
use crate::wire::{self, Outcome};

/// gRPC's code for something that exists already.
const ALREADY_EXISTS: u32 = 6;
/// What SDKs give a call unless told otherwise.
pub const DEADLINE: Duration = Duration::from_secs(15);

/// Who the loader says it is.
#[derive(Clone, Debug)]
pub struct Identity {
    /// The `authorization` header, without a scheme.
    pub token: String,
    /// The `cache` header.
    pub cache: String,
}

impl Identity {
    /// An identity whose token is `bytes` long and means nothing: for servers that check none.
    #[must_use]
    pub fn filler(cache: &str, bytes: usize) -> Self {
        const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
        let mut random = crate::keys::SplitMix::new(400);
        let token = (0..bytes).map(|_| char::from(ALPHABET[random.below(64) as usize])).collect();
        Self { token, cache: cache.to_owned() }
    }
}

/// Several connections to one server, alike but for the stream each carries.
#[derive(Clone, Debug)]
pub struct Pool {
    connections: Vec<Connection>,
}

impl Pool {
    /// Opens `connections` of them one after the other; their drivers run as tasks of the current runtime.
    pub async fn connect(
        target: impl Into<Target>,
        connections: usize,
        identity: &Identity,
    ) -> anyhow::Result<Self> {
        Self::connect_with(target, connections, std::slice::from_ref(identity), DEADLINE).await
    }

    /// The same, each request being another identity's in turn, with this deadline in its headers; whoever makes the
    /// call gives up by itself.
    pub async fn connect_with(
        target: impl Into<Target>,
        connections: usize,
        identities: &[Identity],
        deadline: Duration,
    ) -> anyhow::Result<Self> {
        let target = target.into();
        let templates = identities.iter().map(|identity| Template::new(&target, identity, deadline));
        let templates: Arc<[Template]> = templates.collect::<anyhow::Result<_>>()?;
        let mut opened = Vec::with_capacity(connections);
        for number in 0..connections {
            opened.push(Connection::open(&target, Arc::clone(&templates), number).await?);
        }
        if opened.is_empty() || identities.is_empty() {
            bail!("at least one connection and one identity are needed");
        }
        Ok(Self { connections: opened })
    }

    /// The connections, in the order they were opened.
    #[must_use]
    pub fn connections(&self) -> &[Connection] {
        &self.connections
    }
}

/// One HTTP/2 connection; clones share it.
#[derive(Clone, Debug)]
pub struct Connection {
    sender: SendRequest<Bytes>,
    /// What requests repeat, by whose they are.
    templates: Arc<[Template]>,
    /// Whose the next one is.
    turn: usize,
}

/// How a call ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reply {
    /// grpc-status 0, with what the message said.
    Answered(Outcome),
    /// Any other grpc-status.
    Refused(u32),
}

impl Connection {
    async fn open(target: &Target, templates: Arc<[Template]>, number: usize) -> anyhow::Result<Self> {
        let socket = target.connect(true).await?;
        let (sender, driver) = h2::client::Builder::new()
            .initial_window_size(1 << 20)
            // Answers that cross with the end of callers' patience are no fault of the server's.
            .max_local_error_reset_streams(None)
            .initial_connection_window_size(1 << 24)
            .handshake(socket)
            .await
            .context("HTTP/2 handshake")?;
        // An error of the connection reaches every call in flight, which reports it.
        tokio::spawn(async move { driver.await.ok() });
        let turn = number % templates.len().max(1);
        Ok(Self { sender, templates, turn })
    }

    /// Begins to read a key; see [`Connection::begin_set`].
    pub async fn begin_get(&mut self, key: &[u8]) -> anyhow::Result<Begun> {
        let uri = self.template().get.clone();
        self.begin(uri, wire::single_field(key)).await
    }

    /// Begins to write a key: waits until the call before, begun with this same value and not with a clone of it, has a
    /// stream. So no more than one call stands in `h2`'s own queue, from which each is sent, even if its caller has
    /// given up; hyper does the same.
    pub async fn begin_set(
        &mut self,
        key: &[u8],
        value: &[u8],
        ttl_milliseconds: u64,
    ) -> anyhow::Result<Begun> {
        let uri = self.template().set.clone();
        self.begin(uri, wire::set(key, value, ttl_milliseconds)).await
    }

    /// Reads a key.
    pub async fn get(&mut self, key: &[u8]) -> anyhow::Result<Reply> {
        let uri = self.template().get.clone();
        self.call(uri, wire::single_field(key)).await
    }

    /// Writes a key.
    pub async fn set(&mut self, key: &[u8], value: &[u8], ttl_milliseconds: u64) -> anyhow::Result<Reply> {
        let uri = self.template().set.clone();
        self.call(uri, wire::set(key, value, ttl_milliseconds)).await
    }

    /// Publishes bytes to a topic.
    pub async fn publish(&mut self, topic: &str, value: &[u8]) -> anyhow::Result<Reply> {
        let body = wire::topic(self.template().headers["cache"].as_bytes(), topic.as_bytes(), Some(value));
        let uri = self.template().publish.clone();
        self.call(uri, body).await
    }

    /// Subscribes to a topic; what comes on the stream is for the caller to read.
    pub async fn subscribe(&mut self, topic: &str) -> anyhow::Result<RecvStream> {
        let body = wire::topic(self.template().headers["cache"].as_bytes(), topic.as_bytes(), None);
        let uri = self.template().subscribe.clone();
        let (head, stream) = self.send(uri, body).await?.into_parts();
        match head.headers.get("grpc-status") {
            None => Ok(stream),
            Some(status) => bail!("the subscription was refused: grpc-status {status:?}"),
        }
    }

    /// Makes the cache that the identity names; one that exists already is as good.
    pub async fn create_cache(&mut self) -> anyhow::Result<()> {
        let body = wire::single_field(self.template().headers["cache"].as_bytes());
        let uri = self.template().create_cache.clone();
        match self.call(uri, body).await? {
            Reply::Answered(_) | Reply::Refused(ALREADY_EXISTS) => Ok(()),
            Reply::Refused(status) => bail!("the cache could not be made: grpc-status {status}"),
        }
    }

    fn template(&self) -> &Template {
        &self.templates[self.turn]
    }

    async fn begin(&mut self, uri: Uri, body: Bytes) -> anyhow::Result<Begun> {
        let mut request = Request::new(());
        *request.method_mut() = Method::POST;
        *request.version_mut() = Version::HTTP_2;
        *request.uri_mut() = uri;
        *request.headers_mut() = self.template().headers.clone();
        self.turn = (self.turn + 1) % self.templates.len();
        poll_fn(|context| self.sender.poll_ready(context)).await?;
        let (response, mut stream) = self.sender.send_request(request, false)?;
        stream.send_data(body, true)?;
        Ok(Begun(response))
    }

    async fn send(&mut self, uri: Uri, body: Bytes) -> anyhow::Result<Response<RecvStream>> {
        Ok(self.begin(uri, body).await?.0.await?)
    }

    async fn call(&mut self, uri: Uri, body: Bytes) -> anyhow::Result<Reply> {
        self.begin(uri, body).await?.reply().await
    }
}

/// A call that is on its way; dropped, it is reset.
#[derive(Debug)]
pub struct Begun(ResponseFuture);

impl Begun {
    /// Waits for its end.
    pub async fn reply(self) -> anyhow::Result<Reply> {
        let (head, mut body) = self.0.await?.into_parts();
        if let Some(status) = head.headers.get("grpc-status") {
            return Ok(reply(status, Outcome::Other));
        }
        let mut outcome = Outcome::Other;
        let mut first = true;
        while let Some(data) = body.data().await {
            let data = data?;
            if first {
                outcome = wire::outcome(&data);
                first = false;
            }
            body.flow_control().release_capacity(data.len())?;
        }
        let trailers = body.trailers().await?.context("an answer without trailers")?;
        let status = trailers.get("grpc-status").context("trailers without grpc-status")?;
        Ok(reply(status, outcome))
    }
}

fn reply(status: &HeaderValue, outcome: Outcome) -> Reply {
    match status.to_str().ok().and_then(|text| text.parse().ok()) {
        Some(0) => Reply::Answered(outcome),
        Some(code) => Reply::Refused(code),
        None => Reply::Refused(u32::MAX),
    }
}

/// What every request repeats, made once.
#[derive(Debug)]
struct Template {
    headers: HeaderMap,
    get: Uri,
    set: Uri,
    publish: Uri,
    subscribe: Uri,
    create_cache: Uri,
}

impl Template {
    fn new(target: &Target, identity: &Identity, deadline: Duration) -> anyhow::Result<Self> {
        let scheme = if target.tls.is_some() { Scheme::HTTPS } else { Scheme::HTTP };
        let mut headers = HeaderMap::new();
        headers.insert(TE, HeaderValue::from_static("trailers"));
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
        headers.insert(AUTHORIZATION, HeaderValue::from_str(&identity.token).context("the token")?);
        headers.insert(
            HeaderName::from_static("cache"),
            HeaderValue::from_str(&identity.cache).context("the cache")?,
        );
        headers.insert(USER_AGENT, HeaderValue::from_static("tonic/0.14.9"));
        let deadline =
            HeaderValue::from_str(&format!("{}u", deadline.as_micros())).context("the deadline")?;
        headers.insert(HeaderName::from_static("grpc-timeout"), deadline);
        let uri = |path: &'static str| -> anyhow::Result<Uri> {
            let authority: Authority = target.address.to_string().parse()?;
            let mut parts = http::uri::Parts::default();
            parts.scheme = Some(scheme.clone());
            parts.authority = Some(authority);
            parts.path_and_query = Some(PathAndQuery::from_static(path));
            Ok(Uri::from_parts(parts)?)
        };
        Ok(Self {
            headers,
            get: uri(wire::GET)?,
            set: uri(wire::SET)?,
            publish: uri(wire::PUBLISH)?,
            subscribe: uri(wire::SUBSCRIBE)?,
            create_cache: uri(wire::CREATE_CACHE)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;
    use std::pin::pin;
    use std::task::{Context, Waker};

    use tokio::net::TcpListener;
    use tokio::sync::oneshot;

    use super::*;

    /// Lets one call be open at a time, answers the second once it is told, and counts them.
    async fn serve(listener: TcpListener, told: oneshot::Receiver<()>) -> usize {
        let (io, _) = listener.accept().await.unwrap();
        let mut connection =
            h2::server::Builder::new().max_concurrent_streams(1).handshake::<_, Bytes>(io).await.unwrap();
        let mut told = Some(told);
        let mut seen = 0;
        let answer = |mut respond: h2::server::SendResponse<Bytes>| {
            let head = Response::builder().header("grpc-status", "0").body(()).unwrap();
            respond.send_response(head, true).unwrap();
        };
        while let Some(accepted) = connection.accept().await {
            let (_, respond) = accepted.unwrap();
            seen += 1;
            match told.take_if(|_| seen == 2) {
                // Meanwhile the connection is driven on.
                Some(told) => drop(tokio::spawn(async move {
                    told.await.unwrap();
                    answer(respond);
                })),
                None => answer(respond),
            }
        }
        seen
    }

    #[tokio::test]
    async fn a_call_given_up_before_it_has_a_stream_is_never_sent() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let (tell, told) = oneshot::channel();
        let server = tokio::spawn(serve(listener, told));
        let pool = Pool::connect(address, 1, &Identity::filler("cache", 16)).await.unwrap();
        let mut connection = pool.connections()[0].clone();
        drop(pool);
        let answered = Reply::Answered(Outcome::Other);
        // With its answer come the server's settings.
        assert_eq!(connection.get(b"key").await.unwrap(), answered);
        let open = connection.begin_get(b"key").await.unwrap();
        let waits = connection.begin_get(b"key").await.unwrap();
        {
            let mut given_up = pin!(connection.begin_get(b"key"));
            assert!(given_up.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
        }
        tell.send(()).unwrap();
        assert_eq!(open.reply().await.unwrap(), answered);
        assert_eq!(waits.reply().await.unwrap(), answered);
        drop(connection);
        assert_eq!(server.await.unwrap(), 3);
    }
}
