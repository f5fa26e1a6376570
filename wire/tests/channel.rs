//! The channel against peers that answer well, badly and not at all.

#![expect(clippy::unwrap_used, reason = "helpers of tests, where a panic is a failure")]

use std::time::Duration;

use bytes::Bytes;
use kura_wire::protos::cache_client::{ECacheResult, GetRequest, GetResponse, SetRequest, SetResponse};
use kura_wire::protos::common::Empty;
use kura_wire::test_util::{Call, End, Frame, Peer, Reply};
use kura_wire::{
    CacheClient, Channel, ChannelOptions, Code, Created, Endpoint, KeepAlive, Metadata, Scheme, Status,
    Target,
};

const GET: &str = "/cache_client.Scs/Get";
const SECONDS: Duration = Duration::from_secs(5);

fn hit(body: &[u8]) -> GetResponse {
    GetResponse { result: ECacheResult::Hit.into(), cache_body: body.to_vec(), message: String::new() }
}

async fn connect(peer: &Peer) -> Channel {
    let target = Target::parse(&peer.url(), Scheme::Https).unwrap();
    Channel::connect(&target, &ChannelOptions::default()).await.unwrap()
}

async fn get_from(script: impl Fn(Call) -> Reply + Send + Sync + 'static) -> Result<GetResponse, Status> {
    let peer = Peer::start(script).await;
    let request = GetRequest { cache_key: b"k".to_vec() };
    connect(&peer).await.unary(GET, Metadata::new(), &request, SECONDS).await
}

fn client(peer: &Peer) -> CacheClient {
    CacheClient::new(Endpoint::parse(&peer.url()).unwrap(), "token", "test", ChannelOptions::default())
        .unwrap()
}

#[tokio::test]
async fn a_call_carries_its_metadata_and_brings_its_answer() {
    let peer = Peer::start(|call| {
        assert_eq!(call.path, GET);
        assert_eq!(call.header("authorization"), "token");
        assert_eq!(call.header("cache"), "c");
        assert_eq!(call.header("grpc-timeout"), "15000m");
        assert_eq!(call.header("te"), "trailers");
        assert!(call.header("agent").starts_with("rust:test:"));
        Reply::message(&hit(&call.decode::<GetRequest>().cache_key))
    })
    .await;
    assert_eq!(client(&peer).get("c", b"key").await, Ok(Some(b"key".to_vec())));
}

#[tokio::test]
async fn the_largest_items_pass_both_ways() {
    let value: Vec<u8> = (0..10_000_000u32).map(|i| i.to_le_bytes()[0]).collect();
    let expected = value.clone();
    let peer = Peer::start(move |call| match call.path.as_str() {
        GET => Reply::message(&hit(&expected)),
        _ => {
            assert!(call.decode::<SetRequest>().cache_body == expected);
            Reply::message(&SetResponse { result: ECacheResult::Ok.into(), message: String::new() })
        }
    })
    .await;
    let client = client(&peer);
    client.set("c", b"k", &value, SECONDS).await.unwrap();
    for _ in 0..3 {
        assert!(client.get("c", b"k").await.unwrap().unwrap() == value);
    }
}

#[tokio::test]
async fn a_status_arrives_with_its_message_and_err() {
    let expected = Status::new(Code::ResourceExhausted, "zu groß 100%").with_err("item_size_limit_exceeded");
    let status = expected.clone();
    assert_eq!(get_from(move |_| Reply::status(status.clone())).await, Err(expected));
}

#[tokio::test]
async fn broken_answers_are_errors_that_say_what_was_broken() {
    let cases: [(Reply, Code, &str); 8] = [
        (Reply::stream(&[]), Code::Internal, "no message"),
        (Reply::stream(&[hit(b"").clone_frame(), hit(b"").clone_frame()]), Code::Internal, "more than one"),
        (Reply::stream(&[Bytes::from_static(b"\0\0\0\0\x09abc")]), Code::Internal, "8 bytes into a message"),
        (Reply::stream(&[Bytes::from_static(b"\0\0\0\0\x01\xff")]), Code::Internal, "not readable"),
        (Reply::message(&hit(b"")).end(End::Bare), Code::Unknown, "without a status"),
        (
            Reply::stream(&[]).end(End::Reset(h2::Reason::REFUSED_STREAM)),
            Code::Unavailable,
            "h2 protocol error",
        ),
        (Reply::stream(&[]).end(End::HangUp), Code::Unavailable, "connection was lost"),
        (Reply::stream(&[]).head(502, "text/html"), Code::Unavailable, "502"),
    ];
    for (reply, code, text) in cases {
        let status = get_from(move |_| reply.clone()).await.unwrap_err();
        assert_eq!(status.code, code, "{status}");
        assert!(status.message.contains(text), "{status}");
    }
}

