//! One value set and got by the official protosocket client, which finds the server by the endpoint's name.
//!
//! `KURA_API_KEY`, `KURA_ENDPOINT` and `KURA_CA` as for the suites; the cache's name is the argument. What was got is
//! printed.

use std::{env, error::Error, time::Duration};

use momento::{
    CredentialProvider, ProtosocketCacheClient, cache::GetResponse,
    protosocket::cache::configurations::InRegion,
};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    rustls::crypto::aws_lc_rs::default_provider()
        .install_default()
        .map_err(|_| "rustls has a provider already")?;
    let cache = env::args().nth(1).ok_or("give the name of a cache")?;
    let provider =
        CredentialProvider::from_api_key_v2(env::var("KURA_API_KEY")?, env::var("KURA_ENDPOINT")?)?;
    let client = ProtosocketCacheClient::builder()
        .default_ttl(Duration::from_secs(60))
        .configuration(InRegion::latest())
        .credential_provider(provider)
        .runtime(tokio::runtime::Handle::current())
        .build()
        .await?;
    client.set(&cache, "key", "value").await?;
    let GetResponse::Hit { value } = client.get(&cache, "key").await? else { return Err("a miss".into()) };
    let value: String = value.try_into()?;
    println!("{value}");
    Ok(())
}
