//! What RFC 9113 asks of a server, frame by frame.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a panic is a failure of the test")]

mod support;

use std::future::poll_fn;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

use bytes::Bytes;
use kura_http2::{Connection, Error, Options, Reason, Request};
use support::raw::*;
use support::{OPTIONS, echo, hold, pattern, read, serve, soon, write};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tokio::task::JoinHandle;

type Served = JoinHandle<Result<(), Error>>;

/// Answers as the path asks.
async fn answer(mut request: Request) {
    match request.head.path() {
        "/hold" => hold(request).await,
        "/early" => {
            let _ = request.respond.send_head(200, &[], true);
        }
        "/unread" => {
            drop(request.body);
            poll_fn(|cx| request.respond.poll_reset(cx)).await;
        }
        "/large" => {
            let Ok(mut stream) = request.respond.send_head(200, &[], false) else { return };
            if write(&mut stream, pattern(100_000)).await.is_ok() {
                let _ = stream.send_data(Bytes::new(), true);
            }
        }
        "/whole" => {
            let _ = request.respond.send_whole(200, &[], [pattern(100_000)], &[("grpc-status", b"0")]);
        }
        "/stuck" => {
            std::future::pending::<()>().await;
            drop(request);
        }
        _ => echo(request).await,
    }
}

fn silent(options: Options) -> (Raw<DuplexStream>, Served) {
    let (near, far) = duplex(1 << 20);
    (Raw::silent(near), tokio::spawn(serve(far, options, answer)))
}

async fn begun_with(settings: &[(u16, u32)], options: Options) -> (Raw<DuplexStream>, Served) {
    let (near, far) = duplex(1 << 20);
    let served = tokio::spawn(serve(far, options, answer));
    (Raw::begin(near, settings).await, served)
}

async fn begun() -> (Raw<DuplexStream>, Served) {
    begun_with(&[], OPTIONS).await
}

fn headers(stream: u32, flags: u8, block: &[u8]) -> Vec<u8> {
    frame(HEADERS, flags | END_HEADERS, stream, block)
}

/// A request that goes on.
fn open(stream: u32) -> Vec<u8> {
    headers(stream, 0, &post("/hold"))
}

/// A request that has ended, and is not answered.
fn half_closed(stream: u32) -> Vec<u8> {
    headers(stream, END_STREAM, &post("/hold"))
}

/// The connection ends with this error, of which the peer is told, and so is the server's caller.
async fn breaks(what: &str, bytes: &[u8], expected: u32) {
    let (mut raw, served) = begun().await;
    raw.send(bytes).await;
    let came = raw.rest().await;
    let goaway = came.iter().find(|frame| frame.kind == GOAWAY);
    let reason = goaway.unwrap_or_else(|| panic!("{what}: no GOAWAY in {came:?}")).number();
    assert_eq!(reason, expected, "{what}: {came:?}");
    match soon(served).await.unwrap() {
        Err(Error::Broken { reason, text }) => {
            assert_eq!(reason.code(), expected);
            assert!(goaway.unwrap().payload.ends_with(text.as_bytes()), "{what}: the peer is told why");
        }
        other => panic!("{what}: {other:?}"),
    }
}

/// The stream is reset with this error, once, and the connection goes on.
async fn resets(what: &str, bytes: &[u8], stream: u32, expected: u32) {
    let (mut raw, _served) = begun().await;
    raw.send(bytes).await;
    let came = raw.settled().await;
    let resets: Vec<_> = came.iter().filter(|frame| frame.kind == RST_STREAM).collect();
    assert_eq!(resets.len(), 1, "{what}: {came:?}");
    assert_eq!((resets[0].stream, resets[0].number()), (stream, expected), "{what}: {came:?}");
    goes_on(what, &mut raw).await;
}

/// Nothing comes of it.
async fn is_ignored(what: &str, bytes: &[u8]) {
    let (mut raw, _served) = begun().await;
    raw.send(bytes).await;
    let came = raw.settled().await;
    assert!(came.is_empty(), "{what}: {came:?}");
    goes_on(what, &mut raw).await;
}

/// A call on a connection is answered.
async fn goes_on(what: &str, raw: &mut Raw<DuplexStream>) {
    raw.send(&[headers(0x7fff, 0, &post("/echo")), frame(DATA, END_STREAM, 0x7fff, b"on")].concat()).await;
    let came = raw.answer(0x7fff).await;
    assert_eq!(body(&came), b"on", "{what}: {came:?}");
    assert_eq!(came.last().unwrap().kind, HEADERS, "{what}: {came:?}");
}

