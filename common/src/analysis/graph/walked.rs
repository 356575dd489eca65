//! Which edges a graph was walked along: what the trace says, and what follows from the supersteps.
//!
//! ```text
//! superstep 1   agent ── tools_condition: "tools"     a router names the next node
//! superstep 2   tools                                 no router: its edge is the only way here
//! superstep 3   agent ── tools_condition: "__end__"
//! ```
//!
//! Start at [`walked`].

use std::collections::{BTreeMap, HashMap, HashSet};

use serde_json::Value;

use super::shape::{END, START};
use super::visits::{Visit, Visits, is_paused, text};
use crate::model::{RunStatus, RunType};

/// An edge, and how often it was taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Taken {
    pub(super) from: String,
    pub(super) to: String,
    /// The router that chose it; none for a fixed edge.
    pub(super) router: Option<String>,
    pub(super) conditional: bool,
    pub(super) times: usize,
}

/// A way into a node: from where, and who chose it.
type Way<'a> = (&'a str, Option<&'a str>, bool);

/// Most edges of a graph. Between two supersteps of a thousand nodes each there could be a million.
pub(super) const MAX_EDGES: usize = 2_000;
/// Most ways that are looked at with care; the largest trace that LangSmith keeps has a few for each run.
const MAX_LOOKS: usize = 200_000;
/// Most ways into one visit after that: enough for the loops of a graph that people read.
const FEW: usize = 8;

/// The edges that were taken, in the order in which they first were.
#[derive(Debug, Default)]
pub(super) struct Walked {
    pub(super) edges: Vec<Taken>,
    /// How often an edge was taken that had no room.
    pub(super) left_out: usize,
}

/// Returns the edges of a graph, the first 2,000.
///
/// Who led to a node is said by the routers of the superstep before, and by its triggers as far as what they
/// name has run; where neither says it, all nodes without a router of that superstep did. `is_edge` tells
/// which edges there are, if that is known; then only those are taken where there is a choice.
pub(super) fn walked(
    visits: &Visits<'_>,
    graph: &str,
    is_edge: impl Fn(&str, &str) -> bool,
) -> Walked {
    let mut taken = Edges::default();
    let mut looks = 0;
    let mut paused: HashSet<&str> = HashSet::new();
    for invocation in visits.invocations.iter().filter(|i| i.graph == graph) {
        let mut before = Leads::default();
        let mut course = Course {
            has_begun: false,
            continues: invocation.steps.keys().next().is_some_and(|step| *step > 1),
            met: HashSet::new(),
        };
        for now in invocation.steps.values() {
            let mut after = Leads::default();
            for visit in now.iter().map(|visit| &visits.all[*visit]) {
                let namespace = text(visit.run, "langgraph_checkpoint_ns");
                // A paused node runs again at its old place: nothing led to it this time.
                let resumed = namespace.is_some_and(|namespace| paused.contains(namespace));
                if is_paused(visit.run) {
                    paused.extend(namespace);
                }
                if course.has_begun || !resumed {
                    let is_full = taken.all.len() >= MAX_EDGES || looks >= MAX_LOOKS;
                    let most = if is_full { FEW } else { MAX_EDGES };
                    let (mut ways, more) = before.to(visit, &course, most);
                    looks += ways.len();
                    match ways.iter().any(|way| is_edge(way.0, visit.node)) {
                        true => ways.retain(|way| is_edge(way.0, visit.node)),
                        false => taken.left_out += more,
                    }
                    for way in ways {
                        taken.add(way, visit.node);
                    }
                }
                after.lead_on_from(visits, visit);
            }
            for way in after.to_nodes.get(END).into_iter().flatten() {
                taken.add(*way, END);
            }
            course.met.extend(after.any.iter().map(|way| way.0));
            course.has_begun = true;
            before = after;
        }
        let run = invocation.run;
        if run.is_none_or(|run| run.status() == RunStatus::Success) && !before.stops {
            for way in before.unread.iter().chain(&before.fixed) {
                taken.add(*way, END);
            }
        }
    }
    Walked {
        edges: taken.all,
        left_out: taken.left_out,
    }
}

/// How far one call of a graph has come.
struct Course<'v> {
    /// A superstep is over.
    has_begun: bool,
    /// It goes on where an earlier trace of its thread stopped: nodes may have run that are not here.
    continues: bool,
    /// The nodes of all supersteps that are over.
    met: HashSet<&'v str>,
}

