//! `topic subscribe`: what is printed, where it goes on, when it gives up.

mod common;

use common::{User, only, recording};
use kura_wire::protos::cache_client::pubsub::{
    Discontinuity, Heartbeat, SubscriptionItem, SubscriptionRequest, TopicItem, TopicValue,
    subscription_item, topic_value,
};
use kura_wire::test_util::{End, Frame, Peer, Reply};
use kura_wire::{Code, Status};

fn item(number: u64, kind: topic_value::Kind) -> SubscriptionItem {
    let value = Some(TopicValue { kind: Some(kind) });
    let item = TopicItem { topic_sequence_number: number, sequence_page: 7, value, ..TopicItem::default() };
    SubscriptionItem { kind: Some(subscription_item::Kind::Item(item)) }
}

fn text(number: u64, text: &str) -> SubscriptionItem {
    item(number, topic_value::Kind::Text(text.into()))
}

fn heartbeat() -> SubscriptionItem {
    SubscriptionItem { kind: Some(subscription_item::Kind::Heartbeat(Heartbeat {})) }
}

fn stream(items: &[SubscriptionItem]) -> Reply {
    Reply::stream(&items.iter().map(Frame::clone_frame).collect::<Vec<_>>())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_subscription_goes_on_where_its_stream_ended() {
    let gone = End::Status(Status::new(Code::NotFound, "Cache not found"));
    let (peer, calls) = recording(move |call| {
        let request = call.decode::<SubscriptionRequest>();
        match (request.resume_at_topic_sequence_number, call.connection) {
            (0, _) => stream(&[heartbeat(), text(1, "one"), item(2, topic_value::Kind::Binary(vec![1, 2]))])
                .end(End::HangUp),
            // A server may send the last item again.
            (3, 1) => {
                stream(&[heartbeat(), item(2, topic_value::Kind::Binary(vec![1, 2])), text(3, "three")])
                    .end(End::Status(Status::new(Code::Unavailable, "restarting")))
            }
            (4, 1) => {
                let gap =
                    Discontinuity { last_topic_sequence: 3, new_topic_sequence: 9, new_sequence_page: 7 };
                stream(&[SubscriptionItem { kind: Some(subscription_item::Kind::Discontinuity(gap)) }])
            }
            _ => stream(&[heartbeat(), text(9, "nine")]).end(gone.clone()),
        }
    })
    .await;
    let ran = User::of(&peer.url()).run("topic subscribe t --cache c");
    assert_eq!((ran.stdout.as_str(), ran.code), ("one\n[1, 2]\nthree\nnine\n", 1));
    assert!(
        ran.stderr.ends_with("(SDK CacheNotFoundError from: tonic status error: Cache not found)\n"),
        "{ran:?}"
    );
    let asked: Vec<(u64, u64)> = calls
        .lock()
        .unwrap()
        .iter()
        .map(|call| call.decode::<SubscriptionRequest>())
        .map(|request| (request.resume_at_topic_sequence_number, request.sequence_page))
        .collect();
    assert_eq!(asked, [(0, 0), (3, 7), (4, 7), (9, 7)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_waiting_cannot_mend_ends_it() {
    for code in [Code::NotFound, Code::PermissionDenied, Code::Unauthenticated, Code::Unimplemented] {
        let end = End::Status(Status::new(code, "why"));
        let peer = Peer::start(move |_| stream(&[text(1, "one")]).end(end.clone())).await;
        let ran = User::of(&peer.url()).run("topic subscribe t");
        assert_eq!((ran.stdout.as_str(), ran.code), ("one\n", 1), "{code:?}");
        assert!(ran.stderr.ends_with("tonic status error: why)\n"), "{ran:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_subscription_that_never_opened_fails_at_once() {
    let peer = Peer::start(|_| Reply::status(Status::new(Code::Unavailable, "why"))).await;
    let stderr = User::of(&peer.url()).run("topic subscribe t").failed();
    assert!(stderr.starts_with("ERROR: the subscription ended without receiving any values: "), "{stderr}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_subscription_begins_where_it_is_told_and_programs_are_told_everything() {
    let (peer, calls) = recording(|_| {
        let gap = Discontinuity { last_topic_sequence: 4, new_topic_sequence: 8, new_sequence_page: 7 };
        let gap = SubscriptionItem { kind: Some(subscription_item::Kind::Discontinuity(gap)) };
        stream(&[heartbeat(), gap, text(8, "\"a\"\nb"), item(9, topic_value::Kind::Binary(b"text".to_vec()))])
            .end(End::Status(Status::new(Code::NotFound, "Cache not found")))
    })
    .await;
    let user = User::of(&peer.url());
    let ran = user.run("topic subscribe t --from 5 --page 7 --json");
    let lines = [
        r#"{"discontinuity":{"last_sequence":4,"new_page":7,"new_sequence":8}}"#,
        r#"{"item":{"page":7,"publisher_id":"","sequence":8,"value":"\"a\"\nb"}}"#,
        r#"{"item":{"page":7,"publisher_id":"","sequence":9,"value":{"base64":"dGV4dA=="}}}"#,
    ];
    assert_eq!((ran.stdout.lines().collect::<Vec<_>>(), ran.code), (lines.to_vec(), 1));
    let request = only(&calls).decode::<SubscriptionRequest>();
    assert_eq!((request.resume_at_topic_sequence_number, request.sequence_page), (5, 7));

    let ran = user.run("topic subscribe t --from 5 --verbose");
    assert_eq!(ran.stdout, "\"a\"\nb\n[116, 101, 120, 116]\n");
    assert!(ran.stderr.contains("discontinuity: after 4 it goes on at 8 of page 7"), "{ran:?}");
    let request = only(&calls).decode::<SubscriptionRequest>();
    assert_eq!((request.resume_at_topic_sequence_number, request.sequence_page), (5, 0));
    assert!(!user.run("topic subscribe t").stderr.contains("discontinuity"));
}
