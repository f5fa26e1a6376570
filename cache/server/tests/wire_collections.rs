//! Collections and leaderboards as a client sees them.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a panic is a failure of the test")]

mod common;
mod models;

use common::raw::{Connection, frame};
use common::{Server, kura_says, seed};
use kura_front_grpc::Method;
use kura_wire::Code;
use kura_wire::protos::cache_client as protos;
use kura_wire::protos::leaderboard as board;
use models::{Boards, CACHE, TTL, World, ask, send};
use prost::Message;

async fn server() -> (Server, Connection) {
    let server = Server::local(&[]);
    server.client("").create_cache(CACHE).await.unwrap();
    let connection = server.connect().await;
    (server, connection)
}

#[tokio::test]
async fn collections_do_what_a_plain_model_does() {
    let (_server, connection) = server().await;
    let mut world = World::new(connection, seed());
    for _ in 0..4000 {
        world.step().await;
    }
}

#[tokio::test]
async fn leaderboards_do_what_a_plain_model_does() {
    let (_server, connection) = server().await;
    let mut boards = Boards::new(connection, seed());
    for _ in 0..600 {
        boards.step().await;
    }
}

/// A call that has no other answer than this code, with these words.
async fn refused(connection: &Connection, method: &str, request: &impl Message, code: Code, words: &str) {
    let service = if method.starts_with("Get") { "/leaderboard.Leaderboard" } else { "/cache_client.Scs" };
    let path = if method.starts_with('/') { method.to_owned() } else { format!("{service}/{method}") };
    let headers: [(&str, &[u8]); 1] = [("cache", CACHE.as_bytes())];
    let answer = connection.call(&path, &headers, frame(&request.encode_to_vec())).await;
    assert_eq!(answer.code, code, "{method}: {answer:?}");
    assert!(answer.words.contains(words), "{method}: {words:?} is not in {:?}", answer.words);
}

fn put(name: &[u8], elements: &[(&[u8], f64)]) -> protos::SortedSetPutRequest {
    let element =
        |(value, score): &(&[u8], f64)| protos::SortedSetElement { value: value.to_vec(), score: *score };
    protos::SortedSetPutRequest {
        set_name: name.to_vec(),
        elements: elements.iter().map(element).collect(),
        ttl_milliseconds: TTL,
        refresh_ttl: true,
    }
}

fn union(
    name: &[u8],
    elements: &[Vec<u8>],
    ttl_milliseconds: u64,
    refresh_ttl: bool,
) -> protos::SetUnionRequest {
    let (set_name, elements) = (name.to_vec(), elements.to_vec());
    protos::SetUnionRequest { set_name, elements, ttl_milliseconds, refresh_ttl }
}

#[tokio::test]
async fn elements_of_128_kib_fit_and_of_one_byte_more_do_not() {
    let (_server, connection) = server().await;
    for (bytes, fits) in [(131_072, true), (131_073, false)] {
        let (name, long) = (b"name".to_vec(), vec![b'x'; bytes]);
        let pair = |field: &[u8], value: &[u8]| protos::DictionarySetRequest {
            dictionary_name: b"dictionary".to_vec(),
            items: vec![protos::DictionaryFieldValuePair { field: field.to_vec(), value: value.to_vec() }],
            ttl_milliseconds: TTL,
            refresh_ttl: false,
        };
        let push = protos::ListPushFrontRequest {
            list_name: b"list".to_vec(),
            value: long.clone(),
            ttl_milliseconds: TTL,
            refresh_ttl: false,
            truncate_back_to_size: 0,
        };
        let calls = [
            ("DictionarySet", pair(b"field", &long).encode_to_vec()),
            ("DictionarySet", pair(&long, b"value").encode_to_vec()),
            ("SetUnion", union(&name, std::slice::from_ref(&long), TTL, false).encode_to_vec()),
            ("ListPushFront", push.encode_to_vec()),
            ("SortedSetPut", put(b"sorted set", &[(&long, 1.0)]).encode_to_vec()),
        ];
        for (method, message) in calls {
            let headers: [(&str, &[u8]); 1] = [("cache", CACHE.as_bytes())];
            let answer =
                connection.call(&format!("/cache_client.Scs/{method}"), &headers, frame(&message)).await;
            if fits {
                assert_eq!(answer.code, Code::Ok, "{method}: {answer:?}");
            } else {
                assert_eq!(answer.code, Code::ResourceExhausted, "{method}: {answer:?}");
                assert_eq!(answer.err.unwrap(), "element_size_limit_exceeded", "{method}");
                assert!(answer.words.contains("131073"), "{method}: {}", answer.words);
            }
        }
    }
}

