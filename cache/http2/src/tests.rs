//! Whole connections: random scripts of what a client and the calls of a server do, cut into random pieces.

#[allow(dead_code, reason = "the tests of frames use the rest")]
#[path = "../tests/support/raw.rs"]
mod raw;

use std::cell::RefCell;
use std::collections::{BTreeMap, VecDeque};
use std::future::poll_fn;
use std::rc::Rc;
use std::task::Poll;

use bytes::Bytes;
use proptest::prelude::*;
use raw::{DATA, END_HEADERS, END_STREAM, Frame, HEADERS, PADDED, Raw, SETTINGS, WINDOW_UPDATE};
use tokio::io::{DuplexStream, duplex};
use tokio::task::{LocalSet, spawn_local, yield_now};

use crate::{Connection, Error, Gone, Options, Reason, Request};

/// What a client does next. `usize` chooses one of its streams.
#[derive(Clone, Debug)]
enum Action {
    Open(Call),
    /// As much of it as the windows allow, with so much padding.
    Send(usize, usize, Option<u8>),
    End(usize, Ending),
    Reset(usize),
    Grant(usize, u32),
    GrantAll(u32),
    Window(u32),
    /// Reads what has come.
    Settle,
}

#[derive(Clone, Copy, Debug)]
enum Ending {
    Data,
    Trailers,
}

