//! Calls that make tokens, publish and subscribe, as whole calls.

use bytes::Bytes;
use http::{HeaderValue, Request};
use kura_base::Millis;
use kura_front_grpc::Method;
use kura_tokens::{Need, Permissions, SigningSecret, verify};
use kura_wire::protos::cache_client::pubsub::{PublishRequest, SubscriptionRequest};
use kura_wire::protos::{auth, token};
use kura_wire::{Code, FRAME_HEADER_BYTES};
use prost::Message;

use super::request::{CREATE_CACHE, MAX_REQUEST, Server, create_cache};
use crate::input::Input;
use crate::{Target, Trace};

pub(super) const TARGET: Target = Target {
    max_memory_bytes: 6 << 20,
    pieces: &[
        // Lifetimes, an id, and permissions on all items of a cache and on one topic.
        b"\x0a\x02\x08\x3c",
        b"\x22\x02id",
        b"\x12\x02\x08\x3c",
        b"\x0a\x00",
        b"\x12\x01x",
        b"\x08\x00",
        b"\x1a\x0f\x12\x0d\x0a\x0b\x0a\x09\x08\x01\x1a\x03\x0a\x01\x63\x22\x00",
        b"\x22\x0f\x12\x0d\x0a\x0b\x0a\x09\x08\x01\x1a\x03\x0a\x01\x63\x22\x00",
        b"\x1a\x12\x12\x10\x0a\x0e\x12\x0c\x08\x02\x1a\x03\x0a\x01\x63\x2a\x03\x0a\x01\x74",
        b"\x22\x12\x12\x10\x0a\x0e\x12\x0c\x08\x02\x1a\x03\x0a\x01\x63\x2a\x03\x0a\x01\x74",
        b"\x0a\x01c\x12\x01t\x1a\x03\x0a\x01v",
    ],
    ..Target::new(
        "token_request",
        "a token that is made stands, ends when it says and manages nothing; what is no request is refused",
        check,
    )
};

/// The time of the server, in seconds, and what it signs with.
const NOW: u64 = 1000;
const SECRET: [u8; 32] = [7; 32];

fn check(input: &[u8], trace: &mut Trace<'_>) {
    let mut input = Input::of(input);
    let method = input.one_of(&[
        Method::GenerateDisposableToken,
        Method::GenerateApiToken,
        Method::RefreshApiToken,
        Method::Publish,
        Method::Login,
        Method::Subscribe,
    ]);
    let message = input.rest();
    let mut request = Request::post(format!("http://fuzz{}", method.path())).body(()).unwrap();
    request.headers_mut().insert("content-type", HeaderValue::from_static("application/grpc"));
    let length = u32::try_from(message.len()).unwrap().to_be_bytes();
    let body = [&[0], &length[..], message].concat();
    let answer = Server::with(|server| {
        server.ask(create_cache(), vec![CREATE_CACHE.into()]);
        let body = vec![Bytes::from(body)];
        if method == Method::Subscribe { server.begin(request, body) } else { server.ask(request, body) }
    });
    let words: String =
        answer.message.chars().take_while(|c| !matches!(c, '"' | '0'..='9')).take(28).collect();
    trace.note((method, answer.code, words));
    let decodes = match method {
        Method::GenerateDisposableToken => token::GenerateDisposableTokenRequest::decode(message).is_ok(),
        Method::GenerateApiToken => auth::GenerateApiTokenRequest::decode(message).is_ok(),
        Method::RefreshApiToken => auth::RefreshApiTokenRequest::decode(message).is_ok(),
        Method::Publish => PublishRequest::decode(message).is_ok(),
        Method::Subscribe => SubscriptionRequest::decode(message).is_ok(),
        // It is answered from its path.
        _ => true,
    };
    let usual = [
        Code::Ok,
        Code::InvalidArgument,
        Code::Unauthenticated,
        Code::PermissionDenied,
        Code::NotFound,
        Code::ResourceExhausted,
    ];
    assert!(usual.contains(&answer.code), "{method:?}: {:?} {}", answer.code, answer.message);
    // What is over the limit is not decoded.
    let too_long = message.len() > MAX_REQUEST && answer.code == Code::ResourceExhausted;
    assert!(decodes || too_long || answer.code == Code::InvalidArgument, "{method:?}: {:?}", answer.code);
    if answer.code != Code::Ok {
        assert!(!answer.message.is_empty() && answer.body.is_empty());
        return;
    }
    if method == Method::Subscribe {
        return;
    }
    let answered = answer.body.slice(FRAME_HEADER_BYTES..);
    match method {
        Method::GenerateDisposableToken => {
            let asked = token::GenerateDisposableTokenRequest::decode(message).unwrap();
            let made = token::GenerateDisposableTokenResponse::decode(answered).unwrap();
            let lifetime = asked.expires.unwrap_or_default().valid_for_seconds;
            assert!(lifetime > 0 && made.valid_until == NOW + u64::from(lifetime));
            let permissions = stands(&made.api_key, Some(made.valid_until));
            assert_ne!(permissions, Permissions::Superuser, "a disposable token of a superuser");
            manages_nothing(&permissions);
        }
        Method::GenerateApiToken => {
            let made = auth::GenerateApiTokenResponse::decode(answered).unwrap();
            let permissions = stands(&made.api_key, Some(made.valid_until).filter(|until| *until > 0));
            assert!(!made.refresh_token.is_empty());
            if permissions != Permissions::Superuser {
                manages_nothing(&permissions);
            }
        }
        Method::RefreshApiToken => panic!("a token that nobody made was renewed"),
        _ => {}
    }
}

/// What a token allows, which must stand until the second at which it ends.
fn stands(api_key: &str, until: Option<u64>) -> Permissions {
    let secret = SigningSecret::from_bytes(SECRET);
    let claims = verify(&secret, api_key, Millis(NOW * 1000)).expect("what is made stands");
    assert_eq!(claims.expires, until);
    if let Some(until) = until {
        assert!(verify(&secret, api_key, Millis(until * 1000 - 1)).is_ok());
        assert!(verify(&secret, api_key, Millis(until * 1000)).is_err());
    }
    claims.permissions
}

fn manages_nothing(permissions: &Permissions) {
    for managed in [kura_tokens::Managed::Caches, kura_tokens::Managed::Keys] {
        assert!(!permissions.allows_managing(Need::Read, managed));
        assert!(!permissions.allows_managing(Need::Write, managed));
    }
}
