//! What may be demanded of a captured trace, and what is told when it is not so.

use chrono::TimeDelta;
use percent_encoding::percent_decode_str;
use serde_json::Value;

use super::apart;
use super::capture::{Capture, service_of};
use crate::analysis::Outline;
use crate::model::{DottedOrder, Run, RunStatus, RunType};
use crate::propagation::TRACE_HEADER;

/// One demand.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Fact {
    Run {
        name: String,
        times: usize,
    },
    Root {
        run: String,
    },
    Below {
        run: String,
        parent: String,
    },
    Service {
        run: String,
        service: String,
    },
    Type {
        run: String,
        run_type: RunType,
    },
    Within {
        run: String,
    },
    After {
        run: String,
        earlier: String,
    },
    Alongside {
        run: String,
        other: String,
    },
    AtLeast {
        run: String,
        millis: u32,
    },
    Succeeded {
        run: String,
    },
    Failed {
        run: String,
        words: String,
    },
    Metadata {
        run: String,
        key: String,
        value: Value,
    },
    Tagged {
        run: String,
        tag: String,
    },
    Project {
        run: String,
        project: String,
    },
    Output {
        run: String,
        key: String,
    },
    Arrived {
        run: String,
        header: String,
        words: Option<String>,
    },
    KeptOut {
        run: String,
        header: String,
    },
    OneTrace,
    NothingElse,
    NothingLost,
}

/// A fact that does not hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Wrong {
    pub(super) sentence: String,
    /// The run to look at, in both pictures, and what is to be said there.
    place: Option<(String, &'static str, String)>,
}

impl Wrong {
    pub(super) fn of(sentence: impl Into<String>) -> Self {
        Self {
            sentence: sentence.into(),
            place: None,
        }
    }

    fn at(run: &str, note: &'static str, goal: impl Into<String>, sentence: String) -> Self {
        Self {
            sentence,
            place: Some((run.to_owned(), note, goal.into())),
        }
    }

    /// Marks what is wrong in the tree as it is.
    pub(super) fn mark_in(&self, outline: Outline) -> Outline {
        match &self.place {
            Some((run, note, _)) => match outline.find(run) {
                Some(at) => outline.mark(at, note),
                None => outline,
            },
            None => outline,
        }
    }

    /// Marks the same run in the tree as it should be.
    pub(super) fn mark_goal_in(&self, outline: Outline) -> Outline {
        match &self.place {
            Some((run, _, goal)) => match outline.find(run) {
                Some(at) => outline.mark(at, goal),
                None => outline,
            },
            None => outline,
        }
    }
}

pub(super) fn is_about_a_run(fact: &Fact) -> bool {
    matches!(fact, Fact::Run { times, .. } if *times > 0)
}

impl Fact {
    /// Returns the name of a run that is demanded.
    pub(super) fn named(&self) -> Option<&str> {
        match self {
            Self::Run { name, .. } => Some(name),
            _ => None,
        }
    }

    /// Says what is wrong, if this does not hold. `known` are the names of all runs demanded.
    pub(super) fn wrong(&self, capture: &Capture, known: &[&str]) -> Option<Wrong> {
        match self {
            Self::Run { name, times } => number(name, *times, capture),
            Self::OneTrace => {
                let traces = capture.tree().trace_ids().len();
                let sentence =
                    format!("the runs belong to {traces} traces, and should belong to one");
                (traces != 1).then(|| Wrong::of(sentence))
            }
            Self::NothingElse => stranger(capture, known),
            Self::NothingLost => lost(capture),
            Self::Arrived { run, header, words } => arrived(run, header, words.as_deref(), capture),
            Self::KeptOut { run, header } => kept_out(run, header, capture),
            Self::Root { run }
            | Self::Below { run, .. }
            | Self::Service { run, .. }
            | Self::Type { run, .. }
            | Self::Within { run }
            | Self::After { run, .. }
            | Self::Alongside { run, .. }
            | Self::AtLeast { run, .. }
            | Self::Succeeded { run }
            | Self::Failed { run, .. }
            | Self::Metadata { run, .. }
            | Self::Tagged { run, .. }
            | Self::Project { run, .. }
            | Self::Output { run, .. } => capture
                .runs(run)
                .find_map(|found| self.wrong_of(found, capture)),
        }
    }

