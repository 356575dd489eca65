//! Rows 24, 25, 29, 30 and 31: more than an endpoint, or a process, can take.

use std::time::Duration;

use serde_json::{Value, json};

use super::broken::Broken;
use super::naive::Naive;
use super::stage::{PATIENCE, Played, SceneError, Stage, Way};
use crate::client::Config;
use crate::export::BatchConfig;
use crate::langsmith_mock::{Fault, Limits, MockBuilder};
use crate::model::{Run, TraceTree};

/// What the endpoint of row 24 takes in one request; LangSmith takes 20 MB.
const BODY: usize = 16 * 1024;
/// Requests that the endpoint of row 29 takes in a minute.
const REQUESTS: usize = 4;
/// Runs of one trace that the endpoint of row 30 takes; LangSmith takes 25,000.
const RUNS: usize = 20;
/// Children at which row 31 is told.
const CHILDREN: usize = 10_001;

pub(super) fn small_bodies(mock: MockBuilder) -> MockBuilder {
    mock.limits(Limits {
        body_bytes: BODY,
        ..Limits::default()
    })
}

pub(super) fn short_traces(mock: MockBuilder) -> MockBuilder {
    mock.limits(Limits {
        runs_per_trace: RUNS,
        ..Limits::default()
    })
}

/// Row 24: ten runs of 3 kB in one request.
pub(super) async fn too_large(stage: &Stage, way: Way) -> Played {
    let batch = BatchConfig {
        max_bytes: Some(way.pick(20 * 1024 * 1024, BODY / 4)),
        linger: Duration::from_secs(60),
        compress: false,
        ..BatchConfig::default()
    };
    let config = Config {
        batch,
        ..Config::default()
    };
    let client = stage.client_with("gateway", config, |builder| builder)?;
    let page = "a page ".repeat(430);
    for _ in 0..10 {
        client
            .run("answer")
            .inputs(json!({ "page": page }))
            .start()
            .end();
    }
    // Each is taken in the end: a batch that is refused is sent again in halves.
    let _ = client.flush_async(PATIENCE).await;
    Ok(())
}

/// Row 25: one number that does not fit into 64 bits.
pub(super) async fn int_too_big(stage: &Stage, way: Way) -> Played {
    let naive = Naive::new(stage, "gateway");
    let mut odd = naive.whole("count", None);
    odd["inputs"] = json!({ "atoms": "BIG" });
    let other = naive.whole("answer", None);
    let body = json!({ "post": [odd, other], "patch": [] }).to_string();
    let big = "10000000000000000000000000000000000000000000000000000";
    let body = match way {
        Way::Broken => body.replace("\"BIG\"", big),
        Way::Repaired => body.replace("BIG", big),
    };
    stage.post("/runs/batch", body);
    Ok(())
}

/// Row 29: an endpoint that takes four requests a minute, and a client that sends each operation by itself.
pub(super) async fn rate_limited(stage: &Stage, way: Way) -> Played {
    let naive = Naive::new(stage, "gateway");
    let mut sent = 0;
    let mut take = || {
        sent += 1;
        if sent > REQUESTS {
            stage.mock().fault(Fault::status(429).times(1));
        }
    };
    let mut held = Vec::new();
    for _ in 0..3 {
        let mut run = naive.begin("answer", None);
        if way.is_broken() {
            take();
            naive.post(&[&run]);
        }
        naive.end(&mut run);
        if way.is_broken() {
            take();
            naive.patch(&[&run]);
        } else {
            held.push(run);
        }
    }
    if !held.is_empty() {
        take();
        naive.post(&held.iter().collect::<Vec<_>>());
    }
    Ok(())
}

/// Row 30: an agent that goes on and on in one trace.
pub(super) async fn endless_loop(stage: &Stage, way: Way) -> Played {
    let client = stage.client("agent")?;
    let turns = way.pick(2 * RUNS, RUNS / 2);
    for _ in 0..2 * RUNS / turns {
        let root = client.run("agent").metadata("thread_id", "t-1").start();
        for _ in 0..turns {
            root.child("turn").start().end();
        }
        root.end();
    }
    Ok(())
}

/// Row 31: one run for the life of the process, which keeps every child. What it keeps is what is looked at: its
/// runs as they were exported.
pub(super) async fn children_kept(stage: &Stage, way: Way) -> Played {
    let naive = Naive::new(stage, "service");
    let mut kept: Vec<Value> = Vec::new();
    for _ in 0..way.pick(1, 3) {
        let mut root = naive.begin("serve", None);
        for _ in 0..way.pick(CHILDREN, 100) {
            kept.push(slim(naive.whole("request", Some(&root))));
        }
        if !way.is_broken() {
            naive.end(&mut root);
        }
        kept.push(slim(root));
    }
    let capture: String = kept.iter().map(|run| format!("{run}\n")).collect();
    let runs = kept.into_iter().map(serde_json::from_value::<Run>);
    let runs: Result<Vec<Run>, _> = runs.collect();
    stage.take(Broken::new(
        capture,
        TraceTree::build(runs.map_err(SceneError::of)?),
    ));
    Ok(())
}

/// Leaves out what is the same in ten thousand runs.
fn slim(mut run: Value) -> Value {
    if let Some(fields) = run.as_object_mut() {
        fields.retain(|name, _| !matches!(name.as_str(), "inputs" | "outputs" | "extra"));
    }
    run
}
