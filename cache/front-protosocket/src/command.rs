//! A command, decoded where it was read.
//!
//! It means what prost's `CacheCommand` means: of a field that comes twice the last one counts,
//! messages that come twice are merged, and another command in the same message replaces the one
//! before.

use kura_wire::fields::{FieldError, Fields, Payload};
use kura_wire::{Code, Status};

/// What a client asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Command<'a> {
    /// Says who the client is, from now on.
    Authenticate {
        /// The API key.
        token: &'a str,
    },
    /// Reads an item.
    Get {
        /// The name of its cache.
        namespace: &'a str,
        /// Its key.
        key: &'a [u8],
    },
    /// Writes an item.
    Set {
        /// The name of its cache.
        namespace: &'a str,
        /// Its key.
        key: &'a [u8],
        /// Its value.
        value: &'a [u8],
        /// How long it lives, in milliseconds.
        ttl: u64,
    },
    /// Removes an item.
    Delete {
        /// The name of its cache.
        namespace: &'a str,
        /// Its key.
        key: &'a [u8],
    },
}

impl Command<'_> {
    /// What metrics call it.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Authenticate { .. } => "authenticate",
            Self::Get { .. } => "get",
            Self::Set { .. } => "set",
            Self::Delete { .. } => "delete",
        }
    }
}

/// One message of a client's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Request<'a> {
    /// What its answer will carry.
    pub message_id: u64,
    /// 0 for a command, 1 for a cancellation, 2 for the end of a stream. As protosocket-rpc does,
    /// the lowest byte counts and any other value is a cancellation.
    pub control_code: u8,
    /// What is asked; none if the message holds no command, or one that this version does not know.
    pub command: Option<Command<'a>>,
}

/// Bytes that are no message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Malformed {
    /// The message's id, as far as it was read.
    pub message_id: u64,
    /// What is wrong.
    pub why: Why,
}

/// Why bytes are no message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// They are no fields.
    Fields(FieldError),
    /// A field has another wire type than its message says.
    WireType(u32),
    /// A name or a token that is not UTF-8.
    Text(u32),
}

impl From<FieldError> for Why {
    fn from(error: FieldError) -> Self {
        Self::Fields(error)
    }
}

impl From<Why> for Status {
    fn from(why: Why) -> Self {
        let what = match why {
            Why::Fields(error) => error.to_string(),
            Why::WireType(number) => {
                format!("field {number} has another wire type than its message says")
            }
            Why::Text(number) => format!("field {number} of the command is not UTF-8"),
        };
        Self::new(Code::InvalidArgument, format!("the request cannot be decoded: {what}"))
    }
}

/// Decodes a message.
///
/// # Errors
/// [`Malformed`] for what prost refuses, and for groups, which ended with proto2.
pub fn decode(message: &[u8]) -> Result<Request<'_>, Malformed> {
    let (mut message_id, mut control_code) = (0, 0);
    let mut unary = Unary::default();
    let mut read = || -> Result<(), Why> {
        for field in Fields::of(message) {
            match field? {
                (2, Payload::Varint(id)) => message_id = id,
                (3, Payload::Varint(code)) => control_code = code.to_le_bytes()[0],
                (10, Payload::Bytes(message)) => unary.merge(message)?,
                (number @ (2 | 3 | 10), _) => return Err(Why::WireType(number)),
                _ => {}
            }
        }
        Ok(())
    };
    match read() {
        Ok(()) => Ok(Request { message_id, control_code, command: unary.command() }),
        Err(why) => Err(Malformed { message_id, why }),
    }
}

/// The id of a message of which only the beginning is here: every encoder puts it first.
pub(crate) fn message_id_in_front(begun: &[u8]) -> Option<u64> {
    match Fields::of(begun).next() {
        Some(Ok((2, Payload::Varint(id)))) => Some(id),
        _ => None,
    }
}

/// The fields of the one command that counts.
#[derive(Default)]
struct Unary<'a> {
    /// Which it is: 1 authenticate, 2 get, 3 set, 4 delete.
    number: u32,
    /// Field 1: the token or the cache's name.
    text: &'a str,
    key: &'a [u8],
    value: &'a [u8],
    ttl: u64,
}

