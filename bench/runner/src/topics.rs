//! From publishing to delivery, and what a subscription costs.

use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};
use h2::RecvStream;
use kura_load::client::{Connection, Pool, Reply};
use serde_json::json;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::time::timeout;

use crate::procfs;
use crate::results::{Origin, Report, Row};
use crate::server::{Account, Binaries, Kind, Server};

/// Streams on a connection, as SDKs open them.
const STREAMS: usize = 100;
/// Bytes of a message's value. Its last eight are the time of publishing.
const VALUE_BYTES: usize = 64;
/// How long all subscribers together may take for one message.
const LIMIT: Duration = Duration::from_secs(30);
/// Pause between messages.
const PAUSE: Duration = Duration::from_millis(2);
/// A heartbeat with its frame is shorter than this, an item longer.
const LONGEST_HEARTBEAT: usize = 16;

/// Publishes to ever more subscribers of one topic.
pub(crate) async fn measure(binaries: &Binaries, quick: bool) -> anyhow::Result<Report> {
    let steps: [(usize, usize); 3] =
        if quick { [(1, 200), (100, 20), (1000, 3)] } else { [(1, 5000), (100, 1000), (10_000, 50)] };
    let account = Account::new(Some(&binaries.kura))?;
    let (mut rows, mut raw) = (Vec::new(), Vec::new());
    for (subscribers, messages) in steps {
        let server = Server::start(Kind::Kura { memory: None }, binaries, &account, &[])?;
        server.create_cache().await?;
        eprintln!("{messages} messages to {subscribers} subscribers");
        let run = run(&server, &account, subscribers, messages).await?;
        rows.push(run.row());
        if subscribers >= 1000 {
            rows.push(run.memory_row());
        }
        raw.push(
            json!({ "subscribers": subscribers, "messages": messages, "cpu_nanos": run.cpu.as_nanos() as u64,
                         "bytes_before": run.before, "bytes_after": run.after, "micros": run.quantiles() }),
        );
    }
    Ok(Report {
        name: "topics".to_owned(),
        title: "Topics: from publishing to delivery".to_owned(),
        origin: Origin::here(),
        notes: vec![format!(
            "Messages of {VALUE_BYTES} bytes, one at a time, to all subscribers of one topic, {STREAMS} streams a \
             connection. Server on one core, publisher and all subscribers on the other, whose reading is part of \
             the time. CPU: the server's, publishing included, per message delivered. Memory: VmRSS, the \
             connections open before. The machine's load in the minute before the end: {}; over 2, others took the \
             processors and the caches, and the times are theirs, too.",
            procfs::load()
        )],
        rows,
        raw: json!(raw),
    })
}

/// What one number of subscribers led to.
struct Run {
    subscribers: usize,
    /// Nanoseconds of every delivery, sorted.
    latencies: Vec<u64>,
    cpu: Duration,
    /// Resident bytes without the subscriptions and with them.
    before: u64,
    after: u64,
}

async fn run(server: &Server, account: &Account, subscribers: usize, messages: usize) -> anyhow::Result<Run> {
    let pool = Pool::connect(server.address, subscribers.div_ceil(STREAMS) + 1, &account.identity).await?;
    let (publisher, listening) = pool.connections().split_first().context("no connection")?;
    let mut publisher = publisher.clone();
    let began = Instant::now();
    let (sender, mut delivered) = unbounded_channel();

    for connection in listening {
        connection.clone().get(b"nothing").await?;
    }
    tokio::time::sleep(Duration::from_millis(300)).await;
    let before = procfs::resident_bytes(server.pid())?;
    for number in 0..subscribers {
        let mut connection = listening[number % listening.len()].clone();
        let stream = connection.subscribe("topic").await?;
        tokio::spawn(listen(stream, began, sender.clone()));
    }
    tokio::time::sleep(Duration::from_millis(300)).await;
    let after = procfs::resident_bytes(server.pid())?;

    let mut latencies = Vec::with_capacity(subscribers * messages);
    let mut cpu = procfs::cpu_time(server.pid())?;
    // The first message of each is for its warming up.
    for number in 0..=messages {
        if number == 1 {
            cpu = procfs::cpu_time(server.pid())?;
            latencies.clear();
        }
        publish(&mut publisher, began).await?;
        let all = receive(&mut delivered, subscribers, &mut latencies);
        timeout(LIMIT, all).await.with_context(|| format!("not delivered to all within {LIMIT:?}"))??;
        tokio::time::sleep(PAUSE).await;
    }
    let cpu = procfs::cpu_time(server.pid())? - cpu;
    ensure!(delivered.try_recv().is_err(), "a message was delivered twice");
    latencies.sort_unstable();
    Ok(Run { subscribers, latencies, cpu, before, after })
}

