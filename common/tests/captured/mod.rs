//! Captured runs, made by hand: ids and times are the same in every test.
// Each test file uses its own part of it.
#![allow(dead_code, unreachable_pub)]

use std::sync::Arc;

use chrono::{DateTime, TimeDelta};
use common::model::{DottedOrder, Run, RunId, RunType, Segment, Timestamp, TraceTree};
use serde_json::Value;
use uuid::Uuid;

/// Begins at the same moment each time.
pub fn at(millis: i64) -> Timestamp {
    DateTime::from_timestamp_millis(1_795_341_938_000 + millis).expect("in range")
}

pub fn id(number: u128) -> RunId {
    RunId(Uuid::from_u128(
        0x0199_0000_0000_7000_8000_0000_0000_0000 + number,
    ))
}

/// A run that took `span` milliseconds from `start` on, below `parent` or as a root.
pub fn run(
    number: u128,
    parent: Option<&Run>,
    name: &str,
    kind: &str,
    start: i64,
    span: i64,
) -> Run {
    let segment = Segment {
        start: at(start),
        id: id(number),
    };
    let order = match parent {
        Some(parent) => parent.dotted_order.child(segment),
        None => DottedOrder::root(segment),
    };
    let mut run = Run::begin(order, name, RunType::from(kind), at(start));
    run.end_time = Some(at(start) + TimeDelta::milliseconds(span));
    run
}

pub trait Change {
    fn service(self, name: &str) -> Run;
    fn failed(self, error: &str) -> Run;
    fn pending(self) -> Run;
    fn project(self, name: &str) -> Run;
}

impl Change for Run {
    fn service(mut self, name: &str) -> Run {
        Arc::make_mut(&mut self.extra.metadata).insert("service".into(), Value::from(name));
        self
    }

    fn failed(mut self, error: &str) -> Run {
        self.error = Some(error.into());
        self
    }

    fn pending(mut self) -> Run {
        self.end_time = None;
        self
    }

    fn project(mut self, name: &str) -> Run {
        self.project = Some(name.into());
        self
    }
}

/// Gateway, retriever and generator in one trace.
pub fn whole() -> Vec<Run> {
    let root = run(1, None, "answer", "chain", 0, 412).service("gateway");
    let plan = run(2, Some(&root), "plan the answer", "prompt", 6, 22).service("gateway");
    let search = run(3, Some(&root), "POST /search", "chain", 34, 150).service("retriever");
    let embed = run(4, Some(&search), "embed query", "embedding", 40, 38).service("retriever");
    let find = run(5, Some(&search), "find pages", "retriever", 82, 96).service("retriever");
    let write = run(6, Some(&root), "POST /write", "chain", 190, 212).service("generator");
    let model = run(7, Some(&write), "gpt-5-mini", "llm", 198, 182).service("generator");
    let parse = run(8, Some(&write), "parse citations", "parser", 382, 14).service("generator");
    vec![root, plan, search, embed, find, write, model, parse]
}

/// The same, but the header to the generator was lost, and the retriever's root never arrived.
pub fn broken() -> Vec<Run> {
    let mut runs = whole();
    let write = run(6, None, "POST /write", "chain", 190, 212).service("generator");
    runs[6] = run(7, Some(&write), "gpt-5-mini", "llm", 198, 182).service("generator");
    runs[7] = run(8, Some(&write), "parse citations", "parser", 382, 14).service("generator");
    runs[5] = write;
    runs.remove(2);
    runs
}

/// Two pieces: the callee began a trace of its own.
pub fn cut_in_two() -> Vec<Run> {
    let root = run(1, None, "answer", "chain", 0, 412).service("gateway");
    let call = run(2, Some(&root), "call retriever", "tool", 20, 180).service("gateway");
    let lost = run(3, None, "POST /search", "chain", 34, 150).service("retriever");
    let find = run(4, Some(&lost), "find pages", "retriever", 82, 96).service("retriever");
    vec![root, call, lost, find]
}

pub fn failing() -> Vec<Run> {
    let mut runs = whole();
    runs[0] = runs[0]
        .clone()
        .failed("GenerateError: the model gave no answer");
    runs[5] = runs[5].clone().failed("502 Bad Gateway");
    runs[6] = runs[6]
        .clone()
        .failed("\nRateLimitError: 429 Too Many Requests\n  at line 3");
    runs[7] = runs[7].clone().pending();
    runs
}

pub fn many(count: u128) -> Vec<Run> {
    let root = run(1, None, "batch of questions", "chain", 0, 2_400);
    let kinds = ["llm", "tool", "retriever", "chain", "embedding"];
    let mut runs = vec![root.clone()];
    for number in 2..=count {
        let n = i64::try_from(number).expect("small");
        let kind = kinds[(number % 5) as usize];
        let parent = match number % 4 {
            2 => None,
            _ => runs
                .iter()
                .rev()
                .find(|run| run.name.starts_with("question"))
                .cloned(),
        };
        let name = match number % 4 {
            2 => format!("question {}", number / 4 + 1),
            _ => format!("{kind} step {number}"),
        };
        let start = 20 + 50 * n;
        let parent = parent.unwrap_or_else(|| root.clone());
        runs.push(run(
            number,
            Some(&parent),
            &name,
            kind,
            start,
            30 + (37 * n) % 190,
        ));
    }
    runs
}

pub const HOSTILE: [&str; 9] = [
    "</text><script>alert(1)</script>",
    "\" onload=\"alert(1)' & <b>",
    "]]><!--<?xml?><!DOCTYPE x>&#0;&bogus;",
    "\u{1b}[31mred\u{1b}[0m\r\nnext line\0\u{8}",
    "\u{202e}txt.exe\u{2066}",
    "\u{ffff}\u{fffe}\u{1ffff}",
    "日本語の長い名前がここにあります日本語の長い名前がここにあります",
    "EVCXR_END_CONTENT",
    "",
];

pub fn hostile() -> Vec<Run> {
    let root = run(1, None, HOSTILE[0], HOSTILE[1], 0, 100)
        .service(HOSTILE[0])
        .failed(HOSTILE[0]);
    let mut runs = vec![root.clone()];
    for (number, name) in (2..).zip(HOSTILE) {
        let below = run(number, Some(&root), name, name, 5, 50)
            .service(name)
            .project(name);
        runs.push(below.failed(name));
    }
    let lost = run(90, None, "absent", "chain", 0, 1);
    runs.push(run(91, Some(&lost), &"wide ".repeat(500), "tool", 30, 20));
    runs.push(run(
        92,
        None,
        &format!("e{}", "\u{301}".repeat(9_000)),
        "tool",
        30,
        20,
    ));
    runs
}

pub fn tree(runs: Vec<Run>) -> TraceTree {
    TraceTree::build(runs)
}
