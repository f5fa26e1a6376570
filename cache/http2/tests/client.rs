//! The client of the h2 crate, in memory and over loopback.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a panic is a failure of the test")]

mod support;

use std::future::poll_fn;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

use bytes::Bytes;
use h2::client::{Builder, Connection as ClientConnection, ResponseFuture, SendRequest};
use h2::{Reason as Theirs, RecvStream as Answer, SendStream as Upload};
use http::{HeaderMap, HeaderValue, Method};
use kura_http2::{Connection, Error, Gone, Options, Reason, Request};
use support::{OPTIONS, echo, hold, pattern, read, serve, soon, write};
use tokio::io::{AsyncRead, AsyncWrite, duplex};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};
use tokio::task::{JoinHandle, JoinSet};

trait Io: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Io for T {}

/// What a client and a server speak over.
#[derive(Clone, Copy, Debug)]
enum Way {
    /// In memory, at most so many bytes at a time.
    Memory(usize),
    Loopback,
}

const WAYS: [Way; 3] = [Way::Memory(100), Way::Memory(1 << 20), Way::Loopback];

impl Way {
    async fn ends(self) -> (Box<dyn Io>, Box<dyn Io>) {
        match self {
            Self::Memory(bytes) => {
                let (near, far) = duplex(bytes);
                (Box::new(near), Box::new(far))
            }
            Self::Loopback => {
                let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
                let near = TcpStream::connect(listener.local_addr().unwrap());
                let (near, far) = tokio::join!(near, listener.accept());
                let (near, far) = (near.unwrap(), far.unwrap().0);
                near.set_nodelay(true).unwrap();
                far.set_nodelay(true).unwrap();
                (Box::new(near), Box::new(far))
            }
        }
    }
}

type Client = SendRequest<Bytes>;

struct Pair {
    client: Client,
    served: JoinHandle<Result<(), Error>>,
    connection: JoinHandle<Result<(), h2::Error>>,
}

impl Pair {
    /// Ends well, on both sides.
    async fn end(self) {
        drop(self.client);
        soon(self.connection).await.unwrap().unwrap();
        soon(self.served).await.unwrap().unwrap();
    }
}

async fn connect(io: Box<dyn Io>, builder: &Builder) -> (Client, ClientConnection<Box<dyn Io>, Bytes>) {
    let (client, connection) = soon(builder.handshake(io)).await.unwrap();
    (soon(client.ready()).await.unwrap(), connection)
}

async fn pair(way: Way, options: Options, builder: &Builder) -> Pair {
    let (near, far) = way.ends().await;
    let served = tokio::spawn(serve(far, options, answer));
    let (client, connection) = builder.handshake(near).await.unwrap();
    let connection = tokio::spawn(connection);
    Pair { client, served, connection }
}

/// Answers as the path asks.
async fn answer(mut request: Request) {
    let path = request.head.path().to_owned();
    match path.as_str() {
        "/hold" => hold(request).await,
        // The head at once, and then what comes as it comes.
        "/stream" => {
            let Ok(mut stream) = request.respond.send_head(200, &[("kind", b"stream")], false) else {
                return;
            };
            while let Some(Ok(data)) = poll_fn(|cx| request.body.poll_data(cx)).await {
                if write(&mut stream, data).await.is_err() {
                    return;
                }
            }
            let _ = stream.send_trailers(&[("grpc-status", b"0"), ("said", &[0xff, b'x'])]);
        }
        "/early" => {
            let _ = request.respond.send_head(204, &[], true);
        }
        "/drop" => {}
        "/drop-head" => drop(request.respond.send_head(200, &[], false)),
        "/reset" => {
            if let Ok(mut stream) = request.respond.send_head(200, &[], false) {
                let _ = stream.send_data(pattern(10), false);
                stream.send_reset(Reason::ENHANCE_YOUR_CALM);
            }
        }
        "/length" => {
            let length = read(&mut request.body).await.map_or(0, |bytes| bytes.len());
            let _ = request.respond.send_whole(200, &[], [length.to_string().into()], &[]);
        }
        _ => echo(request).await,
    }
}

