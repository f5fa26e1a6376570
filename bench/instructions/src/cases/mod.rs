//! What is counted.

mod calls;
mod engine;
mod parsers;
mod streams;
mod topics;

use std::hint::black_box;

use anyhow::Context;

/// A hot path.
pub(crate) struct Case {
    /// Its name in the counts.
    pub(crate) name: &'static str,
    /// Operations in one run of it.
    pub(crate) operations: u64,
    /// Makes it ready.
    prepare: fn() -> anyhow::Result<Ready>,
}

/// Makes one run after the other; only the runs are counted, not their making.
type Ready = Box<dyn FnMut() -> anyhow::Result<Work>>;
type Work = Box<dyn FnOnce() -> anyhow::Result<()>>;

/// In the order in which they are counted.
pub(crate) const CASES: [Case; 15] = [
    Case { name: "engine get", operations: engine::OPERATIONS, prepare: engine::get },
    Case { name: "engine set", operations: engine::OPERATIONS, prepare: engine::set },
    Case { name: "engine set, evicting", operations: engine::OPERATIONS, prepare: engine::set_evicting },
    Case { name: "grpc get", operations: calls::OPERATIONS, prepare: calls::get },
    Case { name: "grpc set", operations: calls::OPERATIONS, prepare: calls::set },
    Case { name: "grpc dictionary get", operations: calls::OPERATIONS, prepare: calls::dictionary_get },
    Case { name: "protosocket get", operations: streams::OPERATIONS, prepare: streams::protosocket_get },
    Case { name: "protosocket set", operations: streams::OPERATIONS, prepare: streams::protosocket_set },
    Case { name: "resp get", operations: streams::OPERATIONS, prepare: streams::resp_get },
    Case { name: "resp set", operations: streams::OPERATIONS, prepare: streams::resp_set },
    Case { name: "resp hget", operations: streams::OPERATIONS, prepare: streams::resp_hget },
    Case { name: "http key", operations: parsers::OPERATIONS, prepare: parsers::http_key },
    Case { name: "token, known", operations: parsers::OPERATIONS, prepare: parsers::token_known },
    Case { name: "token, new", operations: parsers::OPERATIONS, prepare: parsers::token_new },
    Case { name: "topic message, 100 subscribers", operations: topics::OPERATIONS, prepare: topics::fan_out },
];

/// Runs a case twice, the second time to be counted.
pub(crate) fn run(name: &str) -> anyhow::Result<()> {
    let case = CASES.iter().find(|case| case.name == name);
    let mut ready = (case.with_context(|| format!("there is no case {name:?}"))?.prepare)()?;
    ready()?()?;
    measured_section(ready()?)
}

/// valgrind counts what this calls, by its name.
#[inline(never)]
fn measured_section(work: Work) -> anyhow::Result<()> {
    black_box(work())
}

/// A key of 16 bytes.
fn key(number: u64) -> [u8; 16] {
    let mut key = *b"key:000000000000";
    let digits = format!("{number:012}");
    key[4..].copy_from_slice(&digits.as_bytes()[..12]);
    key
}

/// A value of 64 bytes.
const VALUE: [u8; 64] = [b'v'; 64];
