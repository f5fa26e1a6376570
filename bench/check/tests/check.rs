//! The check against a scripted peer: what it calls, in which order, and what it refuses.

#![expect(clippy::unwrap_used, reason = "helpers of tests, where a panic is a failure")]

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use kura_check::{CheckError, Options, Target};
use kura_wire::protos::cache_client::{
    DeleteRequest, ECacheResult, GetRequest, GetResponse, SetRequest, SetResponse,
};
use kura_wire::protos::common::Empty;
use kura_wire::test_util::{Call, Peer, Reply};
use kura_wire::{Code, Status};

/// What peers were asked, as `<peer> <method> <key>`, and what they keep.
#[derive(Clone, Default)]
struct Seen {
    calls: Arc<Mutex<Vec<String>>>,
    items: Arc<Mutex<HashMap<Vec<u8>, Vec<u8>>>>,
}

impl Seen {
    async fn peer(&self, name: &'static str) -> Peer {
        let seen = self.clone();
        Peer::start(move |call| seen.answer(name, &call)).await
    }

    fn answer(&self, name: &str, call: &Call) -> Reply {
        let mut items = self.items.lock().unwrap();
        let method = call.path.rsplit('/').next().unwrap();
        self.calls.lock().unwrap().push(format!("{name} {method}"));
        match method {
            "Get" => {
                let value = items.get(&call.decode::<GetRequest>().cache_key).cloned();
                let result = if value.is_some() { ECacheResult::Hit } else { ECacheResult::Miss };
                let cache_body = value.unwrap_or_default();
                Reply::message(&GetResponse { result: result.into(), cache_body, message: String::new() })
            }
            "Set" => {
                let set = call.decode::<SetRequest>();
                items.insert(set.cache_key, set.cache_body);
                Reply::message(&SetResponse { result: ECacheResult::Ok.into(), message: String::new() })
            }
            "Delete" => {
                items.remove(&call.decode::<DeleteRequest>().cache_key);
                Reply::message(&Empty {})
            }
            _ => Reply::message(&Empty {}),
        }
    }
}

fn options(targets: &[(&str, &Peer)], writes: usize, reads: usize) -> Options {
    let target = |(name, peer): &(&str, &Peer)| Target::parse(&format!("{name}={}", peer.url())).unwrap();
    Options { targets: targets.iter().map(target).collect(), writes, reads, ..Options::default() }
}

#[tokio::test]
async fn targets_take_turns_and_nothing_stays() {
    let seen = Seen::default();
    let (a, b) = (seen.peer("a").await, seen.peer("b").await);
    let report = kura_check::run(&options(&[("a", &a), ("b", &b)], 2, 3)).await.unwrap();
    assert_eq!(
        (report.targets[0].address.clone(), report.targets[1].name.as_str()),
        (a.address.to_string(), "b")
    );
    assert!(report.targets.iter().all(|target| target.writes.total_ms > 0.0 && target.reads.max_ms > 0.0));
    assert_eq!(report.ratios.unwrap().of, "b/a");
    let calls = seen.calls.lock().unwrap().join(", ");
    assert_eq!(
        calls,
        "a CreateCache, a Get, b CreateCache, b Get, \
         a Set, b Set, b Set, a Set, \
         a Get, b Get, b Get, a Get, a Get, b Get, \
         a Delete, a Delete, b Delete, b Delete"
    );
    assert!(seen.items.lock().unwrap().is_empty());
}

#[tokio::test]
async fn an_address_stands_in_for_a_name_that_leads_nowhere() {
    let seen = Seen::default();
    let peer = seen.peer("a").await;
    let target = Target::parse(&format!("a=http://nowhere.invalid:{}", peer.address.port())).unwrap();
    let target = Target { address: Some(peer.address.ip()), ..target };
    let options = Options { targets: vec![target], writes: 1, reads: 1, ..Options::default() };
    let report = kura_check::run(&options).await.unwrap();
    assert_eq!(report.targets[0].address, peer.address.to_string());
}

#[tokio::test]
async fn a_key_is_opened_and_sent() {
    let seen = Seen::default();
    let peer = Peer::start(move |call| {
        assert_eq!(call.header("authorization"), "inner");
        assert!(matches!(call.header("cache"), "" | "mine"));
        seen.answer("a", &call)
    })
    .await;
    let mut options = options(&[("a", &peer)], 1, 1);
    // {"endpoint":"e","api_key":"inner"}
    options.targets[0].api_key = Some("eyJlbmRwb2ludCI6ImUiLCJhcGlfa2V5IjoiaW5uZXIifQ==".into());
    options.cache = "mine".into();
    let report = kura_check::run(&options).await.unwrap();
    assert!(report.ratios.is_none());
    assert!(!format!("{options:?}").contains("eyJ"));
}

#[tokio::test]
async fn a_wrong_or_missing_value_ends_the_check() {
    for (body, found) in [(Some(b"x".to_vec()), "another value"), (None, "nothing")] {
        let seen = Seen::default();
        let peer = Peer::start(move |call| {
            let written = !seen.items.lock().unwrap().is_empty();
            match (call.path.ends_with("Get") && written, &body) {
                (true, Some(body)) => Reply::message(&GetResponse {
                    result: ECacheResult::Hit.into(),
                    cache_body: body.clone(),
                    message: String::new(),
                }),
                (true, None) => Reply::message(&GetResponse {
                    result: ECacheResult::Miss.into(),
                    ..GetResponse::default()
                }),
                _ => seen.answer("a", &call),
            }
        })
        .await;
        let error = kura_check::run(&options(&[("a", &peer)], 1, 1)).await.unwrap_err();
        assert!(matches!(&error, CheckError::WrongValue { found: why, .. } if *why == found), "{error}");
    }
}

#[tokio::test]
async fn a_key_that_may_not_create_the_cache_uses_it_if_it_is_there() {
    let start = |get: Option<Code>| {
        let seen = Seen::default();
        Peer::start(move |call| match (call.path.rsplit('/').next().unwrap(), get) {
            ("CreateCache", _) => Reply::status(Status::new(Code::PermissionDenied, "no")),
            ("Get", Some(code)) => Reply::status(Status::new(code, "no")),
            _ => seen.answer("a", &call),
        })
    };
    let there = start(None).await;
    kura_check::run(&options(&[("a", &there)], 1, 1)).await.unwrap();
    let absent = start(Some(Code::NotFound)).await;
    let error = kura_check::run(&options(&[("a", &absent)], 1, 1)).await.unwrap_err();
    assert!(error.to_string().contains("--cache"), "{error}");
}

#[tokio::test]
async fn what_cannot_be_checked_is_refused() {
    let seen = Seen::default();
    let peer = seen.peer("a").await;
    let error = |targets: &[(&str, &Peer)], writes| {
        let options = options(targets, writes, 1);
        async move { kura_check::run(&options).await.unwrap_err() }
    };
    assert!(matches!(error(&[], 1).await, CheckError::Targets));
    assert!(matches!(error(&[("a", &peer), ("a", &peer)], 1).await, CheckError::Targets));
    assert!(matches!(error(&[("a", &peer)], 0).await, CheckError::NothingToRead));
    for text in ["", "a", "=http://h:1", "a=ftp://h", "a="] {
        assert!(Target::parse(text).is_err(), "{text}");
    }
}
