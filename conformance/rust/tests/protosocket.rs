//! The official protosocket client, by every way that it has to a server: the endpoint's name, an override, and lists
//! of addresses by zone. The crate publishes no tests of its own for it.

use std::time::Duration;

use momento::{
    CredentialProvider, MomentoError, MomentoResult, ProtosocketCacheClient,
    cache::{GetResponse, SetRequest, messages::data::scalar::get::Value},
    protosocket::cache::{Configuration, configurations::Laptop},
};
use momento_test_util::{
    CACHE_TEST_STATE, Mode, forged_credential_provider, get_v1_test_credential_provider, unique_cache_name,
    unique_key,
};
use tokio::task::JoinSet;

/// Where `xtask` has the server listen.
const LISTENS: &str = "127.0.0.1:9004";

/// The zone that the server is in by its lists, and the one where they name an address that nobody listens on.
const ZONE: &str = "apne1-az1";
const EMPTY_ZONE: &str = "apne1-az4";

/// A client as the mode makes it: by the endpoint's name, in plaintext by an override.
async fn client() -> ProtosocketCacheClient {
    let provider = get_v1_test_credential_provider();
    let provider = match Mode::current() {
        Mode::Local => provider.insecure_endpoint_override(LISTENS),
        Mode::V1 | Mode::V2 => provider,
    };
    client_of(provider, None).await
}

async fn client_of(provider: CredentialProvider, zone: Option<&str>) -> ProtosocketCacheClient {
    use_one_crypto_provider();
    let mut configuration: Configuration = Laptop::latest().into();
    configuration.set_az_id(zone.map(str::to_owned)).set_connection_count(4);
    ProtosocketCacheClient::builder()
        .default_ttl(Duration::from_secs(5))
        .configuration(configuration)
        .credential_provider(provider)
        .runtime(tokio::runtime::Handle::current())
        .build()
        .await
        .expect("a client can be built")
}

/// The client leaves rustls' choice to the program, which then has to make it: two providers are in the tree.
fn use_one_crypto_provider() {
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
}

fn hit(value: impl Into<Vec<u8>>) -> GetResponse {
    GetResponse::Hit { value: Value::new(value.into()) }
}

async fn works(client: &ProtosocketCacheClient) -> MomentoResult<()> {
    let (cache, key) = (CACHE_TEST_STATE.cache_name.as_str(), unique_key());
    assert_eq!(client.get(cache, key.as_str()).await?, GetResponse::Miss);
    client.set(cache, key.as_str(), "value").await?;
    assert_eq!(client.get(cache, key.as_str()).await?, hit("value"));
    // It is the cache that the other protocol shows.
    assert_eq!(CACHE_TEST_STATE.client.get(cache, key.as_str()).await?, hit("value"));
    client.delete(cache, key.as_str()).await?;
    client.delete(cache, key.as_str()).await?;
    assert_eq!(client.get(cache, key.as_str()).await?, GetResponse::Miss);
    Ok(())
}

#[tokio::test]
async fn by_its_name_or_in_plaintext() -> MomentoResult<()> {
    works(&client().await).await
}

#[tokio::test]
async fn by_an_override() -> MomentoResult<()> {
    if Mode::current() == Mode::Local {
        return Ok(());
    }
    let provider = get_v1_test_credential_provider;
    works(&client_of(provider().unverified_tls_endpoint_override(LISTENS), None).await).await?;
    works(&client_of(provider().secure_endpoint_override(LISTENS), None).await).await
}

#[tokio::test]
async fn errors_are_told_apart_from_misses() -> MomentoResult<()> {
    let (client, cache) = (client().await, CACHE_TEST_STATE.cache_name.as_str());
    let nowhere = unique_cache_name();
    let errors = [
        client.get(&nowhere, "key").await.unwrap_err(),
        client.set(&nowhere, "key", "value").await.unwrap_err(),
        client.delete(&nowhere, "key").await.unwrap_err(),
    ];
    for error in errors {
        assert_code(&error, "NotFound");
        assert_eq!(error.message, format!("Cache not found: {nowhere}"));
    }
    assert_code(&client.get(cache, "").await.unwrap_err(), "InvalidArgument");
    let error = client.set(cache, unique_key(), vec![b'x'; 5_300_000]).await.unwrap_err();
    assert_code(&error, "ResourceExhausted");
    // The connection survived the refusals.
    works(&client).await
}

