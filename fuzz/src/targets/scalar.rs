//! The messages of the hot calls, picked apart in place by the server.

use std::time::Duration;

use bytes::Bytes;
use kura_base::Ttl;
use kura_commands::{Command, Condition, HashCondition, TtlChange, Value};
use kura_front_grpc::{Method, decode_scalar};
use kura_wire::Code;
use kura_wire::protos::cache_client as protos;
use prost::Message;

use crate::input::Input;
use crate::{Target, Trace};

pub(super) const TARGET: Target = Target {
    // Values of 4 KiB and more are shared instead of copied.
    max_input_bytes: 10_000,
    pieces: &[
        b"\x0a\x01k",
        b"\x12\x01v",
        b"\x18\x05",
        b"\x10\x05",
        b"\x20\x05",
        b"\x3a\x03\x0a\x01x",
        b"\x42\x00",
    ],
    ..Target::new("scalar", "decodes to the command that prost's message means, or refuses with it", check)
};

pub(super) const METHODS: [Method; 11] = [
    Method::Get,
    Method::GetWithHash,
    Method::ItemGetTtl,
    Method::ItemGetType,
    Method::Delete,
    Method::Set,
    Method::SetIfNotExists,
    Method::SetIf,
    Method::SetIfHash,
    Method::Increment,
    Method::UpdateTtl,
];

const MAX_TTL: Duration = Duration::from_secs(3600);

/// A command as plain values: which, value, time to live, number, condition and its operand.
#[derive(Debug, Default, PartialEq, Eq)]
struct Plain {
    key: Vec<u8>,
    value: Vec<u8>,
    ttl: Option<Ttl>,
    number: i64,
    choice: u8,
    operand: Vec<u8>,
}

fn check(input: &[u8], trace: &mut Trace<'_>) {
    let mut input = Input::of(input);
    let method = input.one_of(&METHODS);
    let message = Bytes::copy_from_slice(input.rest());
    let decoded = decode_scalar(method, &message, MAX_TTL).map(|(key, command)| plain(key, command));
    let meant = meaning(method, &message);
    trace.note((method, decoded.as_ref().map(|plain| plain.choice).map_err(|status| status.code)));
    match (decoded, meant) {
        (Ok(decoded), Ok(meant)) => {
            trace.note((method, meant.value.len() >= 4096, meant.operand.is_empty(), meant.key.is_empty()));
            assert_eq!(decoded, meant, "{method:?}: decoded is not what is meant");
        }
        (Err(status), meant) => {
            trace.note((method, status.message.replace(|c: char| c.is_ascii_digit(), "")));
            assert_eq!(status.code, Code::InvalidArgument, "{status}");
            // Groups ended with proto2; the server refuses them instead of passing over them.
            let group = status.message.contains("wire type 3");
            assert!(group || meant.is_err(), "{method:?}: {status}, but prost reads {meant:?}");
        }
        (Ok(decoded), Err(why)) => panic!("{method:?}: {decoded:?}, but it should be refused: {why}"),
    }
}

fn plain(key: &[u8], command: Command<'_>) -> Plain {
    let bytes = |value: Value<'_>| value.as_bytes().to_vec();
    let key = key.to_vec();
    match command {
        Command::Set { value, ttl } => Plain { key, value: bytes(value), ttl: Some(ttl), ..Plain::default() },
        Command::SetIf { value, ttl, condition } => {
            let (choice, operand) = match condition {
                Condition::Present => (4, &b""[..]),
                Condition::PresentAndNotEqual(operand) => (5, operand),
                Condition::Absent => (6, &b""[..]),
                Condition::Equal(operand) => (7, operand),
                Condition::AbsentOrEqual(operand) => (8, operand),
                Condition::NotEqual(operand) => (9, operand),
            };
            Plain { key, value: bytes(value), ttl: Some(ttl), choice, operand: operand.into(), number: 0 }
        }
        Command::SetIfHash { value, ttl, condition } => {
            let (choice, operand) = match condition {
                HashCondition::PresentAndNotEqual(operand) => (4, operand),
                HashCondition::PresentAndEqual(operand) => (5, operand),
                HashCondition::AbsentOrEqual(operand) => (6, operand),
                HashCondition::AbsentOrNotEqual(operand) => (7, operand),
                HashCondition::Unconditional => (8, &b""[..]),
            };
            Plain { key, value: bytes(value), ttl: Some(ttl), choice, operand: operand.into(), number: 0 }
        }
        Command::Increment { amount, ttl } => {
            Plain { key, ttl: Some(ttl), number: amount, ..Plain::default() }
        }
        Command::UpdateTtl(change) => {
            let (choice, ttl) = match change {
                TtlChange::IncreaseTo(ttl) => (2, ttl),
                TtlChange::DecreaseTo(ttl) => (3, ttl),
                TtlChange::OverwriteTo(ttl) => (4, ttl),
            };
            Plain { key, ttl: Some(ttl), choice, ..Plain::default() }
        }
        _ => Plain { key, ..Plain::default() },
    }
}

