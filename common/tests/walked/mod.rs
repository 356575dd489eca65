//! Traces of graphs: what LangGraph really sent, and a team of agents made by hand.
// Each test file uses its own part of it.
#![allow(dead_code, unreachable_pub)]

use std::sync::Arc;

use common::model::{Run, TraceTree, USAGE_METADATA, Usage};
use serde_json::{Value, json};

use super::captured::run;

/// Reads a recorded trace.
pub fn recorded(name: &str) -> TraceTree {
    let path = format!("{}/tests/vectors/{name}.json", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(path).expect("a vector");
    let file: Value = serde_json::from_str(&text).expect("JSON");
    let runs = file["runs"].as_array().expect("runs").iter();
    let read = |run: &Value| {
        let mut run = run.clone();
        if run["inputs"].is_array() {
            // The recorder's own caller wrote down a list of its two calls.
            run["inputs"] = json!({"calls": run["inputs"]});
        }
        serde_json::from_value(run).expect("a run")
    };
    TraceTree::build(runs.map(read).collect::<Vec<Run>>())
}

pub trait Graph {
    /// Makes it the run of a node in a superstep.
    fn node(self, step: u64) -> Run;
    /// Takes over the place of the node that it is below of.
    fn within(self, node: &Run) -> Run;
    fn metadata(self, key: &str, value: Value) -> Run;
    fn used(self, usage: Usage) -> Run;
    fn gave(self, outputs: Value) -> Run;
    fn tagged(self, tag: &str) -> Run;
}

impl Graph for Run {
    fn node(self, step: u64) -> Run {
        let (name, id) = (self.name.clone(), self.id);
        self.tagged(&format!("graph:step:{step}"))
            .metadata("langgraph_node", json!(name))
            .metadata("langgraph_step", json!(step))
            .metadata("langgraph_checkpoint_ns", json!(format!("{name}:{id}")))
    }

    fn within(mut self, node: &Run) -> Run {
        for (key, value) in node.extra.metadata.iter() {
            if key.starts_with("langgraph_") {
                self = self.metadata(key, value.clone());
            }
        }
        self
    }

    fn metadata(mut self, key: &str, value: Value) -> Run {
        Arc::make_mut(&mut self.extra.metadata).insert(key.to_owned(), value);
        self
    }

    fn used(self, usage: Usage) -> Run {
        self.metadata(USAGE_METADATA, usage.into())
    }

    fn gave(mut self, outputs: Value) -> Run {
        self.outputs = outputs.as_object().cloned();
        self
    }

    fn tagged(mut self, tag: &str) -> Run {
        self.tags.push(tag.to_owned());
        self
    }
}

/// A docs team: a router, two searches at once, a writer that is an agent of its own, a reviewer who
/// sends the text back once.
pub fn team() -> Vec<Run> {
    let root = run(1, None, "docs_team", "chain", 0, 900);
    let router = run(2, Some(&root), "router", "chain", 4, 110).node(1);
    let route = run(3, Some(&router), "gpt-5-mini", "llm", 8, 90);
    let route = route
        .within(&router)
        .used(Usage::tokens(210, 12).cost(0.0002, 0.0001));
    let ways = run(4, Some(&router), "where_to", "chain", 104, 4).within(&router);
    let ways = ways
        .tagged("seq:step:3")
        .gave(json!({"output": ["search_docs", "search_code"]}));
    let docs = run(5, Some(&root), "search_docs", "chain", 120, 120).node(2);
    let code = run(6, Some(&root), "search_code", "chain", 122, 60).node(2);
    let find = run(7, Some(&docs), "fts5", "retriever", 126, 100).within(&docs);
    let grep = run(8, Some(&code), "grep", "tool", 126, 50).within(&code);
    let mut runs = vec![root.clone(), router, route, ways, docs, code, find, grep];
    for lap in 0..2_i64 {
        let (at, number, step) = (
            260 + 300 * lap,
            10 + 20 * (lap as u128),
            3 + 2 * (lap as u64),
        );
        let write = run(number, Some(&root), "writer", "chain", at, 220).node(step);
        let agent = run(
            number + 1,
            Some(&write),
            "writer_agent",
            "chain",
            at + 4,
            210,
        );
        let agent = agent.within(&write);
        runs.push(write.clone());
        runs.push(agent.clone());
        for (turn, (name, kind)) in [("agent", "llm"), ("tools", "tool"), ("agent", "llm")]
            .into_iter()
            .enumerate()
        {
            let number = number + 2 + 3 * (turn as u128);
            let at = at + 8 + 68 * (turn as i64);
            let inner = run(number, Some(&agent), name, "chain", at, 64).within(&write);
            let inner = inner.node(turn as u64 + 1);
            let work = match kind {
                "llm" => run(number + 1, Some(&inner), "gpt-5", "llm", at + 2, 50)
                    .used(Usage::tokens(1_800, 240).cost(0.0041, 0.0036)),
                _ => run(number + 1, Some(&inner), "cite", "tool", at + 2, 40),
            };
            let work = work.within(&inner);
            if kind == "llm" {
                let to = if turn == 0 { "tools" } else { "__end__" };
                let next = run(
                    number + 2,
                    Some(&inner),
                    "tools_condition",
                    "chain",
                    at + 56,
                    3,
                );
                let next = next
                    .within(&inner)
                    .tagged("seq:step:3")
                    .gave(json!({"output": to}));
                runs.push(next);
            }
            runs.extend([inner, work]);
        }
        let review =
            run(number + 16, Some(&root), "reviewer", "chain", at + 226, 60).node(step + 1);
        let said = run(
            number + 17,
            Some(&review),
            "gpt-5-mini",
            "llm",
            at + 230,
            40,
        );
        let said = said
            .within(&review)
            .used(Usage::tokens(700, 30).cost(0.0007, 0.0002));
        let to = if lap == 0 { "writer" } else { "__end__" };
        let verdict = run(number + 18, Some(&review), "verdict", "chain", at + 274, 4);
        let verdict = verdict
            .within(&review)
            .tagged("seq:step:3")
            .gave(json!({"output": to}));
        runs.extend([review, said, verdict]);
    }
    runs
}

/// An agent that calls its tool again and again.
pub fn looping(laps: u64) -> Vec<Run> {
    let root = run(1, None, "docs_agent", "chain", 0, 40 * (laps as i64) + 20);
    let mut runs = vec![root.clone()];
    for lap in 0..laps {
        let (number, at) = (10 + 2 * u128::from(lap), 2 + 40 * (lap as i64));
        let agent = run(number, Some(&root), "agent", "chain", at, 18).node(2 * lap + 1);
        let tools = run(number + 1, Some(&root), "tools", "chain", at + 20, 18).node(2 * lap + 2);
        runs.extend([agent, tools]);
    }
    runs
}
