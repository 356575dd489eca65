//! The same programs, recorded from the official Python SDK and run with this crate, send the same.
//!
//! Ids are replaced by their order of first appearance, times and the description of the SDK by
//! placeholders. Whatever else differs has to be in [`DEVIATIONS`], and all of that has to occur.
#![cfg(feature = "client")]

mod peer;
mod wire;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use common::client::Client;
use common::export::BatchConfig;
use common::model::{Baggage, DottedOrder, LazyBaggage, RunContext, SeededIds};
use peer::{Peer, status};
use serde_json::json;
use wire::{Requests, compare, parts_received, recorded};

/// What we send otherwise than the Python SDK 0.15, and why. `docs/compatibility.md` repeats it.
const DEVIATIONS: [(&str, &str); 5] = [
    (
        "patch: parent_run_id null is left out",
        "a root has no parent; a server ignores an explicit null",
    ),
    (
        "patch: session_id null is left out",
        "we name projects by name only; a server ignores an explicit null",
    ),
    (
        "times end in Z, not +00:00",
        "the same time in RFC 3339; the JavaScript SDK writes Z too",
    ),
    (
        "metadata: LANGSMITH_* variables are left out",
        "a process's environment is nobody's business unless it is asked for",
    ),
    (
        "metadata: ls_method is left out",
        "it names the Python decorator that made the run; there is none here",
    ),
];

const PATIENCE: Duration = Duration::from_secs(60);
const KEY: &str = "lsv2_pt_not-a-real-key";

/// A stand-in and a client that sends to it only when flushed.
fn sending(seed: u64) -> (Peer, Client) {
    let peer = Peer::start(|_, _| status(202));
    let client = Client::builder()
        .endpoint(&peer.url)
        .api_key(KEY)
        .project("golden-vectors")
        .ids(Arc::new(SeededIds::new(seed)))
        .batch(BatchConfig {
            linger: PATIENCE,
            ..BatchConfig::default()
        })
        .build()
        .expect("a client");
    (peer, client)
}

fn sent(peer: &Peer) -> Requests {
    let requests = peer.to("/runs/multipart");
    for request in &requests {
        assert_eq!(request.method, "POST");
        assert_eq!(request.header("accept"), Some("application/json"));
        assert_eq!(request.header("x-api-key"), Some(KEY));
        let boundary = request
            .header("content-type")
            .and_then(|value| value.strip_prefix("multipart/form-data; boundary="))
            .expect("multipart");
        assert!(boundary.len() == 32 && boundary.bytes().all(|byte| byte.is_ascii_hexdigit()));
    }
    requests.iter().map(parts_received).collect()
}

/// Returns the error that the recording has for the run of that name.
fn recorded_error(requests: &Requests, name: &str) -> String {
    let parts = || requests.iter().flatten();
    let id = parts()
        .find(|part| part.json["name"] == name)
        .map(|part| part.name.clone())
        .expect("a run of that name");
    parts()
        .find(|part| part.name == format!("{id}.error"))
        .and_then(|part| part.json.as_str())
        .expect("an error")
        .to_owned()
}

#[test]
fn a_root_run_is_sent_as_the_python_sdk_sends_it() {
    let (peer, client) = sending(1);
    client
        .run("simple")
        .inputs(json!({"x": 40, "y": 2}))
        .metadata("k", "v")
        .tag("t1")
        .start()
        .end_with(json!({"sum": 42}));
    client.flush(PATIENCE).expect("delivered");
    let found = compare(recorded("01_simple_root_run"), sent(&peer));
    assert_eq!(found, expected(&["Z", "LANGSMITH_", "ls_method"]));
}

#[test]
fn three_levels_with_an_error_are_sent_as_the_python_sdk_sends_them() {
    let recording = recorded("03_nested_three_levels_error");
    let (peer, client) = sending(3);
    let inputs = json!({"x": "é"});
    let root = client.run("root").inputs(inputs.clone()).start();
    let middle = root.child("middle").inputs(inputs.clone()).start();
    let leaf = middle.child("leaf").run_type("tool").inputs(inputs).start();
    for (run, name) in [(leaf, "leaf"), (middle, "middle"), (root, "root")] {
        run.fail(recorded_error(&recording, name));
    }
    client.flush(PATIENCE).expect("delivered");
    let found = compare(recording, sent(&peer));
    assert_eq!(found, expected(&["Z", "LANGSMITH_", "ls_method"]));
}

#[test]
fn the_caller_of_a_service_sends_a_post_and_later_a_patch() {
    let mut recording = recorded("04_cross_service_fastapi");
    recording.truncate(2);
    let (peer, client) = sending(4);
    let run = client
        .run("client-root")
        .inputs(json!({"x": "hello"}))
        .metadata("user", "u1")
        .tag("cli-tag")
        .project("project-A")
        .start();
    client.flush(PATIENCE).expect("delivered");
    run.end_with(json!({"inner": "hello"}));
    client.flush(PATIENCE).expect("delivered");
    let found = compare(recording, sent(&peer));
    let names: BTreeSet<String> = DEVIATIONS
        .iter()
        .map(|(what, _)| (*what).to_owned())
        .collect();
    assert_eq!(
        found, names,
        "all deviations occur here, or the table is out of date"
    );
}

#[test]
fn a_called_service_sends_its_runs_below_the_callers() {
    let recording = recorded("04_cross_service_fastapi");
    let caller = recording[0][0].json["dotted_order"]
        .as_str()
        .expect("an order");
    let caller: DottedOrder = caller.parse().expect("valid");
    let metadata = json!({"user": "u1", "ls_method": "traceable"});
    let context = RunContext {
        dotted_order: caller.clone(),
        baggage: LazyBaggage::from(Baggage {
            metadata: Arc::new(metadata.as_object().expect("an object").clone()),
            tags: vec!["cli-tag".into()],
            project: Some("project-A".into()),
        }),
    };
    let (peer, client) = sending(5);
    let child = client
        .run("server-child")
        .parent(context)
        .inputs(json!({"x": "hello"}))
        .metadata("svc", "B")
        .tag("srv-tag")
        .start();
    let inner = child
        .child("server-inner")
        .run_type("tool")
        .inputs(json!({"x": "hello"}));
    inner.start().end_with(json!({"inner": "hello"}));
    child.end_with(json!({"inner": "hello"}));
    client.flush(PATIENCE).expect("delivered");

    let ours = sent(&peer);
    for part in ours
        .iter()
        .flatten()
        .filter(|part| part.json.get("id").is_some())
    {
        assert_eq!(part.json["trace_id"], caller.trace_id().to_string());
        let order = part.json["dotted_order"].as_str().expect("an order");
        assert!(
            order.starts_with(caller.as_str()),
            "the caller's text is kept to the byte"
        );
    }
    let found = compare(recording[2..].to_vec(), ours);
    assert_eq!(found, expected(&["Z", "LANGSMITH_", "ls_method"]));
}

/// Returns the deviations whose names contain one of the words.
fn expected(words: &[&str]) -> BTreeSet<String> {
    DEVIATIONS
        .iter()
        .map(|(what, _)| (*what).to_owned())
        .filter(|what| words.iter().any(|word| what.contains(word)))
        .collect()
}

#[test]
fn every_deviation_has_its_row_in_the_docs() {
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/compatibility.md");
    let page = std::fs::read_to_string(page).expect("docs/compatibility.md");
    for (what, why) in DEVIATIONS {
        assert!(
            page.contains(&format!("| {what} | {why} |")),
            "no row for: {what}"
        );
    }
}
