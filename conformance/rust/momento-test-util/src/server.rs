//! The server under test, as the environment names it.

use std::{
    env,
    sync::{Arc, LazyLock},
    time::Duration,
};

use base64::{Engine as _, engine::general_purpose::URL_SAFE};
use momento::{
    AuthClient, CacheClient, CredentialProvider, LeaderboardClient, TopicClient, cache::configurations, leaderboard,
    topics,
};
use tokio::runtime::Runtime;

/// How the server is reached and what kind of key it is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Plaintext at `KURA_HOST:KURA_PORT`; the server takes any key it did not mint.
    Local,
    /// TLS; `KURA_API_KEY` is base64 of a key and its endpoint.
    V1,
    /// TLS; `KURA_API_KEY` is a key, `KURA_ENDPOINT` the cell's host.
    V2,
}

impl Mode {
    /// What `KURA_MODE` says.
    pub fn current() -> Self {
        match variable("KURA_MODE").as_str() {
            "local" => Self::Local,
            "v1" => Self::V1,
            "v2" => Self::V2,
            other => panic!("KURA_MODE={other}: expected local, v1 or v2"),
        }
    }
}

/// The clients and the cache all tests share.
pub struct CacheTestState {
    /// What the tests written for a v1 key use.
    pub client: Arc<CacheClient>,
    /// What the tests written for a v2 key use.
    pub client_v2: Arc<CacheClient>,
    /// What the tests of topics written for a v1 key use.
    pub topic_client: TopicClient,
    /// What the tests of topics written for a v2 key use.
    pub topic_client_v2: TopicClient,
    /// What the tests of leaderboards use.
    pub leaderboard_client: LeaderboardClient,
    /// What makes disposable tokens. It dials https, whatever the mode.
    pub auth_client: AuthClient,
    /// A cache that exists.
    pub cache_name: String,
    /// Another one, which the tests of tokens have to themselves.
    pub auth_cache_name: String,
}

/// Made at first use and kept to the end.
///
/// Each test runs on a runtime of its own, which would take the shared connections with it when it ends: they live on
/// this crate's runtime instead.
pub static CACHE_TEST_STATE: LazyLock<CacheTestState> = LazyLock::new(|| {
    // A test's thread is inside its own runtime and may not block on another: use a fresh one.
    std::thread::spawn(|| {
        let _guard = RUNTIME.enter();
        let state = CacheTestState {
            client: client(get_v1_test_credential_provider()).into(),
            client_v2: client(get_v1_test_credential_provider()).into(),
            topic_client: topic_client(get_v1_test_credential_provider()),
            topic_client_v2: topic_client(get_v1_test_credential_provider()),
            leaderboard_client: LeaderboardClient::builder()
                .configuration(leaderboard::configurations::Laptop::latest())
                .credential_provider(get_v1_test_credential_provider())
                .build()
                .expect("a client can be built"),
            auth_client: AuthClient::builder()
                .credential_provider(get_v1_test_credential_provider())
                .build()
                .expect("a client can be built"),
            cache_name: "conformance-rust".into(),
            auth_cache_name: "conformance-rust-auth".into(),
        };
        for cache in [&state.cache_name, &state.auth_cache_name] {
            RUNTIME.block_on(state.client.create_cache(cache)).expect("the shared caches can be created");
        }
        state
    })
    .join()
    .expect("the shared clients and cache can be made")
});

static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| Runtime::new().expect("a runtime can be started"));

/// A client with the settings of the shared ones.
///
/// # Panics
///
/// Outside a tokio runtime.
pub fn client(credentials: CredentialProvider) -> CacheClient {
    CacheClient::builder()
        .default_ttl(Duration::from_secs(5))
        .configuration(configurations::Laptop::latest())
        .credential_provider(credentials)
        .build()
        .expect("a client can be built")
}

fn topic_client(credentials: CredentialProvider) -> TopicClient {
    TopicClient::builder()
        .configuration(topics::configurations::Laptop::latest())
        .credential_provider(credentials)
        .build()
        .expect("a client can be built")
}

/// Credentials for the server under test; in mode v2 they hold a v2 key.
pub fn get_v1_test_credential_provider() -> CredentialProvider {
    match Mode::current() {
        Mode::Local => {
            provider(&URL_SAFE.encode(r#"{"endpoint":"local.invalid","api_key":"not-minted-here"}"#))
        }
        Mode::V1 | Mode::V2 => provider(&variable("KURA_API_KEY")),
    }
}

/// Credentials the server never signed: the real key with its signature altered. None in local mode, where every key the
/// server did not mint is accepted.
pub fn forged_credential_provider() -> Option<CredentialProvider> {
    match Mode::current() {
        Mode::Local => None,
        Mode::V1 => {
            let json = URL_SAFE.decode(variable("KURA_API_KEY")).expect("a v1 key is base64");
            let mut json: serde_json::Value = serde_json::from_slice(&json).expect("a v1 key holds JSON");
            json["api_key"] = forge(json["api_key"].as_str().expect("a v1 key has an api_key")).into();
            Some(provider(&URL_SAFE.encode(json.to_string())))
        }
        Mode::V2 => Some(provider(&forge(&variable("KURA_API_KEY")))),
    }
}

/// Another signature under the same claims.
fn forge(token: &str) -> String {
    let (signed, signature) = token.rsplit_once('.').expect("a token is a JWT");
    let first = if signature.starts_with('A') { 'B' } else { 'A' };
    format!("{signed}.{first}{}", &signature[1..])
}

#[allow(deprecated, reason = "v1 keys are the point of mode v1")]
fn provider(key: &str) -> CredentialProvider {
    match Mode::current() {
        Mode::Local => {
            let endpoint = format!("http://{}:{}", variable("KURA_HOST"), variable("KURA_PORT"));
            CredentialProvider::from_string(key).map(|it| it.full_endpoint_override(&endpoint))
        }
        Mode::V1 => CredentialProvider::from_string(key),
        Mode::V2 => CredentialProvider::from_api_key_v2(key, variable("KURA_ENDPOINT")),
    }
    .expect("the key is one the SDK takes")
}

fn variable(name: &str) -> String {
    env::var(name).unwrap_or_else(|_| panic!("{name} must be set, see conformance/README.md"))
}
