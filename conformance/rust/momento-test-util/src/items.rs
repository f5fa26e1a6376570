//! Names and values that no other test uses.

use momento::cache::GetResponse;
use momento::cache::messages::data::scalar::get::Value;
use uuid::Uuid;

/// `prefix` and something unique.
pub fn unique_string(prefix: &str) -> String {
    format!("{prefix}-{}", Uuid::new_v4())
}

/// The name of a cache that does not exist.
pub fn unique_cache_name() -> String {
    unique_string("conformance-rust")
}

/// A key nobody has set.
pub fn unique_key() -> String {
    unique_string("key")
}

/// A value nobody has stored.
pub fn unique_value() -> String {
    unique_string("value")
}

/// A key and its value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TestScalar {
    /// The key.
    pub key: String,
    /// The value.
    pub value: String,
}

impl TestScalar {
    /// A key and a value nobody else has.
    pub fn new() -> Self {
        Self { key: unique_key(), value: unique_value() }
    }

    /// The key.
    pub fn key(&self) -> &str {
        &self.key
    }

    /// The value.
    pub fn value(&self) -> &str {
        &self.value
    }
}

impl Default for TestScalar {
    fn default() -> Self {
        Self::new()
    }
}

impl From<&TestScalar> for GetResponse {
    fn from(item: &TestScalar) -> Self {
        Self::Hit { value: Value::new(item.value.clone().into_bytes()) }
    }
}

/// A set of two elements.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TestSet {
    /// The set's key.
    pub name: String,
    /// Its elements.
    pub value: Vec<String>,
}

impl TestSet {
    /// A set nobody else has.
    pub fn new() -> Self {
        Self { name: unique_key(), value: vec![unique_value(), unique_value()] }
    }

    /// The set's key.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its elements.
    pub fn value(&self) -> &[String] {
        &self.value
    }
}

impl Default for TestSet {
    fn default() -> Self {
        Self::new()
    }
}

/// A sorted set of two elements in ascending order.
#[derive(Debug, Clone, PartialEq)]
pub struct TestSortedSet {
    /// The sorted set's key.
    pub name: String,
    /// Its elements and their scores.
    pub value: Vec<(String, f64)>,
}

impl TestSortedSet {
    /// A sorted set nobody else has.
    pub fn new() -> Self {
        Self { name: unique_key(), value: vec![(unique_value(), 1.0), (unique_value(), 2.0)] }
    }

    /// The sorted set's key.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its elements and their scores.
    pub fn value(&self) -> &[(String, f64)] {
        &self.value
    }
}

impl Default for TestSortedSet {
    fn default() -> Self {
        Self::new()
    }
}
