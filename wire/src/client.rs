//! The calls that the command line and the check make, with their types.
//!
//! Connections are made when a call first needs them: a `get` never connects to the control
//! service. One that has ended is replaced at the next call; no call is repeated.

use std::time::Duration;

use prost::Message;
use tokio::sync::Mutex;

use crate::protos::cache_client::pubsub::{self, topic_value};
use crate::protos::cache_client::{self, ECacheResult};
use crate::protos::{common, control_client};
use crate::{Channel, ChannelOptions, Code, Endpoint, Metadata, Status, Streaming, Target};

/// Longest wait for a call's answer: what Momento's SDKs call "laptop".
const DEADLINE: Duration = Duration::from_secs(15);

/// Most pages that a listing follows; a server that never ends one is not followed forever.
const MAX_PAGES: usize = 10_000;

/// Whether a cache was made or was there before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Created {
    /// It was made by this call.
    New,
    /// A cache of that name existed, and still does.
    Existed,
}

/// A client of one cell.
#[derive(Debug)]
pub struct CacheClient {
    cache: Connection,
    control: Option<Connection>,
    metadata: Metadata,
    options: ChannelOptions,
}

#[derive(Debug)]
struct Connection {
    target: Target,
    channel: Mutex<Option<Channel>>,
}

impl Connection {
    fn new(target: Target) -> Self {
        Self { target, channel: Mutex::new(None) }
    }

    async fn channel(&self, options: &ChannelOptions) -> Result<Channel, Status> {
        let mut slot = self.channel.lock().await;
        match slot.as_ref() {
            Some(channel) if !channel.is_closed() => Ok(channel.clone()),
            _ => Ok(slot.insert(Channel::connect(&self.target, options).await?).clone()),
        }
    }
}

impl CacheClient {
    /// A client of `endpoint` that sends `token` as `authorization`, empty where none is needed,
    /// and names itself `rust:<agent>:<version>`. Nothing is connected yet.
    ///
    /// # Errors
    /// INVALID_ARGUMENT if the token cannot be sent.
    pub fn new(
        endpoint: Endpoint,
        token: &str,
        agent: &str,
        options: ChannelOptions,
    ) -> Result<Self, Status> {
        let agent = format!("rust:{agent}:{}", env!("CARGO_PKG_VERSION"));
        let metadata = Metadata::new().authorization(token)?.agent(&agent)?;
        let control = (endpoint.control != endpoint.cache).then(|| Connection::new(endpoint.control));
        Ok(Self { cache: Connection::new(endpoint.cache), control, metadata, options })
    }

    /// Connects to the data service now, and gives its channel.
    ///
    /// # Errors
    /// As [`Channel::connect`].
    pub async fn connect(&self) -> Result<Channel, Status> {
        self.cache.channel(&self.options).await
    }

    /// The item under `key`; none if there is none.
    ///
    /// # Errors
    /// The server's status, NOT_FOUND if there is no such cache; see [`Channel::unary`].
    pub async fn get(&self, cache: &str, key: &[u8]) -> Result<Option<Vec<u8>>, Status> {
        let request = cache_client::GetRequest { cache_key: key.to_vec() };
        let response: cache_client::GetResponse = self.call("/cache_client.Scs/Get", cache, &request).await?;
        match response.result() {
            ECacheResult::Hit => Ok(Some(response.cache_body)),
            ECacheResult::Miss => Ok(None),
            _ => Err(Status::new(Code::Internal, "The response is neither a hit nor a miss")),
        }
    }

    /// Stores `value` under `key` for `ttl`.
    ///
    /// # Errors
    /// As [`CacheClient::get`].
    pub async fn set(&self, cache: &str, key: &[u8], value: &[u8], ttl: Duration) -> Result<(), Status> {
        let ttl_milliseconds = u64::try_from(ttl.as_millis()).unwrap_or(u64::MAX);
        let request = cache_client::SetRequest {
            cache_key: key.to_vec(),
            cache_body: value.to_vec(),
            ttl_milliseconds,
        };
        let response: cache_client::SetResponse = self.call("/cache_client.Scs/Set", cache, &request).await?;
        match response.result() {
            ECacheResult::Ok => Ok(()),
            _ => Err(Status::new(Code::Internal, "The response does not say that the item was stored")),
        }
    }

    /// Deletes the item under `key`, if there is one.
    ///
    /// # Errors
    /// As [`CacheClient::get`].
    pub async fn delete(&self, cache: &str, key: &[u8]) -> Result<(), Status> {
        let request = cache_client::DeleteRequest { cache_key: key.to_vec() };
        let _: cache_client::DeleteResponse = self.call("/cache_client.Scs/Delete", cache, &request).await?;
        Ok(())
    }

