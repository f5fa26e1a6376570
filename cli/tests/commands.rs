//! `cache` and `topic publish`: what is sent, what is printed, how it ends.

#![expect(clippy::unwrap_used, reason = "helpers of tests, where a panic is a failure")]

mod common;

use common::{User, only, recording, v1_key, v2_key};
use kura_wire::protos::cache_client::pubsub::{PublishRequest, topic_value};
use kura_wire::protos::cache_client::{
    DeleteRequest, DeleteResponse, ECacheResult, GetRequest, GetResponse, SetRequest, SetResponse,
};
use kura_wire::protos::common::Empty;
use kura_wire::protos::control_client::{Cache, CreateCacheRequest, ListCachesRequest, ListCachesResponse};
use kura_wire::test_util::{Call, End, Peer, Reply};
use kura_wire::{Code, Status};

fn get_response(result: ECacheResult, body: &[u8]) -> Reply {
    Reply::message(&GetResponse { result: result.into(), cache_body: body.to_vec(), message: String::new() })
}

/// Everything succeeds; keys called `none` miss.
fn healthy(call: &Call) -> Reply {
    match call.path.rsplit('/').next().unwrap() {
        "Get" if call.decode::<GetRequest>().cache_key == b"none" => get_response(ECacheResult::Miss, b""),
        "Get" => get_response(ECacheResult::Hit, "値".as_bytes()),
        "Set" => Reply::message(&SetResponse { result: ECacheResult::Ok.into(), message: String::new() }),
        "Delete" => Reply::message(&DeleteResponse {}),
        _ => Reply::message(&Empty {}),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_value_is_set_with_the_ttl_that_was_asked_or_configured() {
    let (peer, calls) = recording(healthy).await;
    let user = User::of(&peer.url());
    for (args, cache, ttl) in [
        ("cache set k v", "default-cache", 600_000),
        ("cache set --key k --value v --ttl 5 --name other", "other", 5_000),
        ("cache --verbose set k v --cache other --profile default", "other", 600_000),
    ] {
        assert_eq!(user.run(args).ok(), "");
        let call = only(&calls);
        assert_eq!((call.path.as_str(), call.header("cache")), ("/cache_client.Scs/Set", cache));
        assert_eq!(call.header("authorization"), "");
        assert!(call.header("agent").starts_with("rust:cli:"));
        let expected =
            SetRequest { cache_key: b"k".to_vec(), cache_body: b"v".to_vec(), ttl_milliseconds: ttl };
        assert_eq!(call.decode::<SetRequest>(), expected);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hit_is_printed_and_a_miss_is_silent() {
    let (peer, _calls) = recording(healthy).await;
    let user = User::of(&peer.url());
    let hit = user.run("cache get k");
    assert_eq!((hit.stdout.as_str(), hit.stderr.as_str(), hit.code), ("値\n", "", 0));
    let miss = user.run("cache get none");
    assert_eq!((miss.stdout.as_str(), miss.stderr.as_str(), miss.code), ("", "", 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn programs_get_json_and_any_bytes() {
    let bytes = b"\xff\0\n";
    let (peer, calls) = recording(move |call| match call.path.ends_with("/Get") {
        true if call.decode::<GetRequest>().cache_key == b"b" => get_response(ECacheResult::Hit, bytes),
        _ => healthy(call),
    })
    .await;
    let user = User::of(&peer.url());
    assert_eq!(user.run("cache get k --json").ok(), "{\"value\":\"値\"}\n");
    assert_eq!(user.run("cache --json get b").ok(), "{\"value\":{\"base64\":\"/wAK\"}}\n");
    let miss = user.run("cache get none --json");
    assert_eq!((miss.stdout.as_str(), miss.stderr.as_str(), miss.code), ("", "", 1));
    let error = user.run("cache get b").failed();
    assert_eq!(error, "ERROR: item is not a utf-8 string (SDK TypeError from: unknown source)\n");
    let file = user.path("out");
    assert_eq!(user.run(&format!("cache get b --output {}", file.display())).ok(), "");
    assert_eq!(std::fs::read(&file).unwrap(), bytes);
    calls.lock().unwrap().clear();
    assert_eq!(user.run_with_input("cache set k --stdin --json", "a\u{0}b\n").ok(), "{}\n");
    assert_eq!(only(&calls).decode::<SetRequest>().cache_body, b"a\0b\n");
    // A dash is a value, as it always was.
    assert_eq!(user.run_with_input("cache set k -", "input").ok(), "");
    assert_eq!(only(&calls).decode::<SetRequest>().cache_body, b"-");
    let published = |args: &str| {
        assert_eq!(user.run_with_input(args, "値\n").ok(), "");
        only(&calls).decode::<PublishRequest>().value.unwrap().kind.unwrap()
    };
    assert_eq!(published("topic publish t --stdin"), topic_value::Kind::Text("値\n".into()));
    let binary = topic_value::Kind::Binary("値\n".into());
    assert_eq!(published("topic publish t --stdin --binary"), binary);
    assert_eq!(published("topic publish t v --binary"), topic_value::Kind::Binary(b"v".to_vec()));
}

#[tokio::test(flavor = "multi_thread")]
async fn other_commands_print_nothing() {
    let (peer, calls) = recording(healthy).await;
    let user = User::of(&peer.url());
    assert_eq!(user.run("cache delete-item --key k --cache c").ok(), "");
    let call = only(&calls);
    assert_eq!((call.decode::<DeleteRequest>().cache_key.as_slice(), call.header("cache")), (&b"k"[..], "c"));
    for (args, method) in [
        ("cache create c", "CreateCache"),
        ("cache delete --name c", "DeleteCache"),
        ("cache flush --cache c", "FlushCache"),
    ] {
        assert_eq!(user.run(args).ok(), "");
        let call = only(&calls);
        assert_eq!(call.path, format!("/control_client.ScsControl/{method}"));
        assert_eq!(call.decode::<CreateCacheRequest>().cache_name, "c");
    }
    assert_eq!(user.run("topic publish t hello").ok(), "");
    let publish = only(&calls).decode::<PublishRequest>();
    assert_eq!((publish.cache_name.as_str(), publish.topic.as_str()), ("default-cache", "t"));
    assert_eq!(publish.value.unwrap().kind, Some(topic_value::Kind::Text("hello".into())));
}

#[tokio::test(flavor = "multi_thread")]
async fn caches_are_listed_page_by_page_in_the_servers_order() {
    let (peer, _calls) = recording(|call| {
        let cache = |name: &str| Cache { cache_name: name.into(), ..Cache::default() };
        let (caches, next_token) = match call.decode::<ListCachesRequest>().next_token.as_str() {
            "" => (vec![cache("z"), cache("a")], "2".to_owned()),
            _ => (vec![cache("m")], String::new()),
        };
        Reply::message(&ListCachesResponse { cache: caches, next_token })
    })
    .await;
    assert_eq!(User::of(&peer.url()).run("cache list").ok(), "z\na\nm\n");
    let json = User::of(&peer.url()).run("cache list --json").ok();
    assert_eq!(json, "{\"caches\":[\"z\",\"a\",\"m\"]}\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn creating_an_existing_cache_succeeds() {
    let peer = Peer::start(|_| Reply::status(Status::new(Code::AlreadyExists, "there"))).await;
    assert_eq!(User::of(&peer.url()).run("cache create c").ok(), "");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failure_is_one_line_in_the_words_of_the_sdk() {
    let replies = [
        Reply::status(Status::new(Code::NotFound, "Cache not found")),
        Reply::status(Status::new(Code::Unauthenticated, "Invalid token")),
        Reply::status(Status::new(Code::PermissionDenied, "Insufficient permissions")),
        Reply::status(Status::new(Code::ResourceExhausted, "Too big").with_err("item_size_limit_exceeded")),
        Reply::status(Status::new(Code::Unavailable, "Shutting down")),
        get_response(ECacheResult::Hit, b"\xff\xfe"),
        get_response(ECacheResult::Invalid, b""),
        Reply::stream(&[]).end(End::Bare),
        Reply::stream(&[]).head(404, "text/plain"),
    ];
    let mut lines = String::new();
    for reply in replies {
        let peer = Peer::start(move |_| reply.clone()).await;
        lines += &User::of(&peer.url()).run("cache get k").failed();
    }
    insta::assert_snapshot!(lines);
}

#[test]
fn what_cannot_be_reached_is_named() {
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let stderr = User::of(&format!("http://{free}")).run("cache get k").failed();
    assert_eq!(
        stderr,
        format!(
            "ERROR: The server was unavailable to handle the request; consider retrying.  If the error persists, \
             please contact Momento. (SDK ServerUnavailable from: tonic status error: Cannot connect to \
             http://{free}: {free}: connection refused)\n"
        )
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_of_every_form_reach_the_server() {
    let (peer, calls) = recording(healthy).await;
    let url = peer.url();
    let user = User::of(&url);
    for (args, expected) in [
        (format!("cache get k --api-key {}", v2_key()), v2_key()),
        (format!("cache --api-key {} get k", v1_key(&url)), "inner".into()),
        (format!("cache get k --api-key {} -e {url}", v1_key("http://127.0.0.1:1")), "inner".into()),
        (format!("cache get k -e {url}"), String::new()),
    ] {
        user.run(&args).ok();
        assert_eq!(only(&calls).header("authorization"), expected);
    }
    user.write("credentials", &format!("[default]\ntoken={}\napi_key_v2=x\nendpoint=y\n", v1_key(&url)));
    user.run("cache get k").ok();
    assert_eq!(only(&calls).header("authorization"), "inner");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_live_session_overrides_every_profile() {
    let (peer, calls) = recording(healthy).await;
    let user = User::of("http://127.0.0.1:1");
    let session = |until: u64| {
        let token = v1_key(&peer.url());
        let profile = "[default]\nendpoint=http://127.0.0.1:1\n";
        user.write(
            "credentials",
            &format!("{profile}[.momento_session]\ntoken={token}\nvalid_until={until}\n"),
        );
    };
    session(99_999_999_999);
    user.run("cache get k").ok();
    assert_eq!(only(&calls).header("authorization"), "inner");
    session(1);
    user.run("cache get k").failed();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_private_authority_is_trusted_by_flag_variable_or_ssl_cert_file() {
    let peer = Peer::start_tls(&["127.0.0.1"], |call| healthy(&call)).await;
    let user = User::new();
    user.write("config", "[default]\ncache=c\nttl=1\n");
    user.write("credentials", &format!("[default]\napi_key_v2={}\nendpoint={}\n", v2_key(), peer.address));
    let ca = user.write("ca.pem", &peer.ca_pem);
    let ca_text = ca.to_str().unwrap();
    assert_eq!(user.run(&format!("cache get k --ca {ca_text}")).ok(), "値\n");
    for variable in ["MOMENTO_CA_CERT", "SSL_CERT_FILE"] {
        let mut command = user.command("cache get k");
        command.env(variable, &ca);
        assert_eq!(common::run(command, "").ok(), "値\n", "{variable}");
    }
    let other = Peer::start_tls(&["127.0.0.1"], |call| healthy(&call)).await;
    let mut command = user.command("cache get k");
    command.env("SSL_CERT_FILE", user.write("other.pem", &other.ca_pem));
    let stderr = common::run(command, "").failed();
    assert!(stderr.contains("set --ca or MOMENTO_CA_CERT"), "{stderr}");
    let stderr = user.run("cache get k --ca missing.pem").failed();
    assert!(stderr.starts_with("ERROR: failed to read the CA certificate missing.pem: "), "{stderr}");
}

#[test]
fn profiles_that_cannot_be_used_say_what_to_do() {
    let user = User::new();
    let mut errors = user.run("cache list").failed();
    user.write("credentials", "[default]\nendpoint=http://127.0.0.1:1\n[bad]\ntoken=x\n[empty]\ntoken=\n");
    errors += &user.run("cache list").failed();
    user.write("config", "[default]\ncache=c\n[bad]\ncache=c\nttl=1\n[noisy]\ncache=c\nttl=x\n");
    errors += &user.run("cache list").failed();
    for profile in ["other", "bad", "empty"] {
        errors += &user.run(&format!("cache list -p {profile}")).failed();
    }
    errors += &user.run("cache list -p noisy -e http://127.0.0.1:1").failed();
    errors += &user.run("cache list -e http://127.0.0.1:x").failed();
    errors += &user.run("cache list -e host").failed();
    insta::assert_snapshot!(errors.replace(user.dir.path().to_str().unwrap(), "DIR"));
}

#[test]
fn services_that_are_not_there_say_so() {
    let user = User::new();
    let mut errors = String::new();
    for args in
        ["account signup", "account signup aws --email e", "preview pool list", "preview database --help"]
    {
        let ran = user.run(args);
        errors += &format!("{args}: {}\n{}", ran.code, ran.stderr);
    }
    insta::assert_snapshot!(errors);
}
