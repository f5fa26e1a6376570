//! A protosocket connection of the server, from its first byte, cut in any way.

use std::sync::Arc;

use kura_base::{FakeClock, Limits, Millis};
use kura_commands::{Authentication, Commands, Parts, Session};
use kura_front::{Budget, drain};
use kura_front_protosocket::{Front, Head, head, serve};
use kura_store::{Data, Registry, TopicConfig, TopicLog};
use kura_tokens::SigningSecret;
use kura_wire::protos::protosocket::cache::CacheResponse;
use prost::Message as _;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::input::{Input, pieces};
use crate::{Target, Trace};

pub(super) const TARGET: Target = Target {
    max_input_bytes: 4096,
    // The engine's first segments, and what a connection may hold.
    max_memory_bytes: 12 << 20,
    pieces: &[
        b"\x0c\x10\x07\x52\x08\x12\x06\x0a\x01c\x12\x01k",
        b"\x11\x10\x08\x52\x0d\x1a\x0b\x0a\x01c\x12\x01k\x1a\x01v\x20\x05",
        b"\x0c\x10\x09\x52\x08\x22\x06\x0a\x01c\x12\x01k",
        b"\x04\x10\x07\x18\x01",
        b"\x81\x08\x10\x07\x52",
        b"\xff\xff\xff\xff\x0f\x10\x07",
        b"\0",
    ],
    ..Target::new(
        "protosocket_stream",
        "gets the same answers however its bytes are cut, one a command, and ends when they end",
        check,
    )
};

/// Longest message that this server takes: short, so that inputs reach it.
const MAX_REQUEST: usize = 1024;

/// Authenticates with an empty token.
const AUTHENTICATE: &[u8] = b"\x06\x10\x01\x52\x02\x0a\x00";

fn check(input: &[u8], trace: &mut Trace<'_>) {
    let mut input = Input::of(input);
    let mut sent = if input.byte() == 0 { Vec::new() } else { AUTHENTICATE.to_vec() };
    let cuts = input.line();
    sent.extend_from_slice(input.rest());
    let (ended, whole) = hear(&[&sent]);
    let (again, cut) = hear(&pieces(&sent, cuts));
    assert_eq!(whole, cut, "cut differently, it is answered differently");
    assert_eq!(ended.is_ok(), again.is_ok(), "{ended:?} and {again:?}");
    trace.note(ended.map_err(|error| error.kind()));

    let mut left = &whole[..];
    let mut answers = 0;
    while !left.is_empty() {
        let answer = CacheResponse::decode_length_delimited(&mut left).expect("whole answers only");
        trace.note(answer.kind.as_ref().map(std::mem::discriminant));
        answers += 1;
    }
    let (mut frames, mut left) = (0, &sent[..]);
    while let Head::Message { start, length } = head(left) {
        frames += 1;
        let Some(rest) = left.get(start.saturating_add(usize::try_from(length).unwrap_or(usize::MAX))..)
        else {
            break;
        };
        left = rest;
    }
    // A length that is none is answered as well.
    assert!(answers <= frames + 1, "{answers} answers to {frames} commands");
}

/// What a server of its own answers to these pieces, and how the connection ends there.
fn hear(pieces: &[&[u8]]) -> (std::io::Result<()>, Vec<u8>) {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    runtime.block_on(async {
        let (ours, theirs) = tokio::io::duplex(256);
        let (_drain, signal) = drain();
        let server = serve(theirs, front(), signal);
        let (mut reader, mut writer) = tokio::io::split(ours);
        let send = async {
            for piece in pieces {
                // The server may have ended before.
                if writer.write_all(piece).await.is_err() {
                    break;
                }
                tokio::task::yield_now().await;
            }
            let _ = writer.shutdown().await;
        };
        let mut answers = Vec::new();
        let read = async { reader.read_to_end(&mut answers).await.unwrap() };
        let (ended, (), _) = tokio::join!(server, send, read);
        (ended, answers)
    })
}

/// A front end onto a store with one empty cache, open to all.
fn front() -> Arc<Front> {
    let limits = Limits { max_request_bytes: MAX_REQUEST, ..Limits::default() };
    let commands = Commands::new(Parts {
        registry: Arc::new(Registry::in_memory().unwrap()),
        data: Arc::new(Data::new(1 << 20, 1)),
        topics: TopicLog::new(TopicConfig { memory_bytes: 1 << 20, max_subscriptions: 16 }, Millis(0)),
        secret: SigningSecret::from_bytes([7; 32]),
        endpoint: "cell".to_owned(),
        authentication: Authentication::Optional,
        limits,
        clock: Arc::new(FakeClock::at(Millis(1_000_000))),
    });
    let anybody: Arc<Session> = commands.authenticate(b"").unwrap();
    commands.create_cache(&anybody, "c").unwrap();
    Arc::new(Front::new(Arc::new(commands), Budget::new(1 << 20)))
}