#[tokio::test]
async fn ranges_that_end_before_they_start_are_empty_and_of_ranks_invalid() {
    let (_server, connection) = server().await;
    let values = protos::ListConcatenateBackRequest {
        list_name: b"list".to_vec(),
        values: (0..5).map(|at| vec![at]).collect(),
        ttl_milliseconds: TTL,
        ..Default::default()
    };
    ask::<protos::ListConcatenateBackResponse>(&connection, "ListConcatenateBack", &values).await.unwrap();
    ask::<protos::SortedSetPutResponse>(
        &connection,
        "SortedSetPut",
        &put(b"set", &[(b"a", 1.0), (b"b", 2.0)]),
    )
    .await
    .unwrap();
    for (start, end) in [(3, 1), (-1, -3), (9, 12), (2, 2)] {
        use protos::list_fetch_request::{EndIndex, StartIndex};
        let request = protos::ListFetchRequest {
            list_name: b"list".to_vec(),
            start_index: Some(StartIndex::InclusiveStart(start)),
            end_index: Some(EndIndex::ExclusiveEnd(end)),
        };
        let answer: protos::ListFetchResponse = ask(&connection, "ListFetch", &request).await.unwrap();
        assert!(matches!(answer.list, Some(protos::list_fetch_response::List::Missing(_))), "{start}..{end}");

        use protos::sorted_set_fetch_request::{ByIndex, Range, by_index};
        let range = ByIndex {
            start: Some(by_index::Start::InclusiveStartIndex(start)),
            end: Some(by_index::End::ExclusiveEndIndex(end)),
        };
        let request = protos::SortedSetFetchRequest {
            set_name: b"set".to_vec(),
            range: Some(Range::ByIndex(range)),
            ..Default::default()
        };
        let answer = send(&connection, "/cache_client.Scs/SortedSetFetch", &request.encode_to_vec()).await;
        assert_eq!(answer.unwrap(), b"\x0a\x02\x12\x00", "found, with no values: {start}..{end}");
    }
    for (start, end, words) in [(4, 3, "behind its start"), (0, 0, "behind its start"), (0, 8193, "8192")] {
        let request = board::GetByRankRequest {
            leaderboard: "board".to_owned(),
            rank_range: Some(board::RankRange { start_inclusive: start, end_exclusive: end }),
            order: 0,
        };
        refused(&connection, "GetByRank", &request, Code::InvalidArgument, words).await;
    }
}

#[tokio::test]
async fn what_makes_no_sense_is_invalid_and_the_answer_names_it() {
    let (_server, connection) = server().await;
    let nan = f64::NAN;
    let invalid = Code::InvalidArgument;
    refused(&connection, "SortedSetPut", &put(b"set", &[(b"a", nan)]), invalid, "NaN").await;
    let increment = protos::SortedSetIncrementRequest {
        set_name: b"set".to_vec(),
        value: b"a".to_vec(),
        amount: nan,
        ttl_milliseconds: TTL,
        refresh_ttl: false,
    };
    refused(&connection, "SortedSetIncrement", &increment, invalid, "NaN").await;
    refused(&connection, "SortedSetPut", &put(b"", &[(b"a", 1.0)]), invalid, "empty").await;
    refused(&connection, "SetUnion", &union(b"set", &[b"a".to_vec()], 0, true), invalid, "ttl").await;
    // A choice that was not made.
    for (method, words) in [
        ("DictionaryDelete", "delete"),
        ("SetDifference", "difference"),
        ("ListErase", "erase"),
        ("ListRemove", "remove"),
        ("SortedSetFetch", "range"),
        ("SortedSetRemove", "remove_elements"),
    ] {
        let named = protos::SetFetchRequest { set_name: b"name".to_vec() };
        refused(&connection, method, &named, invalid, &format!("lacks its {words}")).await;
    }
    let nothing = protos::SortedSetUnionStoreRequest {
        set_name: b"set".to_vec(),
        ttl_milliseconds: TTL,
        ..Default::default()
    };
    refused(&connection, "SortedSetUnionStore", &nothing, invalid, "lacks its sources").await;
    let rank = protos::SortedSetGetRankRequest { set_name: b"set".to_vec(), value: vec![], order: 2 };
    refused(&connection, "SortedSetGetRank", &rank, invalid, "order is 2").await;
    let upsert = |elements| board::UpsertElementsRequest { leaderboard: "board".to_owned(), elements };
    let path = "/leaderboard.Leaderboard/UpsertElements";
    refused(&connection, path, &upsert(vec![]), invalid, "no elements").await;
    refused(&connection, path, &upsert(vec![board::Element::default(); 8193]), invalid, "8192").await;
    for score in [nan, f64::INFINITY] {
        refused(&connection, path, &upsert(vec![board::Element { id: 1, score }]), invalid, "finite").await;
    }
    let by_score = board::GetByScoreRequest {
        leaderboard: "board".to_owned(),
        limit_elements: 8193,
        ..Default::default()
    };
    refused(&connection, "GetByScore", &by_score, invalid, "8192").await;
}

