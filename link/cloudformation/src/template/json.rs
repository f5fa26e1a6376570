//! JSON with positions. serde_json reads it level by level, keeping each value's text: where that text lies in the
//! whole says line and column.

use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::node::{DEPTH, Key, Node, Position, Value};
use crate::Error;

/// Reads a text as JSON.
pub(super) fn read(text: &str) -> Result<Node, Error> {
    // The shape of the whole first: an error in the depth has its place in the whole text only here.
    serde_json::from_str::<IgnoredAny>(text).map_err(|error| malformed(&error, text, 0))?;
    let raw: &RawValue = serde_json::from_str(text).map_err(|error| malformed(&error, text, 0))?;
    compose(text, raw, 0)
}

fn compose(whole: &str, raw: &RawValue, depth: usize) -> Result<Node, Error> {
    let text = raw.get();
    // Both lie in one text, so their addresses differ by the offset.
    let offset = (text.as_ptr() as usize).saturating_sub(whole.as_ptr() as usize);
    let at = position(whole, offset);
    if depth > DEPTH {
        return Err(at.error(format_args!("JSON is nested more than {DEPTH} levels deep.")));
    }
    let failed = |error: serde_json::Error| malformed(&error, whole, offset);
    let value = match text.as_bytes().first() {
        Some(b'{') => {
            let entries: Entries<'_> = serde_json::from_str(text).map_err(failed)?;
            let mut map: Vec<(Key, Node)> = Vec::with_capacity(entries.0.len());
            let mut seen = std::collections::BTreeSet::new();
            for (name, raw) in entries.0 {
                let node = compose(whole, raw, depth + 1)?;
                if !seen.insert(name.clone()) {
                    return Err(node.at.error(format_args!("duplicate key '{name}' before this value.")));
                }
                map.push((Key { at: node.at, name }, node));
            }
            Value::Map(map)
        }
        Some(b'[') => {
            let items: Vec<&RawValue> = serde_json::from_str(text).map_err(failed)?;
            Value::List(
                items.into_iter().map(|raw| compose(whole, raw, depth + 1)).collect::<Result<_, _>>()?,
            )
        }
        Some(b'"') => Value::String(serde_json::from_str(text).map_err(failed)?),
        Some(b't') => Value::Bool(true),
        Some(b'f') => Value::Bool(false),
        Some(b'n') => Value::Null,
        _ => Value::Number(text.to_owned()),
    };
    Ok(Node { at, value })
}

/// A mapping in the order it was written, duplicates included.
struct Entries<'a>(Vec<(String, &'a RawValue)>);

impl<'de> Deserialize<'de> for Entries<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Collect;
        impl<'de> Visitor<'de> for Collect {
            type Value = Entries<'de>;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Self::Value, M::Error> {
                let mut entries = Vec::new();
                while let Some(entry) = map.next_entry::<String, &'de RawValue>()? {
                    entries.push(entry);
                }
                Ok(Entries(entries))
            }
        }
        deserializer.deserialize_map(Collect)
    }
}

/// The place of a byte of the text; columns count characters.
fn position(text: &str, offset: usize) -> Position {
    let before = text.get(..offset).unwrap_or(text);
    let line = before.bytes().filter(|byte| *byte == b'\n').count() + 1;
    let column = before.rsplit('\n').next().map_or(0, |last| last.chars().count()) + 1;
    Position { line, column }
}

fn malformed(error: &serde_json::Error, whole: &str, offset: usize) -> Error {
    let start = position(whole, offset);
    let line = start.line + error.line().max(1) - 1;
    let column =
        if error.line() <= 1 { start.column - 1 + error.column().max(1) } else { error.column().max(1) };
    // serde_json puts its own place at the end of the text; ours is said once.
    let text = error.to_string();
    let what = text.split(" at line ").next().unwrap_or_default();
    Error::validation(format!(
        "Template format error: JSON not well-formed. {}: {what}",
        Position { line, column }
    ))
}
