//! Fields of any kind, between the h2 crate's HPACK and ours, in both directions.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a panic is a failure of the test")]

mod support;

use std::sync::{Arc, Mutex};

use http::{HeaderName, HeaderValue};
use kura_http2::{Options, Request};
use proptest::prelude::*;
use support::{OPTIONS, serve, soon};
use tokio::io::duplex;

/// A field, and whether no table may have it.
type Field = (String, Vec<u8>, bool);

/// A request's path and fields.
type Asked = (String, Vec<Field>);

fn field() -> impl Strategy<Value = Field> {
    let name = prop_oneof![
        // Those of the static table, those that are kept, and others.
        4 => prop::sample::select(&["accept", "cookie", "user-agent", "content-type", "grpc-status", "x", "www-authenticate"][..])
            .prop_map(str::to_owned),
        1 => "[a-z0-9!#$%&'*+.^_`|~-]{1,40}".prop_map(|name| format!("x-{name}")),
    ];
    let byte = prop_oneof![0x21..=0x7e_u8, 0x80..=0xff_u8];
    let inner = prop_oneof![0x20..=0x7e_u8, 0x80..=0xff_u8, Just(b'\t')];
    let value = prop_oneof![
        4 => prop::sample::select(&["application/grpc", "0", "", "a", "b"][..]).prop_map(|value| value.as_bytes().to_vec()),
        4 => (byte.clone(), prop::collection::vec(inner, 0..200), byte).prop_map(|(first, inner, last)| [
            &[first][..],
            &inner,
            &[last]
        ]
        .concat()),
        // Few of them fit into a table.
        1 => (1000..4200_usize).prop_map(|bytes| vec![b'a'; bytes]),
    ];
    (name, value, prop::bool::weighted(0.2))
}

fn asked() -> impl Strategy<Value = Asked> {
    // Blocks of the same bytes say something else once the table has changed, if all but what is in it is the same.
    let path = prop_oneof![3 => Just("/".to_owned()), 1 => "/[a-zA-Z0-9/.]{0,200}"];
    (path, prop_oneof![2 => prop::collection::vec(field(), 1), 1 => prop::collection::vec(field(), 0..20)])
}

/// What came of each request.
async fn exchange(requests: Vec<Asked>) {
    let (near, far) = duplex(1 << 20);
    let told: Arc<Mutex<Vec<Asked>>> = Arc::default();
    let kept = told.clone();
    let options = Options { max_head_bytes: 64 * 1024, ..OPTIONS };
    tokio::spawn(serve(far, options, move |mut request: Request| {
        let head = &request.head;
        assert_eq!((head.method(), head.scheme(), head.authority()), ("GET", "http", "here"));
        let fields: Vec<_> = head
            .fields()
            .map(|(name, value)| (String::from_utf8(name.to_vec()).unwrap(), value.to_vec()))
            .collect();
        let echoed: Vec<_> = fields.iter().map(|(name, value)| (&name[..], &value[..])).collect();
        request.respond.send_whole(200 + fields.len() as u16, &echoed, [], &echoed).unwrap();
        let fields = fields.into_iter().map(|(name, value)| (name, value, false)).collect();
        kept.lock().unwrap().push((head.path().to_owned(), fields));
        std::future::ready(())
    }));
    let (mut client, connection) = h2::client::handshake(near).await.unwrap();
    tokio::spawn(connection);
    for (path, fields) in requests {
        let mut request = http::Request::builder().uri(format!("http://here{path}")).body(()).unwrap();
        for (name, value, is_secret) in &fields {
            let mut value = HeaderValue::from_bytes(value).unwrap();
            value.set_sensitive(*is_secret);
            request.headers_mut().append(HeaderName::from_bytes(name.as_bytes()).unwrap(), value);
        }
        let sent = request.headers().clone();
        client = soon(client.ready()).await.unwrap();
        let response = soon(client.send_request(request, true).unwrap().0).await.unwrap();
        // Fields of one name go behind one another, each in its order.
        let (came, fields) = told.lock().unwrap().pop().unwrap();
        assert_eq!(came, path);
        let expected: Vec<_> = sent.iter().map(|(name, value)| (name.as_str(), value.as_bytes())).collect();
        let fields: Vec<_> = fields.iter().map(|(name, value, _)| (&name[..], &value[..])).collect();
        assert_eq!(fields, expected);
        assert_eq!(usize::from(response.status().as_u16()), 200 + fields.len());
        assert_eq!(*response.headers(), sent);
        let mut body = response.into_body();
        assert!(soon(body.data()).await.is_none());
        assert_eq!(soon(body.trailers()).await.unwrap().unwrap_or_default(), sent);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn fields_are_the_same_on_both_sides(
        some in prop::collection::vec(asked(), 1..6),
        order in prop::collection::vec(any::<prop::sample::Index>(), 1..20),
    ) {
        // The same ones come again, in any order, when the tables have changed and when they have not.
        let requests = order.iter().flat_map(|at| [at.get(&some).clone(), at.get(&some).clone()]).collect();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        runtime.block_on(exchange(requests));
    }
}

#[tokio::test]
async fn every_byte_that_a_value_may_have_arrives() {
    let bytes = (0x21..0x7f).chain(0x80..=0xff);
    let one = bytes.clone().map(|byte| ("/".to_owned(), vec![("x".to_owned(), vec![byte], false)]));
    let pairs = bytes.clone().map(|byte| {
        let value = bytes.clone().flat_map(|other| [byte, other]).collect();
        ("/".to_owned(), vec![("x".to_owned(), value, false)])
    });
    exchange(one.chain(pairs).collect()).await;
}

#[tokio::test]
async fn values_of_every_length_arrive() {
    let value = |bytes| ("/".to_owned(), vec![("x".to_owned(), vec![b'a'; bytes], false)]);
    exchange((0..600).chain([16_000, 16_384, 17_000, 33_000]).map(value).collect()).await;
}

#[tokio::test]
async fn the_same_block_says_something_else_in_another_table() {
    let value = |value: String| ("/".to_owned(), vec![("x".to_owned(), value.into_bytes(), false)]);
    // From the second time on a block is two indexes, which are the same whenever large values have emptied the table.
    let rounds = (0..6).flat_map(|at| {
        let small = value(format!("small{at}"));
        [small.clone(), small.clone(), small, value("b".repeat(2100 + at)), value("c".repeat(2200 + at))]
    });
    exchange(rounds.collect()).await;
}
