//! Replicas: which ids, which project, which place, and no key anywhere but at its own address.
#![cfg(feature = "client")]

mod exporting;
mod peer;
mod replicated;

use std::collections::BTreeSet;

use common::client::{ConfigError, Replica};
use common::export::Destination;
use common::model::{RunContext, RunId, replica_id};
use common::propagation::{LangSmithPropagator, Propagator as _, TrustPolicy};
use exporting::{KEY, PATIENCE, accept, builder_to, one_run, patient};
use http::HeaderMap;
use peer::parts_of;
use replicated::{ABOVE, above, arrived, runs_in, second_place, two_places};
use serde_json::Value;

#[test]
fn a_replica_said_not_to_be_primary_has_new_ids_in_the_runs_own_project_too() {
    let (first, second, client) = two_places();
    let not_primary = second_place(&second).primary(false);
    one_run(
        &client
            .only_replicas([Replica::own(), not_primary])
            .expect("usable"),
    );
    client.flush(PATIENCE).expect("delivered");
    let (kept, new) = (arrived("", &first), arrived("", &second));
    let (kept, new) = (kept.first().expect("a run"), new.first().expect("a run"));
    let id: RunId = kept.id.parse().expect("an id");
    assert_eq!(new.id, replica_id(id.0, "golden-vectors").to_string());
    assert_eq!(new.project, kept.project);
}

#[test]
fn also_send_to_keeps_the_ids_whatever_the_replicas_do() {
    let (first, second, third) = (accept(), accept(), accept());
    let client = builder_to(&first, patient())
        .replica(second_place(&second).primary(true))
        .also_send_to(Destination::new(&third.url))
        .build()
        .expect("a client");
    one_run(&client);
    client.flush(PATIENCE).expect("delivered");
    assert_eq!(arrived("", &second), arrived("", &third));
    assert_ne!(arrived("", &first), arrived("", &third));
}

#[test]
fn what_contradicts_itself_is_an_error_with_its_remedy() {
    let peer = accept();
    let builder = || builder_to(&peer, patient());
    let two = builder()
        .replica(Replica::in_project("a").primary(true))
        .replica(Replica::in_project("b").primary(true));
    assert_eq!(two.build().expect_err("two"), ConfigError::TwoPrimaries);
    for repeated in [
        // The client's own project, named again.
        builder().replica(Replica::in_project("test")),
        builder().replica(Replica::own()),
        builder()
            .replica(Replica::in_project("a"))
            .replica(Replica::in_project("a").reroot()),
        // One id in two projects of one place.
        builder().replica(Replica::in_project("a").same_ids()),
        builder().also_send_to(Destination::new(format!("{}/", peer.url)).api_key(KEY)),
    ] {
        let error = repeated.build().expect_err("twice");
        assert!(
            matches!(error, ConfigError::RepeatedReplica { .. }),
            "{error}"
        );
        assert!(error.to_string().contains("remove one of them"));
    }
    let client = builder().build().expect("a client");
    let later = client.only_replicas([Replica::own(), Replica::own()]);
    assert!(matches!(later, Err(ConfigError::RepeatedReplica { .. })));
}

#[test]
fn a_project_that_a_run_names_itself_does_not_send_it_twice() {
    let peer = accept();
    let client = builder_to(&peer, patient())
        .replica(Replica::in_project("audit"))
        .build()
        .expect("a client");
    client.run("both").project("audit").start().end();
    client.run("each").start().end();
    client.flush(PATIENCE).expect("delivered");
    let runs = arrived("", &peer);
    let of = |name: &str| runs.iter().filter(|run| run.name == name).count();
    assert_eq!((of("both"), of("each")), (1, 2));
    assert_eq!(client.stats().delivered, 6);
}

#[test]
fn another_key_leaves_the_clients_workspace_behind_and_keeps_one_of_its_own() {
    let (first, second) = (accept(), accept());
    let own = Destination::new(&second.url).workspace_id("w-own");
    let client = builder_to(&first, patient())
        .workspace_id("w-client")
        .replica(Replica::in_project("theirs").api_key("k-2"))
        .replica(Replica::at(own).api_key("k-3"))
        .build()
        .expect("a client");
    one_run(&client);
    client.flush(PATIENCE).expect("delivered");
    let workspace = |peer: &peer::Peer, key: &str| {
        let requests = peer.to("/runs/multipart");
        let sent = requests
            .iter()
            .find(|it| it.header("x-api-key") == Some(key));
        let sent = sent.expect("a request with this key");
        sent.header("x-tenant-id").map(str::to_owned)
    };
    assert_eq!(workspace(&first, KEY).as_deref(), Some("w-client"));
    assert_eq!(workspace(&first, "k-2"), None);
    assert_eq!(workspace(&second, "k-3").as_deref(), Some("w-own"));
}

