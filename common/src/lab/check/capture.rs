//! What a check looks at.

use crate::model::{Run, TraceTree};

/// The tracing headers of one request, as a service received them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Arrival {
    /// The service that received the request.
    pub service: String,
    /// Names, in lower case, and values.
    pub headers: Vec<(String, String)>,
}

impl Arrival {
    /// Returns the value of the first header with this name, whatever its case.
    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self
            .headers
            .iter()
            .find(|(header, _)| header.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }
}

/// What arrived since a lesson was last cleared: runs, headers, and what was lost on the way.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Capture {
    tree: TraceTree,
    arrivals: Vec<Arrival>,
    losses: Vec<String>,
}

impl Capture {
    /// Takes the captured runs alone; nothing is known of headers, and nothing is lost.
    pub fn of(tree: TraceTree) -> Self {
        Self {
            tree,
            ..Self::default()
        }
    }

    /// Adds the headers of a request that a service received.
    #[must_use]
    pub fn arrival(mut self, arrival: Arrival) -> Self {
        self.arrivals.push(arrival);
        self
    }

    /// Adds a sentence about something that was sent and did not arrive.
    #[must_use]
    pub fn loss(mut self, sentence: impl Into<String>) -> Self {
        self.losses.push(sentence.into());
        self
    }

    /// Returns the captured runs.
    pub fn tree(&self) -> &TraceTree {
        &self.tree
    }

    /// Returns all requests whose headers were seen.
    pub(super) fn arrivals(&self) -> &[Arrival] {
        &self.arrivals
    }

    /// Returns the requests whose headers were seen at a service.
    pub fn arrivals_at(&self, service: &str) -> Vec<&Arrival> {
        let at_service = |arrival: &&Arrival| arrival.service == service;
        self.arrivals.iter().filter(at_service).collect()
    }

    /// Returns what was lost, a sentence each.
    pub fn losses(&self) -> &[String] {
        &self.losses
    }

    /// Returns the runs of that name, in dotted order.
    pub(super) fn runs(&self, name: &str) -> impl Iterator<Item = &Run> {
        let runs = self.tree.nodes().iter().map(|node| &node.run);
        runs.filter(move |run| run.name == name)
    }
}

/// Returns the service that a run says it comes from; spans name it as their resource.
pub(super) fn service_of(run: &Run) -> Option<&str> {
    let metadata = &run.extra.metadata;
    metadata
        .get("service")
        .or(metadata.get("service.name"))?
        .as_str()
}
