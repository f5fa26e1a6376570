//! Checked properties, read by name.

use kura_model::Tags;
use serde_json::Value as Json;

/// Properties that [`check`](super::check) has let through.
#[derive(Clone, Debug, Default)]
pub(crate) struct Properties(Json);

impl Properties {
    pub(crate) fn new(checked: Json) -> Self {
        Self(checked)
    }

    pub(crate) fn json(&self) -> &Json {
        &self.0
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        self.0.get(name).is_some()
    }

    /// A text; empty if it is not there, which no identifier is.
    pub(crate) fn text(&self, name: &str) -> &str {
        self.optional(name).unwrap_or_default()
    }

    pub(crate) fn optional(&self, name: &str) -> Option<&str> {
        self.0.get(name)?.as_str()
    }

    pub(crate) fn boolean(&self, name: &str) -> Option<bool> {
        self.0.get(name)?.as_bool()
    }

    pub(crate) fn integer(&self, name: &str) -> Option<i64> {
        self.0.get(name)?.as_i64()
    }

    pub(crate) fn texts(&self, name: &str) -> Vec<String> {
        let items = self.0.get(name).and_then(Json::as_array).into_iter().flatten();
        items.filter_map(|item| item.as_str().map(str::to_owned)).collect()
    }

    pub(crate) fn objects(&self, name: &str) -> Vec<Properties> {
        self.0.get(name).and_then(Json::as_array).into_iter().flatten().cloned().map(Self).collect()
    }

    pub(crate) fn object(&self, name: &str) -> Option<Properties> {
        self.0.get(name).cloned().map(Self)
    }

    /// A JSON document as text.
    pub(crate) fn document(&self, name: &str) -> Option<String> {
        self.0.get(name).map(Json::to_string)
    }

    pub(crate) fn tags(&self) -> Tags {
        self.objects("Tags")
            .iter()
            .map(|tag| (tag.text("Key").to_owned(), tag.text("Value").to_owned()))
            .collect()
    }
}