fn begin(client: &mut Client, path: &str, is_last: bool) -> (ResponseFuture, Upload<Bytes>) {
    let uri = format!("http://here{path}");
    let request = http::Request::builder().method(Method::POST).uri(uri).body(()).unwrap();
    client.send_request(request, is_last).unwrap()
}

/// Sends a body as the server has room for it.
async fn upload(stream: &mut Upload<Bytes>, mut body: Bytes) -> Result<(), h2::Error> {
    while !body.is_empty() {
        stream.reserve_capacity(body.len());
        let Some(room) = poll_fn(|cx| stream.poll_capacity(cx)).await else { break };
        stream.send_data(body.split_to(room?), false)?;
    }
    Ok(())
}

async fn download(answer: &mut Answer) -> Result<(Vec<u8>, Option<HeaderMap>), h2::Error> {
    let mut bytes = Vec::new();
    while let Some(data) = answer.data().await {
        let data = data?;
        answer.flow_control().release_capacity(data.len())?;
        bytes.extend_from_slice(&data);
    }
    Ok((bytes, answer.trailers().await?))
}

/// A call with a body, from its first byte to its last.
async fn call(
    client: &Client,
    path: &str,
    body: Bytes,
) -> Result<(http::StatusCode, Vec<u8>, Option<HeaderMap>), h2::Error> {
    let mut client = soon(client.clone().ready()).await?;
    let (response, mut stream) = begin(&mut client, path, false);
    let up = async {
        upload(&mut stream, body).await?;
        stream.send_data(Bytes::new(), true)
    };
    let down = async {
        let response = response.await?;
        let status = response.status();
        let (bytes, trailers) = download(&mut response.into_body()).await?;
        Ok::<_, h2::Error>((status, bytes, trailers))
    };
    let (up, down) = soon(async { tokio::join!(up, down) }).await;
    let down = down?;
    up?;
    Ok(down)
}

#[tokio::test]
async fn bodies_of_all_sizes_go_both_ways() {
    for way in WAYS {
        let pair = pair(way, OPTIONS, &Builder::new()).await;
        let large = if matches!(way, Way::Memory(100)) { 100_000 } else { 5 << 20 };
        for bytes in [0, 1, 100, 8191, 8192, 16_384, 16_385, 65_535, 65_536, 65_537, large] {
            for path in ["/echo", "/stream"] {
                let (status, came, trailers) = call(&pair.client, path, pattern(bytes)).await.unwrap();
                assert_eq!(status, 200);
                assert!(came == pattern(bytes), "{path} {bytes} {way:?}");
                let trailers = trailers.unwrap();
                assert_eq!(trailers["grpc-status"], "0");
                assert_eq!(
                    trailers.get("said").map(HeaderValue::as_bytes),
                    (path == "/stream").then_some(&[0xff, b'x'][..])
                );
            }
        }
        pair.end().await;
    }
}

#[tokio::test]
async fn calls_without_a_body_and_those_with_trailers_are_answered() {
    for way in WAYS {
        let mut pair = pair(way, OPTIONS, &Builder::new()).await;
        for _ in 0..3 {
            let (response, _) = begin(&mut pair.client, "/echo", true);
            let response = soon(response).await.unwrap();
            assert_eq!(response.headers()["kind"], "echo");
            assert_eq!(soon(download(&mut response.into_body())).await.unwrap().0, b"");
            let (response, mut stream) = begin(&mut pair.client, "/echo", false);
            stream.send_data(pattern(10), false).unwrap();
            let mut trailers = HeaderMap::new();
            trailers.insert("some", HeaderValue::from_static("thing"));
            stream.send_trailers(trailers).unwrap();
            let mut answer = soon(response).await.unwrap().into_body();
            assert_eq!(soon(download(&mut answer)).await.unwrap().0, pattern(10));
        }
        pair.end().await;
    }
}

