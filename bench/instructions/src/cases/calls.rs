//! gRPC calls, from the bytes of a real client to the bytes of the answers: HTTP/2, decoding, carrying out, encoding.

use std::future::poll_fn;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};

use anyhow::{Context, ensure};
use bytes::Bytes;
use h2::RecvStream;
use http::Request;
use kura_commands::Commands;
use kura_front_grpc::{Front, Options, drain, serve};

use super::{Ready, VALUE, key};
use crate::script::{Recorder, Script, without_acknowledgements};
use crate::world::{self, CACHE};

pub(crate) const OPERATIONS: u64 = 2000;
/// Calls that a client makes at once.
const AT_ONCE: u64 = 8;
/// Keys that are read and written.
const KEYS: u64 = 1000;

pub(super) fn get() -> anyhow::Result<Ready> {
    ready("/cache_client.Scs/Get", |number| field(1, &key(number % KEYS)))
}

pub(super) fn set() -> anyhow::Result<Ready> {
    ready("/cache_client.Scs/Set", write)
}

pub(super) fn dictionary_get() -> anyhow::Result<Ready> {
    ready("/cache_client.Scs/DictionaryGet", |number| {
        [field(1, b"dictionary"), field(2, &key(number % 10))].concat()
    })
}

fn write(number: u64) -> Vec<u8> {
    [field(1, &key(number % KEYS)), field(2, &VALUE), ttl()].concat()
}

/// An hour, in field 3.
fn ttl() -> Vec<u8> {
    vec![3 << 3, 0x80, 0xdd, 0xdb, 0x01]
}

/// A field of bytes that are fewer than 128.
pub(super) fn field(number: u8, bytes: &[u8]) -> Vec<u8> {
    [&[number << 3 | 2, bytes.len() as u8], bytes].concat()
}

pub(super) fn front(commands: &Arc<Commands>) -> Arc<Front> {
    let options =
        Options { max_concurrent_streams: 1024, max_inflight_bytes: 256 << 20, random: || Some([7; 48]) };
    Arc::new(Front::new(commands.clone(), options))
}

/// Records a client's calls of one kind on a server that has the items, and plays them to it again and again.
fn ready(path: &'static str, message: fn(u64) -> Vec<u8>) -> anyhow::Result<Ready> {
    let runtime = world::runtime()?;
    let front = front(&world::commands()?);
    let fields: Vec<u8> =
        (0..10).flat_map(|number| field(2, &[field(1, &key(number)), field(2, &VALUE)].concat())).collect();
    let dictionary = [field(1, b"dictionary"), fields, ttl()].concat();
    runtime.block_on(record(&front, "/cache_client.Scs/DictionarySet", &|_| dictionary.clone(), 1))?;
    runtime.block_on(record(&front, "/cache_client.Scs/Set", &write, KEYS))?;
    let pieces = Arc::new(runtime.block_on(record(&front, path, &message, OPERATIONS))?);
    let runtime = Arc::new(runtime);
    Ok(Box::new(move || {
        let (script, told) = Script::http2(pieces.clone());
        let (front, runtime) = (front.clone(), runtime.clone());
        Ok(Box::new(move || {
            let (_drain, signal) = drain();
            runtime.block_on(serve(script, front, signal))?;
            // Headers, a message and trailers of each.
            ensure!(told.answered.load(Ordering::Relaxed) > OPERATIONS * 20, "calls were not answered");
            Ok(())
        }))
    }))
}

/// A client's bytes, a piece for each of its writes, while it makes so many calls.
async fn record(
    front: &Arc<Front>,
    path: &str,
    message: &dyn Fn(u64) -> Vec<u8>,
    calls: u64,
) -> anyhow::Result<Vec<Bytes>> {
    let mut client = Client::connect(front).await?;
    for first in (0..calls).step_by(AT_ONCE as usize) {
        let mut open = Vec::new();
        for number in first..calls.min(first + AT_ONCE) {
            open.push(client.begin(path, &message(number)).await?);
        }
        for answer in open {
            let mut body = answer.await?.into_body();
            while let Some(data) = body.data().await {
                let data = data?;
                body.flow_control().release_capacity(data.len())?;
            }
            let trailers = body.trailers().await?.context("an answer without trailers")?;
            ensure!(trailers.get("grpc-status").is_some_and(|status| status == "0"), "{path}: {trailers:?}");
        }
    }
    client.recorded()
}

/// Lets both sides do what they have to do.
async fn settle() {
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
}

/// A real client, whose bytes are written down.
pub(super) struct Client {
    sender: h2::client::SendRequest<Bytes>,
    token: String,
    pieces: Arc<Mutex<Vec<Bytes>>>,
    _drain: kura_front_grpc::Drain,
}

impl Client {
    pub(super) async fn connect(front: &Arc<Front>) -> anyhow::Result<Self> {
        let (ours, theirs) = tokio::io::duplex(1 << 20);
        let (drain, signal) = drain();
        tokio::spawn(serve(theirs, front.clone(), signal));
        let pieces = Arc::new(Mutex::new(Vec::new()));
        let recorder = Recorder { io: ours, pieces: pieces.clone() };
        // Windows so large that answers need no updates: these would come at other times when they are played.
        let (sender, connection) = h2::client::Builder::new()
            .initial_window_size(1 << 30)
            .initial_connection_window_size(1 << 30)
            .handshake(recorder)
            .await?;
        tokio::spawn(connection);
        let mut client = Self { sender, token: world::token()?, pieces, _drain: drain };
        // Both sides have their settings acknowledged, in pieces of their own, before anything that is counted.
        settle().await;
        client.begin("/cache_client.Ping/Ping", &[]).await?.await?;
        client.begin("/cache_client.Scs/Get", &field(1, b"nothing")).await?.await?;
        settle().await;
        Ok(client)
    }

    /// Makes a call with what SDKs send.
    pub(super) async fn begin(
        &mut self,
        path: &str,
        message: &[u8],
    ) -> anyhow::Result<impl Future<Output = Result<http::Response<RecvStream>, h2::Error>> + use<>> {
        let request = Request::post(format!("http://cache.cell-1.kura.internal{path}"))
            .header("te", "trailers")
            .header("content-type", "application/grpc")
            .header("authorization", &self.token)
            .header("cache", CACHE)
            .header("user-agent", "tonic/0.14.9")
            .header("grpc-timeout", "15000000u")
            .body(())?;
        poll_fn(|cx| self.sender.poll_ready(cx)).await?;
        let (answer, mut stream) = self.sender.send_request(request, false)?;
        let length = u32::try_from(message.len())?.to_be_bytes();
        stream.send_data([&[0], &length[..], message].concat().into(), true)?;
        Ok(answer)
    }

    pub(super) fn recorded(&self) -> anyhow::Result<Vec<Bytes>> {
        let pieces = self.pieces.lock().ok().context("the recorder broke")?;
        let pieces = pieces.iter().map(|piece| without_acknowledgements(piece));
        let pieces = pieces.collect::<anyhow::Result<Vec<_>>>()?;
        Ok(pieces.into_iter().filter(|piece| !piece.is_empty()).collect())
    }
}
