//! Which node of which graph ran in which superstep, read from what LangGraph writes into runs.
//!
//! ```text
//! docs_agent                     Invocation: the run that nodes hang below
//! ├─ agent   graph:step:1        Visit: name = metadata langgraph_node, a place of its own
//! │  └─ Chat  (same metadata)      no visit: it inherited the place of the node above
//! └─ tools   graph:step:2        Visit
//! ```
//!
//! Start at [`Visits::of`].

use std::collections::{BTreeMap, HashMap, HashSet};

use serde_json::Value;

use crate::model::{Run, RunId, RunStatus, TraceId, TraceTree};

/// A run of a node.
#[derive(Debug, Clone)]
pub(in crate::analysis) struct Visit<'a> {
    pub(in crate::analysis) run: &'a Run,
    /// Position in [`TraceTree::nodes`].
    pub(in crate::analysis) at: usize,
    pub(in crate::analysis) node: &'a str,
    /// Number of its superstep; parallel nodes share it.
    pub(in crate::analysis) step: u64,
    /// Position in [`Visits::invocations`].
    pub(in crate::analysis) invocation: usize,
}

/// One call of a graph: its nodes hang below one run.
#[derive(Debug, Clone)]
pub(in crate::analysis) struct Invocation<'a> {
    /// The graph's run; none if it is not here.
    pub(in crate::analysis) run: Option<&'a Run>,
    pub(in crate::analysis) graph: &'a str,
    /// The visit of the graph around it that called this one.
    pub(in crate::analysis) outer: Option<usize>,
    /// Its visits by superstep.
    pub(in crate::analysis) steps: BTreeMap<u64, Vec<usize>>,
    /// The names of its nodes.
    pub(in crate::analysis) nodes: HashSet<&'a str>,
}

/// All visits of nodes in a capture.
#[derive(Debug)]
pub(in crate::analysis) struct Visits<'a> {
    pub(in crate::analysis) tree: &'a TraceTree,
    pub(in crate::analysis) all: Vec<Visit<'a>>,
    pub(in crate::analysis) invocations: Vec<Invocation<'a>>,
    /// For each run the innermost visit that it is, or is below of.
    within: Vec<Option<usize>>,
    /// For each visit the first invocation that it called.
    called: HashMap<usize, usize>,
}

impl<'a> Visits<'a> {
    /// Finds the runs of nodes. What only inherited a node's metadata, as a service does that was
    /// called from a node, is no visit.
    pub(in crate::analysis) fn of(tree: &'a TraceTree) -> Self {
        let nodes = tree.nodes();
        let mut found = Self {
            tree,
            all: Vec::new(),
            invocations: Vec::new(),
            within: vec![None; nodes.len()],
            called: HashMap::new(),
        };
        let mut known: HashMap<(TraceId, Option<RunId>), usize> = HashMap::new();
        for at in tree.walk() {
            let run = &nodes[at].run;
            let above = nodes[at].parent;
            let parent = above.map(|above| &nodes[above].run);
            let outer = above.and_then(|above| found.within[above]);
            let Some((node, step)) = node_of(run, parent) else {
                found.within[at] = outer;
                continue;
            };
            let invocation = *known
                .entry((run.trace_id, run.parent_run_id))
                .or_insert_with(|| {
                    found.invocations.push(Invocation {
                        run: parent,
                        graph: parent.map_or("(graph not here)", |parent| &parent.name),
                        outer,
                        steps: BTreeMap::new(),
                        nodes: HashSet::new(),
                    });
                    if let Some(outer) = outer {
                        found
                            .called
                            .entry(outer)
                            .or_insert(found.invocations.len() - 1);
                    }
                    found.invocations.len() - 1
                });
            let visit = found.all.len();
            let called = &mut found.invocations[invocation];
            called.steps.entry(step).or_default().push(visit);
            called.nodes.insert(node);
            found.within[at] = Some(visit);
            found.all.push(Visit {
                run,
                at,
                node,
                step,
                invocation,
            });
        }
        found
    }

