//! What a rule is about: `"*"`, or an object that names one thing or a prefix.

use serde::de::{Deserialize, Deserializer, Error, MapAccess, Visitor};
use serde::ser::{Serialize, SerializeMap, Serializer};

use crate::{CacheSelector, ItemSelector, NameSelector};

/// `"*"`: the only thing that can stand there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Everything;

/// All, or the one of this name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Name {
    /// `"*"`
    All,
    /// `{"name": …}`
    Name(String),
}

/// All, the one of this name, or those whose names begin so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NameOrPrefix {
    /// `"*"`
    All,
    /// `{"name": …}`
    Name(String),
    /// `{"prefix": …}`
    Prefix(String),
}

/// All items, the one of this key, or those whose keys begin so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Item {
    /// `"*"`
    All,
    /// `{"key": …}`
    Key(String),
    /// `{"key_prefix": …}`
    Prefix(String),
}

impl From<&Name> for CacheSelector {
    fn from(name: &Name) -> Self {
        match name {
            Name::All => Self::All,
            Name::Name(name) => Self::Named(name.clone()),
        }
    }
}

impl From<&NameOrPrefix> for NameSelector {
    fn from(selector: &NameOrPrefix) -> Self {
        match selector {
            NameOrPrefix::All => Self::ALL,
            NameOrPrefix::Name(name) => Self::Name(name.clone()),
            NameOrPrefix::Prefix(prefix) => Self::Prefix(prefix.clone()),
        }
    }
}

impl From<&Item> for ItemSelector {
    fn from(item: &Item) -> Self {
        match item {
            Item::All => Self::ALL,
            Item::Key(key) => Self::Key(key.clone().into_bytes()),
            Item::Prefix(prefix) => Self::Prefix(prefix.clone().into_bytes()),
        }
    }
}

/// What stands in the JSON: nothing for `"*"`, else the one field and its text.
type Written<'a> = Option<(&'static str, &'a str)>;

fn write<S: Serializer>(written: Written<'_>, to: S) -> Result<S::Ok, S::Error> {
    let Some((field, text)) = written else { return to.serialize_str("*") };
    let mut map = to.serialize_map(Some(1))?;
    map.serialize_entry(field, text)?;
    map.end()
}

/// Reads `"*"` or an object with one of `fields`; which, and its text.
fn read<'de, D: Deserializer<'de>>(
    fields: &'static [&'static str],
    from: D,
) -> Result<Option<(usize, String)>, D::Error> {
    from.deserialize_any(Selector { fields })
}

struct Selector {
    fields: &'static [&'static str],
}

impl<'de> Visitor<'de> for Selector {
    type Value = Option<(usize, String)>;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("\"*\"")?;
        for field in self.fields {
            write!(f, " or an object with the text {field:?}")?;
        }
        Ok(())
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
        if text == "*" {
            return Ok(None);
        }
        Err(E::invalid_value(serde::de::Unexpected::Str(text), &self))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let Some(name) = map.next_key::<String>()? else {
            return Err(A::Error::invalid_length(0, &self));
        };
        let Some(at) = self.fields.iter().position(|field| *field == name) else {
            return Err(A::Error::unknown_field(&name, self.fields));
        };
        let text = map.next_value()?;
        if map.next_key::<String>()?.is_some() {
            return Err(A::Error::invalid_length(2, &self));
        }
        Ok(Some((at, text)))
    }
}

impl Serialize for Everything {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        write(None, to)
    }
}

impl<'de> Deserialize<'de> for Everything {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        read(&[], from).map(|_| Self)
    }
}

impl Serialize for Name {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let written = match self {
            Self::All => None,
            Self::Name(name) => Some(("name", name.as_str())),
        };
        write(written, to)
    }
}

impl<'de> Deserialize<'de> for Name {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        Ok(read(&["name"], from)?.map_or(Self::All, |(_, name)| Self::Name(name)))
    }
}

impl Serialize for NameOrPrefix {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let written = match self {
            Self::All => None,
            Self::Name(name) => Some(("name", name.as_str())),
            Self::Prefix(prefix) => Some(("prefix", prefix.as_str())),
        };
        write(written, to)
    }
}

impl<'de> Deserialize<'de> for NameOrPrefix {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        Ok(match read(&["name", "prefix"], from)? {
            None => Self::All,
            Some((0, name)) => Self::Name(name),
            Some((_, prefix)) => Self::Prefix(prefix),
        })
    }
}

impl Serialize for Item {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let written = match self {
            Self::All => None,
            Self::Key(key) => Some(("key", key.as_str())),
            Self::Prefix(prefix) => Some(("key_prefix", prefix.as_str())),
        };
        write(written, to)
    }
}

impl<'de> Deserialize<'de> for Item {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        Ok(match read(&["key", "key_prefix"], from)? {
            None => Self::All,
            Some((0, key)) => Self::Key(key),
            Some((_, prefix)) => Self::Prefix(prefix),
        })
    }
}
