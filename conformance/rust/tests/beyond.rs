//! What the momento crate can ask of a server and its published tests do not: forged keys, large values, concurrency,
//! and exact remaining times.

use std::{
    collections::{HashMap, HashSet},
    time::Duration,
};

use momento::{
    MomentoErrorCode, MomentoResult,
    cache::{GetResponse, ItemGetTtlResponse, SetRequest, messages::data::scalar::get::Value},
};
use momento_test_util::{
    CACHE_TEST_STATE, client, forged_credential_provider, get_v1_test_credential_provider, unique_cache_name,
    unique_key, unique_value,
};
use tokio::task::JoinSet;

#[tokio::test]
async fn a_forged_key_is_refused_before_anything_else_is_looked_at() {
    let Some(forged) = forged_credential_provider() else { return };
    let client = client(forged);
    for cache in [CACHE_TEST_STATE.cache_name.clone(), unique_cache_name()] {
        let errors = [
            client.get(&cache, "key").await.unwrap_err(),
            client.set(&cache, "key", "value").await.unwrap_err(),
            client.get_batch(&cache, vec!["key"]).await.unwrap_err(),
            client.create_cache(&cache).await.unwrap_err(),
            client.delete_cache(&cache).await.unwrap_err(),
            client.flush_cache(&cache).await.unwrap_err(),
            client.list_caches().await.unwrap_err(),
        ];
        for error in errors {
            assert_eq!(error.error_code, MomentoErrorCode::AuthenticationError, "{error:?}");
        }
    }
}

#[tokio::test]
async fn five_million_bytes_fit_and_five_point_three_do_not() -> MomentoResult<()> {
    let (client, cache) = (&CACHE_TEST_STATE.client, CACHE_TEST_STATE.cache_name.as_str());
    let key = unique_key();
    client.set(cache, key.as_str(), vec![b'x'; 5_000_000]).await?;
    let GetResponse::Hit { value } = client.get(cache, key.as_str()).await? else { panic!("a miss") };
    let value: Vec<u8> = value.into();
    assert!(value == vec![b'x'; 5_000_000]);

    let error = client.set(cache, key.as_str(), vec![b'x'; 5_300_000]).await.unwrap_err();
    assert_eq!(error.error_code, MomentoErrorCode::LimitExceededError, "{error:?}");

    // The connection survived the refusal.
    client.delete(cache, key.as_str()).await?;
    assert_eq!(client.get(cache, key.as_str()).await?, GetResponse::Miss);
    Ok(())
}

#[tokio::test]
async fn increments_from_many_clients_are_all_counted() -> MomentoResult<()> {
    let (cache, key) = (CACHE_TEST_STATE.cache_name.as_str(), unique_key());
    let mut tasks = JoinSet::new();
    for _ in 0..8 {
        let (client, key) = (client(get_v1_test_credential_provider()), key.clone());
        tasks.spawn(async move {
            let mut seen = Vec::new();
            for _ in 0..100 {
                seen.push(client.increment(cache, key.as_str(), 1).await?.value);
            }
            MomentoResult::Ok(seen)
        });
    }
    let mut seen = HashSet::new();
    while let Some(values) = tasks.join_next().await {
        seen.extend(values.expect("no task panics")?);
    }
    assert_eq!(seen, (1..=800).collect());
    Ok(())
}

#[tokio::test]
async fn a_batch_answers_in_the_order_asked() -> MomentoResult<()> {
    let (client, cache) = (&CACHE_TEST_STATE.client, CACHE_TEST_STATE.cache_name.as_str());
    let keys: Vec<String> = (0..500).map(|_| unique_key()).collect();
    for key in keys.iter().step_by(2) {
        client.set(cache, key.as_str(), format!("value of {key}")).await?;
    }
    let values: HashMap<String, GetResponse> = client.get_batch(cache, keys.clone()).await?.try_into()?;
    for (at, key) in keys.iter().enumerate() {
        let expected = match at % 2 {
            0 => GetResponse::Hit { value: Value::new(format!("value of {key}").into_bytes()) },
            _ => GetResponse::Miss,
        };
        assert_eq!(values[key], expected, "{at}");
    }
    Ok(())
}

#[tokio::test]
async fn remaining_time_is_below_what_was_asked_even_at_once() -> MomentoResult<()> {
    let (client, cache) = (&CACHE_TEST_STATE.client, CACHE_TEST_STATE.cache_name.as_str());
    for _ in 0..50 {
        let key = unique_key();
        client
            .send_request(SetRequest::new(cache, key.as_str(), unique_value()).ttl(Duration::from_secs(5)))
            .await?;
        let ItemGetTtlResponse::Hit { remaining_ttl } = client.item_get_ttl(cache, key.as_str()).await?
        else {
            panic!("a miss")
        };
        assert!(remaining_ttl < Duration::from_secs(5), "{remaining_ttl:?}");
        assert!(remaining_ttl > Duration::from_secs(4), "{remaining_ttl:?}");
    }
    Ok(())
}
