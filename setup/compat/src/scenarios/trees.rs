//! Runs and the runs below them.

use anyhow::Result;
use serde_json::{Value, json};

use super::{Setup, finish};

pub(super) fn simple(setup: &Setup<'_>) -> Result<Value> {
    let client = setup.client()?;
    let run = client.run("simple").inputs(json!({ "x": 40, "y": 2 }));
    let run = run.metadata("k", "v").tag("t1").start();
    run.end_with(json!({ "sum": 42 }));
    finish(&client)
}

pub(super) fn nested_error(setup: &Setup<'_>) -> Result<Value> {
    let client = setup.client()?;
    let inputs = json!({ "x": "é" });
    let root = client.run("root").inputs(inputs.clone()).start();
    let middle = root.child("middle").inputs(inputs.clone()).start();
    let leaf = middle.child("leaf").run_type("tool").inputs(inputs).start();
    for run in [leaf, middle, root] {
        run.fail("boom é");
    }
    finish(&client)
}

pub(super) fn inheritance(setup: &Setup<'_>) -> Result<Value> {
    let client = setup.client()?;
    let root = client
        .run("root")
        .metadata("team", "docs")
        .metadata("level", "root");
    let root = root.tag("a").start();
    let child = root
        .child("child")
        .metadata("level", "child")
        .metadata("own", 1);
    let child = child.tag("b").tag("a").start();
    let grandchild = child.child("grandchild").run_type("tool").start();
    for run in [grandchild, child, root] {
        run.end_with(json!({ "done": true }));
    }
    finish(&client)
}

pub(super) fn project(setup: &Setup<'_>) -> Result<Value> {
    let client = setup.client()?;
    let named = client.run("named").project("compat-project").start();
    named.child("child").start().end_with(json!({}));
    named.end_with(json!({}));
    client.run("unnamed").start().end_with(json!({}));
    finish(&client)
}

pub(super) fn events(setup: &Setup<'_>) -> Result<Value> {
    let client = setup.client()?;
    let run = client.run("eventful").start();
    run.add_event("first");
    run.add_event("second");
    run.end_with(json!({ "ok": true }));
    finish(&client)
}
