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
