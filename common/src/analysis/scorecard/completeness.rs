//! Trace completeness: complete traces / requests.

use std::collections::{BTreeMap, HashSet};

use serde::Serialize;

use super::capture::{Capture, service};
use super::ledger::{Asked, Ledger};
use super::share::Share;

/// Whether each request of the ledger became one whole trace.
///
/// A trace is *complete* if it has exactly one root, every run has ended and has its parent, all
/// services of the request are there, and all runs are filed under one project.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Completeness {
    /// Requests with a complete trace.
    pub complete: Share,
    /// Requests of which something arrived, but no complete trace.
    pub partial: usize,
    /// Requests of which nothing arrived.
    pub missing: usize,
    /// What was wrong with the partial ones, and with how many of them.
    pub flaws: BTreeMap<Flaw, usize>,
    /// Services whose runs were absent from partial traces, and from how many.
    pub absent: BTreeMap<String, usize>,
    /// Traces that belong to no request of the ledger.
    pub strays: usize,
}

/// What keeps a trace from being complete.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Flaw {
    /// No root arrived.
    NoRoot,
    /// More than one root: the trace is in pieces.
    SeveralRoots,
    /// A run names a parent that is not here.
    Orphan,
    /// A run has not ended, or its end was lost.
    Pending,
    /// A service of the request has no run.
    ServiceAbsent,
    /// Runs are filed under several projects.
    SeveralProjects,
    /// Runs of another request are in the same trace.
    Mixed,
}

impl Flaw {
    /// Returns the name in reports.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NoRoot => "no_root",
            Self::SeveralRoots => "several_roots",
            Self::Orphan => "orphan",
            Self::Pending => "pending",
            Self::ServiceAbsent => "service_absent",
            Self::SeveralProjects => "several_projects",
            Self::Mixed => "mixed",
        }
    }
}

pub(super) fn score(capture: &Capture<'_>, ledger: &Ledger) -> Completeness {
    let mut score = Completeness {
        strays: capture.strays.len(),
        ..Completeness::default()
    };
    for asked in &ledger.asked {
        let nodes = capture.of(&asked.id);
        if nodes.is_empty() {
            score.complete.count(false);
            score.missing += 1;
            continue;
        }
        let absent = absent(asked, nodes.iter().filter_map(|node| service(&node.run)));
        let roots = nodes.iter().filter(|node| node.run.is_root()).count();
        let is_orphan = |node| capture.parent(node).is_none() && !node.run.is_root();
        let projects: HashSet<_> = nodes.iter().map(|node| &node.run.project).collect();
        let flaws: Vec<Flaw> = [
            (roots == 0, Flaw::NoRoot),
            (roots > 1, Flaw::SeveralRoots),
            (nodes.iter().any(|node| is_orphan(node)), Flaw::Orphan),
            (
                nodes.iter().any(|node| node.run.end_time.is_none()),
                Flaw::Pending,
            ),
            (!absent.is_empty(), Flaw::ServiceAbsent),
            (projects.len() > 1, Flaw::SeveralProjects),
            (capture.is_mixed(&asked.id), Flaw::Mixed),
        ]
        .into_iter()
        .filter_map(|(is_so, flaw)| is_so.then_some(flaw))
        .collect();
        score.complete.count(flaws.is_empty());
        score.partial += usize::from(!flaws.is_empty());
        for flaw in flaws {
            *score.flaws.entry(flaw).or_default() += 1;
        }
        for service in absent {
            *score.absent.entry(service.to_owned()).or_default() += 1;
        }
    }
    score
}

fn absent<'a>(asked: &'a Asked, here: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    let here: HashSet<&str> = here.collect();
    let expected = asked.services.iter().map(String::as_str);
    expected.filter(|service| !here.contains(service)).collect()
}
