//! Connections of protocols that put messages on a bare byte stream: RESP and protosocket.
//!
//! A connection sends some requests with one write and its next ones when all are answered: a pipeline, and on a
//! bare stream also what comes of callers that share a connection, since answers that left together arrive together.

mod open;
mod protosocket;
mod resp;

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};
use parking_lot::Mutex;
use tokio::io::{AsyncReadExt, AsyncWriteExt, ReadHalf, WriteHalf};
use tokio::task::JoinSet;

use crate::client::{Identity, Reply};
use crate::closed::PAUSES;
use crate::keys::SplitMix;
use crate::report::Sample;
use crate::socket::{Socket, Target};
use crate::wire::Outcome;
use crate::workload::Workload;

/// Bytes read at a time.
const READ_BYTES: usize = 64 * 1024;

/// The protocols.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// The protocol of Redis, version 2.
    Resp,
    /// Momento's protobuf messages behind their lengths.
    Protosocket,
}

impl Protocol {
    /// Appends what says who the client is.
    pub fn authenticate(self, identity: &Identity, bytes: &mut Vec<u8>) {
        match self {
            Self::Resp => resp::authenticate(identity, bytes),
            Self::Protosocket => protosocket::authenticate(identity, bytes),
        }
    }

    /// Appends a request about a key: a read, or a write of a value with a time to live in milliseconds.
    pub fn request(self, id: u64, cache: &str, key: &[u8], value: Option<(&[u8], u64)>, bytes: &mut Vec<u8>) {
        match self {
            Self::Resp => resp::request(key, value, bytes),
            Self::Protosocket => protosocket::request(id, cache, key, value, bytes),
        }
    }

    /// The answer at the head of some bytes and its length; none if it is not whole. An answer that is an error is
    /// one here.
    pub fn answer(self, bytes: &[u8]) -> anyhow::Result<Option<(Outcome, usize)>> {
        match self {
            Self::Resp => resp::answer(bytes),
            Self::Protosocket => protosocket::answer(bytes),
        }
    }
}

/// Several connections to one server.
#[derive(Debug)]
pub struct Pool {
    connections: Vec<Connection>,
}

impl Pool {
    /// Opens `connections` of them one after the other, authenticated as `identity`; as nobody if there is none.
    pub async fn connect(
        target: &Target,
        protocol: Protocol,
        connections: usize,
        identity: Option<&Identity>,
    ) -> anyhow::Result<Self> {
        let mut opened = Vec::with_capacity(connections);
        for _ in 0..connections {
            opened.push(Connection::open(target, protocol, identity).await?);
        }
        if opened.is_empty() {
            bail!("at least one connection is needed");
        }
        Ok(Self { connections: opened })
    }

    /// Keeps `inflight` requests on each connection for `duration`, then waits for what is still under way. Anything
    /// but a value or a miss ends the run.
    pub async fn run_for(
        &mut self,
        workload: &Arc<Workload>,
        inflight: usize,
        duration: Duration,
        seed: u64,
    ) -> anyhow::Result<Sample> {
        let end = Instant::now() + duration;
        self.each(|index, mut connection, sample| {
            let workload = Arc::clone(workload);
            let mut random = SplitMix::new(seed ^ (index as u64).wrapping_mul(0x9e37_79b9));
            async move {
                let mut sent = Instant::now();
                while sent < end {
                    for _ in 0..inflight {
                        let (rank, read) = workload.draw_operation(&mut random);
                        connection.requests.ask(&workload, rank, read);
                    }
                    connection.exchange(inflight, sent, &sample).await?;
                    // As in `closed`: connections that were answered together need not ask together.
                    for _ in 0..random.below(PAUSES) {
                        tokio::task::yield_now().await;
                    }
                    sent = Instant::now();
                }
                Ok(connection)
            }
        })
        .await
    }

    /// Writes every key once, `inflight` at a time on each connection.
    pub async fn preload(&mut self, workload: &Arc<Workload>, inflight: usize) -> anyhow::Result<Sample> {
        let stride = self.connections.len();
        self.each(|index, mut connection, sample| {
            let workload = Arc::clone(workload);
            async move {
                let ranks: Vec<u32> = (index as u32..workload.spec().keys).step_by(stride).collect();
                for some in ranks.chunks(inflight.max(1)) {
                    for rank in some {
                        connection.requests.ask(&workload, *rank, false);
                    }
                    connection.exchange(some.len(), Instant::now(), &sample).await?;
                }
                Ok(connection)
            }
        })
        .await
    }

