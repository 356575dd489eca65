//! Context propagation success: by edge, over service boundaries; by node, over all runs.

use std::collections::{BTreeMap, HashMap, HashSet};

use serde::{Serialize, Serializer};

use super::capture::{Capture, incoming_run, service};
use super::ledger::{Cut, Ledger};
use super::share::Share;
use crate::model::TreeNode;

/// Whether context crossed the boundaries, and why not where it did not.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Propagation {
    /// Calls of the ledger whose callee's runs are below the caller's.
    pub edges: Share,
    /// Runs below the root whose parent is here and of the same trace.
    pub nodes: Share,
    /// Runs whose parent never arrived.
    pub parent_absent: usize,
    /// Runs that are their own ancestors.
    pub in_a_circle: usize,
    /// Runs whose parent is of another trace.
    pub other_trace: usize,
    /// Each pair of services that called.
    pub by_edge: Vec<EdgeScore>,
}

/// How the calls between two services went.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct EdgeScore {
    /// Who called.
    pub from: String,
    /// Who was called.
    pub to: String,
    /// Calls that are linked.
    pub linked: Share,
    /// Why the others are not: what the services noted, and where nobody did, what the capture shows.
    #[serde(serialize_with = "by_name")]
    pub cuts: BTreeMap<Cut, usize>,
}

fn by_name<S: Serializer>(cuts: &BTreeMap<Cut, usize>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_map(cuts.iter().map(|(cut, count)| (cut.as_str(), count)))
}

type Edge<'a> = (&'a str, &'a str);

pub(super) fn score(capture: &Capture<'_>, ledger: &Ledger) -> Propagation {
    let mut score = Propagation {
        by_edge: by_edge(capture, ledger),
        ..Propagation::default()
    };
    for edge in &score.by_edge {
        score.edges.got += edge.linked.got;
        score.edges.of += edge.linked.of;
    }
    let nodes = capture.tree.nodes();
    let ids: HashSet<_> = nodes.iter().map(|node| node.run.id).collect();
    for node in nodes {
        let Some(named) = node.run.parent_run_id else {
            continue;
        };
        score.nodes.count(capture.parent(node).is_some());
        match node.parent {
            Some(_) if capture.parent(node).is_none() => score.other_trace += 1,
            None if ids.contains(&named) => score.in_a_circle += 1,
            None => score.parent_absent += 1,
            Some(_) => {}
        }
    }
    score
}

fn by_edge(capture: &Capture<'_>, ledger: &Ledger) -> Vec<EdgeScore> {
    let mut edges: BTreeMap<Edge<'_>, (Share, BTreeMap<Cut, usize>)> = BTreeMap::new();
    // Services that began a trace which no request claims: the header was lost, baggage and all.
    let mut strays: HashMap<&str, usize> = HashMap::new();
    for trace in &capture.strays {
        let root = capture.of_trace(*trace).find(|node| node.run.is_root());
        if let Some(service) = root.and_then(|node| service(&node.run)) {
            *strays.entry(service).or_default() += 1;
        }
    }
    for asked in &ledger.asked {
        let nodes = capture.of(&asked.id);
        let mut calls: BTreeMap<Edge<'_>, usize> = BTreeMap::new();
        for (from, to) in &asked.calls {
            *calls.entry((from, to)).or_default() += 1;
        }
        for (edge, calls) in calls {
            let linked = calls.min(linked(capture, &nodes, edge));
            let (share, seen) = edges.entry(edge).or_default();
            share.of += calls;
            share.got += linked;
            for _ in linked..calls {
                *seen
                    .entry(told_by_capture(&nodes, edge, &mut strays))
                    .or_default() += 1;
            }
        }
    }
    let score = |((from, to), (linked, seen)): (Edge<'_>, (Share, _))| EdgeScore {
        from: from.to_owned(),
        to: to.to_owned(),
        linked,
        cuts: reasons(ledger, (from, to), seen),
    };
    edges.into_iter().map(score).collect()
}

/// Counts the runs of the callee that are directly below one of the caller.
fn linked(capture: &Capture<'_>, nodes: &[&TreeNode], (from, to): Edge<'_>) -> usize {
    let is_linked = |node: &&&TreeNode| {
        service(&node.run) == Some(to)
            && capture
                .parent(node)
                .is_some_and(|parent| service(&parent.run) == Some(from))
    };
    nodes.iter().filter(is_linked).count()
}

fn told_by_capture(
    nodes: &[&TreeNode],
    (from, to): Edge<'_>,
    strays: &mut HashMap<&str, usize>,
) -> Cut {
    let of_callee = || nodes.iter().filter(|node| service(&node.run) == Some(to));
    let named_caller = |named: &str| {
        let mut callers = nodes.iter().filter(|node| service(&node.run) == Some(from));
        callers.any(|node| node.run.id.to_string() == named)
    };
    if of_callee().any(|node| incoming_run(&node.run).is_some_and(named_caller)) {
        return Cut::Untrusted;
    }
    if of_callee().any(|node| node.parent.is_none()) {
        return Cut::Unexplained;
    }
    match strays.get_mut(to) {
        Some(left) if *left > 0 => {
            *left -= 1;
            Cut::Unexplained
        }
        _ => Cut::NotCaptured,
    }
}

/// Puts what was noted in the place of what is seen of the calls that are not linked.
fn reasons(
    ledger: &Ledger,
    edge: Edge<'_>,
    mut seen: BTreeMap<Cut, usize>,
) -> BTreeMap<Cut, usize> {
    let mut reasons = BTreeMap::new();
    let of_edge = |(from, to, _, _): &&(String, String, Cut, u64)| (&**from, &**to) == edge;
    for (_, _, noted, count) in ledger.cuts.iter().filter(of_edge) {
        let mut left = usize::try_from(*count).unwrap_or(usize::MAX);
        for looks_like in looks_of(*noted) {
            let seen = seen.entry(looks_like).or_default();
            let taken = left.min(*seen);
            *seen -= taken;
            left -= taken;
            *reasons.entry(*noted).or_default() += taken;
        }
    }
    for (cut, count) in seen {
        *reasons.entry(cut).or_default() += count;
    }
    reasons.retain(|_, count| *count > 0);
    reasons
}

/// Returns what a cut shows as in a capture, the likeliest first.
fn looks_of(cut: Cut) -> [Cut; 3] {
    use Cut::{NotCaptured, Unexplained, Untrusted};
    match cut {
        Untrusted | Cut::Restarted => [Untrusted, Unexplained, NotCaptured],
        Cut::Sampled | NotCaptured => [NotCaptured, Unexplained, Untrusted],
        _ => [Unexplained, NotCaptured, Untrusted],
    }
}