/// The code that the server sent: this client calls all of them `UnknownError`.
fn assert_code(error: &MomentoError, code: &str) {
    assert!(format!("{error:?}").contains(&format!("code: {code},")), "not {code}: {error:?}");
}

#[tokio::test]
async fn a_forged_key_gets_no_connection() {
    let Some(forged) = forged_credential_provider() else { return };
    let client = client_of(forged, None).await;
    let error = client.get(&CACHE_TEST_STATE.cache_name, "key").await.unwrap_err();
    assert!(format!("{error:?}").contains("authentication rejected"), "{error:?}");
}

#[tokio::test]
async fn values_of_all_sizes_and_an_exact_time_to_live() -> MomentoResult<()> {
    let (client, cache) = (client().await, CACHE_TEST_STATE.cache_name.as_str());
    // The client takes no answer over 4 MiB.
    for size in [0, 1, 4096, 65_535, 65_536, 1_000_000, 4_194_000] {
        let (key, value) = (unique_key(), vec![b'x'; size]);
        client.set(cache, key.as_str(), value.clone()).await?;
        assert!(client.get(cache, key.as_str()).await? == hit(value), "{size}");
        client.delete(cache, key.as_str()).await?;
    }
    let (key, value) = (unique_key(), vec![b'x'; 5_000_000]);
    client.set(cache, key.as_str(), value.clone()).await?;
    assert!(CACHE_TEST_STATE.client.get(cache, key.as_str()).await? == hit(value));
    client.delete(cache, key.as_str()).await?;

    let key = unique_key();
    client.send_request(SetRequest::new(cache, key.as_str(), "value").ttl(Duration::from_secs(2))).await?;
    tokio::time::sleep(Duration::from_millis(1000)).await;
    assert_eq!(client.get(cache, key.as_str()).await?, hit("value"));
    tokio::time::sleep(Duration::from_millis(1100)).await;
    assert_eq!(client.get(cache, key.as_str()).await?, GetResponse::Miss);
    Ok(())
}

#[tokio::test]
async fn a_thousand_calls_at_once_each_get_their_own_answer() -> MomentoResult<()> {
    let (client, cache) = (client().await, CACHE_TEST_STATE.cache_name.as_str());
    let mut tasks = JoinSet::new();
    for n in 0..1000 {
        let client = client.clone();
        tasks.spawn(async move {
            let (key, value) = (unique_key(), format!("{n}").repeat(n));
            client.set(cache, key.as_str(), value.clone()).await?;
            MomentoResult::Ok(client.get(cache, key.as_str()).await? == hit(value))
        });
    }
    while let Some(same) = tasks.join_next().await {
        assert!(same.expect("no task panics")?);
    }
    Ok(())
}

#[tokio::test]
async fn by_the_lists_of_addresses_and_their_zones() -> MomentoResult<()> {
    if Mode::current() == Mode::Local {
        return Ok(());
    }
    let provider = get_v1_test_credential_provider;
    // The private list names the server only.
    works(&client_of(provider().with_private_endpoints(), None).await).await?;
    // The public one names an empty zone too: whoever prefers the server's never dials that.
    for _ in 0..4 {
        works(&client_of(provider().with_endpoints(), Some(ZONE)).await).await?;
    }
    // Who prefers the empty one is led to the other after some failures.
    let client = client_of(provider().with_endpoints(), Some(EMPTY_ZONE)).await;
    for _ in 0..50 {
        if works(&client).await.is_ok() {
            return Ok(());
        }
    }
    works(&client).await
}
