//! The servers that are asked for what the link does not know, from the network namespace of the calling thread.

use std::{fmt::Write as _, io, net::SocketAddr, sync::Arc, time::Duration};

use hickory_proto::op::ResponseCode;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpStream, UdpSocket},
    sync::{OwnedSemaphorePermit, Semaphore},
    time::timeout,
};

use crate::message::{Failure, Info, Question};

/// How long one server is waited for, over UDP and TCP together.
const PATIENCE: Duration = Duration::from_secs(2);
/// How often a question is asked, of one server after the other.
const ATTEMPTS: usize = 2;
/// More than the datagram that is asked for; a longer one is fetched over TCP.
const BUFFER: usize = 4096;

/// Whom to ask for names that are not the link's. Clones share one bound on what is asked at a time.
#[derive(Clone, Debug, Default)]
pub enum Upstream {
    /// Nobody: SERVFAIL, with an extended error that says so.
    #[default]
    None,
    /// These, in this order.
    Servers(Servers),
}

/// Servers, and how much may be asked of them at a time.
#[derive(Clone, Debug)]
pub struct Servers {
    addresses: Arc<[SocketAddr]>,
    free: Arc<Semaphore>,
}

impl Upstream {
    /// Questions that may wait for an upstream at a time; each holds a socket. One more is SERVFAIL at once.
    pub const IN_FLIGHT: usize = 512;

    /// Asks these servers, the first one first. No server is [`Upstream::None`].
    pub fn servers(addresses: Vec<SocketAddr>) -> Self {
        if addresses.is_empty() {
            return Self::None;
        }
        Self::Servers(Servers {
            addresses: addresses.into(),
            free: Arc::new(Semaphore::new(Self::IN_FLIGHT)),
        })
    }

    /// Room to ask one question.
    pub(crate) fn admit(&self) -> Result<Asking, Failure> {
        let Self::Servers(servers) = self else {
            let text = "not a name of the link, and it has no upstream server (kura-link up --upstream)";
            return Err(Failure { info: Info::NotReady, text: text.to_owned() });
        };
        let permit = Arc::clone(&servers.free).try_acquire_owned().map_err(|_| Failure {
            info: Info::NotReady,
            text: format!("{} questions wait for the upstream already, ask again", Self::IN_FLIGHT),
        })?;
        Ok(Asking { addresses: Arc::clone(&servers.addresses), _permit: permit })
    }
}

/// The right to ask one question.
#[derive(Debug)]
pub(crate) struct Asking {
    addresses: Arc<[SocketAddr]>,
    _permit: OwnedSemaphorePermit,
}

impl Asking {
    /// Asks until one server answers: the bytes of its answer, whose id is not the client's.
    pub(crate) async fn ask(self, question: &Question) -> Result<Vec<u8>, Failure> {
        let mut text = String::new();
        let mut unwilling = None;
        for (attempt, server) in self.addresses.iter().cycle().take(ATTEMPTS).enumerate() {
            let why = match timeout(PATIENCE, exchange(*server, question)).await {
                Ok(Ok((bytes, ResponseCode::ServFail | ResponseCode::Refused))) => {
                    unwilling = Some(bytes);
                    continue;
                }
                Ok(Ok((bytes, _))) => return Ok(bytes),
                Ok(Err(error)) => error.to_string(),
                Err(_) => format!("no answer within {} s", PATIENCE.as_secs()),
            };
            tracing::debug!(%server, attempt, why, "an upstream server did not answer");
            // A String takes whatever is written.
            let _ = write!(text, "{}{server}: {why}", if text.is_empty() { "" } else { "; " });
        }
        unwilling.ok_or(Failure { info: Info::NetworkError, text })
    }
}

/// One question to one server: over UDP, and again over TCP when the answer was cut short.
async fn exchange(server: SocketAddr, question: &Question) -> io::Result<(Vec<u8>, ResponseCode)> {
    // A socket and an id of its own for each question, so that an answer is hard to forge (RFC 5452).
    let (id, query) = question.for_upstream();
    let any: SocketAddr = if server.is_ipv4() { ([0, 0, 0, 0], 0).into() } else { ([0u16; 8], 0).into() };
    let socket = UdpSocket::bind(any).await?;
    socket.connect(server).await?;
    socket.send(&query).await?;
    let mut buffer = vec![0; BUFFER];
    loop {
        let length = socket.recv(&mut buffer).await?;
        match question.answered_by(id, &buffer[..length]) {
            Some(metadata) if metadata.truncation || length == BUFFER => break,
            Some(metadata) => {
                buffer.truncate(length);
                return Ok((buffer, metadata.response_code));
            }
            // Not an answer to this question: a forgery or a late one. The right one may still come.
            None => {}
        }
    }
    exchange_tcp(server, id, &query, question).await
}

async fn exchange_tcp(
    server: SocketAddr,
    id: u16,
    query: &[u8],
    question: &Question,
) -> io::Result<(Vec<u8>, ResponseCode)> {
    let mut stream = TcpStream::connect(server).await?;
    let length = u16::try_from(query.len()).map_err(io::Error::other)?;
    stream.write_all(&[&length.to_be_bytes(), query].concat()).await?;
    let mut bytes = vec![0; usize::from(stream.read_u16().await?)];
    stream.read_exact(&mut bytes).await?;
    match question.answered_by(id, &bytes) {
        Some(metadata) => Ok((bytes, metadata.response_code)),
        None => Err(io::Error::other("an answer to another question over TCP")),
    }
}
