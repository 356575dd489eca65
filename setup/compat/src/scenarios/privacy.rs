//! What does not leave: traces outside of the sample, hidden fields, masked text.

use anyhow::Result;
use common::trace::Anonymizer;
use serde_json::{Value, json};

use super::given::id;
use super::{Setup, finish};

/// How many runs are kept of sixteen traces of two runs, at half: as recorded from both SDKs.
pub(super) const KEPT: usize = 12;

/// Names and ids of sixteen traces.
pub(super) fn traces() -> Value {
    let trace = |n: u32| {
        json!([
            format!("s{n}"),
            format!("01990000-0000-7000-8000-{:012x}", n * 0x1111)
        ])
    };
    (0..16).map(trace).collect()
}

pub(super) fn sampling(setup: &Setup<'_>) -> Result<Value> {
    let client = setup.builder().sampling_rate(0.5).build()?;
    for trace in setup.input.as_array().into_iter().flatten() {
        let (name, trace) = (
            trace[0].as_str().unwrap_or_default(),
            trace[1].as_str().unwrap_or_default(),
        );
        let run = client.run(name).id(id(trace)?).start();
        let child = run
            .child(format!("child of {name}"))
            .run_type("tool")
            .start();
        for run in [child, run] {
            run.end_with(json!({}));
        }
    }
    finish(&client)
}

pub(super) fn hide(setup: &Setup<'_>) -> Result<Value> {
    let client = setup
        .builder()
        .hide_inputs(true)
        .hide_outputs(true)
        .build()?;
    let run = client
        .run("hidden")
        .inputs(json!({ "secret": 1 }))
        .metadata("k", "v");
    run.start().end_with(json!({ "secret": 2 }));
    finish(&client)
}

pub(super) fn hide_metadata(setup: &Setup<'_>) -> Result<Value> {
    let client = setup.builder().hide_metadata(true).build()?;
    let run = client
        .run("hidden")
        .inputs(json!({ "x": 1 }))
        .metadata("k", "v");
    run.start().end_with(json!({ "y": 2 }));
    finish(&client)
}

pub(super) fn anonymizer(setup: &Setup<'_>) -> Result<Value> {
    let rules = Anonymizer::builder()
        .rule(r"[\w.]+@[\w.]+", "<email>")
        .redact(r"\d{3}-\d{4}")
        .build()?;
    let client = setup.builder().anonymizer(rules).build()?;
    let inputs = json!({
        "to": "alice@x.org call 555-9999", "list": [{ "to": "z@z.zz", "n": 3 }], "k@k.kk": 1,
    });
    let run = client
        .run("masked")
        .inputs(inputs)
        .metadata("owner", "bob@corp.com")
        .start();
    run.set_outputs(json!({ "call": "555-1234" }));
    run.fail("mail a@b.co failed");
    finish(&client)
}