#[tokio::test]
async fn a_sum_that_is_no_number_is_refused_and_changes_nothing() {
    let (_server, connection) = server().await;
    let infinite = put(b"set", &[(b"a", f64::INFINITY)]);
    ask::<protos::SortedSetPutResponse>(&connection, "SortedSetPut", &infinite).await.unwrap();
    let increment = protos::SortedSetIncrementRequest {
        set_name: b"set".to_vec(),
        value: b"a".to_vec(),
        amount: f64::NEG_INFINITY,
        ttl_milliseconds: TTL,
        refresh_ttl: false,
    };
    refused(&connection, "SortedSetIncrement", &increment, Code::FailedPrecondition, "not a number").await;
    let request = protos::SortedSetGetScoreRequest { set_name: b"set".to_vec(), values: vec![b"a".to_vec()] };
    let answer: protos::SortedSetGetScoreResponse =
        ask(&connection, "SortedSetGetScore", &request).await.unwrap();
    let Some(protos::sorted_set_get_score_response::SortedSet::Found(found)) = answer.sorted_set else {
        panic!("the set is gone")
    };
    assert_eq!(found.elements[0].score, f64::INFINITY);
}

/// What a set's name has left, in milliseconds.
async fn remaining(connection: &Connection, key: &[u8]) -> u64 {
    let request = protos::ItemGetTtlRequest { cache_key: key.to_vec() };
    let answer: protos::ItemGetTtlResponse = ask(connection, "ItemGetTtl", &request).await.unwrap();
    let Some(protos::item_get_ttl_response::Result::Found(found)) = answer.result else { panic!("no item") };
    found.remaining_ttl_millis
}

#[tokio::test]
async fn a_collection_keeps_its_time_to_live_unless_it_is_asked_to_refresh_it() {
    let (_server, connection) = server().await;
    for (elements, what) in [(1, "small"), (3000, "large")] {
        let name = what.as_bytes();
        let write = async |ttl, refresh| {
            let elements: Vec<_> =
                (0..elements).map(|at: u32| format!("element {at}").into_bytes()).collect();
            let request = union(name, &elements, ttl, refresh);
            ask::<protos::SetUnionResponse>(&connection, "SetUnion", &request).await.unwrap();
            remaining(&connection, name).await
        };
        assert!((50_000..60_000).contains(&write(60_000, false).await), "{what}: made with its time");
        assert!((40_000..60_000).contains(&write(500_000, false).await), "{what}: keeps its time");
        assert!((490_000..500_000).contains(&write(500_000, true).await), "{what}: refreshed");
        assert!((40_000..50_000).contains(&write(50_000, true).await), "{what}: refreshed to less");
    }
}

