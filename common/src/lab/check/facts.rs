//! What may be demanded of a captured trace, and what is told when it is not so.

use serde_json::Value;

use super::capture::Capture;
use super::wrong::Wrong;
use super::{of_headers, of_run, of_trace, of_words};
use crate::analysis::Outline;
use crate::model::RunType;

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
    Streamed {
        run: String,
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
    Predicted {
        run: String,
        key: String,
        value: Value,
        look: String,
    },
    Tagged {
        run: String,
        tag: String,
    },
    Project {
        run: String,
        project: String,
    },
    Input {
        run: String,
        key: String,
    },
    Output {
        run: String,
        key: String,
    },
    Said {
        run: String,
        key: String,
        words: String,
    },
    Used {
        run: String,
        input: u64,
        output: u64,
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
    AtMost {
        runs: usize,
    },
    NowhereSaid {
        words: String,
    },
    OneTrace,
    NothingElse,
    NothingLost,
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
            Self::Run { name, times } => of_trace::number(name, *times, capture),
            Self::OneTrace => {
                let traces = capture.tree().trace_ids().len();
                let sentence =
                    format!("the runs belong to {traces} traces, and should belong to one");
                (traces != 1).then(|| Wrong::of(sentence))
            }
            Self::AtMost { runs } => {
                let arrived = capture.tree().len();
                let sentence =
                    format!("{arrived} runs arrived, and the budget has room for {runs}");
                (arrived > *runs).then(|| Wrong::of(sentence))
            }
            Self::NowhereSaid { words } => of_words::said(words, capture),
            Self::NothingElse => of_trace::stranger(capture, known),
            Self::NothingLost => of_trace::lost(capture),
            Self::Arrived { run, header, words } => {
                of_headers::arrived(run, header, words.as_deref(), capture)
            }
            Self::KeptOut { run, header } => of_headers::kept_out(run, header, capture),
            Self::Root { run }
            | Self::Below { run, .. }
            | Self::Service { run, .. }
            | Self::Type { run, .. }
            | Self::Within { run }
            | Self::After { run, .. }
            | Self::Alongside { run, .. }
            | Self::AtLeast { run, .. }
            | Self::Streamed { run }
            | Self::Succeeded { run }
            | Self::Failed { run, .. }
            | Self::Metadata { run, .. }
            | Self::Predicted { run, .. }
            | Self::Tagged { run, .. }
            | Self::Project { run, .. }
            | Self::Input { run, .. }
            | Self::Output { run, .. }
            | Self::Said { run, .. }
            | Self::Used { run, .. } => capture
                .runs(run)
                .find_map(|found| of_run::wrong(self, found, capture)),
        }
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
