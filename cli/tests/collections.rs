//! Collections and leaderboards: what each command sends, and what it prints of the answer. Against
//! the real `kura` they are tested in `with_kura.rs`.

mod common;

use common::{Ran, User, only, recording};
use kura_wire::protos::cache_client as wire;
use kura_wire::protos::common::{Empty, Unbounded};
use kura_wire::protos::leaderboard as board;
use kura_wire::test_util::{Peer, Reply};
use prost::Message;

/// What `momento <args>` sends to `path`, answered with `response`, and how it ends.
async fn sent<Q: Message + Default>(path: &str, args: &str, response: impl Message) -> (Q, Ran) {
    let reply = Reply::message(&response);
    let (peer, calls) = recording(move |_| reply.clone()).await;
    let ran = User::of(&peer.url()).run_with_input(args, "\u{0}from\nstdin\n");
    let call = only(&calls);
    assert_eq!((call.path.as_str(), call.header("cache")), (path, "default-cache"), "{args}");
    (call.decode(), ran)
}

fn scs(method: &str) -> String {
    format!("/cache_client.Scs/{method}")
}

#[tokio::test(flavor = "multi_thread")]
async fn times_to_live_are_the_profiles_and_refreshed_unless_told() {
    for (args, ttl_milliseconds, refresh_ttl) in [
        ("dictionary set d f v", 600_000, true),
        ("dictionary set d f v --ttl 5", 5_000, true),
        ("dictionary set --keep-ttl d f v", 600_000, false),
        ("dictionary set d f v --ttl 18446744073709551615", u64::MAX, true),
    ] {
        let (request, ran) = sent(&scs("DictionarySet"), args, wire::DictionarySetResponse {}).await;
        let item = wire::DictionaryFieldValuePair { field: b"f".to_vec(), value: b"v".to_vec() };
        let expected = wire::DictionarySetRequest {
            dictionary_name: b"d".to_vec(),
            items: vec![item],
            ttl_milliseconds,
            refresh_ttl,
        };
        assert_eq!((request, ran.ok().as_str()), (expected, ""), "{args}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn standard_input_is_a_value_byte_for_byte() {
    let value = b"\0from\nstdin\n".to_vec();
    let (request, ran) = sent::<wire::ListPushFrontRequest>(
        &scs("ListPushFront"),
        "list push-front l --stdin --truncate-to 3",
        wire::ListPushFrontResponse { list_length: 2 },
    )
    .await;
    assert_eq!((request.value, request.truncate_back_to_size), (value.clone(), 3));
    assert_eq!(ran.ok(), "2\n");
    let (request, _) =
        sent::<wire::SetUnionRequest>(&scs("SetUnion"), "set add s --stdin", wire::SetUnionResponse {}).await;
    assert_eq!(request.elements, std::slice::from_ref(&value));
    let (request, _) = sent::<wire::SortedSetPutRequest>(
        &scs("SortedSetPut"),
        "sorted-set put z --stdin --score -1.5",
        wire::SortedSetPutResponse {},
    )
    .await;
    assert_eq!(request.elements, [wire::SortedSetElement { value, score: -1.5 }]);
}

#[tokio::test(flavor = "multi_thread")]
async fn list_ranges_are_open_where_nothing_is_said() {
    use wire::list_fetch_request::{EndIndex, StartIndex};
    use wire::list_fetch_response::{Found, List, Missing};
    let found = |values: &[&str]| wire::ListFetchResponse {
        list: Some(List::Found(Found {
            values: values.iter().map(|value| value.as_bytes().to_vec()).collect(),
        })),
    };
    for (args, start, end) in [
        ("list fetch l", None, None),
        ("list fetch l --start -3 --end 2", Some(-3), Some(2)),
        ("list fetch l --end -1", None, Some(-1)),
    ] {
        let (request, ran) = sent(&scs("ListFetch"), args, found(&["a", "b"])).await;
        let expected = wire::ListFetchRequest {
            list_name: b"l".to_vec(),
            start_index: Some(
                start.map_or(StartIndex::UnboundedStart(Unbounded {}), StartIndex::InclusiveStart),
            ),
            end_index: Some(end.map_or(EndIndex::UnboundedEnd(Unbounded {}), EndIndex::ExclusiveEnd)),
        };
        assert_eq!((request, ran.ok().as_str()), (expected, "a\nb\n"), "{args}");
    }
    let missing = wire::ListFetchResponse { list: Some(List::Missing(Missing {})) };
    let (_, ran) = sent::<wire::ListFetchRequest>(&scs("ListFetch"), "list fetch l --json", missing).await;
    assert_eq!((ran.code, ran.stdout.as_str(), ran.stderr.as_str()), (1, "", ""));
    // A list that is there has no empty range, but a server may say so.
    let (_, ran) = sent::<wire::ListFetchRequest>(&scs("ListFetch"), "list fetch l --json", found(&[])).await;
    assert_eq!(ran.ok(), "{\"values\":[]}\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn sorted_sets_are_asked_by_rank_or_by_score() {
    use wire::sorted_set_fetch_request::{ByIndex, ByScore, Range, by_index, by_score};
    use wire::sorted_set_fetch_response::{Found, SortedSet, found};
    let element = |value: &str, score| wire::SortedSetElement { value: value.into(), score };
    let elements = vec![element("a", 1.5), element("b", -2.0)];
    let response = wire::SortedSetFetchResponse {
        sorted_set: Some(SortedSet::Found(Found {
            elements: Some(found::Elements::ValuesWithScores(found::ValuesWithScores { elements })),
        })),
    };
    let score = |score, exclusive| by_score::Score { score, exclusive };
    let unbounded_max = by_score::Max::UnboundedMax(Unbounded {});
    for (args, order, range) in [
        (
            "sorted-set fetch z",
            0,
            Range::ByIndex(ByIndex {
                start: Some(by_index::Start::UnboundedStart(Unbounded {})),
                end: Some(by_index::End::UnboundedEnd(Unbounded {})),
            }),
        ),
        (
            "sorted-set fetch z --start -2 --end 5 --order descending",
            1,
            Range::ByIndex(ByIndex {
                start: Some(by_index::Start::InclusiveStartIndex(-2)),
                end: Some(by_index::End::ExclusiveEndIndex(5)),
            }),
        ),
        (
            "sorted-set fetch z --min -1 --below 2.5 --offset 1 --count 3",
            0,
            Range::ByScore(ByScore {
                offset: 1,
                count: 3,
                min: Some(by_score::Min::MinScore(score(-1.0, false))),
                max: Some(by_score::Max::MaxScore(score(2.5, true))),
            }),
        ),
        (
            "sorted-set fetch z --above 1",
            0,
            Range::ByScore(ByScore {
                offset: 0,
                count: -1,
                min: Some(by_score::Min::MinScore(score(1.0, true))),
                max: Some(unbounded_max),
            }),
        ),
    ] {
        let (request, ran) = sent(&scs("SortedSetFetch"), args, response.clone()).await;
        let expected = wire::SortedSetFetchRequest {
            set_name: b"z".to_vec(),
            order,
            with_scores: true,
            range: Some(range),
        };
        assert_eq!((request, ran.ok().as_str()), (expected, "a\t1.5\nb\t-2\n"), "{args}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn unions_carry_their_weights_and_lengths_their_bounds() {
    use wire::sorted_set_length_by_score_request::{Max, Min};
    use wire::sorted_set_length_by_score_response::{Found, SortedSet};
    let (request, ran) = sent::<wire::SortedSetUnionStoreRequest>(
        &scs("SortedSetUnionStore"),
        "sorted-set union-store z a b=-2.5 --aggregate max --ttl 7",
        wire::SortedSetUnionStoreResponse { length: 4 },
    )
    .await;
    let sources: Vec<_> = request.sources.iter().map(|it| (it.set_name.as_slice(), it.weight)).collect();
    assert_eq!(sources, [(&b"a"[..], 1.0), (b"b", -2.5)]);
    assert_eq!((request.aggregate, request.ttl_milliseconds, ran.ok().as_str()), (2, 7_000, "4\n"));
    let found =
        wire::SortedSetLengthByScoreResponse { sorted_set: Some(SortedSet::Found(Found { length: 3 })) };
    let (request, ran) = sent::<wire::SortedSetLengthByScoreRequest>(
        &scs("SortedSetLengthByScore"),
        "sorted-set length z --above 1 --json",
        found,
    )
    .await;
    assert_eq!(request.min, Some(Min::ExclusiveMin(1.0)));
    assert_eq!(request.max, Some(Max::UnboundedMax(Unbounded {})));
    assert_eq!(ran.ok(), "{\"length\":3}\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn leaderboards_are_asked_by_name_and_answer_rank_id_score() {
    let path = |method: &str| format!("/leaderboard.Leaderboard/{method}");
    let (request, ran) = sent::<board::UpsertElementsRequest>(
        &path("UpsertElements"),
        "leaderboard upsert b 1=27.004309862363737 4294967295=-1",
        Empty {},
    )
    .await;
    let element = |id, score| board::Element { id, score };
    assert_eq!(request.elements, [element(1, 27.004309862363737), element(u32::MAX, -1.0)]);
    assert_eq!((request.leaderboard.as_str(), ran.ok().as_str()), ("b", ""));

    let elements = vec![board::RankedElement { id: 7, rank: 0, score: 1.5 }];
    let response = board::GetByRankResponse { elements: elements.clone() };
    let (request, ran) =
        sent::<board::GetByRankRequest>(&path("GetByRank"), "leaderboard by-rank b --start 2", response)
            .await;
    let range = board::RankRange { start_inclusive: 2, end_exclusive: 8194 };
    assert_eq!((request.rank_range, request.order), (Some(range), 0));
    assert_eq!(ran.ok(), "0\t7\t1.5\n");

    // The service's order differs where none is sent, so it is always sent.
    for (args, order) in [("b 7 --json", 1), ("b 7 --json --order ascending", 0)] {
        let response = board::GetCompetitionRankResponse { elements: elements.clone() };
        let (request, ran) = sent::<board::GetCompetitionRankRequest>(
            &path("GetCompetitionRank"),
            &format!("leaderboard competition-rank {args}"),
            response,
        )
        .await;
        assert_eq!((request.order, request.ids), (Some(order), vec![7]));
        assert_eq!(ran.ok(), "{\"elements\":[{\"rank\":0,\"id\":7,\"score\":1.5}]}\n");
    }
    let none = board::GetRankResponse { elements: vec![] };
    let (_, ran) = sent::<board::GetRankRequest>(&path("GetRank"), "leaderboard rank b 7", none).await;
    assert_eq!((ran.code, ran.stdout.as_str(), ran.stderr.as_str()), (1, "", ""));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_is_none_is_an_error_and_not_a_miss() {
    let peer = Peer::start(|_| Reply::message(&Empty {})).await;
    let user = User::of(&peer.url());
    for args in [
        "dictionary get d f",
        "dictionary get-fields d f",
        "dictionary fetch d",
        "dictionary length d",
        "list pop-front l",
        "list pop-back l",
        "list fetch l",
        "list length l",
        "set fetch s",
        "set contains s a",
        "set pop s",
        "set sample s",
        "set length s",
        "sorted-set fetch z",
        "sorted-set score z v",
        "sorted-set rank z v",
        "sorted-set length z",
        "sorted-set length z --min 1",
    ] {
        let stderr = user.run(args).failed();
        assert!(stderr.contains("is neither a find nor a miss"), "{args}: {stderr}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_gets_the_bytes_and_is_left_alone_where_there_are_none() {
    use wire::list_pop_front_response::{Found, List, Missing};
    let peer = Peer::start(|call| {
        let missing = call.decode::<wire::ListPopFrontRequest>().list_name == b"none";
        let list = match missing {
            true => List::Missing(Missing {}),
            false => List::Found(Found { front: b"\xff\0\n".to_vec(), list_length: 1 }),
        };
        Reply::message(&wire::ListPopFrontResponse { list: Some(list) })
    })
    .await;
    let user = User::of(&peer.url());
    let file = user.path("out");
    let pop = |name: &str| user.run(&format!("list pop-front {name} --output {}", file.display()));
    assert_eq!(pop("none").code, 1);
    assert!(!file.exists(), "a miss makes no file");
    user.write("out", "longer than what comes");
    assert_eq!(pop("none").code, 1);
    assert_eq!(user.read("out"), "longer than what comes");
    assert_eq!(pop("l").ok(), "");
    assert_eq!(std::fs::read(&file).ok().as_deref(), Some(&b"\xff\0\n"[..]));
    let json = user.run(&format!("list pop-front l --json --output {}", file.display()));
    assert_eq!((json.ok().as_str(), user.read("out").as_str()), ("", "{\"value\":{\"base64\":\"/wAK\"}}\n"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_cannot_be_written_fails_before_anything_is_taken() {
    let (peer, calls) = recording(|_| Reply::message(&Empty {})).await;
    let stderr = User::of(&peer.url()).run("list pop-front l --output /nowhere/at/all").failed();
    assert!(stderr.starts_with("ERROR: cannot write to /nowhere/at/all (--output): "), "{stderr}");
    assert!(calls.lock().is_ok_and(|calls| calls.is_empty()));
}
