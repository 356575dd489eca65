//! What a trace did in a graph: visits, tokens and ways, by the names of the graph.
//!
//! ```text
//! Visits + Calls ──for the graph that has most of these nodes──► Overlay
//! ```
//!
//! Start at [`Overlay::of`].

use std::collections::{HashMap, HashSet};

use super::shape::{END, GraphEdge, GraphShape, START};
use super::visits::Visits;
use super::walked::{MAX_PIECE, folded, walked};
use super::{name, names};
use crate::analysis::label::{count, fit};
use crate::analysis::spend::Calls;

/// Most pieces of a way, and most nodes, in words.
const MAX_WORDS: usize = 40;

/// What a trace did in a graph.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Overlay {
    /// The graph that was walked, by its whole name; none if no node of the shape ran.
    pub(super) graph: Option<String>,
    /// Numbers of the nodes from 1, in their order; begin and end have none.
    numbers: HashMap<String, usize>,
    visits: HashMap<String, usize>,
    tokens: HashMap<String, u64>,
    times: HashMap<(String, String), usize>,
    /// Calls of the graph, each with its way.
    courses: Vec<Vec<String>>,
    /// Ways that the graph does not have.
    strays: Vec<(String, String)>,
    /// How often edges were taken that had no room.
    left_out: usize,
}

impl Overlay {
    /// Reads what the graph's nodes did: of several graphs in the trace that one which has most of the
    /// names.
    pub(super) fn of(shape: &GraphShape, visits: &Visits<'_>) -> Self {
        let mut overlay = Self::default();
        let known: HashSet<&str> = names(shape).into_iter().map(|(name, _)| name).collect();
        let drawn = names(shape).into_iter().map(|(name, _)| name);
        for name in drawn.filter(|name| *name != START && *name != END) {
            let number = overlay.numbers.len() + 1;
            overlay.numbers.insert(name.to_owned(), number);
        }
        let alike = visits
            .graphs()
            .into_iter()
            .enumerate()
            .map(|(at, (graph, calls))| {
                let nodes = calls.iter().flat_map(|call| call.nodes.iter().copied());
                let same: HashSet<&str> = nodes.filter(|node| known.contains(node)).collect();
                (same.len(), std::cmp::Reverse(at), graph, calls)
            });
        let best = alike.max_by_key(|(same, at, ..)| (*same, *at));
        let Some((_, _, graph, calls)) = best.filter(|(same, ..)| *same > 0) else {
            return overlay;
        };
        overlay.graph = Some(graph.to_owned());
        for call in calls {
            overlay.courses.push(folded(&visits.course(call)));
        }
        for visit in &visits.all {
            if visits.invocations[visit.invocation].graph == graph {
                *overlay.visits.entry(visit.node.to_owned()).or_default() += 1;
            }
        }
        let outermost = visits.outermost_in(graph);
        for call in Calls::of(visits.tree).counted {
            if let Some(visit) = visits.around_in(call.at, &outermost) {
                let tokens = overlay.tokens.entry(visit.node.to_owned()).or_default();
                *tokens = tokens.saturating_add(call.spend.total_tokens);
            }
        }
        let edges: HashSet<(&str, &str)> = shape
            .edges
            .iter()
            .map(|edge| (&*edge.from, &*edge.to))
            .collect();
        let walked = walked(visits, graph, |from, to| edges.contains(&(from, to)));
        overlay.left_out = walked.left_out;
        for taken in walked.edges {
            let way = (taken.from, taken.to);
            if !edges.contains(&(&*way.0, &*way.1)) {
                overlay.strays.push(way.clone());
            }
            *overlay.times.entry(way).or_default() += taken.times;
        }
        overlay
    }

    /// Returns the name of the graph as texts have it; none if no node of the shape ran.
    pub(super) fn graph_name(&self) -> Option<String> {
        self.graph.as_deref().map(name)
    }

    pub(super) fn number(&self, node: &str) -> Option<usize> {
        self.numbers.get(node).copied()
    }

    pub(super) fn visits(&self, node: &str) -> usize {
        self.visits.get(node).copied().unwrap_or(0)
    }

    pub(super) fn tokens(&self, node: &str) -> u64 {
        self.tokens.get(node).copied().unwrap_or(0)
    }

    pub(super) fn times(&self, edge: &GraphEdge) -> usize {
        let way = (edge.from.clone(), edge.to.clone());
        self.times.get(&way).copied().unwrap_or(0)
    }

    /// States what the trace did: the title of a picture.
    pub(super) fn finding(&self, shape: &GraphShape) -> String {
        if self.visits.is_empty() {
            return "No node of this graph ran".to_owned();
        }
        let nodes = || {
            let all = names(shape).into_iter().map(|(node, _)| node);
            all.filter(|node| self.number(node).is_some())
        };
        let mut met: Vec<(&str, usize)> = nodes().map(|node| (node, self.visits(node))).collect();
        let missed = met.iter().filter(|(_, visits)| *visits == 0).count();
        met.retain(|(_, visits)| *visits > 0);
        // The sort is stable: of equals the first in the graph.
        met.sort_by_key(|(_, visits)| std::cmp::Reverse(*visits));
        let times = |visits: usize| match visits {
            1 => "once".to_owned(),
            2 => "twice".to_owned(),
            _ => format!("{visits} times"),
        };
        let mut said: Vec<String> = Vec::new();
        for (at, (node, visits)) in met.iter().take(3).enumerate() {
            let ran = if at == 0 { " ran" } else { "" };
            said.push(format!("{}{ran} {}", fit(node, 24), times(*visits)));
        }
        if met.len() > 3 {
            said.push(count(met.len() - 3, "other node"));
        }
        let last = said.pop().unwrap_or_default();
        let mut words = match said.is_empty() {
            true => last,
            false => format!("{} and {last}", said.join(", ")),
        };
        if missed > 0 {
            words.push_str(&format!("; {} not at all", count(missed, "node")));
        }
        words
    }

    /// Says all of it in words.
    pub(super) fn in_words(&self, shape: &GraphShape) -> Vec<String> {
        let mut lines = Vec::new();
        let graph = self.graph_name().unwrap_or_default();
        for course in self.courses.iter().take(8) {
            let pieces = course.iter().take(MAX_WORDS);
            let pieces = pieces.map(|piece| fit(piece, MAX_PIECE));
            let mut way = pieces.collect::<Vec<_>>().join(" → ");
            if course.len() > MAX_WORDS {
                way.push_str(&format!(" → … {} more", course.len() - MAX_WORDS));
            }
            lines.push(format!("{graph} walked: {way}"));
        }
        if self.courses.len() > 8 {
            lines.push(format!("… {}", count(self.courses.len() - 8, "more walk")));
        }
        for (node, _) in names(shape).into_iter().take(MAX_WORDS) {
            if let Some(number) = self.number(node) {
                let visits = count(self.visits(node), "visit");
                let tokens = match self.tokens(node) {
                    0 => String::new(),
                    tokens => format!(", {tokens} tokens"),
                };
                lines.push(format!("{number} {}: {visits}{tokens}", name(node)));
            }
        }
        for (from, to) in self.strays.iter().take(MAX_WORDS) {
            let way = format!("{} → {}", name(from), name(to));
            lines.push(format!("⚠ walked, but no edge of the graph: {way}"));
        }
        if self.left_out > 0 {
            lines.push(format!("… {}", count(self.left_out, "more way")));
        }
        lines
    }
}