impl<'a> Unary<'a> {
    fn merge(&mut self, message: &'a [u8]) -> Result<(), Why> {
        for field in Fields::of(message) {
            match field? {
                (number @ 1..=4, Payload::Bytes(command)) => {
                    if number != self.number {
                        *self = Self { number, ..Self::default() };
                    }
                    self.merge_command(command)?;
                }
                (number @ 1..=4, _) => return Err(Why::WireType(number)),
                _ => {}
            }
        }
        Ok(())
    }

    fn merge_command(&mut self, message: &'a [u8]) -> Result<(), Why> {
        let fields = match self.number {
            1 => 1,
            3 => 4,
            _ => 2,
        };
        for field in Fields::of(message) {
            match field? {
                (1, Payload::Bytes(text)) => {
                    self.text = std::str::from_utf8(text).map_err(|_| Why::Text(1))?;
                }
                (2, Payload::Bytes(key)) if fields >= 2 => self.key = key,
                (3, Payload::Bytes(value)) if fields == 4 => self.value = value,
                (4, Payload::Varint(ttl)) if fields == 4 => self.ttl = ttl,
                (number, _) if number <= fields => return Err(Why::WireType(number)),
                _ => {}
            }
        }
        Ok(())
    }

    fn command(&self) -> Option<Command<'a>> {
        let Self { number, text, key, value, ttl } = *self;
        match number {
            1 => Some(Command::Authenticate { token: text }),
            2 => Some(Command::Get { namespace: text, key }),
            3 => Some(Command::Set { namespace: text, key, value, ttl }),
            4 => Some(Command::Delete { namespace: text, key }),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use kura_wire::protos::protosocket::cache as protos;
    use prost::Message as _;
    use protos::cache_command::RpcKind;
    use protos::unary;

    use super::*;

    fn encoded(command: unary::Command) -> Vec<u8> {
        let kind = RpcKind::Unary(protos::Unary { command: Some(command) });
        protos::CacheCommand { message_id: 7, control_code: 0, rpc_kind: Some(kind) }.encode_to_vec()
    }

    #[test]
    fn what_the_sdk_encodes_is_decoded() {
        let set = encoded(unary::Command::Set(protos::SetCommand {
            namespace: "c".into(),
            key: b"k".into(),
            value: b"v".into(),
            ttl_milliseconds: 300,
        }));
        let request = decode(&set).unwrap();
        assert_eq!((request.message_id, request.control_code), (7, 0));
        assert_eq!(request.command, Some(Command::Set { namespace: "c", key: b"k", value: b"v", ttl: 300 }));
        let token = encoded(unary::Command::Auth(protos::AuthenticateCommand { token: "t".into() }));
        assert_eq!(decode(&token).unwrap().command, Some(Command::Authenticate { token: "t" }));
    }

    #[test]
    fn another_command_in_the_same_message_replaces_the_one_before() {
        let set = b"\x1a\x08\x0a\x01c\x12\x01k\x20\x05";
        let get = b"\x12\x03\x0a\x01d";
        let message = [&b"\x52\x0a"[..], set, b"\x52\x05", get].concat();
        assert_eq!(decode(&message).unwrap().command, Some(Command::Get { namespace: "d", key: b"" }));
        // The same command again is merged with it.
        let message = [&b"\x52\x05"[..], get, b"\x52\x05\x12\x03\x12\x01k"].concat();
        assert_eq!(decode(&message).unwrap().command, Some(Command::Get { namespace: "d", key: b"k" }));
    }

    #[test]
    fn broken_messages_keep_the_id_that_was_read() {
        for (message, why) in [
            (&b"\x10\x07\x52\x05\x12"[..], Why::Fields(FieldError::Truncated)),
            (b"\x10\x07\x50\x05", Why::WireType(10)),
            (b"\x10\x07\x52\x04\x12\x02\x10\x05", Why::WireType(2)),
            (b"\x10\x07\x52\x05\x12\x03\x0a\x01\xff", Why::Text(1)),
        ] {
            assert_eq!(decode(message), Err(Malformed { message_id: 7, why }));
        }
        assert_eq!(decode(b"").unwrap(), Request { message_id: 0, control_code: 0, command: None });
    }
}
