//! Stands in for the private `momento-test-util` crate that the momento crate's published tests use.
//!
//! Written from how those tests call it. The server comes from the environment (see `conformance/README.md`): a mode
//! has one kind of key, so [`CacheTestState::client`] and [`CacheTestState::client_v2`] are clients of the same key.

mod items;
mod server;

pub use items::{
    TestDictionary, TestLeaderboard, TestList, TestScalar, TestSet, TestSortedSet, unique_cache_name, unique_key,
    unique_leaderboard_name, unique_string, unique_topic_name, unique_value,
};
pub use server::{
    CACHE_TEST_STATE, CacheTestState, Mode, client, forged_credential_provider,
    get_v1_test_credential_provider,
};