    /// Says what is wrong with one run of the name.
    fn wrong_of(&self, run: &Run, capture: &Capture) -> Option<Wrong> {
        let name = run.name.as_str();
        let parent = capture.tree().parent_of(run.id);
        let told = |note: &'static str, goal: &str, sentence: String| {
            Some(Wrong::at(
                name,
                note,
                goal,
                format!("run `{name}` {sentence}"),
            ))
        };
        match self {
            Self::Root { .. } => match (run.is_root(), parent) {
                (true, _) => None,
                (false, Some(parent)) => told(
                    "not a root",
                    "a root",
                    format!("should be a root, and is below `{}`", parent.name),
                ),
                (false, None) => told(
                    "parent not here",
                    "a root",
                    "should be a root, and names a parent that never arrived".to_owned(),
                ),
            },
            Self::Below { parent: wanted, .. } => below(run, parent, wanted, capture),
            Self::Service { service, .. } => match service_of(run) {
                Some(found) if found == service => None,
                Some(found) => told(
                    "wrong service",
                    "",
                    format!("comes from `{found}`, not from the service `{service}`"),
                ),
                None => told(
                    "no service",
                    "",
                    format!("names no service; make it with the client of `{service}`"),
                ),
            },
            Self::Type { run_type, .. } => (run.run_type != *run_type).then(|| {
                let sentence = format!(
                    "is of type `{}`, not `{}`",
                    run.run_type.as_str(),
                    run_type.as_str()
                );
                Wrong::at(
                    name,
                    "wrong type",
                    run_type.as_str(),
                    format!("run `{name}` {sentence}"),
                )
            }),
            Self::Within { .. } => match parent {
                Some(parent) => within(run, parent),
                None => told(
                    "no parent",
                    "within its parent",
                    "has no parent to lie within".to_owned(),
                ),
            },
            Self::After { earlier, .. } => {
                let other = capture
                    .runs(earlier)
                    .filter_map(|other| other.end_time)
                    .max()?;
                let early = other - run.start_time;
                (early > TimeDelta::zero())
                    .then(|| format!("began {} before `{earlier}` had ended", millis(early)))
                    .and_then(|sentence| told("too early", "later", sentence))
            }
            Self::Alongside { other, .. } => {
                let overlaps = |found: &Run| {
                    let end = |run: &Run| run.end_time.unwrap_or(run.start_time);
                    run.start_time < end(found) && found.start_time < end(run)
                };
                let found = capture.runs(other).any(overlaps);
                (!found)
                    .then(|| {
                        format!(
                            "did not run at the same time as `{other}`: one waited for the other"
                        )
                    })
                    .and_then(|sentence| told("alone", "at the same time", sentence))
            }
            Self::AtLeast { millis: wanted, .. } => {
                let took = run.latency()?;
                (took < TimeDelta::milliseconds(i64::from(*wanted)))
                    .then(|| format!("took {}, and should take {wanted} ms at least: it ended before its work did", millis(took)))
                    .and_then(|sentence| told("too short", "", sentence))
            }
            Self::Succeeded { .. } => match run.status() {
                RunStatus::Success => None,
                status => told(
                    "error",
                    "no error",
                    format!(
                        "should succeed, and its status is {status}: {}",
                        first_line(run)
                    ),
                ),
            },
            Self::Failed { words, .. } => match run.error.as_deref() {
                Some(error) if error.contains(words.as_str()) => None,
                Some(_) => told(
                    "another error",
                    "",
                    format!("failed with “{}”, not with “{words}”", first_line(run)),
                ),
                None => told(
                    "no error",
                    "an error",
                    format!("ended without an error, and should tell of “{words}”"),
                ),
            },
            Self::Metadata { key, value, .. } => match run.extra.metadata.get(key) {
                Some(found) if found == value => None,
                Some(found) => told(
                    "wrong metadata",
                    "",
                    format!("has {found} as metadata `{key}`, not {value}"),
                ),
                None => told(
                    "no metadata",
                    "",
                    format!("has no metadata `{key}`; it should be {value}"),
                ),
            },
            Self::Tagged { tag, .. } => (!run.tags.contains(tag))
                .then(|| format!("has no tag `{tag}`"))
                .and_then(|sentence| told("no tag", "", sentence)),
            Self::Project { project, .. } => match run.project.as_deref() {
                Some(found) if found == project => None,
                found => told(
                    "wrong project",
                    "",
                    format!(
                        "is filed under `{}`, not under `{project}`",
                        found.unwrap_or("default")
                    ),
                ),
            },
            Self::Output { key, .. } => {
                let has = run
                    .outputs
                    .as_ref()
                    .is_some_and(|outputs| outputs.contains_key(key));
                (!has)
                    .then(|| format!("has no output `{key}`"))
                    .and_then(|sentence| told("no output", "", sentence))
            }
            _ => None,
        }
    }
}