#[tokio::test]
async fn windows_of_any_size_are_kept_to() {
    // The client ends the connection if they are not.
    for way in WAYS {
        for (stream, connection, bytes) in
            [(1, 65_535, 100), (10, 65_535, 1000), (70_000, 65_535, 300_000), (1000, 1 << 20, 50_000)]
        {
            let mut builder = Builder::new();
            builder.initial_window_size(stream).initial_connection_window_size(connection);
            let pair = pair(
                way,
                Options { stream_window: stream, connection_window: connection, ..OPTIONS },
                &builder,
            )
            .await;
            for path in ["/echo", "/stream"] {
                let calls: JoinSet<_> = (0..4)
                    .map(|_| {
                        let client = pair.client.clone();
                        async move {
                            assert!(call(&client, path, pattern(bytes)).await.unwrap().1 == pattern(bytes))
                        }
                    })
                    .collect();
                soon(calls.join_all()).await;
            }
            pair.end().await;
        }
    }
}

#[tokio::test]
async fn a_window_that_changes_while_answers_wait_lets_them_go_on() {
    let (near, far) = duplex(1 << 20);
    let served = tokio::spawn(serve(far, OPTIONS, answer));
    let (mut client, mut connection) = connect(Box::new(near), Builder::new().initial_window_size(0)).await;
    let mut answers = Vec::new();
    for path in ["/echo", "/stream", "/echo", "/stream"] {
        let (response, mut stream) = begin(&mut client, path, false);
        stream.send_data(pattern(10_000), true).unwrap();
        answers.push(response);
    }
    // Heads come, and nothing more.
    let mut bodies = Vec::new();
    for response in answers {
        bodies.push(
            soon(async {
                tokio::select! {
                    response = response => response.unwrap().into_body(),
                    ended = &mut connection => panic!("{ended:?}"),
                }
            })
            .await,
        );
    }
    connection.set_initial_window_size(100_000).unwrap();
    let connection = tokio::spawn(connection);
    for mut body in bodies {
        assert_eq!(soon(download(&mut body)).await.unwrap().0, pattern(10_000));
    }
    Pair { client, served, connection }.end().await;
}

#[tokio::test]
async fn a_client_without_a_header_table_understands_answers() {
    for size in [0, 1, 100, 4096, 65_536] {
        let pair = pair(Way::Memory(1 << 20), OPTIONS, Builder::new().header_table_size(size)).await;
        for _ in 0..5 {
            let (_, bytes, trailers) = call(&pair.client, "/echo", pattern(5)).await.unwrap();
            assert_eq!(
                (bytes, trailers.unwrap()["grpc-status"].as_bytes()),
                (pattern(5).to_vec(), &b"0"[..])
            );
        }
        pair.end().await;
    }
}

#[tokio::test]
async fn an_answer_may_come_before_the_body_has() {
    for way in WAYS {
        let mut pair = pair(way, OPTIONS, &Builder::new()).await;
        for _ in 0..20 {
            let (response, mut stream) = begin(&mut pair.client, "/early", false);
            let up = tokio::spawn(async move {
                let sent = upload(&mut stream, pattern(1 << 20)).await;
                (sent, stream)
            });
            let response = soon(response).await.unwrap();
            assert_eq!(response.status(), 204);
            assert!(response.into_body().is_end_stream());
            let (sent, _stream) = soon(up).await.unwrap();
            // What was left of the body is not wanted; that is no failure of the call.
            if let Err(error) = sent {
                assert_eq!(error.reason(), Some(Theirs::NO_ERROR));
            }
        }
        assert_eq!(call(&pair.client, "/echo", pattern(70_000)).await.unwrap().1, pattern(70_000));
        pair.end().await;
    }
}

#[tokio::test]
async fn what_a_server_gives_up_is_reset() {
    for way in WAYS {
        let pair = pair(way, OPTIONS, &Builder::new()).await;
        for (path, reason) in
            [("/drop", Theirs::CANCEL), ("/drop-head", Theirs::CANCEL), ("/reset", Theirs::ENHANCE_YOUR_CALM)]
        {
            for bytes in [0, 10, 200_000] {
                let error = call(&pair.client, path, pattern(bytes)).await.unwrap_err();
                assert_eq!(error.reason(), Some(reason), "{path} {bytes} {way:?}");
            }
        }
        assert_eq!(call(&pair.client, "/echo", pattern(70_000)).await.unwrap().1, pattern(70_000));
        pair.end().await;
    }
}