#[tokio::test]
async fn an_answer_that_is_too_long_is_refused_unread() {
    let header = Bytes::from_static(b"\0\xff\xff\xff\xff");
    let status =
        get_from(move |_| Reply::stream(std::slice::from_ref(&header)).end(End::Open)).await.unwrap_err();
    assert_eq!(status.code, Code::ResourceExhausted);
}

#[tokio::test]
async fn a_call_ends_at_its_deadline() {
    let peer = Peer::start(|_| Reply::stream(&[]).after(SECONDS)).await;
    let short = Duration::from_millis(50);
    let result = connect(&peer).await.unary::<Empty>(GET, Metadata::new(), &Empty {}, short).await;
    assert_eq!(result.unwrap_err().code, Code::DeadlineExceeded);
}

#[tokio::test]
async fn a_refusal_counts_though_the_request_was_not_read() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        let (socket, _) = listener.accept().await.unwrap();
        let mut h2 = h2::server::handshake(socket).await.unwrap();
        while let Some(Ok((request, mut respond))) = h2.accept().await {
            let head = http::Response::builder()
                .header("content-type", "application/grpc")
                .header("grpc-status", "16")
                .header("grpc-message", "no");
            respond.send_response(head.body(()).unwrap(), true).unwrap();
            // The body is neither read nor are its windows given back.
            std::mem::forget(request);
        }
    });
    let channel =
        Channel::connect(&Target::parse(&url, Scheme::Https).unwrap(), &ChannelOptions::default()).await;
    let request = GetRequest { cache_key: vec![0; 1_000_000] };
    let result = channel.unwrap().unary::<Empty>(GET, Metadata::new(), &request, SECONDS).await;
    assert_eq!(result, Err(Status::new(Code::Unauthenticated, "no")));
}

#[tokio::test]
async fn a_private_authority_is_trusted_when_named_and_only_then() {
    let peer = Peer::start_tls(&["localhost"], |_| Reply::message(&hit(b"v"))).await;
    let target = Target { scheme: Scheme::Https, host: "localhost".into(), port: peer.address.port() };
    let options = ChannelOptions { ca: vec![peer.ca_pem.clone().into_bytes()], ..ChannelOptions::default() };
    let channel = Channel::connect(&target, &options).await.unwrap();
    assert_eq!(channel.peer(), peer.address);
    let answer: GetResponse = channel.unary(GET, Metadata::new(), &Empty {}, SECONDS).await.unwrap();
    assert_eq!(answer.cache_body, b"v");

    let other = Peer::start_tls(&["localhost"], |_| Reply::stream(&[])).await;
    let wrong = ChannelOptions { ca: vec![other.ca_pem.clone().into_bytes()], ..ChannelOptions::default() };
    let status = Channel::connect(&target, &wrong).await.unwrap_err();
    assert_eq!(status.code, Code::Unavailable);
    assert!(status.message.contains("unknown authority; set --ca or MOMENTO_CA_CERT"), "{status}");

    let by_address = Target { host: "127.0.0.1".into(), ..target };
    let status = Channel::connect(&by_address, &options).await.unwrap_err();
    assert!(status.message.contains("not valid"), "{status}");

    let nothing = ChannelOptions { ca: vec![b"text".to_vec()], ..ChannelOptions::default() };
    let status = Channel::connect(&by_address, &nothing).await.unwrap_err();
    assert_eq!(status.code, Code::InvalidArgument);
}

