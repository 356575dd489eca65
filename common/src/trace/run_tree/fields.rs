//! What a run was given or gave back, until it is written.

use serde_json::Value;

use crate::model::{
    JsonMap, MAX_VALUE_DEPTH, ShortText, size_of, size_of_map, withhold_deep, withhold_deep_in,
};

/// An object of JSON.
///
/// One with a single entry, as most are, is taken apart: what its map had from the allocator goes back on
/// the thread that asked for it, where that is cheap.
#[derive(Debug, Clone, Default)]
pub(in crate::trace) enum Fields {
    /// Nothing was said.
    #[default]
    Unsaid,
    One(ShortText, Value),
    Map(JsonMap),
}

impl From<JsonMap> for Fields {
    fn from(map: JsonMap) -> Self {
        if map.len() != 1 {
            return Self::Map(map);
        }
        let mut entries = map.into_iter();
        entries
            .next()
            .map_or_else(Self::default, |(key, value)| Self::One(key.into(), value))
    }
}

impl From<Fields> for Option<JsonMap> {
    fn from(fields: Fields) -> Self {
        match fields {
            Fields::Unsaid => None,
            Fields::One(key, value) => Some(JsonMap::from_iter([(key.into(), value)])),
            Fields::Map(map) => Some(map),
        }
    }
}

impl Fields {
    /// Takes the object that `value` is, or one that holds it under `key`.
    pub(in crate::trace) fn of(value: Value, key: &str) -> Self {
        match value {
            Value::Object(map) => map.into(),
            other => Self::One(key.into(), other),
        }
    }

    /// Cuts what is nested too deep; returns how many parts were cut off.
    pub(in crate::trace) fn withhold_deep(&mut self) -> u64 {
        match self {
            Self::Unsaid => 0,
            Self::One(_, value) => withhold_deep(value),
            Self::Map(map) => withhold_deep_in(map),
        }
    }

    pub(super) fn is_unsaid(&self) -> bool {
        matches!(self, Self::Unsaid)
    }

    pub(super) fn get(&self, name: &str) -> Option<&Value> {
        match self {
            Self::Unsaid => None,
            Self::One(key, value) => (**key == *name).then_some(value),
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
        let size = match self {
            Self::Unsaid => None,
            Self::One(key, value) => {
                size_of(Some(value), MAX_VALUE_DEPTH - 1).map(|it| it + key.len())
            }
            Self::Map(map) => size_of_map(map, MAX_VALUE_DEPTH),
        };
        size.unwrap_or(0)
    }
}