fn number(name: &str, times: usize, capture: &Capture) -> Option<Wrong> {
    let found = capture.runs(name).count();
    let at = |note, sentence: String| Some(Wrong::at(name, note, "", sentence));
    match found {
        0 if times > 0 => {
            let there: Vec<String> = capture
                .tree()
                .walk()
                .into_iter()
                .take(6)
                .map(|at| format!("`{}`", capture.tree().nodes()[at].run.name))
                .collect();
            at(
                "",
                format!(
                    "no run is named `{name}`; what arrived is {}",
                    there.join(", ")
                ),
            )
        }
        _ if found > times => at(
            "once too often",
            format!(
                "{found} runs are named `{name}`, and there should be {times}; does the cell begin with `lesson.clear()`?"
            ),
        ),
        _ if found < times => at(
            "too few",
            format!("{found} of {times} runs named `{name}` arrived"),
        ),
        _ => capture
            .runs(name)
            .find(|run| run.end_time.is_none() && run.error.is_none())
            .and_then(|_| {
                at(
                    "not ended",
                    format!("run `{name}` never ended: call `end` on it, on every way out"),
                )
            }),
    }
}

fn below(run: &Run, parent: Option<&Run>, wanted: &str, capture: &Capture) -> Option<Wrong> {
    let goal = format!("below {wanted}");
    let name = run.name.as_str();
    let told = |note, sentence: String| Some(Wrong::at(name, note, goal.clone(), sentence));
    match parent {
        Some(parent) if parent.name == wanted && parent.trace_id == run.trace_id => None,
        Some(parent) if parent.name == wanted => told(
            "another trace",
            format!("run `{name}` is below `{wanted}`, but names another trace"),
        ),
        Some(parent) => {
            let cause = apart::other_parent(run, parent);
            let found = &parent.name;
            told(
                "wrong parent",
                format!("run `{name}` is below `{found}`, not below `{wanted}`{cause}"),
            )
        }
        None if !run.is_root() => told(
            "parent not here",
            format!("run `{name}` names a parent that never arrived: was it ended, and sent?"),
        ),
        None => {
            let cause = match capture.runs(wanted).next() {
                Some(parent) => apart::no_parent(run, parent, capture),
                None => format!("no run is named `{wanted}`"),
            };
            told("no parent", format!("run `{name}` has no parent: {cause}"))
        }
    }
}

fn within(run: &Run, parent: &Run) -> Option<Wrong> {
    let (name, above) = (&run.name, &parent.name);
    let early = parent.start_time - run.start_time;
    if early > TimeDelta::zero() {
        let sentence = format!(
            "run `{name}` began {} before its parent `{above}`",
            millis(early)
        );
        return Some(Wrong::at(name, "too early", "within its parent", sentence));
    }
    let late = run.end_time? - parent.end_time?;
    let sentence = format!(
        "run `{name}` ended {} after its parent `{above}`: the parent did not wait for it",
        millis(late)
    );
    (late > TimeDelta::zero()).then(|| Wrong::at(name, "too late", "within its parent", sentence))
}

/// Returns the service whose requests a run was made for.
fn receiver<'a>(run: &str, capture: &'a Capture) -> &'a str {
    capture.runs(run).find_map(service_of).unwrap_or_default()
}

fn arrived(run: &str, header: &str, words: Option<&str>, capture: &Capture) -> Option<Wrong> {
    let service = receiver(run, capture);
    let arrivals = capture.arrivals_at(service);
    let told = |sentence: String| {
        Some(Wrong::at(
            run,
            "header",
            format!("{header} arrives"),
            sentence,
        ))
    };
    if arrivals.is_empty() {
        // Nobody watched the requests. A parent in another service cannot come from anywhere else.
        let crossed = capture.runs(run).all(|run| {
            let parent = capture.tree().parent_of(run.id);
            parent.is_some_and(|parent| service_of(parent) != service_of(run))
        });
        if header.eq_ignore_ascii_case(TRACE_HEADER) && words.is_none() && crossed {
            return None;
        }
        return told(format!(
            "no request reached the service `{service}`, so no `{header}` did"
        ));
    }
    let values: Vec<&str> = arrivals
        .iter()
        .filter_map(|arrival| arrival.header(header))
        .collect();
    let Some(last) = values.last() else {
        return told(format!("no `{header}` arrived at the service `{service}`"));
    };
    if header.eq_ignore_ascii_case(TRACE_HEADER) && last.trim().parse::<DottedOrder>().is_err() {
        return told(format!(
            "the `{header}` that arrived at `{service}` is no dotted order"
        ));
    }
    let words = words?;
    let has_words = |value: &&str| {
        percent_decode_str(value)
            .decode_utf8_lossy()
            .contains(words)
            || value.contains(words)
    };
    if values.iter().any(has_words) {
        return None;
    }
    told(format!(
        "the `{header}` that arrived at `{service}` says nothing of “{words}”"
    ))
}

