//! Runs whose ids and times are given.

use std::sync::{Arc, Mutex};

use anyhow::{Context as _, Result};
use common::model::{Clock, RunId, Timestamp};
use serde_json::{Value, json};

use super::{Setup, finish};

/// The id of a root.
pub(super) const ROOT: &str = "01990000-0000-7000-8000-00000000000a";
/// The id of a run below it.
pub(super) const LEAF: &str = "01990000-0000-7000-8000-00000000000b";

/// Shows one time until it is set to the next: our runs end when the clock says.
#[derive(Debug)]
pub(super) struct Hands(pub(super) Mutex<Timestamp>);

impl Clock for Hands {
    fn now(&self) -> Timestamp {
        *self.0.lock().expect("no panic holds it")
    }
}

pub(super) fn time(text: &str) -> Result<Timestamp> {
    let text = format!("2026-01-02T{text}Z");
    text.parse().with_context(|| text)
}

pub(super) fn id(text: &str) -> Result<RunId> {
    Ok(RunId(text.parse()?))
}

pub(super) fn explicit(setup: &Setup<'_>) -> Result<Value> {
    let end = Arc::new(Hands(Mutex::new(time("03:04:07.890")?)));
    let client = setup.builder().clock(end).build()?;
    let run = client.run("given").inputs(json!({ "x": 1 })).id(id(ROOT)?);
    let run = run.start_time(time("03:04:05.678")?).start();
    let below = run.child("below").run_type("tool").id(id(LEAF)?);
    below
        .start_time(time("03:04:06.789")?)
        .start()
        .end_with(json!({ "z": 3 }));
    run.end_with(json!({ "y": 2 }));
    finish(&client)
}

pub(super) fn early_child(setup: &Setup<'_>) -> Result<Value> {
    let end = Arc::new(Hands(Mutex::new(time("03:04:07.890")?)));
    let client = setup.builder().clock(end).build()?;
    let run = client
        .run("parent")
        .id(id(ROOT)?)
        .start_time(time("03:04:06.789")?)
        .start();
    let early = run.child("early").run_type("tool").id(id(LEAF)?);
    early
        .start_time(time("03:04:05.678")?)
        .start()
        .end_with(json!({}));
    run.end_with(json!({}));
    finish(&client)
}
