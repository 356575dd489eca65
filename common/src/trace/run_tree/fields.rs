//! What a run was given or gave back, until it is written.

use serde_json::Value;

use crate::model::{
    FieldsView, JsonMap, MAX_VALUE_DEPTH, ShortText, size_of_map, withhold_deep_in,
};

/// An object of JSON.
///
/// One that is a single text under a key, as most are, is taken apart: what its map had from the allocator
/// goes back on the thread that asked for it, where that is cheap.
#[derive(Debug, Clone, Default)]
pub(in crate::trace) enum Fields {
    /// Nothing was said.
    #[default]
    Unsaid,
    Text(ShortText, String),
    Map(JsonMap),
}

impl From<JsonMap> for Fields {
    fn from(map: JsonMap) -> Self {
        if map.len() != 1 || !map.values().all(Value::is_string) {
            return Self::Map(map);
        }
        match map.into_iter().next() {
            Some((key, Value::String(text))) => Self::Text(key.into(), text),
            entry => Self::Map(entry.into_iter().collect()),
        }
    }
}

impl From<Fields> for Option<JsonMap> {
    fn from(fields: Fields) -> Self {
        match fields {
            Fields::Unsaid => None,
            Fields::Text(key, text) => Some(JsonMap::from_iter([(key.into(), text.into())])),
            Fields::Map(map) => Some(map),
        }
    }
}

impl Fields {
    /// Takes the object that `value` is, or one that holds it under `key`.
    #[inline]
    pub(in crate::trace) fn of(value: Value, key: &'static str) -> Self {
        match value {
            Value::Object(map) => map.into(),
            Value::String(text) => Self::Text(ShortText::known(key), text),
            other => Self::Map(JsonMap::from_iter([(key.to_owned(), other)])),
        }
    }

    /// Shows it to an encoder; nothing, if nothing was said.
    pub(super) fn view(&self) -> Option<FieldsView<'_>> {
        match self {
            Self::Unsaid => None,
            Self::Text(key, text) => Some(FieldsView::Text(key, text)),
            Self::Map(map) => Some(FieldsView::Map(map)),
        }
    }

    /// Cuts what is nested too deep; returns how many parts were cut off.
    pub(in crate::trace) fn withhold_deep(&mut self) -> u64 {
        match self {
            Self::Unsaid | Self::Text(..) => 0,
            Self::Map(map) => withhold_deep_in(map),
        }
    }

    pub(super) fn is_unsaid(&self) -> bool {
        matches!(self, Self::Unsaid)
    }

    /// Returns an entry that is no text.
    pub(super) fn get(&self, name: &str) -> Option<&Value> {
        match self {
            Self::Unsaid | Self::Text(..) => None,
            Self::Map(map) => map.get(name),
        }
    }

    /// Adds an entry and keeps the others.
    pub(super) fn insert(&mut self, key: String, value: Value) {
        let mut map: JsonMap = Option::from(std::mem::take(self)).unwrap_or_default();
        map.insert(key, value);
        *self = map.into();
    }

    /// Returns what it takes, by estimate; nothing is nested too deep any more.
    pub(super) fn size(&self) -> usize {
        match self {
            Self::Unsaid => 0,
            Self::Text(key, text) => ROOM_OF_TEXT + key.len() + text.len(),
            Self::Map(map) => size_of_map(map, MAX_VALUE_DEPTH).unwrap_or(0),
        }
    }
}

/// What a text takes beside its bytes.
const ROOM_OF_TEXT: usize = 128;