    /// Runs a task for each connection, and has the connections back when all have ended.
    async fn each<F>(
        &mut self,
        task: impl Fn(usize, Connection, Arc<Mutex<Sample>>) -> F,
    ) -> anyhow::Result<Sample>
    where
        F: Future<Output = anyhow::Result<Connection>> + Send + 'static,
    {
        let sample = Arc::new(Mutex::new(Sample::new()?));
        let mut tasks = JoinSet::new();
        let start = Instant::now();
        for (index, connection) in self.connections.drain(..).enumerate() {
            tasks.spawn(task(index, connection, Arc::clone(&sample)));
        }
        while let Some(ended) = tasks.join_next().await {
            self.connections.push(ended.context("a task of the loader failed")??);
        }
        let mut sample = sample.lock().clone();
        sample.elapsed = start.elapsed();
        Ok(sample)
    }
}

/// One connection and what is on its way there.
#[derive(Debug)]
struct Connection {
    answers: Answers,
    requests: Requests,
}

/// The half of a connection that asks.
struct Requests {
    protocol: Protocol,
    io: WriteHalf<Socket>,
    cache: String,
    /// What is to be sent.
    bytes: Vec<u8>,
    key: Vec<u8>,
    next_id: u64,
}

/// The half of a connection that is answered.
struct Answers {
    protocol: Protocol,
    io: ReadHalf<Socket>,
    /// What came and is not read.
    held: Vec<u8>,
}

impl std::fmt::Debug for Requests {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Requests").field("protocol", &self.protocol).finish_non_exhaustive()
    }
}

impl std::fmt::Debug for Answers {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Answers").field("protocol", &self.protocol).finish_non_exhaustive()
    }
}

impl Connection {
    async fn open(target: &Target, protocol: Protocol, identity: Option<&Identity>) -> anyhow::Result<Self> {
        let (read, write) = tokio::io::split(target.connect(false).await?);
        let cache = identity.map_or_else(String::new, |identity| identity.cache.clone());
        let mut connection = Self {
            answers: Answers { protocol, io: read, held: Vec::with_capacity(READ_BYTES) },
            requests: Requests { protocol, io: write, cache, bytes: Vec::new(), key: Vec::new(), next_id: 1 },
        };
        if let Some(identity) = identity {
            protocol.authenticate(identity, &mut connection.requests.bytes);
            connection.requests.send().await?;
            let mut answered = 0;
            while answered == 0 {
                connection.answers.receive(|_| answered += 1).await.context("authenticate")?;
            }
        }
        Ok(connection)
    }

    /// Sends what was asked and waits for as many answers.
    async fn exchange(&mut self, asked: usize, sent: Instant, sample: &Mutex<Sample>) -> anyhow::Result<()> {
        self.requests.send().await?;
        let mut answered = 0;
        while answered < asked {
            let mut came = Vec::new();
            self.answers.receive(|reply| came.push(reply)).await?;
            answered += came.len();
            let latency = sent.elapsed();
            let mut sample = sample.lock();
            for reply in came {
                sample.record(&Ok(reply), latency);
            }
        }
        ensure!(answered == asked, "{answered} answers to {asked} requests");
        Ok(())
    }
}

impl Requests {
    /// Adds a request about the key of a rank: a read or a write.
    fn ask(&mut self, workload: &Workload, rank: u32, read: bool) {
        self.key.clear();
        workload.put_key(rank, &mut self.key);
        let value = (!read).then(|| (workload.value(), workload.spec().ttl_milliseconds));
        self.protocol.request(self.next_id, &self.cache, &self.key, value, &mut self.bytes);
        self.next_id += 1;
    }

    /// Sends what was asked.
    async fn send(&mut self) -> anyhow::Result<()> {
        self.io.write_all(&self.bytes).await.context("the server is gone")?;
        self.io.flush().await.context("the server is gone")?;
        self.bytes.clear();
        Ok(())
    }
}

impl Answers {
    /// Reads once and hands on every answer that is whole by then. An answer that is an error is one here.
    async fn receive(&mut self, mut each: impl FnMut(Reply)) -> anyhow::Result<()> {
        self.held.reserve(READ_BYTES / 2);
        if self.io.read_buf(&mut self.held).await.context("the server is gone")? == 0 {
            bail!("the server closed the connection");
        }
        let mut at = 0;
        loop {
            let rest = self.held.get(at..).unwrap_or_default();
            let Some((outcome, length)) = self.protocol.answer(rest)? else { break };
            each(Reply::Answered(outcome));
            at += length;
        }
        self.held.drain(..at);
        Ok(())
    }
}
