//! What a server refuses, and from which size on.

use std::time::Duration;

/// The limits that a server enforces.
///
/// Momento's documented values are the defaults where a limit protects the server or its other
/// users; where a limit only bills (operations a second, hot storage, number of caches), the
/// default is generous.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Largest request message in bytes; over it RESOURCE_EXHAUSTED with
    /// `err: request_size_limit_exceeded`. Momento: a 5,000,000-byte value passes, 5,300,000 fails.
    pub max_request_bytes: usize,
    /// Largest item, key and value together, in bytes; over it RESOURCE_EXHAUSTED with
    /// `err: item_size_limit_exceeded`. Momento advertises 4,883 KiB plus room for the key.
    pub max_item_bytes: usize,
    /// Largest element of a collection in bytes (of a dictionary: field or value); over it
    /// RESOURCE_EXHAUSTED with `err: element_size_limit_exceeded`. Momento: 128 KB.
    pub max_element_bytes: usize,
    /// Longest key in bytes; over it INVALID_ARGUMENT. Momento documents none; ours is the
    /// largest length that the engine's item header holds.
    pub max_key_bytes: usize,
    /// Longest time to live; longer ones are taken as this. Momento on demand: 24 h, which only
    /// bills, so ours is one year.
    pub max_ttl: Duration,
    /// Most caches; over it RESOURCE_EXHAUSTED. Momento: 3, which only bills.
    pub max_caches: usize,
    /// Most tracked API keys that are neither revoked nor expired.
    pub max_keys: usize,
    /// Largest value published to a topic, in bytes; over it RESOURCE_EXHAUSTED with
    /// `err: request_size_limit_exceeded`. Momento advertises 100 KB for a cache and documents 4 KB
    /// as a hard limit elsewhere; who relies on the smaller one is not hurt by the larger.
    pub max_topic_value_bytes: usize,
    /// Longest name of a topic in bytes; over it INVALID_ARGUMENT. Momento documents none.
    pub max_topic_name_bytes: usize,
    /// Advertised in ListCaches as `max_traffic_rate`, in operations a second. Not enforced.
    pub advertised_operations_per_second: u32,
    /// Advertised in ListCaches as `max_throughput_kbps`, in KiB a second. Not enforced.
    pub advertised_throughput_kbps: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_request_bytes: 5_242_880,
            max_item_bytes: 4883 * 1024 + 64 * 1024,
            max_element_bytes: 128 * 1024,
            max_key_bytes: 65_535,
            max_ttl: Duration::from_secs(365 * 24 * 3600),
            max_caches: 10_000,
            max_keys: 100_000,
            max_topic_value_bytes: 100 * 1024,
            max_topic_name_bytes: 1024,
            advertised_operations_per_second: 1_000_000,
            advertised_throughput_kbps: 10_485_760,
        }
    }
}