#[tokio::test]
async fn what_a_client_gives_up_reaches_the_call() {
    let (near, far) = duplex(1 << 20);
    let (told, mut heard) = unbounded_channel();
    let served = tokio::spawn(serve(far, OPTIONS, move |request| cancelled(request, told.clone())));
    let (mut client, connection) = connect(Box::new(near), Builder::new().initial_window_size(100)).await;
    let connection = tokio::spawn(connection);
    for path in ["/body", "/before", "/capacity", "/behind"] {
        let (response, mut stream) = begin(&mut client, path, false);
        stream.send_data(pattern(10), false).unwrap();
        assert_eq!(soon(heard.recv()).await.unwrap(), None, "{path}: it waits");
        stream.send_reset(Theirs::INTERNAL_ERROR);
        let Some(Gone::Reset(reason)) = soon(heard.recv()).await.unwrap() else { panic!("{path}") };
        assert_eq!(reason.code(), u32::from(Theirs::INTERNAL_ERROR));
        drop(response);
    }
    // A call that nobody waits for any more.
    let (response, stream) = begin(&mut client, "/before", true);
    assert_eq!(soon(heard.recv()).await.unwrap(), None);
    drop((response, stream));
    assert_eq!(soon(heard.recv()).await.unwrap(), Some(Gone::Reset(Reason::CANCEL)));
    Pair { client, served, connection }.end().await;
}

/// Says when a call begins to wait for something, and how that ended.
async fn cancelled(mut request: Request, told: UnboundedSender<Option<Gone>>) {
    let gone = match request.head.path() {
        "/body" => {
            assert_eq!(poll_fn(|cx| request.body.poll_data(cx)).await.unwrap().unwrap().len(), 10);
            told.send(None).unwrap();
            poll_fn(|cx| request.body.poll_data(cx)).await.unwrap().unwrap_err()
        }
        "/before" => {
            told.send(None).unwrap();
            poll_fn(|cx| request.respond.poll_reset(cx)).await
        }
        "/capacity" => {
            let mut stream = request.respond.send_head(200, &[], false).unwrap();
            stream.send_data(pattern(100), false).unwrap();
            told.send(None).unwrap();
            write(&mut stream, pattern(1)).await.unwrap_err()
        }
        // All is sent, but not all has gone.
        _ => {
            let mut stream = request.respond.send_head(200, &[], false).unwrap();
            stream.send_data(pattern(1000), true).unwrap();
            assert_eq!(stream.send_data(pattern(1), true), Err(Gone::Ended));
            assert_eq!(stream.send_trailers(&[]), Err(Gone::Ended));
            told.send(None).unwrap();
            poll_fn(|cx| stream.poll_reset(cx)).await
        }
    };
    told.send(Some(gone)).unwrap();
}

#[tokio::test]
async fn handles_may_be_dropped_at_any_point() {
    // How far a call goes before each of its handles is dropped.
    async fn part(mut request: Request, steps: usize) {
        if steps & 1 != 0 {
            let _ = poll_fn(|cx| request.body.poll_data(cx)).await;
        }
        let Request { body, mut respond, .. } = request;
        let body = (steps & 2 != 0).then_some(body);
        if steps & 4 != 0 {
            let Ok(mut stream) = respond.send_head(200, &[], steps & 8 != 0) else { return };
            drop(respond);
            if steps & 16 != 0 {
                let _ = stream.send_data(pattern(300), steps & 32 != 0);
            }
            if steps & 64 != 0 {
                stream.send_reset(Reason::CANCEL);
            }
        }
        drop(body);
    }
    for way in WAYS {
        let (near, far) = way.ends().await;
        let count = Arc::new(AtomicUsize::new(0));
        let served =
            tokio::spawn(serve(far, OPTIONS, move |request| part(request, count.fetch_add(1, SeqCst))));
        let mut builder = Builder::new();
        builder.initial_window_size(100).max_concurrent_reset_streams(1000);
        let (mut client, connection) = connect(near, &builder).await;
        let connection = tokio::spawn(connection);
        for _ in 0..3 * 128 {
            client = soon(client.ready()).await.unwrap();
            let (response, mut stream) = begin(&mut client, "/", false);
            stream.send_data(pattern(300), true).unwrap();
            // However it ends, it does.
            let _ = soon(async { download(&mut response.await?.into_body()).await }).await;
        }
        Pair { client, served, connection }.end().await;
    }
}