/// What `message` means by prost, or why it is to be refused.
fn meaning(method: Method, message: &Bytes) -> Result<Plain, String> {
    let ttl = |millis| Ttl::from_millis(millis, MAX_TTL).map(Some).map_err(|error| error.to_string());
    Ok(match method {
        Method::Set => {
            let protos::SetRequest { cache_key: key, cache_body: value, ttl_milliseconds } = read(message)?;
            Plain { key, value, ttl: ttl(ttl_milliseconds)?, ..Plain::default() }
        }
        Method::SetIfNotExists => {
            let request: protos::SetIfNotExistsRequest = read(message)?;
            let ttl = ttl(request.ttl_milliseconds)?;
            Plain { key: request.cache_key, value: request.cache_body, ttl, choice: 6, ..Plain::default() }
        }
        Method::SetIf => {
            use protos::set_if_request::Condition;
            let request: protos::SetIfRequest = read(message)?;
            let (choice, operand) = match request.condition.ok_or("no condition")? {
                Condition::Present(_) => (4, Vec::new()),
                Condition::PresentAndNotEqual(condition) => (5, condition.value_to_check),
                Condition::Absent(_) => (6, Vec::new()),
                Condition::Equal(condition) => (7, condition.value_to_check),
                Condition::AbsentOrEqual(condition) => (8, condition.value_to_check),
                Condition::NotEqual(condition) => (9, condition.value_to_check),
            };
            let ttl = ttl(request.ttl_milliseconds)?;
            Plain { key: request.cache_key, value: request.cache_body, ttl, number: 0, choice, operand }
        }
        Method::SetIfHash => {
            use protos::set_if_hash_request::Condition;
            let request: protos::SetIfHashRequest = read(message)?;
            let (choice, operand) = match request.condition.ok_or("no condition")? {
                Condition::PresentAndNotHashEqual(condition) => (4, condition.hash_to_check),
                Condition::PresentAndHashEqual(condition) => (5, condition.hash_to_check),
                Condition::AbsentOrHashEqual(condition) => (6, condition.hash_to_check),
                Condition::AbsentOrNotHashEqual(condition) => (7, condition.hash_to_check),
                Condition::Unconditional(_) => (8, Vec::new()),
            };
            let ttl = ttl(request.ttl_milliseconds)?;
            Plain { key: request.cache_key, value: request.cache_body, ttl, number: 0, choice, operand }
        }
        Method::Increment => {
            let protos::IncrementRequest { cache_key: key, amount: number, ttl_milliseconds } =
                read(message)?;
            Plain { key, number, ttl: ttl(ttl_milliseconds)?, ..Plain::default() }
        }
        Method::UpdateTtl => {
            use protos::update_ttl_request::UpdateTtl;
            let request: protos::UpdateTtlRequest = read(message)?;
            let (choice, millis) = match request.update_ttl.ok_or("no time to live")? {
                UpdateTtl::IncreaseToMilliseconds(millis) => (2, millis),
                UpdateTtl::DecreaseToMilliseconds(millis) => (3, millis),
                UpdateTtl::OverwriteToMilliseconds(millis) => (4, millis),
            };
            Plain { key: request.cache_key, ttl: ttl(millis)?, choice, ..Plain::default() }
        }
        // The calls that carry a key only have messages alike.
        _ => Plain { key: read::<protos::GetRequest>(message)?.cache_key, ..Plain::default() },
    })
}

fn read<M: Message + Default>(message: &Bytes) -> Result<M, String> {
    M::decode(message.clone()).map_err(|error| error.to_string())
}
