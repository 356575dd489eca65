//! What was captured, sorted by the request it belongs to.
//!
//! ```text
//! TraceTree ──by trace id──► pieces ──request_id · incoming_trace_id──► request → its pieces
//!                                   └─ claimed by no request ──► strays
//! ```
//!
//! Start at [`Capture::new`].

use std::collections::{BTreeSet, HashMap, HashSet};

use super::REQUEST_ID;
use super::ledger::Ledger;
use crate::model::{Run, TraceId, TraceTree, TreeNode};

/// Metadata that `propagation` puts on the root that an untrusted caller's request begins. That room
/// is not to be imported here; a test compares the names.
const INCOMING_TRACE_ID: &str = "incoming_trace_id";
const INCOMING_RUN_ID: &str = "incoming_run_id";

/// The captured runs, by request.
pub(super) struct Capture<'a> {
    pub(super) tree: &'a TraceTree,
    /// Positions of the runs of each trace.
    traces: HashMap<TraceId, Vec<usize>>,
    /// The traces of each request of the ledger.
    requests: HashMap<&'a str, BTreeSet<TraceId>>,
    /// Traces that carry the ids of several requests.
    mixed: HashSet<TraceId>,
    /// Traces of no request.
    pub(super) strays: Vec<TraceId>,
}

impl<'a> Capture<'a> {
    pub(super) fn new(tree: &'a TraceTree, ledger: &'a Ledger) -> Self {
        let mut traces: HashMap<TraceId, Vec<usize>> = HashMap::new();
        let mut claims: HashMap<TraceId, BTreeSet<&str>> = HashMap::new();
        let mut restarts: HashMap<String, Vec<TraceId>> = HashMap::new();
        let asked: HashSet<&str> = ledger.asked.iter().map(|asked| asked.id.as_str()).collect();
        for (at, node) in tree.nodes().iter().enumerate() {
            let trace = node.run.trace_id;
            traces.entry(trace).or_default().push(at);
            if let Some(id) = word(&node.run, REQUEST_ID).and_then(|id| asked.get(id)) {
                claims.entry(trace).or_default().insert(id);
            }
            if node.run.is_root()
                && let Some(caller) = word(&node.run, INCOMING_TRACE_ID)
            {
                restarts.entry(caller.to_owned()).or_default().push(trace);
            }
        }
        // A restarted trace belongs where its caller's does, and so on down the calls.
        let mut known: Vec<TraceId> = claims.keys().copied().collect();
        while let Some(trace) = known.pop() {
            for next in restarts.remove(&trace.to_string()).unwrap_or_default() {
                let inherited = claims.get(&trace).cloned().unwrap_or_default();
                claims.entry(next).or_default().extend(inherited);
                known.push(next);
            }
        }
        let mut requests: HashMap<&str, BTreeSet<TraceId>> = HashMap::new();
        for (trace, ids) in &claims {
            for id in ids {
                requests.entry(id).or_default().insert(*trace);
            }
        }
        let is_stray = |trace: &TraceId| !claims.contains_key(trace);
        let strays = tree.trace_ids().into_iter().filter(is_stray).collect();
        let mixed = claims.iter().filter(|(_, ids)| ids.len() > 1);
        Self {
            tree,
            mixed: mixed.map(|(trace, _)| *trace).collect(),
            traces,
            requests,
            strays,
        }
    }

    /// Returns the runs of a request, in dotted order within each trace.
    pub(super) fn of(&self, request: &str) -> Vec<&'a TreeNode> {
        let traces = self.requests.get(request).into_iter().flatten();
        traces.flat_map(|trace| self.of_trace(*trace)).collect()
    }

    /// Returns the runs of a trace.
    pub(super) fn of_trace(&self, trace: TraceId) -> impl Iterator<Item = &'a TreeNode> {
        let nodes = self.tree.nodes();
        let places = self.traces.get(&trace).into_iter().flatten();
        places.map(move |at| &nodes[*at])
    }

    /// Returns true if a trace of the request holds another request's runs.
    pub(super) fn is_mixed(&self, request: &str) -> bool {
        let mut traces = self.requests.get(request).into_iter().flatten();
        traces.any(|trace| self.mixed.contains(trace))
    }

    /// Returns the run's parent, if it is here and of the same trace.
    pub(super) fn parent(&self, node: &TreeNode) -> Option<&'a TreeNode> {
        let parent = &self.tree.nodes()[node.parent?];
        (parent.run.trace_id == node.run.trace_id).then_some(parent)
    }
}

/// Returns the service that a run is of.
pub(super) fn service(run: &Run) -> Option<&str> {
    word(run, "service")
}

/// Returns the id of the run that an untrusted caller named.
pub(super) fn incoming_run(run: &Run) -> Option<&str> {
    word(run, INCOMING_RUN_ID)
}

fn word<'a>(run: &'a Run, key: &str) -> Option<&'a str> {
    run.extra.metadata.get(key)?.as_str()
}
