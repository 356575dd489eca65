//! The same runs through the same replicas go to the same places under the same ids as with the official
//! SDKs.
#![cfg(feature = "client")]

mod exporting;
mod peer;
mod replicated;

use std::collections::BTreeSet;

use common::client::{Client, Replica};
use common::model::{DottedOrder, RunContext};
use exporting::PATIENCE;
use replicated::{Seen, above, arrived, runs_in, second_place, seen, two_places};
use serde_json::Value;

fn recorded(file: &str) -> BTreeSet<Seen> {
    let path = format!("{}/tests/vectors/{file}.json", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(path).expect("a recording");
    let recording: Value = serde_json::from_str(&text).expect("JSON");
    let requests = recording["requests"].as_array().expect("requests").clone();
    let mut runs = BTreeSet::new();
    for request in requests {
        let server = match request["server"].as_str() {
            Some("primary") => "primary",
            _ => "second",
        };
        let headers = request["headers"].as_array().expect("headers");
        let workspace = headers
            .iter()
            .find(|header| header[0].as_str().is_some_and(is_workspace))
            .and_then(|header| header[1].as_str().map(str::to_owned));
        for part in request["parts"].as_array().into_iter().flatten() {
            runs.extend(seen(server, workspace.clone(), &part["json"]));
        }
    }
    runs
}

fn is_workspace(header: &str) -> bool {
    header.eq_ignore_ascii_case("x-tenant-id")
}

/// Starts and ends the runs that the recording has in `project`, below `parent`, under their own ids.
fn replay(client: &Client, runs: &[Seen], parent: Option<RunContext>) {
    let (mut parent, mut open) = (parent, Vec::new());
    for run in runs {
        let order: DottedOrder = run.dotted_order.parse().expect("an order");
        let mut builder = client
            .run(&run.name)
            .id(order.run_id())
            .start_time(order.start_time().expect("a time"))
            .parent(parent.take());
        for tag in &run.tags {
            builder = builder.tag(tag);
        }
        let run = builder.start();
        parent = run.context();
        open.push(run);
    }
    while let Some(run) = open.pop() {
        run.end();
    }
    client.flush(PATIENCE).expect("delivered");
}

const WORKSPACE: &str = "33333333-3333-4333-8333-333333333333";
#[test]
fn replicas_of_a_context_get_the_ids_the_python_sdk_gives_them() {
    let theirs = recorded("12_replicas");
    let (first, second, client) = two_places();
    let own = runs_in(&theirs, "primary", "golden-vectors");
    let there = runs_in(&theirs, "second", "replica-c");
    assert_eq!((own.len(), there.len()), (4, 4));
    let without_primary = client.only_replicas([
        Replica::own(),
        Replica::in_project("replica-b").tags(["copied"]),
        second_place(&second)
            .project("replica-c")
            .workspace_id(WORKSPACE),
    ]);
    replay(&without_primary.expect("usable"), &own[..2], None);
    let with_primary = client.only_replicas([
        Replica::own(),
        second_place(&second).project("replica-c").primary(true),
    ]);
    replay(&with_primary.expect("usable"), &there[2..], None);
    let mut ours = arrived("primary", &first);
    ours.extend(arrived("second", &second));
    assert_eq!(ours, theirs);
}

#[test]
fn a_rerooted_replica_has_the_ids_the_python_sdk_gives_it() {
    let theirs = recorded("28_reroot");
    let (first, _, client) = two_places();
    let own = runs_in(&theirs, "primary", "golden-vectors");
    let rerooted = client.only_replicas([Replica::own(), Replica::in_project("team-b").reroot()]);
    replay(&rerooted.expect("usable"), &own, Some(above()));
    assert_eq!(arrived("primary", &first), theirs);
    assert_eq!(theirs.len(), 4);
}

#[test]
fn replicas_get_the_ids_the_javascript_sdk_gives_them() {
    let theirs = recorded("js_05_replicas");
    let (first, second, client) = two_places();
    let own = runs_in(&theirs, "primary", "golden-vectors");
    // The runs below the header sort first: their order begins with the caller's.
    let (served, local) = own.split_at(2);
    let replicated = client
        .only_replicas([
            Replica::own(),
            Replica::in_project("replica-b").tags(["copied"]),
            second_place(&second)
                .project("team-b")
                .workspace_id(WORKSPACE)
                .reroot(),
        ])
        .expect("usable");
    replay(&replicated, local, None);
    replay(&replicated, served, Some(above()));
    let mut ours = arrived("primary", &first);
    ours.extend(arrived("second", &second));
    assert_eq!(ours, theirs);
    assert_eq!(theirs.len(), 12);
}