#[test]
fn batches_never_mix_runs_of_two_workspaces_sdk_3174() {
    let peer = accept();
    let client = builder_to(&peer, patient())
        .workspace_id("w-1")
        .replica(Replica::in_project("theirs").workspace_id("w-2"))
        .build()
        .expect("a client");
    for _ in 0..10 {
        one_run(&client);
    }
    client.flush(PATIENCE).expect("delivered");
    let runs = arrived("", &peer);
    assert_eq!(runs.len(), 20);
    for run in &runs {
        let workspace = if run.project == "theirs" {
            "w-2"
        } else {
            "w-1"
        };
        assert_eq!(run.workspace.as_deref(), Some(workspace), "{run:?}");
    }
    assert_eq!(peer.to("/runs/multipart").len(), 2);
    let books = client.stats_by_destination();
    let labels: Vec<String> = books.iter().map(|(label, _)| label.clone()).collect();
    let second = format!("{} (workspace w-2)", peer.url);
    assert_eq!(labels, [peer.url.clone(), second]);
    assert!(books.iter().all(|(_, books)| books.delivered == 20));
}

#[test]
fn the_books_of_each_destination_have_a_heading_of_their_own() {
    let peer = accept();
    let theirs = |key: &str| Replica::in_project(key).api_key(key);
    let client = builder_to(&peer, patient())
        .replica(theirs("k-1"))
        .replica(theirs("k-2"))
        .replica(theirs("k-3").workspace_id("w"))
        .replica(theirs("k-4").workspace_id("w"))
        .build()
        .expect("a client");
    let books = client.stats_by_destination();
    let labels: Vec<&str> = books.iter().map(|(label, _)| &**label).collect();
    let beside = [
        "",
        " (another key)",
        " (another key) 2",
        " (workspace w)",
        " (workspace w) 2",
    ];
    assert_eq!(labels, beside.map(|it| format!("{}{it}", peer.url)));
}

#[test]
fn updates_are_typed_and_no_control_field_reaches_the_wire() {
    let peer = accept();
    let replica = Replica::in_project("audit")
        .metadata("copy", true)
        .metadata("k", "theirs")
        .tags(["copied"])
        .reroot();
    let client = builder_to(&peer, patient()).replica(replica).build();
    let client = client.expect("a client");
    let run = client
        .run("served")
        .parent(above())
        .metadata("k", "ours")
        .tag("t");
    run.start().end();
    client.flush(PATIENCE).expect("delivered");
    let parts: Vec<_> = peer
        .to("/runs/multipart")
        .iter()
        .flat_map(parts_of)
        .collect();
    let extras: Vec<Value> = parts
        .iter()
        .filter(|part| part.name.ends_with(".extra"))
        .map(|part| part.json["metadata"].clone())
        .collect();
    assert_eq!(
        extras,
        [
            serde_json::json!({"k": "ours"}),
            serde_json::json!({"k": "theirs", "copy": true})
        ]
    );
    for part in &parts {
        for field in [
            "reroot", "primary", "updates", "replicas", "metadata", "api_key",
        ] {
            assert!(part.json.get(field).is_none() || part.name.ends_with(".extra"));
        }
    }
    let tags: Vec<Vec<String>> = runs_in(&arrived("", &peer), "", "audit")
        .into_iter()
        .map(|run| run.tags)
        .collect();
    assert_eq!(tags, [["copied"]]);
}

#[test]
fn no_key_and_no_address_of_a_replica_is_seen_by_another_destination_or_a_called_service() {
    let (first, second) = (accept(), accept());
    let keys = ["lsv2_pt_first-not-real", "lsv2_pt_second-not-real"];
    let client = builder_to(&first, patient())
        .api_key(keys[0])
        .header("x-first", "only here")
        .replica(Replica::at(Destination::new(&second.url).api_key(keys[1])).project("second"))
        .build()
        .expect("a client");
    let run = client.run("r").start();
    let mut headers = HeaderMap::new();
    let context = run.context().expect("recorded");
    LangSmithPropagator::new().inject(&context, &mut headers);
    run.end();
    client.flush(PATIENCE).expect("delivered");
    let sent_on = format!("{headers:?}");
    for (peer, own, other, address) in [
        (&first, keys[0], keys[1], &second.url),
        (&second, keys[1], keys[0], &first.url),
    ] {
        let requests = peer.requests();
        assert!(!requests.is_empty());
        for request in requests {
            assert_eq!(request.header("x-api-key"), Some(own));
            let everything = format!(
                "{} {:?} {}",
                request.path,
                request.headers,
                String::from_utf8_lossy(&request.body)
            );
            assert!(!everything.contains(other) && !everything.contains(address));
            assert_eq!(request.header("x-first").is_some(), own == keys[0]);
        }
        assert!(!sent_on.contains(own) && !sent_on.contains(address.as_str()));
    }
    assert!(!sent_on.contains("second") && !sent_on.contains("replica"));
    let shown = format!("{:?}", second_place(&second).api_key(keys[1]));
    assert!(!shown.contains(keys[1]), "{shown}");
    assert!(!format!("{client:?}").contains("not-real"));
}