#[tokio::test(start_paused = true)]
async fn a_connection_begins_with_the_preface_and_settings() {
    for preface in ["GET / HTTP/1.1\r\n\r\n", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\r", "P\n"] {
        let (mut raw, served) = silent(OPTIONS);
        raw.send(preface.as_bytes()).await;
        assert!(matches!(soon(served).await.unwrap(), Err(Error::NotHttp2)), "{preface}");
    }
    let (mut raw, served) = silent(OPTIONS);
    raw.send(&PREFACE[..10]).await;
    raw.io.shutdown().await.unwrap();
    assert!(matches!(soon(served).await.unwrap(), Err(Error::Io(_))));

    for first in [frame(PING, 0, 0, &[0; 8]), frame(SETTINGS, ACK, 0, &[]), frame(0xfe, 0, 0, &[]), open(1)] {
        let (mut raw, _served) = silent(OPTIONS);
        raw.send(&[PREFACE, &first].concat()).await;
        assert_eq!(raw.rest().await.last().unwrap().number(), PROTOCOL_ERROR, "{first:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_server_says_what_it_grants_and_acknowledges_settings() {
    let (mut raw, _served) = silent(OPTIONS);
    // It need not wait for the client.
    let granted = raw.next().await.unwrap();
    assert_eq!((granted.kind, granted.flags, granted.stream), (SETTINGS, 0, 0));
    let pair = |name: u16, value: u32| [&name.to_be_bytes()[..], &value.to_be_bytes()].concat();
    for (name, value) in [(MAX_CONCURRENT_STREAMS, 100), (INITIAL_WINDOW_SIZE, 65_536), (6, 16_384)] {
        assert!(granted.payload.chunks(6).any(|setting| setting == pair(name, value)), "{name}");
    }
    let more = raw.next().await.unwrap();
    assert_eq!((more.kind, more.stream, more.number()), (WINDOW_UPDATE, 0, 256 * 1024 - 65_535));
    // Byte by byte.
    for byte in [PREFACE, &settings(&[(0xabcd, 7), (ENABLE_PUSH, 0)])].concat() {
        raw.send(&[byte]).await;
    }
    let acknowledged = raw.next().await.unwrap();
    assert_eq!((acknowledged.kind, acknowledged.flags, acknowledged.payload.len()), (SETTINGS, ACK, 0));
    raw.send(&[settings(&[]), settings(&[])].concat()).await;
    assert_eq!(raw.settled().await, [acknowledged.clone(), acknowledged]);
    goes_on("settings", &mut raw).await;
}

#[tokio::test(start_paused = true)]
async fn sizes_that_no_frame_has_end_the_connection() {
    let large = vec![0; 16_385];
    for (what, bytes) in [
        ("DATA larger than granted", [open(1), frame(DATA, 0, 1, &large)].concat()),
        ("HEADERS larger than granted", frame(HEADERS, WHOLE, 1, &large)),
        ("an unknown frame larger than granted", frame(0xee, 0, 0, &large)),
        ("PING of 7", frame(PING, 0, 0, &[0; 7])),
        ("PING of 9", frame(PING, ACK, 0, &[0; 9])),
        ("RST_STREAM of 3", [open(1), frame(RST_STREAM, 0, 1, &[0; 3])].concat()),
        ("RST_STREAM of 5", [open(1), frame(RST_STREAM, 0, 1, &[0; 5])].concat()),
        ("SETTINGS of 5", frame(SETTINGS, 0, 0, &[0; 5])),
        ("SETTINGS of 7", frame(SETTINGS, 0, 0, &[0; 7])),
        ("SETTINGS acknowledged with some", frame(SETTINGS, ACK, 0, &[0; 6])),
        ("WINDOW_UPDATE of 3", frame(WINDOW_UPDATE, 0, 0, &[0, 0, 1])),
        ("WINDOW_UPDATE of 5", [open(1), frame(WINDOW_UPDATE, 0, 1, &[0, 0, 0, 1, 0])].concat()),
        ("GOAWAY of 7", frame(GOAWAY, 0, 0, &[0; 7])),
        ("HEADERS without their priority", frame(HEADERS, WHOLE | PRIORITIZED, 1, &[0; 4])),
        ("DATA without the length of their padding", [open(1), frame(DATA, PADDED, 1, &[])].concat()),
        ("HEADERS without it", frame(HEADERS, WHOLE | PADDED, 1, &[])),
    ] {
        breaks(what, &bytes, FRAME_SIZE_ERROR).await;
    }
}

#[tokio::test(start_paused = true)]
async fn what_the_protocol_has_no_place_for_ends_the_connection() {
    let get = post("/");
    let both = |first: &[u8], second: &[u8]| [first, second].concat();
    let begun = frame(HEADERS, END_STREAM, 1, &get);
    for (what, bytes) in [
        ("DATA without a stream", frame(DATA, 0, 0, b"a")),
        ("HEADERS without a stream", frame(HEADERS, WHOLE, 0, &get)),
        ("PRIORITY without a stream", frame(PRIORITY, 0, 0, &[0; 5])),
        ("RST_STREAM without a stream", reset(0, CANCEL)),
        ("CONTINUATION without a stream", both(&begun, &frame(CONTINUATION, END_HEADERS, 0, &[]))),
        ("SETTINGS of a stream", both(&open(1), &frame(SETTINGS, 0, 1, &[]))),
        ("PING of a stream", both(&open(1), &frame(PING, 0, 1, &[0; 8]))),
        ("GOAWAY of a stream", both(&open(1), &frame(GOAWAY, 0, 1, &[0; 8]))),
        ("DATA on an idle stream", frame(DATA, 0, 1, b"a")),
        ("RST_STREAM of an idle stream", reset(1, CANCEL)),
        ("WINDOW_UPDATE of an idle stream", window_update(1, 1)),
        ("an even stream", headers(2, END_STREAM, &get)),
        ("an even stream below another", both(&open(5), &headers(2, END_STREAM, &get))),
        ("DATA on an even stream", both(&open(5), &frame(DATA, 0, 2, b"a"))),
        ("RST_STREAM of an even stream", both(&open(5), &reset(4, CANCEL))),
        ("WINDOW_UPDATE of an even stream", both(&open(5), &window_update(4, 1))),
        ("PUSH_PROMISE", both(&open(1), &frame(PUSH_PROMISE, END_HEADERS, 1, &[0, 0, 0, 2]))),
        ("CONTINUATION of nothing", both(&open(1), &frame(CONTINUATION, END_HEADERS, 1, &[]))),
        ("DATA inside of a header block", both(&begun, &frame(DATA, 0, 1, &[]))),
        ("HEADERS inside of a header block", both(&begun, &headers(3, END_STREAM, &get))),
        ("the same HEADERS again", both(&begun, &begun)),
        ("PING inside of a header block", both(&begun, &frame(PING, 0, 0, &[0; 8]))),
        ("an unknown frame inside of a header block", both(&begun, &frame(0xee, 0, 1, &[]))),
        ("CONTINUATION of another stream", both(&begun, &frame(CONTINUATION, END_HEADERS, 3, &[]))),
        ("DATA with too much padding", both(&open(1), &frame(DATA, PADDED, 1, &[2, 0]))),
        ("HEADERS with too much padding", frame(HEADERS, WHOLE | PADDED, 1, &[5, 0, 0, 0, 0])),
        ("a window of the connection that grows by nothing", window_update(0, 0)),
        ("push that is neither allowed nor not", settings(&[(ENABLE_PUSH, 2)])),
        ("frames that are too small", settings(&[(MAX_FRAME_SIZE, 16_383)])),
        ("frames that are too large", settings(&[(MAX_FRAME_SIZE, 1 << 24)])),
    ] {
        breaks(what, &bytes, PROTOCOL_ERROR).await;
    }
}

#[tokio::test(start_paused = true)]
async fn windows_beyond_their_limit_end_the_connection() {
    let half = 1 << 30;
    for (what, bytes) in [
        ("the connection's", [window_update(0, half), window_update(0, half)].concat()),
        ("a setting", settings(&[(INITIAL_WINDOW_SIZE, 1 << 31)])),
        (
            "a stream's, by a setting",
            [open(1), window_update(1, half), settings(&[(INITIAL_WINDOW_SIZE, half + 1)])].concat(),
        ),
        (
            "a stream's, by a setting that does not last",
            [
                open(1),
                window_update(1, half),
                settings(&[(INITIAL_WINDOW_SIZE, half), (INITIAL_WINDOW_SIZE, 0)]),
            ]
            .concat(),
        ),
        ("more data than the connection's", {
            let full = |id| [open(id), frame(DATA, 0, id, &[0; 16_384]).repeat(4)].concat();
            [full(1), full(3), full(5), full(7), open(9), frame(DATA, 0, 9, b"a")].concat()
        }),
    ] {
        breaks(what, &bytes, FLOW_CONTROL_ERROR).await;
    }
    // The largest there may be.
    let most = (1_u32 << 31) - 1;
    is_ignored(
        "a full window",
        &[open(1), window_update(0, most - 65_535), window_update(1, most - 65_535)].concat(),
    )
    .await;
}

#[tokio::test(start_paused = true)]
async fn what_is_wrong_with_a_stream_ends_it_alone() {
    let get = post("/hold");
    let both = |first: &[u8], second: &[u8]| [first, second].concat();
    let answered = headers(1, END_STREAM, &post("/early"));
    for (what, bytes, expected) in [
        ("DATA after the end", both(&half_closed(1), &frame(DATA, 0, 1, b"a")), STREAM_CLOSED),
        ("a request after the end", both(&half_closed(1), &headers(1, END_STREAM, &get)), STREAM_CLOSED),
        ("HEADERS that go on after the end", both(&half_closed(1), &headers(1, 0, &get)), STREAM_CLOSED),
        (
            "trailers after the end",
            both(&half_closed(1), &headers(1, END_STREAM, &block(&[("a", "b")]))),
            STREAM_CLOSED,
        ),
        ("DATA after a reset", [open(1), reset(1, CANCEL), frame(DATA, 0, 1, b"a")].concat(), STREAM_CLOSED),
        (
            "HEADERS after a reset",
            [open(1), reset(1, CANCEL), headers(1, END_STREAM, &get)].concat(),
            STREAM_CLOSED,
        ),
        ("DATA of a stream that was left out", both(&open(5), &frame(DATA, 0, 3, b"a")), STREAM_CLOSED),
        ("HEADERS of one", both(&half_closed(5), &headers(3, END_STREAM, &get)), STREAM_CLOSED),
        ("a window that grows by nothing", both(&open(1), &window_update(1, 0)), PROTOCOL_ERROR),
        (
            "a window beyond its limit",
            [open(1), window_update(1, 1 << 30), window_update(1, 1 << 30)].concat(),
            FLOW_CONTROL_ERROR,
        ),
        ("PRIORITY of a wrong size", both(&open(1), &frame(PRIORITY, 0, 1, &[0; 4])), FRAME_SIZE_ERROR),
        ("trailers that do not end", both(&open(1), &headers(1, 0, &block(&[("a", "b")]))), PROTOCOL_ERROR),
        ("trailers with a path", both(&open(1), &headers(1, END_STREAM, &get)), PROTOCOL_ERROR),
        (
            "trailers in upper case",
            both(&open(1), &headers(1, END_STREAM, &block(&[("A", "b")]))),
            PROTOCOL_ERROR,
        ),
        (
            "more data than its window",
            {
                let full = frame(DATA, 0, 1, &[0; 16_384]);
                [open(1), full.repeat(4), frame(DATA, 0, 1, b"a")].concat()
            },
            FLOW_CONTROL_ERROR,
        ),
    ] {
        let stream = if what.contains("left out") || what.contains("of one") { 3 } else { 1 };
        resets(what, &bytes, stream, expected).await;
    }
    // Both have ended.
    let (mut raw, _served) = begun().await;
    raw.send(&answered).await;
    raw.answer(1).await;
    raw.send(&frame(DATA, 0, 1, b"a")).await;
    let came = raw.settled().await;
    assert_eq!((came[0].kind, came[0].number()), (RST_STREAM, STREAM_CLOSED), "{came:?}");
    goes_on("DATA on a closed stream", &mut raw).await;
}

#[tokio::test(start_paused = true)]
async fn priority_of_a_wrong_size_on_a_stream_that_cannot_be_reset_ends_the_connection() {
    breaks("an idle stream", &frame(PRIORITY, 0, 1, &[0; 6]), FRAME_SIZE_ERROR).await;
    breaks("an even stream", &[open(3), frame(PRIORITY, 0, 2, &[0; 6])].concat(), FRAME_SIZE_ERROR).await;
}

#[tokio::test(start_paused = true)]
async fn a_request_that_is_none_is_reset() {
    let line = [(":method", "POST"), (":scheme", "http"), (":path", "/hold")];
    let with = |more: &[(&str, &str)]| block(&[&line[..], more].concat());
    let long = "x".repeat(300);
    for (what, head) in [
        ("no method", block(&line[1..])),
        ("no path", block(&line[..2])),
        ("no scheme", block(&[line[0], line[2]])),
        ("an empty path", block(&[line[0], line[1], (":path", "")])),
        ("two paths", with(&[(":path", "/b")])),
        ("a status", with(&[(":status", "200")])),
        ("an unknown pseudo-header", with(&[(":x", "y")])),
        ("a pseudo-header behind others", block(&[line[0], line[1], ("a", "b"), line[2]])),
        ("an empty head", Vec::new()),
        ("upper case", with(&[("Accept", "x")])),
        ("a colon inside", with(&[("a:b", "x")])),
        ("a space in a name", with(&[("a b", "x")])),
        ("a name of no bytes", with(&[("", "x")])),
        ("a name beyond ASCII", with(&[("ä", "x")])),
        ("a line feed", with(&[("a", "x\ny")])),
        ("a carriage return", with(&[("a", "x\ry")])),
        ("a zero", with(&[("a", "x\0y")])),
        ("connection", with(&[("connection", "close")])),
        ("proxy-connection", with(&[("proxy-connection", "close")])),
        ("keep-alive", with(&[("keep-alive", "1")])),
        ("transfer-encoding", with(&[("transfer-encoding", "chunked")])),
        ("upgrade", with(&[("upgrade", "h2c")])),
        ("te", with(&[("te", "trailers, deflate")])),
        ("CONNECT with a path", block(&[(":method", "CONNECT"), line[1], line[2]])),
        ("a length that is none", with(&[("content-length", "many")])),
        ("a length with a sign", with(&[("content-length", "+0")])),
        ("an empty length", with(&[("content-length", "")])),
        ("a length beyond all", with(&[("content-length", "18446744073709551616")])),
        ("two lengths", with(&[("content-length", "0"), ("content-length", "1")])),
        ("a length without a body", with(&[("content-length", "1")])),
        ("a long value with a zero at its end", with(&[("a", &(long + "\0"))])),
    ] {
        resets(what, &headers(1, END_STREAM, &head), 1, PROTOCOL_ERROR).await;
        // What still comes for it is thrown away.
        let more = [headers(1, 0, &head), frame(DATA, 0, 1, b"a"), frame(DATA, END_STREAM, 1, b"b")];
        if what != "a length without a body" {
            resets(what, &more.concat(), 1, PROTOCOL_ERROR).await;
        }
    }
    let fine = [("te", "trailers"), ("a", ""), ("a", "x y\tz"), ("b", "\u{e4}"), ("content-length", "0")];
    is_ignored("a request", &headers(1, END_STREAM, &with(&fine))).await;
    is_ignored("twice the same length", &headers(1, END_STREAM, &with(&[fine[4], fine[4]]))).await;
}

#[tokio::test(start_paused = true)]
async fn a_body_is_as_long_as_announced() {
    let head = |length: &str| headers(1, 0, &post_with("/echo", &[("content-length", length)]));
    let trailers = headers(1, END_STREAM, &block(&[("a", "b")]));
    for (what, bytes) in [
        ("shorter", [head("3"), frame(DATA, END_STREAM, 1, b"ab")].concat()),
        ("longer", [head("3"), frame(DATA, END_STREAM, 1, b"abcd")].concat()),
        ("longer, and going on", [head("3"), frame(DATA, 0, 1, b"ab"), frame(DATA, 0, 1, b"cd")].concat()),
        ("shorter, with trailers", [head("3"), frame(DATA, 0, 1, b"ab"), trailers.clone()].concat()),
        ("nothing, with trailers", [head("3"), trailers.clone()].concat()),
    ] {
        resets(what, &bytes, 1, PROTOCOL_ERROR).await;
    }
    for (what, bytes) in [
        (
            "padding does not count",
            [head("3"), frame(DATA, PADDED | END_STREAM, 1, &[4, b'a', b'b', b'c', 0, 0, 0, 0])].concat(),
        ),
        ("trailers", [head("3"), frame(DATA, 0, 1, b"abc"), trailers].concat()),
        (
            "an end of its own",
            [head("3"), frame(DATA, 0, 1, b"abc"), frame(DATA, END_STREAM, 1, b"")].concat(),
        ),
    ] {
        let (mut raw, _served) = begun().await;
        raw.send(&bytes).await;
        assert_eq!(body(&raw.answer(1).await), b"abc", "{what}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_may_come_and_says_nothing_is_ignored() {
    let both = |first: &[u8], second: &[u8]| [first, second].concat();
    for (what, bytes) in [
        (
            "unknown frames",
            [frame(0xee, 0xff, 0, b"x"), frame(0xff, 0, 7, &[0; 16_384]), frame(0x10, 0, 0, &[0; 4])]
                .concat(),
        ),
        (
            "PRIORITY anywhere",
            [
                frame(PRIORITY, 0, 9, &[0; 5]),
                frame(PRIORITY, 0, 2, &[0; 5]),
                open(1),
                frame(PRIORITY, 0, 1, &[0xff; 5]),
            ]
            .concat(),
        ),
        ("PING that answers nothing", frame(PING, ACK, 0, b"farewell")),
        ("GOAWAY", frame(GOAWAY, 0, 0, &[0; 20])),
        ("unknown settings' acknowledgement", frame(SETTINGS, ACK, 0, &[])),
        ("the reserved bit", both(&open(0x8000_0001), &window_update(0x8000_0001, 5))),
        ("the reserved bit of an increment", both(&open(1), &window_update(1, 0x8000_0001))),
        (
            "WINDOW_UPDATE after a reset",
            [open(1), reset(1, CANCEL), window_update(1, 5), window_update(1, 0)].concat(),
        ),
        ("RST_STREAM after another", [open(1), reset(1, CANCEL), reset(1, CANCEL)].concat()),
        ("RST_STREAM of a stream that was left out", both(&half_closed(5), &reset(3, CANCEL))),
        ("RST_STREAM with an unknown error", both(&open(1), &reset(1, 0xdead_beef))),
        ("empty DATA", both(&open(1), &frame(DATA, 0, 1, &[]).repeat(1000))),
        (
            "undefined flags",
            both(&frame(HEADERS, 0xd6 | END_HEADERS, 1, &post("/hold")), &frame(DATA, 0xf6, 1, b"a")),
        ),
    ] {
        is_ignored(what, &bytes).await;
    }
}

#[tokio::test(start_paused = true)]
async fn what_comes_for_a_stream_that_the_server_has_reset_is_thrown_away() {
    // The answer is complete before the body is: the rest is not wanted.
    let (mut raw, _served) = begun().await;
    raw.send(&headers(1, 0, &post("/early"))).await;
    let came = raw.answer(1).await;
    assert_eq!(came.last().unwrap().kind, HEADERS);
    let reset = raw.next().await.unwrap();
    assert_eq!((reset.kind, reset.stream, reset.number()), (RST_STREAM, 1, NO_ERROR));
    let kept = [&[0x40, 1, b'k', 1, b'v'][..], &block(&[("a", "b")])].concat();
    raw.send(
        &[frame(DATA, 0, 1, &[0; 16_384]), frame(DATA, 0, 1, b"a"), headers(1, END_STREAM, &kept)].concat(),
    )
    .await;
    assert_eq!(raw.settled().await, []);
    // But what it says of the table counts, and its bytes do for the window of the connection.
    raw.send(&headers(3, END_STREAM, &[post("/early"), vec![0xbe]].concat())).await;
    assert_eq!(raw.answer(3).await.last().unwrap().kind, HEADERS);
    let mut granted = 0;
    for stream in (5..).step_by(2).take(20) {
        raw.send(&headers(stream, 0, &post("/early"))).await;
        raw.answer(stream).await;
        raw.send(&frame(DATA, 0, stream, &[0; 16_384])).await;
        let came = raw.settled().await;
        granted += came
            .iter()
            .filter(|it| it.kind == WINDOW_UPDATE && it.stream == 0)
            .map(Frame::number)
            .sum::<u32>();
    }
    assert!(granted >= 20 * 16_384 - OPTIONS.connection_window / 2, "{granted}");
}

#[tokio::test(start_paused = true)]
async fn header_blocks_come_in_pieces() {
    let whole = post("/echo");
    for pieces in [2, 5, 31] {
        let (mut raw, _served) = begun().await;
        let mut bytes = frame(HEADERS, PADDED | PRIORITIZED, 1, &[2, 0, 0, 0, 0, 9, 0, 0]);
        let size = whole.len().div_ceil(pieces);
        let count = whole.chunks(size).count();
        for (at, piece) in whole.chunks(size).enumerate() {
            bytes.extend(frame(CONTINUATION, if at + 1 == count { END_HEADERS } else { 0 }, 1, piece));
        }
        bytes.extend(frame(DATA, END_STREAM, 1, b"body"));
        raw.send(&bytes).await;
        assert_eq!(body(&raw.answer(1).await), b"body");
    }
    // And those of trailers, whose end is that of HEADERS.
    let (mut raw, _served) = begun().await;
    raw.send(&[headers(1, 0, &whole), frame(DATA, 0, 1, b"body")].concat()).await;
    let trailers = block(&[("a", "b")]);
    raw.send(
        &[frame(HEADERS, END_STREAM, 1, &trailers[..2]), frame(CONTINUATION, END_HEADERS, 1, &trailers[2..])]
            .concat(),
    )
    .await;
    assert_eq!(body(&raw.answer(1).await), b"body");
}

#[tokio::test(start_paused = true)]
async fn header_blocks_without_end_end_the_connection() {
    let flood = |payload: &[u8]| {
        [frame(HEADERS, END_STREAM, 1, &post("/")), frame(CONTINUATION, 0, 1, payload).repeat(40)].concat()
    };
    breaks("many pieces", &flood(&[]), ENHANCE_YOUR_CALM).await;
    breaks("large pieces", &flood(&block(&[("a", &"b".repeat(10_000))])), ENHANCE_YOUR_CALM).await;
}

#[tokio::test(start_paused = true)]
async fn header_blocks_that_cannot_be_read_end_the_connection() {
    for (what, block) in [
        ("an index of nothing", &[0x80][..]),
        ("an index that is not there", &[0xfe]),
        ("a string that does not end", &[0, 5, b'a']),
        ("a table larger than granted", &[0x3f, 0xe2, 0x1f]),
        ("a table's size behind a field", &[0x83, 0x20]),
        ("a Huffman code that does not end", &[0, 0x81, 0]),
    ] {
        breaks(what, &headers(1, END_STREAM, block), COMPRESSION_ERROR).await;
        // In trailers, and in those of a stream that is closed.
        breaks(what, &[open(1), headers(1, END_STREAM, block)].concat(), COMPRESSION_ERROR).await;
        breaks(what, &[open(1), reset(1, CANCEL), headers(1, END_STREAM, block)].concat(), COMPRESSION_ERROR)
            .await;
    }
}

#[tokio::test(start_paused = true)]
async fn heads_that_are_too_large_are_answered() {
    let (mut raw, _served) = begun_with(&[], Options { max_head_bytes: 1000, ..OPTIONS }).await;
    let large = post_with("/echo", &[("a", &"b".repeat(1000))]);
    raw.send(&headers(1, END_STREAM, &large)).await;
    let answer = raw.answer(1).await;
    assert_eq!(answer.len(), 1);
    assert_eq!(answer[0].payload, [0x08, 3, b'4', b'3', b'1']);
    raw.send(&headers(3, 0, &large)).await;
    assert_eq!(raw.answer(3).await.len(), 1);
    raw.send(&frame(DATA, END_STREAM, 3, b"body")).await;
    let came = raw.settled().await;
    assert_eq!(came.len(), 1, "{came:?}");
    assert_eq!((came[0].kind, came[0].stream, came[0].number()), (RST_STREAM, 3, NO_ERROR));
    goes_on("a large head", &mut raw).await;
}

#[tokio::test(start_paused = true)]
async fn streams_beyond_the_limit_are_refused() {
    let (mut raw, _served) = begun_with(&[], Options { max_concurrent_streams: 3, ..OPTIONS }).await;
    raw.send(&[open(1), half_closed(3), open(5), open(7), half_closed(9)].concat()).await;
    let came = raw.settled().await;
    let refused: Vec<_> = came.iter().map(|frame| (frame.kind, frame.stream, frame.number())).collect();
    assert_eq!(refused, [(RST_STREAM, 7, REFUSED_STREAM), (RST_STREAM, 9, REFUSED_STREAM)]);
    raw.send(&[reset(3, CANCEL), open(11), open(13)].concat()).await;
    let came = raw.settled().await;
    assert_eq!(came.len(), 1, "{came:?}");
    assert_eq!((came[0].stream, came[0].number()), (13, REFUSED_STREAM));
}

#[tokio::test(start_paused = true)]
async fn ping_is_answered_with_what_it_said() {
    let (mut raw, _served) = begun().await;
    for payload in [*b"01234567", [0; 8], [0xff; 8]] {
        raw.send(&frame(PING, 0x8e, 0, &payload)).await;
        assert_eq!(
            raw.next().await.unwrap(),
            Frame { kind: PING, flags: ACK, stream: 0, payload: payload.to_vec() }
        );
    }
}

#[tokio::test(start_paused = true)]
async fn padding_counts_for_windows_and_is_given_back() {
    let (mut raw, _served) = begun().await;
    raw.send(&headers(1, 0, &post("/echo"))).await;
    // Nothing but padding, more than the window of the stream.
    let (mut window, mut all) = (i64::from(OPTIONS.stream_window), i64::from(OPTIONS.connection_window));
    let padding = frame(DATA, PADDED, 1, &[&[255][..], &[0; 255]].concat());
    for _ in 0..2000 {
        raw.send(&padding).await;
        window -= 256;
        all -= 256;
        for frame in raw.settled().await {
            assert_eq!(frame.kind, WINDOW_UPDATE, "{frame:?}");
            *if frame.stream == 0 { &mut all } else { &mut window } += i64::from(frame.number());
        }
        assert!(window > 256 && all > 256, "{window} {all}");
    }
    raw.send(&frame(DATA, END_STREAM, 1, b"end")).await;
    assert_eq!(body(&raw.answer(1).await), b"end");
}

#[tokio::test(start_paused = true)]
async fn answers_keep_to_the_windows() {
    for path in ["/large", "/whole"] {
        let (mut raw, _served) = begun_with(&[(INITIAL_WINDOW_SIZE, 3)], OPTIONS).await;
        raw.send(&headers(1, END_STREAM, &post(path))).await;
        let mut came = raw.settled().await;
        while body(&came).len() < 3 {
            came.extend(raw.settled().await);
        }
        assert_eq!(body(&came), pattern(3));
        // By the stream, and by a setting; the window falls below nothing and comes back.
        raw.send(&window_update(1, 7)).await;
        came.push(raw.next().await.unwrap());
        assert_eq!(body(&came), pattern(10));
        raw.send(&[settings(&[(INITIAL_WINDOW_SIZE, 0)]), window_update(1, 3)].concat()).await;
        assert_eq!(raw.settled().await.len(), 1, "only the acknowledgement");
        raw.send(&settings(&[(INITIAL_WINDOW_SIZE, 5), (INITIAL_WINDOW_SIZE, 20)])).await;
        while body(&came).len() < 30 {
            came.extend(raw.settled().await);
        }
        came.extend(raw.settled().await);
        assert_eq!(body(&came), pattern(30));
        // The connection's is what is left of 65,535.
        raw.send(&window_update(1, 1 << 20)).await;
        while body(&came).len() < 65_535 {
            came.push(raw.next().await.unwrap());
        }
        assert_eq!(raw.settled().await, []);
        raw.send(&window_update(0, 1 << 20)).await;
        came.extend(raw.answer(1).await);
        assert_eq!(body(&came), pattern(100_000));
    }
}

#[tokio::test(start_paused = true)]
async fn streams_share_the_connections_window_in_turn() {
    // Those that are sent as a whole, and one that sends as much as there is room for.
    for (paths, all, least) in
        [(["/whole"; 4], 40, 1000), (["/large", "/whole", "/whole", "/whole"], 80, 1000)]
    {
        let (mut raw, _served) = begun_with(&[(INITIAL_WINDOW_SIZE, 1 << 20)], OPTIONS).await;
        let mut sent = [0; 8];
        let count = |sent: &mut [usize; 8], frames: Vec<Frame>| {
            for frame in frames.iter().filter(|frame| frame.kind == DATA) {
                sent[frame.stream as usize] += frame.payload.len();
            }
        };
        let ids = [1, 3, 5, 7];
        for (id, path) in ids.into_iter().zip(paths) {
            raw.send(&headers(id, END_STREAM, &post(path))).await;
        }
        while sent.iter().sum::<usize>() < 65_535 {
            count(&mut sent, vec![raw.next().await.unwrap()]);
        }
        let before = sent;
        for _ in 0..all {
            raw.send(&window_update(0, 100)).await;
            count(&mut sent, raw.settled().await);
        }
        for id in ids {
            let came = sent[id as usize] - before[id as usize];
            assert!(came >= least, "{id} {paths:?}: {before:?} {sent:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn answers_are_in_frames_that_the_peer_takes() {
    for size in [None, Some(20_000), Some(1 << 20)] {
        let granted: Vec<_> = size
            .map(|size| (MAX_FRAME_SIZE, size))
            .into_iter()
            .chain([(INITIAL_WINDOW_SIZE, 1 << 20)])
            .collect();
        let (mut raw, _served) = begun_with(&granted, OPTIONS).await;
        raw.send(&[window_update(0, 1 << 20), headers(1, END_STREAM, &post("/whole"))].concat()).await;
        let came = raw.answer(1).await;
        assert_eq!(body(&came), pattern(100_000));
        let most = came.iter().map(|frame| frame.payload.len()).max().unwrap();
        assert!(most <= size.unwrap_or(16_384) as usize, "{most}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_body_that_nobody_reads_does_not_hold_the_connection() {
    let (mut raw, _served) = begun().await;
    // Four times as much as the connection's window, of streams whose body was dropped.
    let mut all = i64::from(OPTIONS.connection_window);
    for stream in (1..).step_by(2).take(16) {
        raw.send(&headers(stream, 0, &post("/unread"))).await;
        raw.settled().await;
        raw.send(&frame(DATA, 0, stream, &[0; 16_384]).repeat(4)).await;
        all -= 65_536;
        for frame in raw.settled().await {
            assert_eq!((frame.kind, frame.stream), (WINDOW_UPDATE, 0));
            all += i64::from(frame.number());
        }
        assert!(all >= 65_536, "{all}");
    }
    goes_on("unread", &mut raw).await;
}

#[tokio::test(start_paused = true)]
async fn a_hundred_thousand_streams_that_are_cancelled_at_once_change_nothing() {
    let (mut raw, _served) = begun().await;
    let mut stream = 1;
    for _ in 0..1000 {
        let mut bytes = Vec::new();
        for _ in 0..100 {
            bytes.extend(headers(stream, if stream % 4 == 1 { END_STREAM } else { 0 }, &post("/hold")));
            bytes.extend(reset(stream, CANCEL));
            stream += 2;
        }
        raw.send(&bytes).await;
    }
    assert!(raw.settled().await.iter().all(|frame| frame.number() == REFUSED_STREAM));
    raw.send(&[headers(stream, 0, &post("/echo")), frame(DATA, END_STREAM, stream, b"on")].concat()).await;
    assert_eq!(body(&raw.answer(stream).await), b"on");
}

#[tokio::test(start_paused = true)]
async fn calls_that_go_on_after_they_were_cancelled_are_counted() {
    // By the peer, or by what it makes the server do.
    for cancelled in [|id| reset(id, CANCEL), |id| window_update(id, 0)] {
        let (mut raw, _served) = begun_with(&[], Options { max_concurrent_streams: 100, ..OPTIONS }).await;
        let mut refused = 0;
        for stream in (1..).step_by(2).take(1000) {
            raw.send(&[headers(stream, END_STREAM, &post("/stuck")), cancelled(stream)].concat()).await;
            let came = raw.settled().await;
            refused += came.iter().filter(|frame| frame.number() == REFUSED_STREAM).count();
        }
        assert_eq!(refused, 1000 - 400);
    }
}

/// Does something to a connection when its first request comes, and holds all of them.
fn changed(change: fn(&mut Connection<DuplexStream>)) -> (DuplexStream, Served) {
    let (near, far) = duplex(1 << 20);
    let served = tokio::spawn(async move {
        let mut connection = Connection::handshake(far, &OPTIONS).await?;
        let (mut requests, mut held) = (Vec::new(), 0);
        while poll_fn(|cx| connection.poll_requests(cx, &mut requests)).await? {
            for request in requests.drain(..) {
                if held == 0 {
                    change(&mut connection);
                }
                held += 1;
                tokio::spawn(answer(request));
            }
        }
        Ok(())
    });
    (near, served)
}

#[tokio::test(start_paused = true)]
async fn windows_that_are_widened_hold_for_streams_that_are_open() {
    let (near, _served) = changed(|connection| connection.widen(100_000, 500_000));
    let mut raw = Raw::begin(near, &[]).await;
    raw.send(&open(1)).await;
    let came = [raw.settled().await, raw.settled().await].concat();
    assert_eq!(
        came[0].payload,
        [&INITIAL_WINDOW_SIZE.to_be_bytes()[..], &100_000_u32.to_be_bytes()].concat()
    );
    assert_eq!((came[1].kind, came[1].stream, came[1].number()), (WINDOW_UPDATE, 0, 500_000 - 256 * 1024));
    raw.send(&frame(SETTINGS, ACK, 0, &[])).await;
    for stream in [1, 3, 5, 7] {
        if stream > 1 {
            raw.send(&open(stream)).await;
        }
        raw.send(&frame(DATA, 0, stream, &[0; 10_000]).repeat(10)).await;
        assert_eq!(raw.settled().await, []);
    }
    raw.send(&frame(DATA, 0, 1, &[0])).await;
    let came = raw.settled().await;
    assert_eq!((came[0].stream, came[0].number()), (1, FLOW_CONTROL_ERROR));
}

#[tokio::test(start_paused = true)]
async fn a_farewell_is_told_twice_and_waits_for_calls_that_are_open() {
    let (near, served) = changed(Connection::graceful_shutdown);
    let mut raw = Raw::begin(near, &[]).await;
    raw.send(&headers(1, 0, &post("/echo"))).await;
    let (goaway, ping) = (raw.next().await.unwrap(), raw.next().await.unwrap());
    assert_eq!((goaway.kind, goaway.payload[..4].to_vec()), (GOAWAY, vec![0x7f, 0xff, 0xff, 0xff]));
    assert_eq!((goaway.number(), ping.kind, ping.flags), (NO_ERROR, PING, 0));
    // What was on its way is served, and another's answer to a PING is not the one that is waited for.
    raw.send(&[frame(PING, ACK, 0, &[0; 8]), headers(3, END_STREAM, &post("/echo"))].concat()).await;
    assert_eq!(raw.answer(3).await[0].kind, HEADERS);
    raw.send(&[frame(PING, ACK, 0, &ping.payload), headers(5, END_STREAM, &post("/echo"))].concat()).await;
    let (goaway, refused) = (raw.next().await.unwrap(), raw.next().await.unwrap());
    assert_eq!(
        (goaway.kind, goaway.payload[..4].to_vec(), goaway.number()),
        (GOAWAY, vec![0, 0, 0, 3], NO_ERROR)
    );
    assert_eq!((refused.stream, refused.number()), (5, REFUSED_STREAM));
    raw.send(&frame(DATA, END_STREAM, 1, b"the last")).await;
    assert_eq!(body(&raw.rest().await), b"the last");
    soon(served).await.unwrap().unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_client_may_send_by_the_initial_window_until_it_has_read_the_settings() {
    let (mut raw, _served) = silent(Options { stream_window: 1000, ..OPTIONS });
    raw.send(&[PREFACE, &settings(&[]), &open(1), &frame(DATA, 0, 1, &[0; 10_000]).repeat(6)].concat()).await;
    assert!(raw.settled().await.iter().all(|frame| frame.kind != RST_STREAM));
    // From then on it is below nothing.
    raw.send(&[frame(SETTINGS, ACK, 0, &[]), open(3), frame(DATA, 0, 3, &[0; 1000])].concat()).await;
    assert_eq!(raw.settled().await, []);
    raw.send(&[frame(DATA, 0, 1, &[0]), frame(DATA, 0, 3, &[0])].concat()).await;
    let came = raw.settled().await;
    let resets: Vec<_> = came.iter().map(|frame| (frame.stream, frame.number())).collect();
    assert_eq!(resets, [(1, FLOW_CONTROL_ERROR), (3, FLOW_CONTROL_ERROR)]);
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_does_not_read_is_not_read_from() {
    let (near, far) = duplex(1 << 20);
    let calls = Arc::new(AtomicUsize::new(0));
    let counted = calls.clone();
    let granted = [(INITIAL_WINDOW_SIZE, 0x7fff_ffff), (MAX_FRAME_SIZE, 16_384)];
    let _served = tokio::spawn(async move {
        let mut connection = Connection::handshake(far, &OPTIONS).await.unwrap();
        let mut requests = Vec::new();
        while poll_fn(|cx| connection.poll_requests(cx, &mut requests)).await.unwrap() {
            for mut request in requests.drain(..) {
                counted.fetch_add(1, Relaxed);
                request.respond.send_whole(200, &[], [Bytes::from_static(&[7; 10_000])], &[]).unwrap();
            }
        }
    });
    let mut raw = Raw::begin(near, &granted).await;
    raw.send(&window_update(0, 0x7fff_ffff - 65_535)).await;
    const CALLS: u32 = 5000;
    let ids = || (1..).step_by(2).take(CALLS as usize);
    raw.send(
        &ids()
            .flat_map(|id| {
                headers(id, END_STREAM, &block(&[(":method", "GET"), (":scheme", "http"), (":path", "/")]))
            })
            .collect::<Vec<_>>(),
    )
    .await;
    // With the pipe's megabyte, what waits, and the requests of one batch.
    tokio::time::sleep(Duration::from_secs(1)).await;
    let most = ((1 << 20) + (256 << 10)) / 10_000 + 2 * 64;
    assert!(calls.load(Relaxed) <= most, "{} calls answered", calls.load(Relaxed));
    // Nothing is lost of it.
    let mut ended = 0;
    while ended < CALLS {
        let frame = raw.next().await.unwrap();
        assert_ne!(frame.kind, RST_STREAM, "{frame:?}");
        ended += u32::from(matches!(frame.kind, DATA | HEADERS) && frame.flags & END_STREAM != 0);
    }
    assert_eq!(calls.load(Relaxed), CALLS as usize);
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_asks_and_does_not_listen_is_held_back() {
    // Each answer is as long as its question.
    for question in [frame(PING, 0, 0, &[7; 8]), settings(&[])] {
        let (near, far) = duplex(64 * 1024);
        let _served = tokio::spawn(serve(far, OPTIONS, answer));
        let mut raw = Raw::begin(near, &[]).await;
        // As much as goes in without an answer being read.
        let (mut sent, most) = (0, 8 << 20);
        let asked = question.repeat(1000);
        while sent < most {
            let from = sent % question.len();
            let write = raw.io.write(&asked[from..]);
            let Ok(written) = tokio::time::timeout(Duration::from_secs(1), write).await else { break };
            sent += written.unwrap();
        }
        // Both directions of the pipe, what waits for the socket, and what was read along.
        assert!(sent < 1 << 20, "{sent}");
        let missing = &question[sent % question.len()..];
        let (mut reading, mut writing) = tokio::io::split(raw.io);
        let mut read = vec![0; sent + missing.len()];
        let (read, written) =
            soon(async { tokio::join!(reading.read_exact(&mut read), writing.write_all(missing)) }).await;
        written.unwrap();
        read.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn calls_that_wait_for_a_peer_that_does_not_read_are_at_rest() {
    let (near, far) = duplex(64 * 1024);
    let _served = tokio::spawn(serve(far, OPTIONS, answer));
    let mut raw = Raw::begin(near, &[(INITIAL_WINDOW_SIZE, 1 << 20)]).await;
    let ids = (1..40).step_by(2);
    raw.send(&window_update(0, 1 << 30)).await;
    for (at, id) in ids.clone().enumerate() {
        raw.send(&headers(id, END_STREAM, &post(if at % 2 == 0 { "/large" } else { "/whole" }))).await;
    }
    // The clock of a test goes on only when nobody has anything to do.
    let mut came: Vec<u8> = Vec::new();
    let mut ended = 0;
    while ended < ids.len() {
        tokio::time::sleep(Duration::from_millis(1)).await;
        let frame = raw.next().await.unwrap();
        came.extend(&frame.payload[..if frame.kind == DATA { frame.payload.len() } else { 0 }]);
        ended += usize::from(frame.flags & END_STREAM != 0);
    }
    assert_eq!(came.len(), ids.len() * 100_000);
}

#[tokio::test(start_paused = true)]
async fn a_smaller_table_is_taken_and_acknowledged() {
    let (mut raw, _served) = begun().await;
    for (stream, size) in [(1, 4096), (3, 0), (5, 4096), (7, 100)] {
        raw.send(
            &[settings(&[(HEADER_TABLE_SIZE, size)]), headers(stream, END_STREAM, &post("/echo"))].concat(),
        )
        .await;
        let came = raw.answer(stream).await;
        // The first head after it has become smaller begins with a size of 0; nothing is kept from then on.
        assert_eq!(came[0].payload[0] == 0x20, stream == 3, "{came:?}");
        let trailers = &came.last().unwrap().payload;
        assert_eq!(trailers[0] & 0x40 == 0, stream > 1, "{trailers:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_body_comes_in_pieces_that_are_not_empty() {
    let (near, far) = duplex(1 << 20);
    let (told, mut heard) = tokio::sync::mpsc::unbounded_channel();
    let _served = tokio::spawn(serve(far, OPTIONS, move |mut request: Request| {
        let told = told.clone();
        async move {
            let mut pieces = Vec::new();
            while let Some(piece) = poll_fn(|cx| request.body.poll_data(cx)).await {
                pieces.push(piece.unwrap().len());
            }
            told.send(pieces).unwrap();
        }
    }));
    let mut raw = Raw::begin(near, &[]).await;
    let (empty, last) = (frame(DATA, 0, 1, b""), frame(DATA, END_STREAM, 1, b""));
    raw.send(&open(1)).await;
    for bytes in [&empty, &frame(DATA, 0, 1, b"abc"), &empty, &frame(DATA, PADDED, 1, &[1, 0]), &last] {
        raw.send(bytes).await;
        raw.settled().await;
    }
    assert_eq!(soon(heard.recv()).await.unwrap(), [3]);
    // Along with the head.
    raw.send(&[open(3), frame(DATA, END_STREAM, 3, b"")].concat()).await;
    assert_eq!(soon(heard.recv()).await.unwrap(), []);
}

#[tokio::test(start_paused = true)]
async fn reasons_reach_the_call() {
    let (near, far) = duplex(1 << 20);
    let (told, mut heard) = tokio::sync::mpsc::unbounded_channel();
    let _served = tokio::spawn(serve(far, OPTIONS, move |mut request: Request| {
        let told = told.clone();
        async move {
            let gone = read(&mut request.body).await.unwrap_err();
            told.send((gone, poll_fn(|cx| request.respond.poll_reset(cx)).await)).unwrap();
        }
    }));
    let mut raw = Raw::begin(near, &[]).await;
    raw.send(&[open(1), frame(DATA, 0, 1, b"some"), reset(1, ENHANCE_YOUR_CALM)].concat()).await;
    let gone = kura_http2::Gone::Reset(Reason::ENHANCE_YOUR_CALM);
    assert_eq!(soon(heard.recv()).await.unwrap(), (gone, gone));
    raw.send(&open(3)).await;
    drop(raw);
    assert_eq!(soon(heard.recv()).await.unwrap().1, kura_http2::Gone::Connection);
}