fn kept_out(run: &str, header: &str, capture: &Capture) -> Option<Wrong> {
    let service = receiver(run, capture);
    let arrivals = capture.arrivals_at(service);
    let sentence = format!("`{header}` arrived at the service `{service}`, and should not");
    arrivals
        .iter()
        .any(|arrival| arrival.header(header).is_some())
        .then(|| Wrong::at(run, "header", format!("no {header}"), sentence))
}

fn stranger(capture: &Capture, known: &[&str]) -> Option<Wrong> {
    let nodes = capture.tree().nodes().iter();
    let run = nodes
        .map(|node| &node.run)
        .find(|run| !known.contains(&run.name.as_str()))?;
    let sentence = format!(
        "run `{}` arrived as well, and nobody asked for it",
        run.name
    );
    Some(Wrong::at(&run.name, "not asked for", "", sentence))
}

fn lost(capture: &Capture) -> Option<Wrong> {
    let nodes = capture.tree().nodes().iter().map(|node| &node.run);
    let mut pending = nodes.filter(|run| run.end_time.is_none() && run.error.is_none());
    if let Some(run) = pending.next() {
        let sentence = format!(
            "the end of run `{}` was lost: it never ended, or nobody sent it",
            run.name
        );
        return Some(Wrong::at(&run.name, "not ended", "", sentence));
    }
    let orphan = capture.tree().orphans().into_iter().next();
    if let Some(run) = orphan {
        let sentence = format!("the parent of run `{}` was lost", run.name);
        return Some(Wrong::at(&run.name, "parent not here", "", sentence));
    }
    capture.losses().first().map(Wrong::of)
}

fn first_line(run: &Run) -> &str {
    let error = run.error.as_deref().unwrap_or("no error");
    error.lines().next().unwrap_or_default()
}

fn millis(span: TimeDelta) -> String {
    let millis = span.num_microseconds().unwrap_or(i64::MAX) as f64 / 1000.0;
    match millis {
        1.0.. => format!("{millis:.0} ms"),
        _ => "less than 1 ms".to_owned(),
    }
}

/// Draws the tree that the facts describe. A run whose parent nobody states stands at the top.
pub(super) fn goal(facts: &[Fact]) -> Outline {
    let names: Vec<&str> = facts.iter().filter_map(Fact::named).collect();
    let parent = |name: &str| {
        facts.iter().find_map(|fact| match fact {
            Fact::Below { run, parent } if run == name => Some(parent.as_str()),
            _ => None,
        })
    };
    let mut outline = Outline::new();
    let tops = names
        .iter()
        .filter(|name| parent(name).is_none_or(|above| !names.contains(&above)));
    let mut stack: Vec<(usize, &str)> = tops.rev().map(|name| (0, *name)).collect();
    let mut written = 0;
    while let Some((depth, name)) = stack.pop() {
        // Facts that go in a circle have no top; the bound is for a run that is named twice.
        written += 1;
        if written > facts.len() {
            break;
        }
        let service = facts.iter().find_map(|fact| match fact {
            Fact::Service { run, service } if run == name => Some(service.as_str()),
            _ => None,
        });
        let times = facts.iter().find_map(|fact| match fact {
            Fact::Run { name: run, times } if run == name => Some(*times),
            _ => None,
        });
        outline = outline
            .row(depth, name)
            .of_service(service.unwrap_or_default());
        if let Some(times @ 2..) = times {
            outline = outline.note(format!("{times} times"));
        }
        let children = names.iter().filter(|child| parent(child) == Some(name));
        stack.extend(children.rev().map(|child| (depth + 1, *child)));
    }
    outline
}