#[tokio::test]
async fn handles_may_outlive_their_connection() {
    for way in WAYS {
        let (near, far) = way.ends().await;
        let (kept, mut requests) = unbounded_channel();
        let served = tokio::spawn(serve(far, OPTIONS, move |request| {
            kept.send(request).unwrap();
            std::future::ready(())
        }));
        let (mut client, connection) = connect(near, &Builder::new()).await;
        let connection = tokio::spawn(connection);
        let mut calls = Vec::new();
        let mut held = Vec::new();
        for _ in 0..3 {
            let (response, mut stream) = begin(&mut client, "/", false);
            stream.send_data(pattern(10), false).unwrap();
            calls.push((response, stream));
            held.push(soon(requests.recv()).await.unwrap());
        }
        let mut begun = held.pop().unwrap();
        let mut stream = begun.respond.send_head(200, &[], false).unwrap();
        stream.send_data(pattern(1 << 20), false).unwrap();
        let waiting = tokio::spawn(async move {
            let written = write(&mut stream, pattern(1)).await;
            (written, stream.capacity(), stream)
        });
        connection.abort();
        let _ = connection.await;
        drop((client, calls));
        let _ = soon(served).await.unwrap();
        let (written, capacity, mut stream) = soon(waiting).await.unwrap();
        assert_eq!((written, capacity), (Err(Gone::Connection), 0));
        assert_eq!(stream.send_data(Bytes::new(), true), Err(Gone::Connection));
        stream.send_reset(Reason::CANCEL);
        for mut request in held {
            // What has come is there.
            let came = poll_fn(|cx| request.body.poll_data(cx)).await;
            assert!(matches!(came, Some(Ok(_) | Err(Gone::Connection))), "{came:?}");
            assert_eq!(poll_fn(|cx| request.respond.poll_reset(cx)).await, Gone::Connection);
            assert_eq!(request.respond.send_whole(200, &[], [], &[]), Err(Gone::Connection));
        }
    }
}