#[tokio::test]
async fn who_cannot_be_reached_is_named_with_the_cause() {
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let target = Target::parse(&format!("http://{free}"), Scheme::Https).unwrap();
    let status = Channel::connect(&target, &ChannelOptions::default()).await.unwrap_err();
    let expected = format!("Cannot connect to http://{free}: {free}: connection refused");
    assert_eq!(status, Status::new(Code::Unavailable, expected));

    let plaintext = Peer::start(|call| Reply::unexpected(&call)).await;
    let target = Target::parse(&plaintext.address.to_string(), Scheme::Https).unwrap();
    let peer_ca = Peer::start_tls(&["x"], |call| Reply::unexpected(&call)).await.ca_pem.clone();
    let options = ChannelOptions { ca: vec![peer_ca.into_bytes()], ..ChannelOptions::default() };
    let status = Channel::connect(&target, &options).await.unwrap_err();
    assert!(status.message.contains("http://"), "{status}");
}

#[tokio::test]
async fn a_stream_brings_messages_then_its_end() {
    let peer = Peer::start(|_| {
        let frames = [hit(b"1").clone_frame(), hit(b"2").clone_frame()].concat();
        Reply::stream(&[frames.slice_owned(0, 3), frames.slice_owned(3, frames.len())])
            .end(End::Status(Status::new(Code::Unavailable, "bye")))
    })
    .await;
    let channel = connect(&peer).await;
    let mut stream =
        channel.server_streaming::<GetResponse>(GET, Metadata::new(), &Empty {}, SECONDS).await.unwrap();
    drop(channel);
    assert_eq!(stream.message().await.unwrap().unwrap().cache_body, b"1");
    assert_eq!(stream.message().await.unwrap().unwrap().cache_body, b"2");
    assert_eq!(stream.message().await, Err(Status::new(Code::Unavailable, "bye")));
}

trait SliceOwned {
    fn slice_owned(&self, from: usize, to: usize) -> Bytes;
}

impl SliceOwned for Vec<u8> {
    fn slice_owned(&self, from: usize, to: usize) -> Bytes {
        Bytes::copy_from_slice(&self[from..to])
    }
}

#[tokio::test]
async fn an_unanswered_ping_ends_the_connection() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let target = Target::parse(&format!("http://{}", listener.local_addr().unwrap()), Scheme::Https).unwrap();
    let millis = Duration::from_millis(30);
    let keep_alive = Some(KeepAlive { interval: millis, timeout: millis });
    let options = ChannelOptions { keep_alive, ..ChannelOptions::default() };
    let channel = Channel::connect(&target, &options).await.unwrap();
    // Accepted by the kernel, read by nobody.
    let result = channel.unary::<Empty>(GET, Metadata::new(), &Empty {}, SECONDS).await;
    assert_eq!(result.unwrap_err().code, Code::Unavailable);
    assert!(channel.is_closed());
}

#[tokio::test]
async fn a_client_connects_again_after_its_connection_ended() {
    let peer = Peer::start(|call| match call.connection {
        0 => Reply::stream(&[]).end(End::HangUp),
        _ => Reply::message(&hit(b"v")),
    })
    .await;
    let client = client(&peer);
    assert_eq!(client.get("c", b"k").await.unwrap_err().code, Code::Unavailable);
    assert_eq!(client.get("c", b"k").await, Ok(Some(b"v".to_vec())));
}

#[tokio::test]
async fn control_calls_follow_pages_and_take_an_existing_cache() {
    use kura_wire::protos::control_client::{Cache, ListCachesRequest, ListCachesResponse};
    let peer = Peer::start(|call| match call.path.as_str() {
        "/control_client.ScsControl/CreateCache" => Reply::status(Status::new(Code::AlreadyExists, "there")),
        "/control_client.ScsControl/ListCaches" => {
            let token = call.decode::<ListCachesRequest>().next_token;
            let cache = |name: &str| Cache { cache_name: name.to_owned(), ..Cache::default() };
            Reply::message(&match token.as_str() {
                "" => ListCachesResponse { cache: vec![cache("b"), cache("a")], next_token: "2".into() },
                _ => ListCachesResponse { cache: vec![cache(&token)], next_token: String::new() },
            })
        }
        _ => Reply::unexpected(&call),
    })
    .await;
    let client = client(&peer);
    assert_eq!(client.create_cache("a").await, Ok(Created::Existed));
    assert_eq!(client.list_caches().await.unwrap(), ["b", "a", "2"]);
    assert_eq!(client.flush_cache("a").await.unwrap_err().code, Code::Unimplemented);
}