/// Where the nodes of one superstep lead, each way once.
#[derive(Default)]
struct Leads<'v> {
    /// By routers, to the node of that name.
    to_nodes: HashMap<&'v str, Vec<Way<'v>>>,
    /// By routers whose answer cannot be read.
    unread: Vec<Way<'v>>,
    /// From nodes without a router.
    fixed: Vec<Way<'v>>,
    /// From each node, if nothing else leads on.
    any: Vec<Way<'v>>,
    met: HashSet<(&'v str, Way<'v>)>,
    /// One of the nodes failed, was paused or has not ended.
    stops: bool,
}

impl<'v> Leads<'v> {
    fn lead_on_from(&mut self, visits: &'v Visits<'_>, visit: &'v Visit<'_>) {
        self.stops |= visit.run.status() != RunStatus::Success;
        let routers = routers(visits, visit);
        let (fixed, any) = ((visit.node, None, false), (visit.node, None, true));
        if self.met.insert(("", any)) {
            self.any.push(any);
        }
        if routers.is_empty() && self.met.insert(("", fixed)) {
            self.fixed.push(fixed);
        }
        for router in routers {
            let way = (visit.node, Some(router.name), true);
            if router.targets.is_empty() && self.met.insert(("", way)) {
                self.unread.push(way);
            }
            for target in router.targets {
                if self.met.insert((target, way)) {
                    self.to_nodes.entry(target).or_default().push(way);
                }
            }
        }
    }

    /// Returns who led to a node, so many at most, and how many more there are.
    fn to(&self, visit: &Visit<'v>, course: &Course<'v>, most: usize) -> (Vec<Way<'v>>, usize) {
        let chosen = self.to_nodes.get(visit.node).map_or(&[][..], Vec::as_slice);
        let (triggered, is_sent) = match chosen {
            [] => self.by_triggers(visit, course),
            _ => (Vec::new(), false),
        };
        let start = [(START, None, false)];
        let start = if course.has_begun { &[][..] } else { &start };
        let fixed = if is_sent { &[][..] } else { &self.fixed };
        let all = [chosen, &triggered, start, &self.unread, fixed, &self.any];
        let ways = all.into_iter().find(|ways| !ways.is_empty());
        let ways = ways.unwrap_or_default();
        let few = &ways[..ways.len().min(most)];
        (few.to_vec(), ways.len() - few.len())
    }

    /// Reads who led to a node out of its triggers, and whether it was sent there. A run has all triggers of
    /// its node, also those that did not fire: those count whose nodes have run.
    fn by_triggers(&self, visit: &Visit<'v>, course: &Course<'v>) -> (Vec<Way<'v>>, bool) {
        let triggers = visit.run.extra.metadata.get("langgraph_triggers");
        let triggers = triggers.and_then(Value::as_array).into_iter().flatten();
        let mut ways: Vec<Way<'v>> = Vec::new();
        let mut is_sent = false;
        for trigger in triggers.filter_map(Value::as_str) {
            is_sent |= trigger == "__pregel_push";
            let parts: Vec<&str> = trigger.split(':').collect();
            match parts[..] {
                ["join", sources, _] => {
                    let sources: Vec<&str> = sources.split('+').collect();
                    if self.is_complete(&sources, course) {
                        ways.extend(sources.into_iter().map(|from| (from, None, false)));
                    }
                }
                // Versions before 0.3; later ones write `branch:to:` and leave the source out.
                ["branch", from, router, _] if from != "to" => {
                    let is_first = !course.has_begun && (course.continues || from == START);
                    if is_first || self.ran(from) {
                        ways.push((from, Some(router), true));
                    }
                }
                _ => {}
            }
        }
        (ways, is_sent)
    }

    /// Tells whether a join had all that it waits for when this superstep ended.
    fn is_complete(&self, sources: &[&'v str], course: &Course<'v>) -> bool {
        if !course.has_begun {
            return course.continues;
        }
        let is_met = || sources.iter().all(|from| course.met.contains(from));
        sources.iter().any(|from| self.ran(from)) && (course.continues || is_met())
    }

    fn ran(&self, node: &'v str) -> bool {
        self.met.contains(&("", (node, None, true)))
    }
}

/// A run that chose where to go from a node.
struct Router<'a> {
    name: &'a str,
    /// The nodes that it named; none if its answer cannot be read.
    targets: Vec<&'a str>,
}