async fn publish(publisher: &mut Connection, began: Instant) -> anyhow::Result<()> {
    let mut value = [7; VALUE_BYTES];
    let now = began.elapsed().as_nanos() as u64;
    value[VALUE_BYTES - 8..].copy_from_slice(&now.to_le_bytes());
    match publisher.publish("topic", &value).await? {
        Reply::Answered(_) => Ok(()),
        Reply::Refused(status) => bail!("publishing was refused: grpc-status {status}"),
    }
}

async fn receive(
    delivered: &mut UnboundedReceiver<anyhow::Result<u64>>,
    subscribers: usize,
    latencies: &mut Vec<u64>,
) -> anyhow::Result<()> {
    for _ in 0..subscribers {
        latencies.push(delivered.recv().await.context("all streams ended")??);
    }
    Ok(())
}

/// Reads a stream and says how long each of its messages took. Kura sends a message of this size in a frame of its
/// own, whose last bytes are the time.
async fn listen(mut stream: RecvStream, began: Instant, delivered: UnboundedSender<anyhow::Result<u64>>) {
    while let Some(frame) = stream.data().await {
        let latency = match frame {
            Err(error) => Err(error.into()),
            Ok(frame) => {
                let _ = stream.flow_control().release_capacity(frame.len());
                if frame.len() < LONGEST_HEARTBEAT {
                    continue;
                }
                match frame.last_chunk() {
                    Some(sent) if frame.len() > VALUE_BYTES => {
                        Ok((began.elapsed().as_nanos() as u64).saturating_sub(u64::from_le_bytes(*sent)))
                    }
                    _ => Err(anyhow::anyhow!("a frame of {} bytes is no message", frame.len())),
                }
            }
        };
        if delivered.send(latency).is_err() {
            return;
        }
    }
}

impl Run {
    /// A quantile of the latencies in microseconds.
    fn micros(&self, quantile: f64) -> f64 {
        let at =
            ((self.latencies.len() as f64 * quantile).ceil() as usize).clamp(1, self.latencies.len().max(1));
        self.latencies.get(at - 1).copied().unwrap_or_default() as f64 / 1000.0
    }

    /// The whole distribution; the single latencies are half a million.
    fn quantiles(&self) -> serde_json::Value {
        let at = |quantile| json!([quantile, self.micros(quantile)]);
        [0.0, 0.1, 0.25, 0.5, 0.75, 0.9, 0.99, 0.999, 0.9999, 1.0].map(at).to_vec().into()
    }

    fn row(&self) -> Row {
        let per_message = self.cpu.as_nanos() as f64 / 1000.0 / self.latencies.len() as f64;
        Row {
            figure: format!("p50 and p99 with {} subscribers", self.subscribers),
            value: format!("{:.0} and {:.0} µs", self.micros(0.5), self.micros(0.99)),
            interval: String::new(),
            goal: String::new(),
            met: None,
            beside: format!(
                "{per_message:.2} µs CPU per delivered message; {} deliveries",
                self.latencies.len()
            ),
        }
    }

    fn memory_row(&self) -> Row {
        let each = self.after.saturating_sub(self.before) as f64 / self.subscribers as f64;
        Row {
            figure: format!("resident bytes per subscription, {} of them", self.subscribers),
            value: format!("{each:.0}"),
            interval: String::new(),
            goal: String::new(),
            met: None,
            beside: format!(
                "resident {:.1} MiB before, {:.1} MiB with them",
                self.before as f64 / f64::from(1 << 20),
                self.after as f64 / f64::from(1 << 20)
            ),
        }
    }
}
