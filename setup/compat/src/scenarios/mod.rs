//! Our half of each scenario. Start at [`ALL`].
//!
//! To add one: a function of the same name in `python/scenarios.py` and `javascript/scenarios.mjs`, one
//! here, and its row in [`ALL`].

mod across;
mod given;
mod judged;
mod llm;
mod privacy;
mod replicas;
mod sending;
mod trees;

use std::time::Duration;

use anyhow::{Context as _, Result};
use common::client::{Client, ClientBuilder};
use serde_json::Value;

/// How long a flush may take; on loopback it takes milliseconds.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// One scenario.
#[derive(Debug)]
pub(crate) struct Scenario {
    /// Its name, the same in all three languages.
    pub(crate) id: &'static str,
    /// What it shows, in a few words.
    pub(crate) title: &'static str,
    /// How many runs end in it.
    pub(crate) ends: usize,
    /// Whether the requests themselves are compared as well.
    pub(crate) requests: bool,
    /// What all three halves are given.
    pub(crate) input: fn() -> Value,
    /// Our half.
    pub(crate) ours: fn(&Setup<'_>) -> Result<Value>,
}

/// What our half is given.
#[derive(Debug)]
pub(crate) struct Setup<'a> {
    /// Where to send.
    pub(crate) url: &'a str,
    /// The scenario's input.
    pub(crate) input: &'a Value,
}

impl Setup<'_> {
    /// Begins a client for the stand-in.
    fn builder(&self) -> ClientBuilder {
        Client::builder()
            .endpoint(self.url)
            .api_key("not-a-real-key")
    }

    fn client(&self) -> Result<Client> {
        Ok(self.builder().build()?)
    }
}

/// Sends everything and lets the client go.
fn finish(client: &Client) -> Result<Value> {
    client.flush(PATIENCE).context("flushing")?;
    Ok(Value::Null)
}

/// A scenario whose requests are not compared and that is given nothing.
const PLAIN: Scenario = Scenario {
    id: "",
    title: "",
    ends: 0,
    requests: false,
    input: || Value::Null,
    ours: |_| Ok(Value::Null),
};

/// Every scenario that all three can do, but the calls across services and the table of headers.
pub(crate) const ALL: &[Scenario] = &[
    Scenario {
        id: "simple",
        title: "one run",
        ends: 1,
        ours: trees::simple,
        ..PLAIN
    },
    Scenario {
        id: "nested_error",
        title: "an error through three levels",
        ends: 3,
        ours: trees::nested_error,
        ..PLAIN
    },
    Scenario {
        id: "inheritance",
        title: "tags and metadata are handed down",
        ends: 3,
        ours: trees::inheritance,
        ..PLAIN
    },
    Scenario {
        id: "project",
        title: "a project named, and none",
        ends: 3,
        ours: trees::project,
        ..PLAIN
    },
    Scenario {
        id: "events",
        title: "events of a run",
        ends: 1,
        ours: trees::events,
        ..PLAIN
    },
    Scenario {
        id: "new_token",
        title: "a streamed answer",
        ends: 1,
        ours: llm::new_token,
        ..PLAIN
    },
    Scenario {
        id: "usage",
        title: "tokens and costs",
        ends: 1,
        ours: llm::usage,
        ..PLAIN
    },
    Scenario {
        id: "attachments",
        title: "files with the create and with the update",
        ends: 1,
        ours: sending::attachments,
        ..PLAIN
    },
    Scenario {
        id: "feedback",
        title: "what is said of a run",
        ends: 1,
        ours: judged::feedback,
        ..PLAIN
    },
    Scenario {
        id: "explicit",
        title: "ids and times given",
        ends: 2,
        ours: given::explicit,
        ..PLAIN
    },
    Scenario {
        id: "early_child",
        title: "a child before its parent",
        ends: 2,
        ours: given::early_child,
        ..PLAIN
    },
    Scenario {
        id: "sampling",
        title: "which of sixteen traces are kept",
        ends: privacy::KEPT,
        input: privacy::traces,
        ours: privacy::sampling,
        ..PLAIN
    },
    Scenario {
        id: "hide",
        title: "inputs and outputs hidden",
        ends: 1,
        ours: privacy::hide,
        ..PLAIN
    },
    Scenario {
        id: "hide_metadata",
        title: "metadata hidden",
        ends: 1,
        ours: privacy::hide_metadata,
        ..PLAIN
    },
    Scenario {
        id: "anonymizer",
        title: "masked by rules",
        ends: 1,
        ours: privacy::anonymizer,
        ..PLAIN
    },
    Scenario {
        id: "replicas",
        title: "one trace in two projects",
        ends: 4,
        ours: replicas::replicas,
        ..PLAIN
    },
    Scenario {
        id: "unbatched",
        title: "each operation in a request of its own",
        ends: 1,
        requests: true,
        ours: sending::unbatched,
        ..PLAIN
    },
    Scenario {
        id: "baggage_out",
        title: "awkward values into headers",
        ends: 1,
        input: across::awkward,
        ours: across::baggage_out,
        ..PLAIN
    },
    Scenario {
        id: "baggage_in",
        title: "awkward values out of headers",
        ends: 1,
        input: across::awkward_headers,
        ours: across::baggage_in,
        ..PLAIN
    },
];

/// Returns every scenario's name and what it shows.
pub fn names() -> Vec<(&'static str, &'static str)> {
    let mut names: Vec<_> = ALL
        .iter()
        .map(|scenario| (scenario.id, scenario.title))
        .collect();
    names.push((
        crate::crossing::ID,
        "one trace through two services, each pair of SDKs",
    ));
    names.push((
        crate::headers::ID,
        "what becomes of a request with a broken header",
    ));
    names
}
