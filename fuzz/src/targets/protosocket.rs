//! The messages of protosocket and the lengths before them, read in place by the server.

use kura_front_protosocket::{Command, Head, Request, Why, decode, head};
use kura_wire::fields::FieldError;
use kura_wire::protos::protosocket::cache::cache_command::RpcKind;
use kura_wire::protos::protosocket::cache::{CacheCommand, Unary, unary};
use prost::Message as _;

use crate::{Target, Trace};

pub(super) const TARGET: Target = Target {
    pieces: &[b"\x10\x07", b"\x18\x01", b"\x52\x08\x12\x06\x0a\x01c\x12\x01k", b"\x0a\x01t", b"\x20\x05"],
    ..Target::new("protosocket", "is the length and the command that prost reads, or refused with it", check)
};

fn check(input: &[u8], trace: &mut Trace<'_>) {
    let length = prost::decode_length_delimiter(input).ok();
    match head(input) {
        Head::Message { start, length: read } => {
            assert_eq!(length.map(|length| length as u64), Some(read), "another length");
            assert!(start <= input.len());
        }
        Head::Partial => assert!(input.len() < 10),
        Head::Broken => assert_eq!(length, None, "prost reads a length"),
    }

    let meant = CacheCommand::decode(input);
    match decode(input) {
        Ok(request) => {
            trace.note((request.control_code.min(3), request.command.map(|command| command.name())));
            assert_eq!(request, of(meant.as_ref().expect("prost refuses it")));
        }
        Err(malformed) => {
            trace.note(format!("{:?}", malformed.why).replace(|c: char| c.is_ascii_digit(), ""));
            // Groups ended with proto2; the server refuses them instead of passing over them.
            let group = matches!(malformed.why, Why::Fields(FieldError::WireType(3 | 4)));
            assert!(group || meant.is_err(), "{malformed:?}, but prost reads {meant:?}");
        }
    }
}

fn of(meant: &CacheCommand) -> Request<'_> {
    let command = match &meant.rpc_kind {
        Some(RpcKind::Unary(Unary { command: Some(command) })) => Some(match command {
            unary::Command::Auth(it) => Command::Authenticate { token: &it.token },
            unary::Command::Get(it) => Command::Get { namespace: &it.namespace, key: &it.key },
            unary::Command::Delete(it) => Command::Delete { namespace: &it.namespace, key: &it.key },
            unary::Command::Set(it) => Command::Set {
                namespace: &it.namespace,
                key: &it.key,
                value: &it.value,
                ttl: it.ttl_milliseconds,
            },
        }),
        _ => None,
    };
    Request { message_id: meant.message_id, control_code: meant.control_code.to_le_bytes()[0], command }
}