#[tokio::test]
async fn hundreds_of_calls_at_once_keep_to_the_limit() {
    for way in WAYS {
        let (near, far) = way.ends().await;
        let (open, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let (counted, highest) = (open.clone(), most.clone());
        let served =
            tokio::spawn(serve(far, Options { max_concurrent_streams: 30, ..OPTIONS }, move |request| {
                highest.fetch_max(counted.fetch_add(1, SeqCst) + 1, SeqCst);
                let counted = counted.clone();
                async move {
                    tokio::task::yield_now().await;
                    let mut request = request;
                    let bytes = read(&mut request.body).await.unwrap();
                    counted.fetch_sub(1, SeqCst);
                    request.respond.send_whole(200, &[], [bytes.into()], &[]).unwrap();
                }
            }));
        let (client, connection) = connect(near, Builder::new().initial_max_send_streams(30)).await;
        let connection = tokio::spawn(connection);
        let calls: JoinSet<_> = (0..500)
            .map(|at| {
                let client = client.clone();
                async move {
                    let body = pattern(at * 7);
                    assert!(call(&client, "/", body.clone()).await.unwrap().1 == body);
                }
            })
            .collect();
        soon(calls.join_all()).await;
        assert_eq!(open.load(SeqCst), 0);
        assert!((2..=30).contains(&most.load(SeqCst)), "{most:?}");
        Pair { client, served, connection }.end().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn calls_are_answered_from_any_thread() {
    for way in WAYS {
        let mut builder = Builder::new();
        builder
            .initial_window_size(5000)
            .initial_connection_window_size(70_000)
            .initial_max_send_streams(100);
        let pair = pair(way, OPTIONS, &builder).await;
        let calls: JoinSet<_> = (0..200)
            .map(|at| {
                let client = pair.client.clone();
                async move {
                    let body = pattern(at % 50 * 301);
                    for path in ["/stream", "/echo", "/length"] {
                        let came = call(&client, path, body.clone()).await.unwrap().1;
                        let expected =
                            if path == "/length" { body.len().to_string().into() } else { body.clone() };
                        assert!(came == expected, "{path}");
                    }
                }
            })
            .collect();
        soon(calls.join_all()).await;
        pair.end().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn an_answer_from_another_thread_wakes_a_connection_that_waits() {
    // One call at a time, so that nothing else wakes it.
    let pair = pair(Way::Memory(1 << 20), OPTIONS, &Builder::new()).await;
    for at in 0..2000 {
        let (path, bytes) = if at % 2 == 0 { ("/echo", 1) } else { ("/stream", 100) };
        assert_eq!(call(&pair.client, path, pattern(bytes)).await.unwrap().1, pattern(bytes));
    }
    pair.end().await;
}

#[tokio::test]
async fn a_head_that_is_too_large_is_answered_and_the_connection_goes_on() {
    for way in WAYS {
        let options = Options { max_head_bytes: 20_000, ..OPTIONS };
        let mut pair = pair(way, options, &Builder::new()).await;
        // In one frame and in some.
        for (bytes, expected) in [(10, 200), (19_000, 200), (20_000, 431), (30_000, 431)] {
            let request =
                http::Request::builder().uri("http://here/").header("x", "~".repeat(bytes)).body(()).unwrap();
            pair.client = soon(pair.client.ready()).await.unwrap();
            let (response, _) = pair.client.send_request(request, true).unwrap();
            assert_eq!(soon(response).await.unwrap().status().as_u16(), expected, "{bytes}");
        }
        pair.end().await;
    }
}

#[tokio::test]
async fn a_shutdown_lets_calls_end_and_then_the_connection() {
    for way in WAYS {
        let (near, far) = way.ends().await;
        let (kept, mut requests) = unbounded_channel();
        let (now, mut asked) = unbounded_channel::<()>();
        let served = tokio::spawn(async move {
            let mut connection = Connection::handshake(far, &OPTIONS).await?;
            let mut batch = Vec::new();
            loop {
                tokio::select! {
                    more = poll_fn(|cx| connection.poll_requests(cx, &mut batch)) => {
                        for request in batch.drain(..) {
                            assert!(connection.has_streams());
                            kept.send(request).unwrap();
                        }
                        if !more? {
                            return Ok(());
                        }
                    }
                    Some(()) = asked.recv() => {
                        connection.graceful_shutdown();
                        connection.graceful_shutdown();
                    }
                }
            }
        });
        let (mut client, connection) = connect(near, &Builder::new()).await;
        let connection = tokio::spawn(connection);
        let (response, mut stream) = begin(&mut client, "/", false);
        let mut request = soon(requests.recv()).await.unwrap();
        now.send(()).unwrap();
        // The client opens no more.
        soon(async {
            while client.clone().ready().await.is_ok() {
                tokio::task::yield_now().await;
            }
        })
        .await;
        stream.send_data(pattern(100_000), true).unwrap();
        assert_eq!(soon(read(&mut request.body)).await.unwrap(), pattern(100_000));
        request.respond.send_whole(200, &[], [pattern(100_000)], &[("a", b"b")]).unwrap();
        assert_eq!(
            soon(async { download(&mut response.await?.into_body()).await }).await.unwrap().0,
            pattern(100_000)
        );
        soon(served).await.unwrap().map_err(|error: Error| error).unwrap();
        soon(connection).await.unwrap().unwrap();
        drop(client);
    }
}
