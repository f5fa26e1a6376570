//! Answers as bytes: a `CacheResponse` behind its length.

use std::cell::Cell;

use bytes::Bytes;
use kura_commands::ValueRef;
use kura_wire::fields::{put_varint, varint_len};
use kura_wire::{Code, Status};

/// A large value up to this size is copied into the answers around it, which costs less than a
/// write of its own.
const COPIED_BYTES: usize = 16 * 1024;

/// Largest buffer that is kept for the next answers.
const KEPT_BYTES: usize = 256 * 1024;

thread_local! {
    /// The buffer for answers that no connection of this thread uses at the moment: one that is silent
    /// holds none.
    static SPARE: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

/// Which field of the response holds the answer.
#[derive(Clone, Copy)]
enum Kind {
    Error = 9,
    Authenticated = 10,
    Got = 11,
    Set = 12,
    Deleted = 13,
}

/// Answers on their way to the peer.
#[derive(Default)]
pub(crate) struct Answers {
    /// Encoded, in order.
    pub(crate) bytes: Vec<u8>,
    /// A large value that follows them. There is one at most: until it is sent, no other command is
    /// carried out.
    pub(crate) tail: Option<Bytes>,
}

impl Answers {
    /// Takes the thread's buffer, for answers that are about to be added.
    pub(crate) fn begin(&mut self) {
        if self.bytes.capacity() == 0 {
            self.bytes = SPARE.take();
        }
    }

    /// Gives the buffer back once all that was in it is sent.
    pub(crate) fn end(&mut self) {
        self.bytes.clear();
        if self.bytes.capacity() <= KEPT_BYTES {
            SPARE.set(std::mem::take(&mut self.bytes));
        } else {
            self.bytes = Vec::new();
        }
    }

    /// Whether `limit` bytes are reached or a large value waits: no more is to be added.
    pub(crate) fn are_enough(&self, limit: usize) -> bool {
        self.tail.is_some() || self.bytes.len() >= limit
    }

    pub(crate) fn are_none(&self) -> bool {
        self.bytes.is_empty()
    }

    pub(crate) fn authenticated(&mut self, message_id: u64) {
        self.start(message_id, Kind::Authenticated, 0);
    }

    pub(crate) fn set(&mut self, message_id: u64) {
        self.start(message_id, Kind::Set, 0);
    }

    pub(crate) fn deleted(&mut self, message_id: u64) {
        self.start(message_id, Kind::Deleted, 0);
    }

    /// `GetResponse`: the value in field 1; an empty one is left out, as proto3 does.
    pub(crate) fn value(&mut self, message_id: u64, value: ValueRef<'_>) {
        let bytes = value.as_bytes();
        if bytes.is_empty() {
            return self.start(message_id, Kind::Got, 0);
        }
        self.start(message_id, Kind::Got, 1 + varint_len(bytes.len() as u64) + bytes.len());
        self.bytes.push(0x0a);
        put_varint(&mut self.bytes, bytes.len() as u64);
        match value {
            ValueRef::Shared(shared) if shared.len() > COPIED_BYTES => self.tail = Some(shared.clone()),
            _ => self.bytes.extend_from_slice(bytes),
        }
    }

    /// `CommandError`: the code in field 1, the message in field 2.
    pub(crate) fn error(&mut self, message_id: u64, status: &Status) {
        self.failed(message_id, status.code, &status.message);
    }

    pub(crate) fn failed(&mut self, message_id: u64, code: Code, message: &str) {
        let code = code as u8;
        self.start(message_id, Kind::Error, 2 + 1 + varint_len(message.len() as u64) + message.len());
        self.bytes.extend_from_slice(&[0x08, code, 0x12]);
        put_varint(&mut self.bytes, message.len() as u64);
        self.bytes.extend_from_slice(message.as_bytes());
    }

    /// Everything up to the answer's own `length` bytes.
    fn start(&mut self, message_id: u64, kind: Kind, length: usize) {
        let id = if message_id == 0 { 0 } else { 1 + varint_len(message_id) };
        put_varint(&mut self.bytes, (id + 1 + varint_len(length as u64) + length) as u64);
        if message_id != 0 {
            self.bytes.push(0x08);
            put_varint(&mut self.bytes, message_id);
        }
        // Fields 9 to 13 of wire type 2.
        self.bytes.push(((kind as u8) << 3) | 2);
        put_varint(&mut self.bytes, length as u64);
    }
}

#[cfg(test)]
mod tests {
    use kura_wire::protos::protosocket::cache::cache_response::Kind;
    use kura_wire::protos::protosocket::cache::{
        AuthenticateResponse, CacheResponse, DeleteResponse, GetResponse, SetResponse,
    };
    use kura_wire::protos::protosocket::common::CommandError;
    use prost::Message as _;

    use super::*;

    #[test]
    fn answers_are_what_prost_would_write() {
        let large = Bytes::from(vec![7; 100_000]);
        for message_id in [0, 7, 0xDEAD_BEEF, u64::MAX] {
            let mut answers = Answers::default();
            let mut expected = Vec::new();
            let mut expect = |kind| {
                let response = CacheResponse { message_id, control_code: 0, kind: Some(kind) };
                response.encode_length_delimited(&mut expected).unwrap();
            };
            answers.authenticated(message_id);
            expect(Kind::Auth(AuthenticateResponse {}));
            answers.set(message_id);
            expect(Kind::Set(SetResponse {}));
            answers.deleted(message_id);
            expect(Kind::Delete(DeleteResponse {}));
            for value in [&b""[..], b"v", &[1; 300]] {
                answers.value(message_id, ValueRef::Inline(value));
                expect(Kind::Get(GetResponse { value: value.to_vec() }));
            }
            answers.failed(message_id, Code::NotFound, "Key not found");
            expect(Kind::Error(CommandError { code: 5, message: "Key not found".into() }));
            answers.value(message_id, ValueRef::Shared(&large));
            expect(Kind::Get(GetResponse { value: large.to_vec() }));
            let sent = [&answers.bytes[..], &answers.tail.unwrap()].concat();
            assert!(sent == expected, "message id {message_id}");
        }
    }
}
