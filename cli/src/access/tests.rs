use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};

use super::*;

fn v1(endpoint: &str) -> String {
    STANDARD.encode(format!(r#"{{"endpoint":"{endpoint}","api_key":"inner"}}"#))
}

fn v2() -> String {
    format!("e30.{}.c2ln", URL_SAFE_NO_PAD.encode(r#"{"t":"g"}"#))
}

fn v2_profile(endpoint: &str) -> Credentials {
    Credentials::V2 { key: v2(), endpoint: endpoint.into() }
}

/// `<cache endpoint> <token>`, or the error's text.
fn decide(profile: Option<Credentials>, api_key: Option<&str>, endpoint: Option<&str>) -> String {
    let profile = profile.ok_or_else(|| CliError::new("no profile"));
    match resolve(profile, api_key.map(Into::into), endpoint.map(Into::into)) {
        Ok(access) => format!("{} {}", access.endpoint.cache, access.token.replace(&v2(), "V2")),
        Err(error) => error.message().split(". ").next().unwrap().to_owned(),
    }
}

#[test]
fn keys_and_endpoints_come_from_flag_then_profile() {
    let token = |endpoint| Some(Credentials::Token(v1(endpoint)));
    let (key1, key2) = (v1("flag"), v2());
    let cases = [
        (decide(token("own"), None, None), "https://cache.own inner"),
        (decide(token("own"), None, Some("e:8443")), "https://cache.e:8443 inner"),
        (decide(Some(v2_profile("own")), None, None), "https://cache.own V2"),
        (decide(Some(v2_profile("own")), None, Some("e")), "https://cache.e V2"),
        (decide(token("own"), Some(&key1), None), "https://cache.flag inner"),
        (decide(token("own"), Some(&key1), Some("e")), "https://cache.e inner"),
        (decide(Some(v2_profile("own")), Some(&key2), None), "https://cache.own V2"),
        (decide(token("own"), Some(&key2), Some("e")), "https://cache.e V2"),
    ];
    for (decided, expected) in cases {
        assert_eq!(decided, expected);
    }
}

#[test]
fn plaintext_needs_no_key_and_takes_any() {
    let local = || Some(Credentials::Plaintext { endpoint: "http://h:1".into() });
    let own_key = Some(Credentials::V2 { key: "any".into(), endpoint: "http://h:1".into() });
    let cases = [
        (decide(local(), None, None), "http://h:1 "),
        (decide(None, None, Some("http://h:2")), "http://h:2 "),
        (decide(own_key.clone(), None, None), "http://h:1 any"),
        (decide(own_key, None, Some("http://h:2")), "http://h:2 any"),
        (decide(local(), Some("any"), None), "http://h:1 any"),
        (decide(local(), Some(&v1("e")), Some("http://h:2")), "http://h:2 inner"),
        (decide(Some(Credentials::Token(v1("http://h:3"))), None, None), "http://h:3 inner"),
        (
            decide(local(), None, Some("e")),
            "The endpoint e needs an API key, and the profile has none; give --api-key",
        ),
    ];
    for (decided, expected) in cases {
        assert_eq!(decided, expected);
    }
}

#[test]
fn a_key_that_is_used_with_tls_is_not_sent_in_plaintext() {
    let (key1, key2) = (v1("own"), v2());
    let token = Credentials::Token(key1.clone());
    for profile in [&token, &v2_profile("own"), &v2_profile("https://own"), &Credentials::Token("x".into())] {
        let refused = decide(Some(profile.clone()), None, Some("http://h:2"));
        assert!(refused.starts_with("http://h:2 is plaintext"), "{refused}");
        assert!(!refused.contains(&key1) && !refused.contains(&key2), "{refused}");
        // Nothing is in the way of what is given for it.
        assert_eq!(decide(Some(profile.clone()), Some(&key2), Some("http://h:2")), "http://h:2 V2");
        assert_eq!(decide(Some(profile.clone()), Some(""), Some("http://h:2")), "http://h:2 ");
    }
    let plaintext = Credentials::Token(v1("http://own"));
    assert_eq!(decide(Some(plaintext), None, Some("http://h:2")), "http://h:2 inner");
}

#[test]
fn what_is_missing_or_unreadable_is_named() {
    let token = || Some(Credentials::Token(v1("own")));
    let v2_key = v2();
    let cases = [
        (decide(None, None, None), "no profile"),
        (decide(Some(Credentials::Token(String::new())), None, None), "--profile's token is empty"),
        (decide(Some(Credentials::Token("x".into())), None, None), "Could not parse --profile's token"),
        (
            decide(Some(Credentials::V2 { key: String::new(), endpoint: "e".into() }), None, None),
            "--profile's v2 API key is empty",
        ),
        (decide(Some(v2_profile("")), None, None), "--profile's endpoint is empty"),
        (decide(Some(v2_profile("")), Some(&v2_key), None), "--profile's endpoint is empty"),
        (
            decide(Some(Credentials::V2 { key: "x".into(), endpoint: "e".into() }), None, None),
            "Could not parse --profile's v2 API key",
        ),
        (
            decide(token(), Some(&v2_key), None),
            "If you're testing a v2 API key, provide an endpoint or start with a v2 profile",
        ),
        (
            decide(token(), Some("x"), Some("e")),
            "Could not parse --api-key as a disposable token or v2 API key",
        ),
    ];
    for (decided, expected) in cases {
        assert_eq!(decided, expected);
    }
}
