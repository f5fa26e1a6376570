//! Protosocket and RESP, from the bytes of commands to the bytes of their answers.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use anyhow::ensure;
use bytes::Bytes;
use kura_commands::Commands;
use kura_front::{Budget, drain};

use super::calls::field;
use super::{Ready, VALUE, key};
use crate::script::Script;
use crate::world::{self, CACHE};

pub(crate) const OPERATIONS: u64 = 10_000;
/// Commands that come with one read.
const AT_ONCE: u64 = 16;
/// Keys that are read and written.
const KEYS: u64 = 1000;

/// A protocol: the command that authenticates, and what serves a stream.
struct Protocol {
    hello: Bytes,
    serve: fn(Script, &Arc<Commands>) -> anyhow::Result<()>,
}

fn protosocket() -> anyhow::Result<Protocol> {
    let token = world::token()?;
    // Longer than a byte can say, so that `field` does not do.
    let length = |bytes: usize| [bytes as u8 | 0x80, (bytes >> 7) as u8];
    let auth = [&[0x0a], &length(token.len())[..], token.as_bytes()].concat();
    let unary = [&[0x0a], &length(auth.len())[..], &auth].concat();
    let command = [&[0x10, 1, 0x52], &length(unary.len())[..], &unary].concat();
    let hello = [&length(command.len())[..], &command].concat().into();
    Ok(Protocol {
        hello,
        serve: |script, commands| {
            let front = kura_front_protosocket::Front::new(commands.clone(), Budget::new(256 << 20));
            let (_drain, signal) = drain();
            Ok(world::runtime()?.block_on(kura_front_protosocket::serve(script, Arc::new(front), signal))?)
        },
    })
}

fn resp() -> anyhow::Result<Protocol> {
    Ok(Protocol {
        hello: words(&[b"AUTH", CACHE.as_bytes(), world::token()?.as_bytes()]).into(),
        serve: |script, commands| {
            let budget = Budget::new(256 << 20);
            let front = kura_front_resp::Front::new(commands.clone(), budget, || Some([7; 8]));
            let (_drain, signal) = drain();
            Ok(world::runtime()?.block_on(kura_front_resp::serve(script, Arc::new(front), signal))?)
        },
    })
}

pub(super) fn protosocket_get() -> anyhow::Result<Ready> {
    ready(protosocket()?, proto_set, |number| {
        proto(2, &[field(1, CACHE.as_bytes()), field(2, &key(number % KEYS))].concat())
    })
}

pub(super) fn protosocket_set() -> anyhow::Result<Ready> {
    ready(protosocket()?, proto_set, proto_set)
}

fn proto_set(number: u64) -> Vec<u8> {
    let ttl = [4 << 3, 0x80, 0xdd, 0xdb, 0x01];
    let set = [field(1, CACHE.as_bytes()), field(2, &key(number % KEYS)), field(3, &VALUE), ttl.to_vec()];
    proto(3, &set.concat())
}

/// A command of this number, behind its length; all are shorter than 128 bytes.
fn proto(number: u8, body: &[u8]) -> Vec<u8> {
    let command = [&[0x10, 1][..], &field(10, &field(number, body))].concat();
    [&[command.len() as u8], &command[..]].concat()
}

pub(super) fn resp_get() -> anyhow::Result<Ready> {
    ready(resp()?, resp_set_words, |number| words(&[b"GET", &key(number % KEYS)]))
}

pub(super) fn resp_set() -> anyhow::Result<Ready> {
    ready(resp()?, resp_set_words, resp_set_words)
}

pub(super) fn resp_hget() -> anyhow::Result<Ready> {
    let fill = |number| words(&[b"HSET", b"hash", &key(number % 10), &VALUE]);
    ready(resp()?, fill, |number| words(&[b"HGET", b"hash", &key(number % 10)]))
}

fn resp_set_words(number: u64) -> Vec<u8> {
    words(&[b"SET", &key(number % KEYS), &VALUE, b"EX", b"3600"])
}

fn words(words: &[&[u8]]) -> Vec<u8> {
    let mut bytes = format!("*{}\r\n", words.len()).into_bytes();
    for word in words {
        bytes.extend_from_slice(format!("${}\r\n", word.len()).as_bytes());
        bytes.extend_from_slice(word);
        bytes.extend_from_slice(b"\r\n");
    }
    bytes
}

/// Writes every key, then plays the commands again and again.
fn ready(protocol: Protocol, fill: fn(u64) -> Vec<u8>, command: fn(u64) -> Vec<u8>) -> anyhow::Result<Ready> {
    let commands = world::commands()?;
    let (script, _) = Script::new(script(&protocol.hello, fill, KEYS));
    (protocol.serve)(script, &commands)?;
    let pieces = self::script(&protocol.hello, command, OPERATIONS);
    Ok(Box::new(move || {
        let (script, told) = Script::new(pieces.clone());
        let (commands, serve) = (commands.clone(), protocol.serve);
        Ok(Box::new(move || {
            serve(script, &commands)?;
            ensure!(told.answered.load(Ordering::Relaxed) > OPERATIONS * 4, "commands were not answered");
            Ok(())
        }))
    }))
}

fn script(hello: &Bytes, command: fn(u64) -> Vec<u8>, count: u64) -> Arc<Vec<Bytes>> {
    let piece = |first| (first..count.min(first + AT_ONCE)).flat_map(command).collect::<Vec<u8>>().into();
    Arc::new(std::iter::once(hello.clone()).chain((0..count).step_by(AT_ONCE as usize).map(piece)).collect())
}
