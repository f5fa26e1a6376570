//! Callers on bare streams, which have no deadline on the wire: a request that has not left by its deadline never
//! does, one that has cannot be taken back. They pipeline without bound; only TCP holds them.

use std::collections::VecDeque;
use std::io::ErrorKind;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};
use kura_load::bare::Protocol;
use kura_load::client::Identity;
use kura_load::keys::SplitMix;
use kura_load::wire::Outcome;
use kura_load::workload::Workload;
use parking_lot::Mutex;
use rustix::net::sockopt;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::sleep;

use super::SEND_BUFFER;
use super::schedule::{Schedule, Tally};

/// Encoded requests that wait for the socket.
const OUT_BYTES: usize = 4 * 1024;
/// Bytes read at a time.
const READ_BYTES: usize = 64 * 1024;
/// How often the schedule is looked at.
const TICK: Duration = Duration::from_millis(1);
/// How long after the last deadline answers are waited for.
const GRACE: Duration = Duration::from_secs(30);

/// A connection that is authenticated.
struct Line {
    socket: TcpStream,
    protocol: Protocol,
    workload: Arc<Workload>,
    cache: String,
    random: SplitMix,
    out: Vec<u8>,
    came: Vec<u8>,
    /// When those that were not sent were due, and in which phase.
    waiting: VecDeque<(Instant, usize)>,
    /// The same of those whose answers are awaited.
    sent: VecDeque<(Instant, usize)>,
}

/// Makes the schedule's requests over so many connections in turn; a tally for each phase.
pub(crate) async fn offer(
    address: SocketAddr,
    protocol: Protocol,
    connections: u64,
    identity: &Identity,
    workload: &Arc<Workload>,
    schedule: &Arc<Schedule>,
) -> anyhow::Result<Vec<Tally>> {
    let tallies = schedule.phases.iter().map(|_| Tally::new()).collect::<anyhow::Result<Vec<_>>>()?;
    let tallies = Arc::new(Mutex::new(tallies));
    let mut lines = Vec::new();
    for number in 0..connections {
        lines.push(Line::open(address, protocol, identity, workload, number).await?);
    }
    let start = Instant::now();
    let mut running = JoinSet::new();
    for (number, mut line) in (0..).zip(lines) {
        let (tallies, schedule) = (Arc::clone(&tallies), Arc::clone(schedule));
        running.spawn(async move { line.run(start, &schedule, number, connections, &tallies).await });
    }
    while let Some(ended) = running.join_next().await {
        ended.context("a caller failed")??;
    }
    let tallies = tallies.lock().clone();
    Ok(tallies)
}

impl Line {
    async fn open(
        address: SocketAddr,
        protocol: Protocol,
        identity: &Identity,
        workload: &Arc<Workload>,
        seed: u64,
    ) -> anyhow::Result<Self> {
        let mut socket =
            TcpStream::connect(address).await.with_context(|| format!("connect to {address}"))?;
        socket.set_nodelay(true)?;
        // The kernel doubles it.
        sockopt::set_socket_send_buffer_size(&socket, SEND_BUFFER as usize / 2)?;
        let (mut hello, mut came) = (Vec::new(), Vec::new());
        protocol.authenticate(identity, &mut hello);
        socket.write_all(&hello).await?;
        while protocol.answer(&came).context("authenticate")?.is_none() {
            ensure!(socket.read_buf(&mut came).await? > 0, "the server ended the connection");
        }
        Ok(Self {
            socket,
            protocol,
            workload: Arc::clone(workload),
            cache: identity.cache.clone(),
            random: SplitMix::new(seed),
            out: Vec::new(),
            came: Vec::new(),
            waiting: VecDeque::new(),
            sent: VecDeque::new(),
        })
    }

    async fn run(
        &mut self,
        start: Instant,
        schedule: &Schedule,
        mut number: u64,
        connections: u64,
        tallies: &Mutex<Vec<Tally>>,
    ) -> anyhow::Result<()> {
        let mut last = Instant::now();
        loop {
            let before = self.waiting.len();
            let more = loop {
                match schedule.due(number) {
                    Some((due, phase)) if due <= start.elapsed() => {
                        self.waiting.push_back((start + due, phase))
                    }
                    next => break next.is_some(),
                }
                number += connections;
            };
            {
                let mut tallies = tallies.lock();
                self.waiting.iter().skip(before).for_each(|(_, phase)| tallies[*phase].offered += 1);
                // Forgets those whose time passed before they were sent.
                while let Some(&(due, phase)) = self.waiting.front()
                    && due.elapsed() > schedule.deadline
                {
                    self.waiting.pop_front();
                    tallies[phase].unsent += 1;
                }
            }
            self.send()?;
            // Only what the connection does not take has to wait.
            let over = self.waiting.len().min(schedule.most_waiting);
            for (_, phase) in self.waiting.drain(over..) {
                tallies.lock()[phase].unsent += 1;
            }
            if self.receive(schedule.deadline, tallies)? {
                last = Instant::now();
            }
            if !more && self.waiting.is_empty() && (self.sent.is_empty() || last.elapsed() > GRACE) {
                let mut tallies = tallies.lock();
                self.sent.drain(..).for_each(|(_, phase)| tallies[phase].late += 1);
                return Ok(());
            }
            sleep(TICK).await;
        }
    }

    /// Sends as much as TCP takes.
    fn send(&mut self) -> anyhow::Result<()> {
        let mut key = Vec::new();
        loop {
            while self.out.len() < OUT_BYTES {
                let Some(request) = self.waiting.pop_front() else { break };
                let (rank, read) = self.workload.draw_operation(&mut self.random);
                key.clear();
                self.workload.put_key(rank, &mut key);
                let value = (!read).then(|| (self.workload.value(), self.workload.spec().ttl_milliseconds));
                self.protocol.request(1, &self.cache, &key, value, &mut self.out);
                self.sent.push_back(request);
            }
            if self.out.is_empty() {
                return Ok(());
            }
            match self.socket.try_write(&self.out) {
                Ok(written) => drop(self.out.drain(..written)),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error).context("send"),
            }
        }
    }

    /// Takes the answers that are there; whether there were any.
    fn receive(&mut self, deadline: Duration, tallies: &Mutex<Vec<Tally>>) -> anyhow::Result<bool> {
        let mut any = false;
        loop {
            self.came.reserve(READ_BYTES);
            match self.socket.try_read_buf(&mut self.came) {
                Ok(0) => bail!("the server ended the connection"),
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(any),
                Err(error) => return Err(error).context("receive"),
            }
            let (mut at, now, mut tallies) = (0, Instant::now(), tallies.lock());
            // An answer that is an error ends the measurement: limits are not for overload.
            while let Some((outcome, length)) =
                self.protocol.answer(self.came.get(at..).unwrap_or_default())?
            {
                at += length;
                any = true;
                let (due, phase) = self.sent.pop_front().context("an answer to no request")?;
                let (tally, took) = (&mut tallies[phase], now.saturating_duration_since(due));
                match outcome {
                    Outcome::Hit | Outcome::Stored if took <= deadline => tally.good(took),
                    Outcome::Hit | Outcome::Stored => tally.late += 1,
                    other => tally.refuse(&format!("{other:?}")),
                }
            }
            self.came.drain(..at);
        }
    }
}
