//! `momento configure`: questions, files, the default cache.

mod common;

use std::os::unix::fs::PermissionsExt;

use common::{User, only, recording, v1_key, v2_key};
use kura_wire::protos::common::Empty;
use kura_wire::protos::control_client::{Cache, CreateCacheRequest, ListCachesResponse};
use kura_wire::test_util::{Peer, Reply};
use kura_wire::{Code, Status};

const QUESTIONS: &str = "API Key: Endpoint: Default Cache [default-cache]: Default Ttl Seconds [600]: ";

#[tokio::test(flavor = "multi_thread")]
async fn answers_may_come_all_at_once() {
    let (peer, calls) = recording(|_| Reply::message(&Empty {})).await;
    let user = User::new();
    let url = peer.url();
    let ran = user.run_with_input("configure", &format!("{}\n{url}\nmy-cache\n30\n", v2_key()));
    assert_eq!(ran.stdout, QUESTIONS, "{ran:?}");
    assert_eq!(ran.code, 0);
    assert!(ran.stderr.ends_with("my-cache successfully created as the default with default TTL of 30s\n"));
    assert_eq!(user.read("credentials"), format!("[default]\napi_key_v2={}\nendpoint={url}\n", v2_key()));
    assert_eq!(user.read("config"), "[default]\ncache=my-cache\nttl=30\n");
    for name in ["credentials", "config"] {
        assert_eq!(std::fs::metadata(user.path(name)).unwrap().permissions().mode() & 0o777, 0o600);
    }
    let call = only(&calls);
    assert_eq!(call.header("authorization"), v2_key());
    assert_eq!(call.decode::<CreateCacheRequest>().cache_name, "my-cache");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_way_of_asking_writes_what_it_asked_for() {
    let (peer, _calls) = recording(|_| Reply::status(Status::new(Code::AlreadyExists, "there"))).await;
    let url = peer.url();
    let token = v1_key(&url);
    let local = format!("[default]\nendpoint={url}\n");
    let by_token = format!("[default]\ntoken={token}\n");
    for (args, input, stdout, credentials) in [
        ("configure -q -d", format!("{token}\n"), "Disposable Auth Token: ", &by_token),
        (
            "configure --disposable-token",
            token.clone(),
            "Disposable Auth Token: Default Cache [default-cache]: Default Ttl Seconds [600]: ",
            &by_token,
        ),
        ("configure --quick", token.clone(), "API Key: ", &by_token),
        ("configure -q -a", format!("\n{url}\n"), "API Key: Endpoint: ", &local),
        (&format!("configure --local={}", peer.address), String::new(), "", &local),
    ] {
        let user = User::new();
        let ran = user.run_with_input(args, &input);
        assert_eq!((ran.stdout.as_str(), ran.code), (stdout, 0), "{args} {ran:?}");
        assert_eq!(&user.read("credentials"), credentials, "{args}");
        assert_eq!(user.read("config"), "[default]\ncache=default-cache\nttl=600\n");
        user.run("cache create x").ok();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn other_profiles_and_comments_stay() {
    let (peer, _calls) = recording(|_| Reply::message(&Empty {})).await;
    let user = User::new();
    user.write("credentials", "# mine\n[default]\ntoken=old\n\n[other]\ntoken=keep\n");
    user.write("config", "[default]\ncache=c\nttl=5\n[other]\ncache=keep\nttl=9\n");
    let ran = user.run_with_input("configure --profile default", &format!("n\n\n{}\n\n\n", peer.url()));
    assert_eq!(
        ran.ok(),
        "Use existing credentials [y]: API Key: Endpoint: Default Cache [c]: Default Ttl Seconds [5]: "
    );
    let expected = format!("# mine\n[default]\nendpoint={}\n\n[other]\ntoken=keep\n", peer.url());
    assert_eq!(user.read("credentials"), expected);
    assert_eq!(user.read("config"), "[default]\ncache=c\nttl=5\n[other]\ncache=keep\nttl=9\n");
    // Existing ones are kept at a word, and replaced by a pasted key.
    user.run_with_input("configure -q", "y\n").ok();
    assert_eq!(user.read("credentials"), expected);
    user.run_with_input("configure -q", &v1_key(&peer.url())).ok();
    assert!(user.read("credentials").contains("[default]\ntoken="));
}

#[test]
fn a_bad_answer_changes_nothing() {
    let user = User::of("http://127.0.0.1:1");
    let before = (user.read("credentials"), user.read("config"));
    for (args, input) in [
        ("configure -a", "not a key\nhost\n\n\n"),
        ("configure -a", "\nhost\n\n\n"),
        ("configure -d", "not a token\n\n\n"),
        ("configure -a", "\nftp://x\n\n\n"),
        ("configure -a", "\nhttp://127.0.0.1:1\nc\nsoon\n"),
        ("configure --local=https://host", ""),
    ] {
        let ran = user.run_with_input(args, input);
        assert_eq!(ran.code, 1, "{ran:?}");
        assert!(ran.stderr.contains("ERROR: "), "{ran:?}");
        assert_eq!((user.read("credentials"), user.read("config")), before, "{input:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_may_not_create_the_cache_may_still_use_it() {
    let start = |name: &'static str| {
        Peer::start(move |call| match call.path.ends_with("CreateCache") {
            true => Reply::status(Status::new(Code::PermissionDenied, "no")),
            false => Reply::message(&ListCachesResponse {
                cache: vec![Cache { cache_name: name.into(), ..Cache::default() }],
                next_token: String::new(),
            }),
        })
    };
    let there = start("default-cache").await;
    User::new().run(&format!("configure --local={}", there.address)).ok();
    let absent = start("other").await;
    let stderr = User::new().run(&format!("configure --local={}", absent.address)).failed();
    assert!(stderr.starts_with("ERROR: Insufficient permissions to create the default cache"), "{stderr}");
}
