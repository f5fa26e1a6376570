//! Names and values that no other test uses.

use std::collections::HashMap;

use momento::cache::GetResponse;
use momento::cache::messages::data::scalar::get::Value;
use momento::leaderboard::{Element, RankedElement};
use uuid::Uuid;

/// `prefix` and something unique.
pub fn unique_string(prefix: &str) -> String {
    format!("{prefix}-{}", Uuid::new_v4())
}

/// The name of a cache that does not exist.
pub fn unique_cache_name() -> String {
    unique_string("conformance-rust")
}

/// The name of a topic nobody has used.
pub fn unique_topic_name() -> String {
    unique_string("topic")
}

/// The name of a leaderboard that does not exist.
pub fn unique_leaderboard_name() -> String {
    unique_string("leaderboard")
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

/// A dictionary of two fields.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TestDictionary {
    /// The dictionary's key.
    pub name: String,
    /// Its fields and their values.
    pub value: HashMap<String, String>,
}

impl TestDictionary {
    /// A dictionary nobody else has.
    pub fn new() -> Self {
        let field = || (unique_key(), unique_value());
        Self { name: unique_key(), value: HashMap::from([field(), field()]) }
    }

    /// The dictionary's key.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its fields and their values.
    pub fn value(&self) -> &HashMap<String, String> {
        &self.value
    }
}

impl Default for TestDictionary {
    fn default() -> Self {
        Self::new()
    }
}

/// A list of two values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TestList {
    /// The list's key.
    pub name: String,
    /// Its values.
    pub values: Vec<String>,
}

impl TestList {
    /// A list nobody else has.
    pub fn new() -> Self {
        Self { name: unique_key(), values: vec![unique_value(), unique_value()] }
    }

    /// The list's key.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its values.
    pub fn values(&self) -> &[String] {
        &self.values
    }
}

impl Default for TestList {
    fn default() -> Self {
        Self::new()
    }
}

/// Two elements of a leaderboard, the lower score first.
#[derive(Debug, Clone, PartialEq)]
pub struct TestLeaderboard {
    elements: Vec<Element>,
}

impl TestLeaderboard {
    /// The elements; a leaderboard belongs to one test, so the ids need not be unique.
    pub fn new() -> Self {
        Self { elements: vec![Element { id: 123, score: 1.0 }, Element { id: 456, score: 2.0 }] }
    }

    /// The elements.
    pub fn elements(&self) -> Vec<Element> {
        self.elements.clone()
    }

    /// Their ids.
    pub fn ids(&self) -> Vec<u32> {
        self.elements.iter().map(|element| element.id).collect()
    }

    /// The elements with their ranks in ascending order.
    pub fn ranked_elements(&self) -> Vec<RankedElement> {
        let ranked = |(rank, element): (u32, &Element)| RankedElement {
            id: element.id,
            rank,
            score: element.score,
        };
        (0..).zip(&self.elements).map(ranked).collect()
    }
}

impl Default for TestLeaderboard {
    fn default() -> Self {
        Self::new()
    }
}
