//! A client that writes whatever frames it is told to, and reads what comes back.

use std::time::Duration;

use bytes::{Buf, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::timeout;

pub const DATA: u8 = 0x0;
pub const HEADERS: u8 = 0x1;
pub const PRIORITY: u8 = 0x2;
pub const RST_STREAM: u8 = 0x3;
pub const SETTINGS: u8 = 0x4;
pub const PUSH_PROMISE: u8 = 0x5;
pub const PING: u8 = 0x6;
pub const GOAWAY: u8 = 0x7;
pub const WINDOW_UPDATE: u8 = 0x8;
pub const CONTINUATION: u8 = 0x9;

pub const ACK: u8 = 0x1;
pub const END_STREAM: u8 = 0x1;
pub const END_HEADERS: u8 = 0x4;
pub const PADDED: u8 = 0x8;
pub const PRIORITIZED: u8 = 0x20;
/// A request's only frame.
pub const WHOLE: u8 = END_STREAM | END_HEADERS;

pub const NO_ERROR: u32 = 0x0;
pub const PROTOCOL_ERROR: u32 = 0x1;
pub const FLOW_CONTROL_ERROR: u32 = 0x3;
pub const STREAM_CLOSED: u32 = 0x5;
pub const FRAME_SIZE_ERROR: u32 = 0x6;
pub const REFUSED_STREAM: u32 = 0x7;
pub const CANCEL: u32 = 0x8;
pub const COMPRESSION_ERROR: u32 = 0x9;
pub const ENHANCE_YOUR_CALM: u32 = 0xb;

pub const HEADER_TABLE_SIZE: u16 = 0x1;
pub const ENABLE_PUSH: u16 = 0x2;
pub const MAX_CONCURRENT_STREAMS: u16 = 0x3;
pub const INITIAL_WINDOW_SIZE: u16 = 0x4;
pub const MAX_FRAME_SIZE: u16 = 0x5;

pub const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// How long anything is waited for before a test fails.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// A frame as it is on the wire.
pub fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let [_, length @ ..] = (payload.len() as u32).to_be_bytes();
    [&length[..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

pub fn settings(settings: &[(u16, u32)]) -> Vec<u8> {
    let pairs = settings.iter().map(|(name, value)| [&name.to_be_bytes()[..], &value.to_be_bytes()].concat());
    frame(SETTINGS, 0, 0, &pairs.collect::<Vec<_>>().concat())
}

pub fn window_update(stream: u32, more: u32) -> Vec<u8> {
    frame(WINDOW_UPDATE, 0, stream, &more.to_be_bytes())
}

pub fn reset(stream: u32, reason: u32) -> Vec<u8> {
    frame(RST_STREAM, 0, stream, &reason.to_be_bytes())
}

/// A header block whose fields are written out and not kept.
pub fn block(fields: &[(&str, &str)]) -> Vec<u8> {
    let mut block = Vec::new();
    for (name, value) in fields {
        block.push(0);
        for text in [name, value] {
            match text.len() {
                short @ ..127 => block.push(short as u8),
                long @ 127..255 => block.extend([127, (long - 127) as u8]),
                long => block.extend([127, (long - 127) as u8 | 0x80, ((long - 127) >> 7) as u8]),
            }
            block.extend_from_slice(text.as_bytes());
        }
    }
    block
}

/// The header block of a POST.
pub fn post(path: &str) -> Vec<u8> {
    post_with(path, &[])
}

pub fn post_with(path: &str, more: &[(&str, &str)]) -> Vec<u8> {
    let line = [(":method", "POST"), (":scheme", "http"), (":path", path), (":authority", "here")];
    block(&[&line[..], more].concat())
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    pub kind: u8,
    pub flags: u8,
    pub stream: u32,
    pub payload: Vec<u8>,
}

impl Frame {
    /// The number at the end of RST_STREAM, WINDOW_UPDATE, or the error of a GOAWAY.
    pub fn number(&self) -> u32 {
        let at = if self.kind == GOAWAY { 4 } else { 0 };
        u32::from_be_bytes(self.payload[at..at + 4].try_into().unwrap())
    }
}

pub struct Raw<S> {
    pub io: S,
    input: BytesMut,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Raw<S> {
    /// Says nothing yet.
    pub fn silent(io: S) -> Self {
        Self { io, input: BytesMut::new() }
    }

    /// Begins as a client does, and reads the server's settings and its acknowledgement of ours.
    pub async fn begin(io: S, with: &[(u16, u32)]) -> Self {
        let mut raw = Self::silent(io);
        raw.send(&[PREFACE, &settings(with)].concat()).await;
        while raw.next().await.is_some_and(|frame| frame.kind != SETTINGS || frame.flags != ACK) {}
        raw.send(&frame(SETTINGS, ACK, 0, &[])).await;
        raw
    }

    /// Sends bytes; a server that has hung up is no failure, for what it said before is what counts.
    pub async fn send(&mut self, bytes: &[u8]) {
        let _ = timeout(PATIENCE, self.io.write_all(bytes)).await.expect("the server reads");
    }

    /// The next frame; none once the server has ended.
    pub async fn next(&mut self) -> Option<Frame> {
        timeout(PATIENCE, self.read()).await.expect("the server says something")
    }

    async fn read(&mut self) -> Option<Frame> {
        loop {
            if let Some(&[a, b, c, kind, flags, s0, s1, s2, s3]) = self.input.first_chunk::<9>() {
                let length = u32::from_be_bytes([0, a, b, c]) as usize;
                if self.input.len() >= 9 + length {
                    self.input.advance(9);
                    let payload = self.input.split_to(length).to_vec();
                    return Some(Frame {
                        kind,
                        flags,
                        stream: u32::from_be_bytes([s0, s1, s2, s3]),
                        payload,
                    });
                }
            }
            match self.io.read_buf(&mut self.input).await {
                Ok(read) if read > 0 => {}
                _ => return None,
            }
        }
    }

    /// All that comes up to the answer of a PING: what was sent before is dealt with by then.
    pub async fn settled(&mut self) -> Vec<Frame> {
        self.send(&frame(PING, 0, 0, b"settled?")).await;
        let mut came = Vec::new();
        loop {
            match self.next().await {
                Some(frame) if frame.kind == PING && frame.flags == ACK => {
                    assert_eq!(frame.payload, b"settled?");
                    return came;
                }
                Some(frame) => came.push(frame),
                None => panic!("the connection is over: {came:?}"),
            }
        }
    }

    /// All that comes up to the end of the connection.
    pub async fn rest(&mut self) -> Vec<Frame> {
        let mut came = Vec::new();
        while let Some(frame) = self.next().await {
            came.push(frame);
        }
        came
    }

    /// All that comes up to the end of a stream.
    pub async fn answer(&mut self, stream: u32) -> Vec<Frame> {
        let mut came = Vec::new();
        loop {
            let frame = self.next().await.unwrap_or_else(|| panic!("the connection is over: {came:?}"));
            if frame.stream != stream {
                continue;
            }
            let is_last = match frame.kind {
                DATA | HEADERS => frame.flags & END_STREAM != 0,
                kind => kind == RST_STREAM,
            };
            came.push(frame);
            if is_last {
                return came;
            }
        }
    }
}

/// The bytes of the body that frames carry.
pub fn body(frames: &[Frame]) -> Vec<u8> {
    let data = frames.iter().filter(|frame| frame.kind == DATA);
    data.flat_map(|frame| frame.payload.clone()).collect()
}
