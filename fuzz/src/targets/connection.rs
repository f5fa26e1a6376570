//! A connection of the server, from its first byte: HTTP/2 as no client speaks it.

use super::request::Server;
use crate::input::Input;
use crate::{Target, Trace};

pub(super) const TARGET: Target = Target {
    max_memory_bytes: 6 << 20,
    pieces: &[
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        // SETTINGS, PING, RST_STREAM, WINDOW_UPDATE, GOAWAY, empty DATA, CONTINUATION.
        b"\0\0\0\x04\0\0\0\0\0",
        b"\0\0\x08\x06\0\0\0\0\0abcdefgh",
        b"\0\0\x04\x03\0\0\0\0\x01\0\0\0\x08",
        b"\0\0\x04\x08\0\0\0\0\0\x7f\xff\xff\xff",
        b"\0\0\x08\x07\0\0\0\0\0\0\0\0\0\0\0\0\0",
        b"\0\0\0\0\x01\0\0\0\x01",
        b"\0\0\0\x09\x04\0\0\0\x01",
        // Ends of streams, padding, priority, PRIORITY, PUSH_PROMISE, an unknown frame.
        b"\0\0\x05\0\x01\0\0\0\x01\0\0\0\0\0",
        b"\0\0\x06\0\x08\0\0\0\x01\x02abc\0\0",
        b"\0\0\x06\x01\x25\0\0\0\x03\x80\0\0\x01\x10\x82",
        b"\0\0\x05\x02\0\0\0\0\x03\0\0\0\x01\x10",
        b"\0\0\x04\x05\x04\0\0\0\x01\0\0\0\x02",
        b"\0\0\0\xee\0\0\0\0\0",
        // Each setting, at its bounds; the acknowledgement.
        b"\0\0\x06\x04\0\0\0\0\0\0\x01\0\0\0\0",
        b"\0\0\x06\x04\0\0\0\0\0\0\x02\0\0\0\x01",
        b"\0\0\x06\x04\0\0\0\0\0\0\x04\0\0\0\0",
        b"\0\0\x06\x04\0\0\0\0\0\0\x04\x7f\xff\xff\xff",
        b"\0\0\x06\x04\0\0\0\0\0\0\x05\0\0\x40\0",
        b"\0\0\0\x04\x01\0\0\0\0",
        // Windows of a stream.
        b"\0\0\x04\x08\0\0\0\0\x01\0\0\0\x01",
        b"\0\0\x04\x08\0\0\0\0\x01\x7f\xff\xff\xff",
        // A request of HPACK's static table alone; one with Huffman codes; fields that are kept, and the newest of them;
        // the table's size; numbers at and beyond what is taken; trailers.
        b"\0\0\x03\x01\x05\0\0\0\x01\x83\x86\x84",
        b"\x83\x86\x84\x41\x8c\xf1\xe3\xc2\xe5\xf2\x3a\x6b\xa0\xab\x90\xf4\xff",
        b"\x40\x01k\x01v",
        b"\xbe",
        b"\x3f\xe1\x1f",
        b"\x20",
        b"\x7f\xff\xff\xff\x7f",
        b"\xff\x80\x80\x80\x80\x01",
        b"\x5f\x10application/grpc",
        b"\x0f\x0d\x015",
        b"\0\0\x05\x01\x05\0\0\0\x01\0\x01a\x01b",
    ],
    ..Target::new(
        "connection",
        "ends when its peer has ended, whatever came before, in bounded memory",
        check,
    )
};

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";

fn check(input: &[u8], trace: &mut Trace<'_>) {
    let mut input = Input::of(input);
    let mut sent = if input.byte() == 0 { Vec::new() } else { PREFACE.to_vec() };
    sent.extend_from_slice(input.rest());
    let (ended, answered) = Server::with(|server| server.hear(&sent));
    // Without what the error repeats of the input.
    let kind = |error: std::io::Error| error.to_string().split(['"', '(']).next().map(str::to_owned);
    trace.note(ended.map_err(kind));
    // The kinds of the frames that came back.
    let mut answered = &answered[..];
    while let Some((&[a, b, c, kind, flags], _)) = answered.split_first_chunk() {
        trace.note((kind, flags));
        let length = 9 + u32::from_be_bytes([0, a, b, c]) as usize;
        answered = answered.get(length..).unwrap_or_default();
    }
}