    /// Returns the innermost visit that a run is, or is below of.
    pub(in crate::analysis) fn around(&self, at: usize) -> Option<&Visit<'a>> {
        self.within[at].map(|visit| &self.all[visit])
    }

    /// Returns for each visit the outermost one of that graph which it is, or is below of.
    pub(in crate::analysis) fn outermost_in(&self, graph: &str) -> Vec<Option<usize>> {
        let mut found: Vec<Option<usize>> = Vec::with_capacity(self.all.len());
        for (at, visit) in self.all.iter().enumerate() {
            let invocation = &self.invocations[visit.invocation];
            // What called a graph was found before it.
            let around = invocation.outer.and_then(|outer| found[outer]);
            found.push(around.or_else(|| (invocation.graph == graph).then_some(at)));
        }
        found
    }

    /// Returns the visit around a run out of what [`outermost_in`](Self::outermost_in) found.
    pub(in crate::analysis) fn around_in(
        &self,
        at: usize,
        outermost: &[Option<usize>],
    ) -> Option<&Visit<'a>> {
        outermost[self.within[at]?].map(|visit| &self.all[visit])
    }

    /// Returns the first graph that a visit called.
    pub(in crate::analysis) fn called_by(&self, visit: usize) -> Option<&Invocation<'a>> {
        self.called.get(&visit).map(|at| &self.invocations[*at])
    }

    /// Returns the graphs in the order in which they were first called, each with its invocations.
    pub(in crate::analysis) fn graphs(&self) -> Vec<(&'a str, Vec<&Invocation<'a>>)> {
        let mut place: HashMap<&str, usize> = HashMap::new();
        let mut graphs: Vec<(&str, Vec<&Invocation<'a>>)> = Vec::new();
        for invocation in &self.invocations {
            let at = *place.entry(invocation.graph).or_insert_with(|| {
                graphs.push((invocation.graph, Vec::new()));
                graphs.len() - 1
            });
            graphs[at].1.push(invocation);
        }
        graphs
    }

    /// Returns the name of the first graph that no other graph called.
    pub(in crate::analysis) fn outermost(&self) -> Option<&'a str> {
        let outermost = self
            .invocations
            .iter()
            .find(|called| called.outer.is_none());
        outermost.map(|called| called.graph)
    }

    /// Returns the names of the nodes that ran in each superstep of an invocation.
    pub(in crate::analysis) fn course(&self, invocation: &Invocation<'a>) -> Vec<Vec<&'a str>> {
        let name = |visit: &usize| self.all[*visit].node;
        let names = |visits: &Vec<usize>| visits.iter().map(name).collect();
        invocation.steps.values().map(names).collect()
    }
}

/// Returns name and superstep if a run is that of a node.
fn node_of<'a>(run: &'a Run, parent: Option<&Run>) -> Option<(&'a str, u64)> {
    let tagged = run.tags.iter().find_map(|tag| step_of(tag));
    let told = text(run, "langgraph_node");
    let step = run.extra.metadata.get("langgraph_step");
    let step = step.and_then(Value::as_u64).or(tagged)?;
    // Metadata is inherited by all that is below a node, and the run of a subgraph may bear the name of
    // its node: only who has another place than its parent began one.
    let is_new = parent.is_none_or(|parent| place(parent) != place(run));
    let is_named = told.is_none_or(|node| node == run.name);
    let is_node = is_named && (tagged.is_some() || (told.is_some() && is_new));
    is_node.then_some((run.name.as_str(), step))
}

/// Reads the superstep out of a node's tag, `graph:step:N`.
fn step_of(tag: &str) -> Option<u64> {
    tag.strip_prefix("graph:step:")?.parse().ok()
}

fn place(run: &Run) -> [Option<&Value>; 3] {
    [
        "langgraph_checkpoint_ns",
        "langgraph_node",
        "langgraph_step",
    ]
    .map(|key| run.extra.metadata.get(key))
}

/// Returns a text of a run's metadata.
pub(super) fn text<'a>(run: &'a Run, key: &str) -> Option<&'a str> {
    run.extra.metadata.get(key).and_then(Value::as_str)
}

/// Returns true if a run was paused for a human. LangGraph's tracer writes that as an error.
pub(in crate::analysis) fn is_paused(run: &Run) -> bool {
    let error = run.error.as_deref().unwrap_or("");
    run.status() == RunStatus::Interrupted || error.starts_with("GraphInterrupt(")
}
