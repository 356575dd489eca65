//! What a node gives back.

use serde_json::{Value, json};

use super::route::{Route, Target};
use super::state::State;
use crate::model::JsonMap;

/// What a node gives back: a value for each channel that it changes, and perhaps where to go on.
///
/// A JSON object is one; null changes nothing.
///
/// ```
/// use common::lab::graph::Update;
/// use serde_json::json;
///
/// let hand_off = Update::from(json!({"notes": "asked for a refund"})).goto("billing");
/// # let _ = hand_off;
/// ```
#[derive(Debug, Clone, Default)]
pub struct Update {
    pub(super) values: Value,
    pub(super) goto: Option<Route>,
}

impl Update {
    /// Goes on at these nodes as well, beside what edges say: LangGraph's `Command(goto=…)`. Declare them with
    /// [`GraphBuilder::destinations`](super::GraphBuilder::destinations).
    #[must_use]
    pub fn goto(mut self, route: impl Into<Route>) -> Self {
        self.goto = Some(route.into());
        self
    }

    /// Returns what the node's run gives back.
    pub(super) fn told(&self) -> Value {
        match &self.goto {
            None => self.values.clone(),
            Some(route) => json!({"output": {
                "graph": null, "update": self.values, "resume": null, "goto": route.told(),
            }}),
        }
    }

    pub(super) fn take_targets(&mut self) -> Vec<Target> {
        self.goto.take().unwrap_or_default().targets
    }
}

impl From<Value> for Update {
    fn from(values: Value) -> Self {
        Self { values, goto: None }
    }
}

impl From<JsonMap> for Update {
    fn from(values: JsonMap) -> Self {
        Value::Object(values).into()
    }
}

impl From<State> for Update {
    fn from(state: State) -> Self {
        state.to_value().into()
    }
}

impl From<()> for Update {
    fn from((): ()) -> Self {
        Self::default()
    }
}
