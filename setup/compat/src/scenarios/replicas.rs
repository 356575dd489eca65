//! One trace in several places.

use std::sync::{Arc, Mutex};

use anyhow::Result;
use common::client::Replica;
use serde_json::{Value, json};

use super::given::{Hands, LEAF, ROOT, id, time};
use super::{Setup, finish};

pub(super) fn replicas(setup: &Setup<'_>) -> Result<Value> {
    let end = Arc::new(Hands(Mutex::new(time("03:04:07.890")?)));
    let client = setup
        .builder()
        .clock(end)
        .project("replica-a")
        .replica(Replica::in_project("replica-b"))
        .build()?;
    let run = client.run("copied").inputs(json!({ "x": 1 })).id(id(ROOT)?);
    let run = run.start_time(time("03:04:05.678")?).start();
    let child = run.child("child of copied").run_type("tool").id(id(LEAF)?);
    child
        .start_time(time("03:04:06.789")?)
        .start()
        .end_with(json!({}));
    run.end_with(json!({ "y": 2 }));
    finish(&client)
}