    /// Makes a cache, if there is none of that name.
    ///
    /// # Errors
    /// The server's status; ALREADY_EXISTS is not an error.
    pub async fn create_cache(&self, cache: &str) -> Result<Created, Status> {
        let request = control_client::CreateCacheRequest { cache_name: cache.to_owned() };
        let answer: Result<control_client::CreateCacheResponse, _> =
            self.control("CreateCache", &request).await;
        match answer {
            Ok(_) => Ok(Created::New),
            Err(status) if status.code == Code::AlreadyExists => Ok(Created::Existed),
            Err(status) => Err(status),
        }
    }

    /// Deletes a cache with all that is in it.
    ///
    /// # Errors
    /// The server's status, NOT_FOUND if there is no such cache.
    pub async fn delete_cache(&self, cache: &str) -> Result<(), Status> {
        let request = control_client::DeleteCacheRequest { cache_name: cache.to_owned() };
        let _: control_client::DeleteCacheResponse = self.control("DeleteCache", &request).await?;
        Ok(())
    }

    /// Deletes all that is in a cache, and keeps the cache.
    ///
    /// # Errors
    /// The server's status, NOT_FOUND if there is no such cache.
    pub async fn flush_cache(&self, cache: &str) -> Result<(), Status> {
        let request = control_client::FlushCacheRequest { cache_name: cache.to_owned() };
        let _: control_client::FlushCacheResponse = self.control("FlushCache", &request).await?;
        Ok(())
    }

    /// The names of all caches, in the server's order, all its pages.
    ///
    /// # Errors
    /// The server's status.
    pub async fn list_caches(&self) -> Result<Vec<String>, Status> {
        let mut names = Vec::new();
        let mut next_token = String::new();
        for _ in 0..MAX_PAGES {
            let request = control_client::ListCachesRequest { next_token };
            let page: control_client::ListCachesResponse = self.control("ListCaches", &request).await?;
            names.extend(page.cache.into_iter().map(|cache| cache.cache_name));
            if page.next_token.is_empty() {
                return Ok(names);
            }
            next_token = page.next_token;
        }
        Err(Status::new(Code::Internal, format!("The list of caches did not end after {MAX_PAGES} pages")))
    }

    /// Sends a value to all who listen to `topic` now.
    ///
    /// # Errors
    /// The server's status, NOT_FOUND if there is no such cache.
    pub async fn publish(&self, cache: &str, topic: &str, value: topic_value::Kind) -> Result<(), Status> {
        let request = pubsub::PublishRequest {
            cache_name: cache.to_owned(),
            topic: topic.to_owned(),
            value: Some(pubsub::TopicValue { kind: Some(value) }),
        };
        let _: common::Empty = self.call("/cache_client.pubsub.Pubsub/Publish", cache, &request).await?;
        Ok(())
    }

    /// Opens one stream of `topic`, from `resume_at` of `page` on; zeros are the latest.
    ///
    /// # Errors
    /// The server's status; the stream does not reconnect.
    pub async fn subscribe(
        &self,
        cache: &str,
        topic: &str,
        resume_at: u64,
        page: u64,
    ) -> Result<Streaming<pubsub::SubscriptionItem>, Status> {
        let request = pubsub::SubscriptionRequest {
            cache_name: cache.to_owned(),
            topic: topic.to_owned(),
            resume_at_topic_sequence_number: resume_at,
            sequence_page: page,
        };
        let channel = self.cache.channel(&self.options).await?;
        let metadata = self.metadata.clone().cache(cache)?;
        channel.server_streaming("/cache_client.pubsub.Pubsub/Subscribe", metadata, &request, DEADLINE).await
    }

    /// Calls `path` (`/package.Service/Method`) of the data service about `cache`, one message for
    /// one message: for what has no method here.
    ///
    /// # Errors
    /// The server's status, NOT_FOUND if there is no such cache; see [`Channel::unary`].
    pub async fn call<R: Message + Default>(
        &self,
        path: &str,
        cache: &str,
        request: &impl Message,
    ) -> Result<R, Status> {
        let channel = self.cache.channel(&self.options).await?;
        channel.unary(path, self.metadata.clone().cache(cache)?, request, DEADLINE).await
    }

    async fn control<R: Message + Default>(&self, method: &str, request: &impl Message) -> Result<R, Status> {
        let channel = self.control.as_ref().unwrap_or(&self.cache).channel(&self.options).await?;
        let path = format!("/control_client.ScsControl/{method}");
        channel.unary(&path, self.metadata.clone(), request, DEADLINE).await
    }
}
