//! A RESP connection of the server, from its first byte, cut in any way: whatever commands come, with
//! whatever arguments.

use std::sync::Arc;

use kura_base::{FakeClock, Limits, Millis};
use kura_commands::{Authentication, Commands, Parts};
use kura_front::{Budget, drain};
use kura_front_resp::{Front, serve};
use kura_store::{Data, Registry, TopicConfig, TopicLog};
use kura_tokens::SigningSecret;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::input::{Input, pieces};
use crate::{Target, Trace};

pub(super) const TARGET: Target = Target {
    max_input_bytes: 4096,
    // The engine's first segments, what a connection may hold, and a comparison of strings.
    max_memory_bytes: 24 << 20,
    pieces: &[
        b"\r\n",
        b"set k 12\r\n",
        b"get k\r\n",
        b"set k v ifeq 12 get\r\n",
        b"setbit k 12 1\r\n",
        b"bitfield k overflow sat incrby i5 3 100 get u8 #1\r\n",
        b"bitcount k 0 -1 bit\r\n",
        b"bitpos k 0 1\r\n",
        b"bitop not j k\r\n",
        b"lcs k j idx withmatchlen minmatchlen 1\r\n",
        b"hset h f 1 g 2\r\n",
        b"hrandfield h -3 withvalues\r\n",
        b"hscan h 0 match [f-h]*\r\n",
        b"rpush l 3 1 2 1\r\n",
        b"lpos l 1 rank -1 count 0 maxlen 3\r\n",
        b"lmove l m left right\r\n",
        b"lmpop 2 l m right count 2\r\n",
        b"sort l by k* get # get h->f limit 0 2 desc alpha store s\r\n",
        b"sadd s a b c\r\n",
        b"sadd t b d\r\n",
        b"sunionstore u s t\r\n",
        b"sintercard 2 s t limit 1\r\n",
        b"smove s t a\r\n",
        b"zadd z 1 a 2.5 b inf c\r\n",
        b"zunionstore y 2 z s weights 2 -inf aggregate max\r\n",
        b"zrangestore x z (1 +inf byscore limit 0 1\r\n",
        b"zmpop 2 x z max count 2\r\n",
        b"zdiff 2 z s withscores\r\n",
        b"rename k l\r\n",
        b"copy l k replace\r\n",
        b"scan 0 match * count 5 type set\r\n",
        b"keys [^a]?\\*\r\n",
        b"dbsize\r\n",
        b"subscribe a b\r\n",
        b"ssubscribe a\r\n",
        b"publish a m\r\n",
        b"unsubscribe\r\n",
        b"pubsub channels ?\r\n",
        b"hello 3 auth default x setname n\r\n",
        b"command getkeys zunion 2 a b\r\n",
        b"client setinfo lib-name n\r\n",
        b"reset\r\n",
        b"flushall\r\n",
        b"*2\r\n$3\r\nget\r\n$1\r\nk\r\n",
        b" -9223372036854775808 ",
        b" 4294967296 ",
        b" nan ",
    ],
    ..Target::new(
        "resp_stream",
        "gets the same answers however its bytes are cut, each in the form of RESP, and ends when they end",
        check,
    )
};

/// Longest command that this server takes: short, so that inputs reach it.
const MAX_REQUEST: usize = 1024;

fn check(input: &[u8], trace: &mut Trace<'_>) {
    let mut input = Input::of(input);
    let cuts = input.line();
    let sent = input.rest();
    let (ended, whole) = hear(&[sent]);
    let (again, cut) = hear(&pieces(sent, cuts));
    let (whole, cut) = (answers(&whole), answers(&cut));
    assert_eq!(whole, cut, "cut differently, it is answered differently");
    assert_eq!(ended.is_ok(), again.is_ok(), "{ended:?} and {again:?}");
    trace.note(ended.map_err(|error| error.kind()));
    for answer in whole {
        // The kind, and of errors what is wrong.
        let kind = answer.first().copied();
        let word = if kind == Some(b'-') { answer.get(..24.min(answer.len())) } else { None };
        trace.note((kind, word.map(<[u8]>::to_vec)));
    }
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

/// The answers, each whole, but for messages: they come when they come.
fn answers(mut bytes: &[u8]) -> Vec<Vec<u8>> {
    let mut answers = Vec::new();
    while !bytes.is_empty() {
        let end = answer_end(bytes, 0).expect("whole answers only");
        let (answer, rest) = bytes.split_at(end);
        let is_message = [&b"\r\n$7\r\nmessage\r\n"[..], b"\r\n$8\r\nsmessage\r\n"]
            .iter()
            .any(|kind| answer.get(2..).is_some_and(|answer| answer.starts_with(kind)));
        // How long a connection has been there is in the line of CLIENT INFO.
        if !is_message && !answer.windows(5).any(|word| word == b" age=") {
            answers.push(answer.to_vec());
        }
        bytes = rest;
    }
    answers
}

/// Where the answer ends that begins at a place.
fn answer_end(bytes: &[u8], at: usize) -> Option<usize> {
    let rest = bytes.get(at..)?;
    let line = rest.windows(2).position(|pair| pair == b"\r\n")?;
    let (kind, text) = (rest[0], std::str::from_utf8(&rest[1..line]).ok());
    let next = at + line + 2;
    let length = || text.and_then(|text| text.parse::<i64>().ok()).expect("a length");
    Some(match kind {
        b'+' | b'-' | b'_' | b',' => next,
        b':' => {
            length();
            next
        }
        b'$' | b'*' if length() < 0 => next,
        b'$' => {
            let end = next + usize::try_from(length()).ok()?;
            assert_eq!(bytes.get(end..end + 2)?, b"\r\n");
            end + 2
        }
        b'*' | b'%' | b'~' | b'>' => {
            let each = if kind == b'%' { 2 } else { 1 };
            let mut next = next;
            for _ in 0..length() * each {
                next = answer_end(bytes, next)?;
            }
            next
        }
        other => panic!("an answer that begins with {}", other.escape_ascii()),
    })
}

/// A front end onto a store with one empty cache, open to all.
fn front() -> Arc<Front> {
    let limits = Limits { max_request_bytes: MAX_REQUEST, max_item_bytes: 1024, ..Limits::default() };
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
    let anybody = commands.authenticate(b"").unwrap();
    commands.create_cache(&anybody, "default").unwrap();
    Arc::new(Front::new(Arc::new(commands), Budget::new(1 << 20), || Some([7; 8])))
}