/// Finds the routers of a node: they run below it, after its work (`seq:step:3`).
fn routers<'v>(visits: &'v Visits<'_>, visit: &Visit<'_>) -> Vec<Router<'v>> {
    let nodes = visits.tree.nodes();
    let below = nodes[visit.at].children.iter().map(|at| &nodes[*at].run);
    let invocation = &visits.invocations[visit.invocation];
    let is_node = |name: &str| name == END || invocation.nodes.contains(name);
    below
        .filter(|run| run.run_type == RunType::Chain)
        .filter_map(|run| {
            let output = run
                .outputs
                .as_ref()
                .and_then(|outputs| outputs.get("output"));
            let told = match output {
                Some(Value::Array(all)) => all.iter().filter_map(target).collect(),
                Some(one) => target(one).into_iter().collect(),
                None => Vec::new(),
            };
            let is_late = run.tags.iter().any(|tag| {
                let number = tag.strip_prefix("seq:step:").and_then(|n| n.parse().ok());
                number.is_some_and(|number: u64| number > 1)
            });
            let targets: Vec<&str> = told.into_iter().filter(|name| is_node(name)).collect();
            (is_late || !targets.is_empty()).then_some(Router {
                name: &run.name,
                targets,
            })
        })
        .collect()
}

/// Reads the node out of what a router answered: its name, or `Send(node='…', arg=…)`.
fn target(answer: &Value) -> Option<&str> {
    if let Some(node) = answer.get("node") {
        return node.as_str();
    }
    let text = answer.as_str()?;
    let Some(sent) = text.strip_prefix("Send(node=") else {
        return Some(text);
    };
    let quote = sent.chars().next().filter(|c| matches!(c, '\'' | '"'))?;
    sent[1..].split(quote).next()
}

#[derive(Default)]
struct Edges<'v> {
    all: Vec<Taken>,
    place: HashMap<(Way<'v>, &'v str), usize>,
    left_out: usize,
}

impl<'v> Edges<'v> {
    fn add(&mut self, way: Way<'v>, to: &'v str) {
        if let Some(at) = self.place.get(&(way, to)) {
            self.all[*at].times += 1;
            return;
        }
        if self.all.len() >= MAX_EDGES {
            self.left_out += 1;
            return;
        }
        self.place.insert((way, to), self.all.len());
        let (from, router, conditional) = way;
        self.all.push(Taken {
            from: from.to_owned(),
            to: to.to_owned(),
            router: router.map(str::to_owned),
            conditional,
            times: 1,
        });
    }
}

/// Most columns of one piece of a course in a text: a superstep may have a thousand nodes.
pub(super) const MAX_PIECE: usize = 400;

/// Writes a course of supersteps with its loops folded: `plan → (agent → tools) ×14 → agent`.
pub(super) fn folded(course: &[Vec<&str>]) -> Vec<String> {
    let words: Vec<String> = course.iter().map(|names| together(names)).collect();
    repeats(&words)
        .into_iter()
        .flat_map(|(path, times)| match times {
            1 => path.to_vec(),
            _ => vec![format!("({}) ×{times}", path.join(" → "))],
        })
        .collect()
}

/// Names the nodes of one superstep: `research ×3`, `a + b`.
pub(in crate::analysis) fn together(names: &[&str]) -> String {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for name in names {
        *counts.entry(name).or_default() += 1;
    }
    let words = counts.into_iter().map(|(name, count)| match count {
        1 => super::name(name),
        _ => format!("{} ×{count}", super::name(name)),
    });
    words.collect::<Vec<_>>().join(" + ")
}

/// Longest path that is looked for as a cycle.
const MAX_PERIOD: usize = 16;

/// Cuts a course into pieces, each with the number of times that it comes in a row.
pub(super) fn repeats(course: &[String]) -> Vec<(&[String], usize)> {
    let mut pieces = Vec::new();
    let mut at = 0;
    while at < course.len() {
        let rest = &course[at..];
        let repeated = |period: usize| {
            let same = rest[period..].iter().zip(rest).take_while(|(a, b)| a == b);
            (period, same.count() / period + 1)
        };
        let best = (1..=MAX_PERIOD.min(rest.len() / 2))
            .map(repeated)
            .filter(|(_, times)| *times > 1)
            // Of equal coverage the shorter path: it is what comes again.
            .max_by_key(|(period, times)| (period * times, std::cmp::Reverse(*period)));
        let (period, times) = best.unwrap_or((1, 1));
        pieces.push((&rest[..period], times));
        at += period * times;
    }
    pieces
}
