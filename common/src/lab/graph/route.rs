//! Where a graph goes on.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::convention::python;
use super::state::State;
use crate::analysis::END;

/// What a router says: the nodes that run in the next superstep.
///
/// It is made of a name, of several, of a [`SendTo`] or several; [`END`] is where a branch ends.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Route {
    pub(super) targets: Vec<Target>,
    // One target, and not a list with one.
    single: bool,
}

/// One of a route's targets.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) enum Target {
    Node(String),
    Send(SendTo),
}

/// A node and an input of its own: LangGraph's `Send`. One for each piece of work makes as many runs of the node
/// in the next superstep; their updates meet in the reducers, in the order of the list.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SendTo {
    pub(super) node: String,
    pub(super) input: Value,
}

impl SendTo {
    /// Sends an input to a node, in place of the state.
    pub fn new(node: impl Into<String>, input: impl Into<Value>) -> Self {
        Self {
            node: node.into(),
            input: input.into(),
        }
    }
}

impl Route {
    /// Says one node.
    pub fn to(node: impl Into<String>) -> Self {
        Self {
            targets: vec![Target::Node(node.into())],
            single: true,
        }
    }

    /// Adds a node.
    #[must_use]
    pub fn and(mut self, node: impl Into<String>) -> Self {
        self.single = false;
        self.targets.push(Target::Node(node.into()));
        self
    }

    /// Adds a node with an input of its own.
    #[must_use]
    pub fn and_send(mut self, send: SendTo) -> Self {
        self.single = false;
        self.targets.push(Target::Send(send));
        self
    }

    /// Returns what the router's run gives back.
    pub(super) fn told(&self) -> Value {
        let told = |target: &Target| match target {
            Target::Node(name) => name.clone(),
            Target::Send(send) => {
                format!("Send(node='{}', arg={})", send.node, python(&send.input))
            }
        };
        match &self.targets[..] {
            [only] if self.single => json!(told(only)),
            all => all.iter().map(told).collect(),
        }
    }
}

impl From<&str> for Route {
    fn from(node: &str) -> Self {
        Self::to(node)
    }
}

impl From<String> for Route {
    fn from(node: String) -> Self {
        Self::to(node)
    }
}

impl From<SendTo> for Route {
    fn from(send: SendTo) -> Self {
        Self {
            targets: vec![Target::Send(send)],
            single: true,
        }
    }
}

impl From<Vec<SendTo>> for Route {
    fn from(all: Vec<SendTo>) -> Self {
        all.into_iter().fold(Self::default(), Self::and_send)
    }
}

impl From<Vec<String>> for Route {
    fn from(all: Vec<String>) -> Self {
        all.into_iter().fold(Self::default(), Self::and)
    }
}

impl From<Vec<&str>> for Route {
    fn from(all: Vec<&str>) -> Self {
        all.into_iter().fold(Self::default(), Self::and)
    }
}

impl<const N: usize> From<[&str; N]> for Route {
    fn from(all: [&str; N]) -> Self {
        all.into_iter().fold(Self::default(), Self::and)
    }
}

/// A router: to `tools` while the last message of the channel `messages` asks for tools, else to [`END`].
/// LangGraph's function of that name.
pub fn tools_condition(state: &State) -> &'static str {
    let last = state.list("messages").last();
    let calls = last.and_then(|message| message["tool_calls"].as_array());
    match calls {
        Some(calls) if !calls.is_empty() => "tools",
        _ => END,
    }
}
