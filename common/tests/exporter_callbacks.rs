//! The program's own code on the exporter's thread: what it may do, and what it cannot break.
#![cfg(feature = "client")]

mod captured;
mod exporting;
mod peer;

use std::sync::{Arc, Mutex, OnceLock, mpsc};
use std::time::Duration;

use common::export::{BatchConfig, DropReason, FlushError, Transform};
use common::model::RunOp;
use exporting::{PATIENCE, accept, builder_to, ingest, one_run, patient};
use peer::{parts_of, status};
use serde_json::json;

#[test]
fn a_transform_changes_what_is_sent() {
    let peer = accept();
    let client = builder_to(&peer, patient())
        .transform(|ops| {
            for run in ops.iter_mut().filter_map(RunOp::run_mut) {
                run.name = run.name.to_uppercase();
                run.inputs = None;
                run.tags.push("changed".to_owned());
            }
        })
        .build()
        .expect("a client");
    one_run(&client);
    client.flush(PATIENCE).expect("delivered");
    let parts = parts_of(&peer.to("/runs/multipart")[0]);
    assert_eq!(parts[0].json["name"], "R");
    assert_eq!(parts[0].json["tags"], json!(["changed"]));
    assert!(!parts.iter().any(|part| part.name.ends_with(".inputs")));
}

type Change = fn(&mut [RunOp]);

#[test]
fn a_transform_that_breaks_its_promise_costs_its_batch_and_nothing_of_it_is_sent() {
    let bad: [(&str, Change); 6] = [
        ("panics", |_| panic!("on purpose")),
        ("reorders", |ops| ops.reverse()),
        ("changes an id", |ops| {
            let run = ops[0].run_mut().expect("a run");
            run.id = captured::id(99);
        }),
        ("moves a run", |ops| {
            let run = ops[0].run_mut().expect("a run");
            run.dotted_order = captured::run(99, None, "x", "chain", 0, 1).dotted_order;
        }),
        ("changes a parent", |ops| {
            ops[0].run_mut().expect("a run").parent_run_id = Some(captured::id(99));
        }),
        ("makes a patch of a post", |ops| {
            let run = ops[0].run().expect("a run").clone();
            ops[0] = RunOp::Patch(Box::new(run));
        }),
    ];
    for (what, change) in bad {
        let peer = accept();
        let calls = Arc::new(Mutex::new(0));
        let client = builder_to(&peer, patient())
            .transform(move |ops| {
                let mut calls = calls
                    .lock()
                    .unwrap_or_else(|poisoned| poisoned.into_inner());
                *calls += 1;
                if *calls == 1 {
                    change(ops);
                }
            })
            .build()
            .expect("a client");
        one_run(&client);
        let reason = DropReason::TransformFailed;
        let lost = Err(FlushError::Dropped { dropped: 2, reason });
        assert_eq!(client.flush(PATIENCE), lost, "{what}");
        assert!(peer.to("/runs/multipart").is_empty(), "{what}");
        one_run(&client);
        client
            .flush(PATIENCE)
            .expect("the next batch is another one");
        let stats = client.stats();
        assert!(stats.balances(), "{stats}");
        assert_eq!(stats.delivered, 2);
    }
}

#[test]
fn losses_are_told_with_reason_and_count_and_a_panic_in_the_listener_changes_nothing() {
    let peer = ingest(|count| status([413, 400, 202][count.min(2)]));
    let told = Arc::new(Mutex::new(Vec::new()));
    let list = told.clone();
    let client = builder_to(&peer, patient())
        .on_drop(move |reason, count| {
            list.lock().expect("list").push((reason, count));
            if reason == DropReason::TooLarge {
                let _unlocked = || panic!("on purpose");
                _unlocked();
            }
        })
        .build()
        .expect("a client");
    for _ in 0..2 {
        one_run(&client);
        client.flush(PATIENCE).expect_err("lost");
    }
    one_run(&client);
    client.flush(PATIENCE).expect("delivered");
    let stats = client.stats();
    assert!(stats.balances(), "{stats}");
    drop(client);
    let told = told.lock().expect("list").clone();
    assert_eq!(told, [(DropReason::TooLarge, 2), (DropReason::Rejected, 2)]);
}

#[test]
fn while_a_listener_hangs_later_losses_are_added_up_and_all_are_told_in_the_end() {
    let peer = ingest(|_| status(400));
    let told = Arc::new(Mutex::new(Vec::new()));
    let (list, goes_on) = (told.clone(), Arc::new(OnceLock::new()));
    let waits = goes_on.clone();
    let config = BatchConfig {
        max_ops: Some(1),
        ..patient()
    };
    let client = builder_to(&peer, config)
        .on_drop(move |_, count| {
            let () = waits.wait();
            list.lock().expect("list").push(count);
        })
        .build()
        .expect("a client");
    for _ in 0..100 {
        one_run(&client);
    }
    client.flush(PATIENCE).expect_err("lost");
    assert_eq!(client.stats().total_dropped(), 200);
    goes_on.set(()).expect("once");
    drop(client);
    let told = told.lock().expect("list").clone();
    assert_eq!(told.iter().sum::<u64>(), 200);
    assert!(told.len() <= 66, "{} calls", told.len());
}

#[test]
fn what_is_left_at_the_end_is_told_too() {
    let (url, _listener) = peer::silent_port();
    let told = Arc::new(Mutex::new(Vec::new()));
    let list = told.clone();
    let client = common::client::Client::builder()
        .endpoint(url)
        .batch(exporting::fast())
        .on_drop(move |reason, count| list.lock().expect("list").push((reason, count)))
        .build()
        .expect("a client");
    one_run(&client);
    client
        .shutdown(std::time::Duration::ZERO)
        .expect_err("not sent");
    let told = told.lock().expect("list").clone();
    let shutdown = told
        .iter()
        .filter(|(reason, _)| *reason == DropReason::Shutdown);
    assert_eq!(shutdown.map(|(_, count)| count).sum::<u64>(), 2);
}

#[test]
fn a_transform_that_hangs_does_not_hold_up_the_end() {
    let peer = ingest(|_| status(202));
    let (called, gate) = (Arc::new(OnceLock::new()), Arc::new(OnceLock::new()));
    let (inside, opened) = (called.clone(), gate.clone());
    let client = builder_to(&peer, exporting::fast())
        .transform(move |_| {
            inside.get_or_init(|| ());
            opened.wait();
        })
        .build()
        .expect("a client");
    one_run(&client);
    called.wait();
    let (tell, told) = mpsc::channel();
    let ending = client.clone();
    std::thread::spawn(move || tell.send(ending.shutdown(Duration::ZERO)));
    let end = told.recv_timeout(PATIENCE).expect("it comes to an end");
    assert!(matches!(end, Err(FlushError::Timeout { .. })), "{end:?}");
    assert!(client.stats().balances(), "{}", client.stats());
    gate.get_or_init(|| ());
    let end = client.flush(PATIENCE).expect_err("too late");
    let reason = DropReason::Shutdown;
    assert!(matches!(end, FlushError::Dropped { reason: found, .. } if found == reason));
    assert!(client.stats().balances(), "{}", client.stats());
}

#[test]
fn configurations_are_equal_if_they_share_their_functions() {
    let with = |transform: &Transform| BatchConfig {
        transform: Some(transform.clone()),
        ..patient()
    };
    let (one, other) = (Transform::new(|_| {}), Transform::new(|_| {}));
    assert_eq!(with(&one), with(&one));
    assert_ne!(with(&one), with(&other));
    assert_ne!(with(&one), patient());
}