#[test]
fn a_key_is_never_given_to_a_replica_at_another_address() {
    let (first, second) = (accept(), accept());
    let client = builder_to(&first, patient())
        .replica(Replica::at(Destination::new(&second.url)))
        .build()
        .expect("a client");
    one_run(&client);
    client.flush(PATIENCE).expect("delivered");
    assert!(
        second
            .requests()
            .iter()
            .all(|it| it.header("x-api-key").is_none())
    );
    assert!(
        first
            .requests()
            .iter()
            .all(|it| it.header("x-api-key") == Some(KEY))
    );
}

#[test]
fn the_handles_of_one_client_share_its_end_and_its_number_of_destinations() {
    let (first, second) = (accept(), accept());
    let client = builder_to(&first, patient()).build().expect("a client");
    let at = |n: usize| Replica::at(Destination::new(&second.url).api_key(format!("k-{n}")));
    for n in 1..64 {
        client.only_replicas([at(n)]).expect("one more");
    }
    let again = client.only_replicas([at(63)]).expect("there already");
    assert_eq!(
        client.only_replicas([at(64)]).expect_err("one too many"),
        ConfigError::TooManyDestinations(64)
    );
    one_run(&again);
    client.flush(PATIENCE).expect("delivered");
    assert_eq!(arrived("", &second).len(), 1);
    client.shutdown(PATIENCE).expect("ended");
    one_run(&again);
    assert_eq!(again.stats().accepted, 2);
}

#[test]
fn a_header_does_not_override_the_replicas_of_the_service_it_reaches_sdk_3344() {
    let peer = accept();
    let client = builder_to(&peer, patient())
        .replica(Replica::in_project("audit"))
        .build()
        .expect("a client");
    let mut headers = HeaderMap::new();
    headers.insert("langsmith-trace", ABOVE.parse().expect("a header"));
    let replicas = "langsmith-replicas=%5B%7B%22project_name%22%3A%22elsewhere%22%7D%5D";
    headers.insert("baggage", replicas.parse().expect("a header"));
    let reader = LangSmithPropagator::new().policy(TrustPolicy::Continue);
    let parent = reader.extract(&headers).context.expect("a parent");
    client.run("served").parent(parent).start().end();
    client.flush(PATIENCE).expect("delivered");
    let projects: Vec<String> = arrived("", &peer)
        .into_iter()
        .map(|run| run.project)
        .collect();
    assert_eq!(projects, ["audit", "test"]);
}

#[test]
fn each_service_of_a_chain_has_its_slice_as_a_trace_of_its_own_sdk_1884() {
    let (whole, slices) = (accept(), accept());
    let service = |team: &str| {
        let slice = Replica::at(Destination::new(&slices.url))
            .project(team)
            .reroot();
        builder_to(&whole, patient())
            .replica(slice)
            .build()
            .expect("a client")
    };
    let across = |context: Option<RunContext>| {
        let order = context.expect("recorded").dotted_order.to_string();
        RunContext::new(order.parse().expect("valid"))
    };
    let (a, b, c) = (service("a"), service("b"), service("c"));
    let first = a.run("a").start();
    let second = b.run("b").parent(across(first.context())).start();
    let below = second.child("b, below").start();
    let third = c.run("c").parent(across(below.context())).start();
    for run in [third, below, second, first] {
        run.end();
    }
    for client in [&a, &b, &c] {
        client.flush(PATIENCE).expect("delivered");
    }
    let runs = arrived("", &slices);
    let depths: Vec<(&str, &str, usize)> = runs
        .iter()
        .map(|run| {
            let depth = run.dotted_order.matches('.').count();
            assert!(run.dotted_order.contains(&run.trace_id));
            assert_eq!(run.parent.is_some(), depth > 0, "{run:?}");
            (&*run.project, &*run.name, depth)
        })
        .collect();
    assert_eq!(
        depths,
        [
            ("a", "a", 0),
            ("b", "b", 0),
            ("b", "b, below", 1),
            ("c", "c", 0)
        ]
    );
    let traces: BTreeSet<String> = arrived("", &whole)
        .into_iter()
        .map(|it| it.trace_id)
        .collect();
    assert_eq!(traces.len(), 1, "the whole trace is whole");
}