/// What the server does with a call.
#[derive(Clone, Debug)]
struct Call {
    body: Body,
    answer: Answer,
    bytes: usize,
    /// Turns that others get between its steps.
    turns: usize,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Body {
    Dropped,
    /// One piece of it is read.
    Tasted,
    Read,
    /// Read when the answer has been sent.
    ReadLater,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Answer {
    Whole,
    /// As the peer has room.
    Measured,
    /// In pieces that are not waited for.
    Pieces,
    HeadAlone,
    Reset,
    Dropped,
}

const REPLY: [(&str, &[u8]); 1] = [("grpc-status", b"0")];

fn pattern(stream: u32, bytes: usize) -> Vec<u8> {
    (0..bytes).map(|at| (at ^ (at >> 8)) as u8 ^ stream as u8).collect()
}

impl Call {
    /// Gives the body if it was read to its end.
    async fn run(self, request: Request) -> Result<Option<Vec<u8>>, Gone> {
        let id = request.head.get("id").map_or(0, |id| String::from_utf8_lossy(id).parse().unwrap());
        let answer = Bytes::from(pattern(id, self.bytes));
        let Request { mut body, mut respond, .. } = request;
        let mut read = Vec::new();
        if matches!(self.body, Body::Read | Body::Tasted) {
            while let Some(data) = poll_fn(|cx| body.poll_data(cx)).await {
                read.extend_from_slice(&data?);
                self.pause().await;
                if self.body == Body::Tasted {
                    break;
                }
            }
        }
        let mut kept = None;
        if self.body == Body::ReadLater {
            kept = Some(body);
        } else {
            drop(body);
        }
        match self.answer {
            Answer::Whole => {
                let half = answer.slice(self.bytes / 2..);
                respond.send_whole(200, &[], [answer.slice(..self.bytes / 2), half], &REPLY)?;
            }
            Answer::HeadAlone => drop(respond.send_head(204, &[], true)?),
            Answer::Measured => {
                let mut stream = respond.send_head(200, &[], false)?;
                let mut answer = answer;
                while !answer.is_empty() {
                    stream.reserve_capacity(answer.len());
                    let room = poll_fn(|cx| stream.poll_capacity(cx)).await?;
                    stream.send_data(answer.split_to(room), false)?;
                    self.pause().await;
                }
                stream.send_trailers(&REPLY)?;
            }
            Answer::Pieces => {
                let mut stream = respond.send_head(200, &[], false)?;
                for piece in answer.chunks(1 + self.bytes / 3) {
                    stream.send_data(answer.slice_ref(piece), false)?;
                    self.pause().await;
                }
                stream.send_data(Bytes::new(), true)?;
            }
            Answer::Reset | Answer::Dropped => {
                let mut stream = respond.send_head(200, &[], false)?;
                stream.send_data(answer, false)?;
                self.pause().await;
                if self.answer == Answer::Reset {
                    stream.send_reset(Reason::ENHANCE_YOUR_CALM);
                }
            }
        }
        if let Some(mut body) = kept {
            while let Some(data) = poll_fn(|cx| body.poll_data(cx)).await {
                read.extend_from_slice(&data?);
                self.pause().await;
            }
        }
        Ok(matches!(self.body, Body::Read | Body::ReadLater).then_some(read))
    }

    async fn pause(&self) {
        for _ in 0..self.turns {
            yield_now().await;
        }
    }
}

/// A stream as its client sees it.
struct Stream {
    call: Call,
    sent: usize,
    send_window: i64,
    /// The client has ended, or anybody has reset it.
    is_sent: bool,
    cancelled: bool,
    window: i64,
    came: Vec<u8>,
    head: bool,
    /// What ended it: the server's end (none), or a reset.
    over: Option<Option<u32>>,
}

/// A client that knows what must come, and what it may send.
struct Client {
    raw: Raw<DuplexStream>,
    streams: BTreeMap<u32, Stream>,
    next: u32,
    options: Options,
    send_window: i64,
    window: i64,
    initial_window: i64,
    /// Settings that are not acknowledged.
    told: VecDeque<i64>,
    calls: Rc<RefCell<BTreeMap<u32, Call>>>,
}

impl Client {
    fn choose(&self, which: usize) -> Option<u32> {
        let open: Vec<_> = self.streams.iter().filter(|(_, it)| !it.is_sent || it.over.is_none()).collect();
        open.get(which.checked_rem(open.len())?).map(|(id, _)| **id)
    }

    async fn act(&mut self, action: &Action) {
        match action {
            Action::Open(call) => {
                let id = self.next;
                self.next += 2;
                self.calls.borrow_mut().insert(id, call.clone());
                let head = raw::post_with("/", &[("id", &id.to_string())]);
                let stream = Stream {
                    call: call.clone(),
                    sent: 0,
                    send_window: self.options.stream_window.into(),
                    is_sent: false,
                    cancelled: false,
                    window: self.initial_window,
                    came: Vec::new(),
                    head: false,
                    over: None,
                };
                self.streams.insert(id, stream);
                self.raw.send(&raw::frame(HEADERS, END_HEADERS, id, &head)).await;
            }
            &Action::Send(which, bytes, padding) => {
                let Some(id) = self.choose(which) else { return };
                let stream = self.streams.get_mut(&id).unwrap();
                let padded = padding.map_or(0, |padding| usize::from(padding) + 1);
                let room = usize::try_from(stream.send_window.min(self.send_window)).unwrap_or(0).min(16_384);
                if stream.is_sent || room < padded {
                    return;
                }
                let bytes = bytes.min(room - padded);
                let data = &pattern(id, stream.sent + bytes)[stream.sent..];
                stream.sent += bytes;
                stream.send_window -= (bytes + padded) as i64;
                self.send_window -= (bytes + padded) as i64;
                let frame = match padding {
                    None => raw::frame(DATA, 0, id, data),
                    Some(padding) => {
                        raw::frame(DATA, PADDED, id, &[&[padding], data, &vec![0; padding.into()]].concat())
                    }
                };
                self.raw.send(&frame).await;
            }
            &Action::End(which, ending) => {
                let Some(id) = self.choose(which) else { return };
                self.end(id, ending).await;
            }
            &Action::Reset(which) => {
                let Some(id) = self.choose(which) else { return };
                let stream = self.streams.get_mut(&id).unwrap();
                (stream.is_sent, stream.cancelled) = (true, true);
                stream.over.get_or_insert(Some(raw::CANCEL));
                self.raw.send(&raw::reset(id, raw::CANCEL)).await;
            }
            &Action::Grant(which, more) => {
                let Some(id) = self.choose(which) else { return };
                self.streams.get_mut(&id).unwrap().window += i64::from(more);
                self.raw.send(&raw::window_update(id, more)).await;
            }
            &Action::GrantAll(more) => {
                self.window += i64::from(more);
                self.raw.send(&raw::window_update(0, more)).await;
            }
            &Action::Window(window) => {
                self.told.push_back(window.into());
                self.raw.send(&raw::settings(&[(raw::INITIAL_WINDOW_SIZE, window)])).await;
            }
            Action::Settle => self.settle().await,
        }
    }

    async fn end(&mut self, id: u32, ending: Ending) {
        let stream = self.streams.get_mut(&id).unwrap();
        if std::mem::replace(&mut stream.is_sent, true) {
            return;
        }
        let frame = match ending {
            Ending::Data => raw::frame(DATA, END_STREAM, id, &[]),
            Ending::Trailers => raw::frame(HEADERS, raw::WHOLE, id, &raw::block(&[("a", "b")])),
        };
        self.raw.send(&frame).await;
    }

    async fn settle(&mut self) {
        for frame in self.raw.settled().await {
            self.hear(&frame);
        }
    }

    fn hear(&mut self, frame: &Frame) {
        if frame.stream == 0 {
            match frame.kind {
                WINDOW_UPDATE => {
                    assert!(frame.number() > 0);
                    self.send_window += i64::from(frame.number());
                    assert!(self.send_window <= self.options.connection_window.into());
                }
                SETTINGS => {
                    assert_eq!(frame.flags, raw::ACK);
                    let window = self.told.pop_front().unwrap();
                    let change = window - std::mem::replace(&mut self.initial_window, window);
                    self.streams.values_mut().for_each(|stream| stream.window += change);
                }
                _ => panic!("{frame:?}"),
            }
            return;
        }
        let stream = self.streams.get_mut(&frame.stream).unwrap();
        match frame.kind {
            WINDOW_UPDATE => {
                assert!(frame.number() > 0);
                stream.send_window += i64::from(frame.number());
                assert!(stream.send_window <= self.options.stream_window.into());
                return;
            }
            // What was sent before the server knew of a reset.
            DATA if stream.cancelled => {
                self.window -= frame.payload.len() as i64;
                stream.window -= frame.payload.len() as i64;
            }
            _ if stream.cancelled => return,
            raw::RST_STREAM => {
                // After its end, only that the rest of the body is not wanted.
                assert!(stream.over.is_none() || frame.number() == raw::NO_ERROR, "{frame:?}");
                stream.over.get_or_insert(Some(frame.number()));
                stream.is_sent = true;
                return;
            }
            HEADERS => {
                assert!(stream.over.is_none());
                assert_eq!(
                    stream.head,
                    frame.flags & END_STREAM != 0 && stream.call.answer != Answer::HeadAlone
                );
                stream.head = true;
            }
            DATA => {
                assert!(stream.head && stream.over.is_none());
                assert!(!frame.payload.is_empty() || frame.flags & END_STREAM != 0);
                stream.came.extend_from_slice(&frame.payload);
                self.window -= frame.payload.len() as i64;
                stream.window -= frame.payload.len() as i64;
            }
            _ => panic!("{frame:?}"),
        }
        if !frame.payload.is_empty() && frame.kind == DATA {
            assert!(self.window >= 0, "more than the connection's window");
            assert!(stream.window >= 0, "more than the window of a stream");
        }
        if frame.flags & END_STREAM != 0 && !stream.cancelled {
            stream.over = Some(None);
        }
    }

    /// Lets all calls come to their end, and looks at what came of them.
    async fn finish(&mut self) {
        let ids: Vec<_> = self.streams.keys().copied().collect();
        for round in 0..1000 {
            self.settle().await;
            if self.streams.values().all(|stream| stream.over.is_some() && stream.is_sent) {
                break;
            }
            assert!(round < 999, "calls do not end: {:?}", self.told);
            for &id in &ids {
                let ending = if id % 4 == 1 { Ending::Data } else { Ending::Trailers };
                self.end(id, ending).await;
                if self.streams[&id].over.is_none() && self.streams[&id].window < 5000 {
                    self.streams.get_mut(&id).unwrap().window += 5000;
                    self.raw.send(&raw::window_update(id, 5000)).await;
                }
            }
            if self.window < 10_000 {
                self.act(&Action::GrantAll(10_000)).await;
            }
        }
        for (id, stream) in &self.streams {
            let Call { answer, bytes, .. } = stream.call;
            let bytes = if answer == Answer::HeadAlone { 0 } else { bytes };
            assert!(pattern(*id, bytes).starts_with(&stream.came), "{id}: bytes that were not sent");
            if stream.cancelled {
                continue;
            }
            let over = match answer {
                Answer::Reset => Some(raw::ENHANCE_YOUR_CALM),
                Answer::Dropped => Some(raw::CANCEL),
                _ => {
                    assert_eq!(stream.came.len(), bytes, "{id}");
                    None
                }
            };
            // A body that is to be read later goes with a reset.
            assert_eq!(stream.over, Some(over), "{id}: {:?}", stream.call);
        }
    }
}

async fn play(options: Options, pipe: usize, script: Vec<Action>) {
    let (near, far) = duplex(pipe);
    let calls: Rc<RefCell<BTreeMap<u32, Call>>> = Rc::default();
    let bodies: Rc<RefCell<BTreeMap<u32, Vec<u8>>>> = Rc::default();
    let (planned, read) = (calls.clone(), bodies.clone());
    let served = spawn_local(async move {
        let mut connection = Connection::handshake(far, &options).await.unwrap();
        let link = connection.link.clone();
        let mut requests = Vec::new();
        loop {
            match poll_fn(|cx| connection.poll_requests(cx, &mut requests)).await {
                Ok(true) => {}
                // The client may go before it has read the last of what it does not wait for.
                Ok(false) | Err(Error::Io(_)) => break,
                Err(error) => panic!("{error}"),
            }
            for request in requests.drain(..) {
                let id: u32 = String::from_utf8_lossy(request.head.get("id").unwrap()).parse().unwrap();
                let call = planned.borrow_mut().remove(&id).unwrap();
                let read = read.clone();
                spawn_local(async move {
                    if let Ok(Some(body)) = call.run(request).await {
                        read.borrow_mut().insert(id, body);
                    }
                });
            }
        }
        // The client has seen the end of all calls, and all tasks have had their turn.
        for _ in 0..1000 {
            yield_now().await;
        }
        let state = link.lock();
        assert!(state.is_at_rest());
        state.send_window
    });
    let raw = Raw::begin(near, &[]).await;
    let mut client = Client {
        raw,
        streams: BTreeMap::new(),
        next: 1,
        options,
        send_window: options.connection_window.into(),
        window: 65_535,
        initial_window: 65_535,
        told: VecDeque::new(),
        calls,
    };
    for action in &script {
        client.act(action).await;
    }
    client.finish().await;
    let (streams, window) = (client.streams, client.window);
    drop(client.raw);
    assert_eq!(served.await.unwrap(), window);
    for (id, stream) in streams {
        let reads = matches!(stream.call.body, Body::Read | Body::ReadLater);
        let is_answered = !matches!(stream.call.answer, Answer::Reset | Answer::Dropped);
        if reads && is_answered && !stream.cancelled {
            assert!(
                bodies.borrow().get(&id) == Some(&pattern(id, stream.sent)),
                "{id}: the body did not arrive whole"
            );
        }
    }
}

fn call() -> impl Strategy<Value = Call> {
    const BODIES: [Body; 5] = [Body::Dropped, Body::Tasted, Body::Read, Body::Read, Body::ReadLater];
    const ANSWERS: [Answer; 7] = [
        Answer::Whole,
        Answer::Whole,
        Answer::Measured,
        Answer::Pieces,
        Answer::HeadAlone,
        Answer::Reset,
        Answer::Dropped,
    ];
    let bytes = prop_oneof![Just(0), 1..100_usize, 1..30_000_usize];
    (prop::sample::select(&BODIES[..]), prop::sample::select(&ANSWERS[..]), bytes, 0..4_usize)
        .prop_map(|(body, answer, bytes, turns)| Call { body, answer, bytes, turns })
}

fn action() -> impl Strategy<Value = Action> {
    let padding = prop::option::weighted(0.2, any::<u8>());
    let bytes = prop_oneof![Just(0), 1..100_usize, 1..16_384_usize];
    prop_oneof![
        4 => call().prop_map(Action::Open),
        6 => (0..8_usize, bytes, padding).prop_map(|(which, bytes, padding)| Action::Send(which, bytes, padding)),
        2 => (0..8_usize, prop::sample::select(&[Ending::Data, Ending::Trailers][..]))
            .prop_map(|(which, ending)| Action::End(which, ending)),
        1 => (0..8_usize).prop_map(Action::Reset),
        2 => (0..8_usize, 1..20_000_u32).prop_map(|(which, more)| Action::Grant(which, more)),
        1 => (1..20_000_u32).prop_map(Action::GrantAll),
        1 => prop_oneof![Just(0), 1..100_u32, 1..100_000_u32].prop_map(Action::Window),
        4 => Just(Action::Settle),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_is_done_all_that_is_sent_arrives_and_nothing_stays(
        stream_window in prop_oneof![1..100_u32, 1..65_536_u32, Just(65_535)],
        connection_window in 65_535..100_000_u32,
        pipe in prop::sample::select(&[7_usize, 100, 5000, 1 << 20][..]),
        script in prop::collection::vec(action(), 1..40),
    ) {
        let options = Options {
            max_concurrent_streams: 100,
            max_head_bytes: 4096,
            stream_window,
            connection_window,
        };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        LocalSet::new().block_on(&runtime, play(options, pipe, script));
    }
}

#[tokio::test]
async fn a_connection_at_rest_holds_no_buffers() {
    let (near, far) = duplex(1 << 20);
    let options = Options {
        max_concurrent_streams: 10,
        max_head_bytes: 4096,
        stream_window: 65_535,
        connection_window: 65_535,
    };
    let (mut raw, connection) = tokio::join!(Raw::begin(near, &[]), async {
        let mut connection = Connection::handshake(far, &options).await.unwrap();
        // Its peer waits for the acknowledgement.
        let mut requests = Vec::new();
        assert!(poll_fn(|cx| Poll::Ready(connection.poll_requests(cx, &mut requests))).await.is_pending());
        connection
    });
    let mut connection = connection;
    let (mut requests, mut next) = (Vec::new(), 1);
    for bytes in [10, 20_000] {
        // Each comes when the answer to the one before has been written, without a pause.
        for _ in 0..3 {
            raw.send(&raw::frame(
                HEADERS,
                raw::WHOLE,
                next,
                &raw::post_with("/", &[("id", &next.to_string())]),
            ))
            .await;
            poll_fn(|cx| connection.poll_requests(cx, &mut requests)).await.unwrap();
            let mut request = requests.pop().unwrap();
            assert_eq!(request.head.get("id"), Some(next.to_string().as_bytes()));
            next += 2;
            request.respond.send_whole(200, &[], [vec![0; bytes].into()], &[]).unwrap();
        }
        let poll = poll_fn(|cx| Poll::Ready(connection.poll_requests(cx, &mut requests))).await;
        assert!(poll.is_pending());
        assert!(connection.writing.holds_nothing() && connection.link.lock().out.holds_nothing());
        assert!(connection.link.lock().is_at_rest());
    }
}