#[tokio::test]
async fn half_a_million_elements_come_and_go_in_one_call_each() {
    let server = Server::local(&[]);
    let client = server.client("");
    client.create_cache(CACHE).await.unwrap();
    let connection = server.connect().await;
    let elements: Vec<_> = (0..500_000_u32).map(|at| format!("{at:06}").into_bytes()).collect();
    ask::<protos::SetUnionResponse>(&connection, "SetUnion", &union(b"set", &elements, TTL, true))
        .await
        .unwrap();
    let before = server.memory();

    // Fetches that go on while nobody reads them; the server makes what it sends as it is read.
    let fetch = frame(&protos::SetFetchRequest { set_name: b"set".to_vec() }.encode_to_vec());
    let mut unread = Vec::new();
    for _ in 0..20 {
        let (response, mut body) =
            connection.begin("/cache_client.Scs/SetFetch", &[("cache", CACHE.as_bytes())]).await;
        common::raw::send(&mut body, fetch.clone()).await;
        unread.push((common::within(response).await.unwrap(), body));
    }
    let held = server.memory().saturating_sub(before);
    assert!(held < 24 << 20, "20 fetches of 4 MB that nobody reads hold {held} bytes");

    // Another connection's calls, and a fetch there.
    client.set(CACHE, b"key", b"value", std::time::Duration::from_secs(60)).await.unwrap();
    let second = server.connect().await;
    let answer: protos::SetFetchResponse =
        ask(&second, "SetFetch", &protos::SetFetchRequest { set_name: b"set".to_vec() }).await.unwrap();
    let Some(protos::set_fetch_response::Set::Found(mut found)) = answer.set else { panic!("no set") };
    found.elements.sort_unstable();
    assert!(found.elements == elements);

    let remove = protos::set_difference_request::subtrahend::Set { elements };
    let subtrahend = protos::set_difference_request::Subtrahend {
        subtrahend_set: Some(protos::set_difference_request::subtrahend::SubtrahendSet::Set(remove)),
    };
    let request = protos::SetDifferenceRequest {
        set_name: b"set".to_vec(),
        difference: Some(protos::set_difference_request::Difference::Subtrahend(subtrahend)),
    };
    ask::<protos::SetDifferenceResponse>(&second, "SetDifference", &request).await.unwrap();
    let length = protos::SetLengthRequest { set_name: b"set".to_vec() };
    let answer: protos::SetLengthResponse = ask(&second, "SetLength", &length).await.unwrap();
    assert!(matches!(answer.set, Some(protos::set_length_response::Set::Missing(_))));
    drop(unread);
}

#[tokio::test]
async fn roles_reach_exactly_the_calls_that_they_name() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::local(&["--data-dir", data.path().to_str().unwrap()]);
    server.client("").create_cache(CACHE).await.unwrap();
    let connection = server.connect().await;
    let writes = [
        "DictionarySet",
        "DictionaryDelete",
        "SetUnion",
        "SortedSetPut",
        "SortedSetRemove",
        "UpsertElements",
        "RemoveElements",
        "DeleteLeaderboard",
    ];
    let reads = [
        "DictionaryGet",
        "DictionaryFetch",
        "DictionaryLength",
        "SetFetch",
        "SetSample",
        "SetContains",
        "SetLength",
        "ListFetch",
        "ListLength",
        "SortedSetFetch",
        "SortedSetGetScore",
        "SortedSetGetRank",
        "SortedSetLength",
        "SortedSetLengthByScore",
        "GetByRank",
        "GetByScore",
        "GetRank",
        "GetCompetitionRank",
        "GetLeaderboardLength",
    ];
    let service = |method: &Method| {
        let path = method.path();
        path.starts_with("/leaderboard.")
            || ["Dictionary", "List", "SortedSet"].iter().any(|start| method.label().starts_with(start))
                && path.starts_with("/cache_client.Scs/")
            || ["SetFetch", "SetSample", "SetUnion", "SetDifference", "SetContains", "SetLength", "SetPop"]
                .contains(&method.label())
    };
    let methods: Vec<_> = Method::ALL.into_iter().filter(service).collect();
    assert_eq!(methods.len(), 41);
    for role in ["readonly", "writeonly", "readwrite"] {
        let token =
            kura_says(data.path(), &["key", "create", "--name", role, "--cache", &format!("{CACHE}:{role}")]);
        for method in &methods {
            let headers = [("cache", CACHE.as_bytes()), ("authorization", token.as_bytes())];
            // Permission is looked at before the message, which says nothing.
            let answer = connection.call(method.path(), &headers, frame(b"")).await;
            let allowed = match role {
                "readonly" => reads.contains(&method.label()),
                "writeonly" => writes.contains(&method.label()),
                _ => true,
            };
            if allowed {
                assert_eq!(answer.code, Code::InvalidArgument, "{role}, {method:?}: {answer:?}");
            } else {
                assert_eq!(answer.code, Code::PermissionDenied, "{role}, {method:?}: {answer:?}");
            }
        }
    }
}
