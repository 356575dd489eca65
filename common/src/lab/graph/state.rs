//! What the nodes of a graph share, and how it changes.

use std::fmt;
use std::ops::Index;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::error::said_by;
use crate::model::JsonMap;

static NULL: Value = Value::Null;

/// What a node is given: a value for each channel. A cheap clone, and read only; a node changes it by what it
/// returns.
///
/// ```
/// use common::lab::graph::State;
/// use serde_json::json;
///
/// let state = State::from(json!({"draft": "Refund 20 EUR", "notes": ["one"]}));
/// assert_eq!(state.text("draft"), "Refund 20 EUR");
/// assert_eq!(state.list("notes").len(), 1);
/// assert!(state["absent"].is_null());
/// ```
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct State(Arc<JsonMap>);

impl State {
    /// Returns a channel's text; empty if it has none.
    pub fn text(&self, channel: &str) -> &str {
        self[channel].as_str().unwrap_or_default()
    }

    /// Returns a channel's list; empty if it has none.
    pub fn list(&self, channel: &str) -> &[Value] {
        self[channel].as_array().map_or(&[], Vec::as_slice)
    }

    /// Returns all channels that have a value.
    pub fn channels(&self) -> &JsonMap {
        &self.0
    }

    /// Returns the state as a JSON object.
    pub fn to_value(&self) -> Value {
        Value::Object((*self.0).clone())
    }

    pub(super) fn set(&mut self, channel: &str, value: Value) {
        Arc::make_mut(&mut self.0).insert(channel.to_owned(), value);
    }
}

/// A channel without a value is null.
impl Index<&str> for State {
    type Output = Value;

    fn index(&self, channel: &str) -> &Value {
        self.0.get(channel).unwrap_or(&NULL)
    }
}

/// A value that is no object becomes the channel `input`, as in the run's inputs; null, no channel.
impl From<Value> for State {
    fn from(value: Value) -> Self {
        match value {
            Value::Object(map) => map.into(),
            Value::Null => Self::default(),
            other => JsonMap::from_iter([("input".to_owned(), other)]).into(),
        }
    }
}

impl From<JsonMap> for State {
    fn from(map: JsonMap) -> Self {
        Self(Arc::new(map))
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&serde_json::to_string_pretty(&self.0).unwrap_or_default())
    }
}

type Fold = dyn Fn(&Value, &Value) -> Value + Send + Sync;

/// How a channel takes an update.
#[derive(Clone, Default)]
pub struct Reducer(Kind);

#[derive(Clone, Default)]
enum Kind {
    #[default]
    Overwrite,
    Append,
    Sum,
    Custom(Arc<Fold>),
}

/// Why a reducer does not take an update.
pub(super) enum Refused {
    NoNumber,
    Panicked(String),
}

impl Reducer {
    /// The new value replaces the old one. Two nodes of one superstep cannot both write such a channel. The
    /// default, also of channels that nobody declared.
    pub fn overwrite() -> Self {
        Self(Kind::Overwrite)
    }

    /// A list is appended to the old one; anything else is its next item.
    pub fn append() -> Self {
        Self(Kind::Append)
    }

    /// Numbers are added. Whole ones stay whole.
    pub fn sum() -> Self {
        Self(Kind::Sum)
    }

    /// Whatever the function makes of the old value, null at first, and the new one. If it panics, the graph fails.
    pub fn custom(fold: impl Fn(&Value, &Value) -> Value + Send + Sync + 'static) -> Self {
        Self(Kind::Custom(Arc::new(fold)))
    }

    pub(super) fn takes_one_value(&self) -> bool {
        matches!(self.0, Kind::Overwrite)
    }

    /// Returns what the channel has then.
    pub(super) fn reduce(&self, old: &Value, new: &Value) -> Result<Value, Refused> {
        match &self.0 {
            Kind::Overwrite => Ok(new.clone()),
            Kind::Append => Ok(append(old, new)),
            Kind::Sum => sum(old, new).ok_or(Refused::NoNumber),
            Kind::Custom(fold) => catch_unwind(AssertUnwindSafe(|| fold(old, new)))
                .map_err(|panic| Refused::Panicked(said_by(&*panic))),
        }
    }

    /// Returns the update that leads from one value to another, where the value itself would count twice.
    pub(super) fn difference(&self, before: &Value, after: &Value) -> Option<Value> {
        if before == after {
            return None;
        }
        match (&self.0, before, after) {
            (Kind::Append, Value::Array(old), Value::Array(new)) if new.starts_with(old) => {
                Some(new[old.len()..].to_vec().into())
            }
            (Kind::Sum, _, _) => {
                // No sum yet is a whole 0.
                let zero = Value::from(0);
                let old = if before.is_number() { before } else { &zero };
                let whole = old.as_i64().zip(after.as_i64());
                match whole.and_then(|(old, new)| new.checked_sub(old)) {
                    Some(added) => Some(added.into()),
                    None => Some((after.as_f64()? - old.as_f64()?).into()),
                }
            }
            _ => Some(after.clone()),
        }
    }
}

fn append(old: &Value, new: &Value) -> Value {
    let mut all = match old {
        Value::Array(items) => items.clone(),
        Value::Null => Vec::new(),
        other => vec![other.clone()],
    };
    match new {
        Value::Array(items) => all.extend(items.iter().cloned()),
        other => all.push(other.clone()),
    }
    all.into()
}

fn sum(old: &Value, new: &Value) -> Option<Value> {
    let zero = Value::from(0);
    let old = if old.is_null() { &zero } else { old };
    let whole = old.as_i64().zip(new.as_i64());
    match whole.and_then(|(old, new)| old.checked_add(new)) {
        Some(sum) => Some(sum.into()),
        None => Some((old.as_f64()? + new.as_f64()?).into()),
    }
}

impl fmt::Debug for Reducer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            Kind::Overwrite => "Overwrite",
            Kind::Append => "Append",
            Kind::Sum => "Sum",
            Kind::Custom(_) => "Custom",
        })
    }
}
