//! The client's cutting of a response body into messages.

use bytes::Bytes;
use kura_wire::{Code, FRAME_HEADER_BYTES, Frames};

use crate::input::{Input, pieces};
use crate::{Target, Trace};

pub(super) const TARGET: Target = Target {
    pieces: &[
        b"\x00\x00\x00\x00\x00",
        b"\x00\x00\x00\x00\x03abc",
        b"\x01\x00\x00\x00\x00",
        b"\x00\x00\x00\x00\x40",
    ],
    ..Target::new("frames", "the same messages and the same end, however the body is cut", check)
};

const LIMIT: usize = 64;

/// The messages, and how they end.
type Read = (Vec<Bytes>, Result<(), Code>);

fn check(input: &[u8], trace: &mut Trace<'_>) {
    let mut input = Input::of(input);
    let cuts = input.line();
    let body = input.rest();
    let read = read(&pieces(body, cuts));
    trace.note((read.0.len().min(8), &read.1));
    read.0.iter().for_each(|message| trace.note(message.len()));
    assert_eq!(read, expected(body), "cut by {cuts:?}");
}

fn read(pieces: &[&[u8]]) -> Read {
    let mut frames = Frames::new(LIMIT);
    let mut messages = Vec::new();
    let mut drain = || -> Result<(), Code> {
        for piece in pieces {
            frames.push(Bytes::copy_from_slice(piece)).map_err(|status| status.code)?;
            while let Some(message) = frames.next().map_err(|status| status.code)? {
                messages.push(message);
            }
        }
        frames.finish().map_err(|status| status.code)
    };
    let end = drain();
    (messages, end)
}

/// gRPC's framing, read from the whole body.
fn expected(mut body: &[u8]) -> Read {
    let mut messages = Vec::new();
    while body.len() >= FRAME_HEADER_BYTES {
        let length = u32::from_be_bytes([body[1], body[2], body[3], body[4]]) as usize;
        if body[0] != 0 {
            return (messages, Err(Code::Internal));
        }
        if length > LIMIT {
            return (messages, Err(Code::ResourceExhausted));
        }
        let Some(message) = body.get(FRAME_HEADER_BYTES..FRAME_HEADER_BYTES + length) else { break };
        messages.push(Bytes::copy_from_slice(message));
        body = &body[FRAME_HEADER_BYTES + length..];
    }
    (messages, if body.is_empty() { Ok(()) } else { Err(Code::Internal) })
}
