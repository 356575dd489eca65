//! What a sink may rely on that holds runs until they leave.
#![cfg(feature = "client")]

mod exporting;
mod peer;

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use common::export::{BatchConfig, RefuseReason};
use common::model::{
    Attachment, Part, Place, Run, RunId, RunOp, SeededIds, SteppingClock, Timestamp, Unwritten,
    merge_ops,
};
use common::trace::{MemorySink, RunSink, Tracer};
use exporting::{PATIENCE, accept, client_to, one_run, patient};
use peer::parts_of;
use serde_json::json;

/// Holds runs until they have ended, and then has these parts written.
#[derive(Debug)]
struct Holding {
    parts: &'static [Part],
    open: Mutex<HashMap<RunId, Arc<dyn Unwritten>>>,
    written: MemorySink,
}

impl RunSink for Holding {
    fn submit(&self, op: RunOp) {
        self.written.submit(op);
    }

    fn begin(&self, run: Arc<dyn Unwritten>, _bytes: usize) -> Option<Place> {
        let mut open = self.open.lock().expect("no panic");
        open.insert(run.run_id(), run);
        None
    }

    fn end(&self, run: Arc<dyn Unwritten>, _place: Option<Place>, _bytes: usize) {
        self.open.lock().expect("no panic").remove(&run.run_id());
        for part in self.parts {
            self.submit(run.write(*part));
        }
    }
}

/// Says of runs what can be said; always the same.
fn told(sink: Arc<dyn RunSink>, inputs_on_patch: bool) {
    let clock = SteppingClock::new(Timestamp::UNIX_EPOCH, Duration::from_millis(7));
    let metadata = json!({"revision": "3f2a9c"});
    let tracer = Tracer::builder(sink)
        .ids(Arc::new(SeededIds::new(7)))
        .clock(Arc::new(clock))
        .project(Some("docs-assistant".to_owned()))
        .metadata(metadata.as_object().cloned().unwrap_or_default())
        .inputs_on_patch(inputs_on_patch)
        .build();
    let root = tracer.run("a name that is longer than there is room for in place");
    let root = root.inputs("why?").tag("beta").metadata("tenant", "t-1");
    let root = root.extra("invocation_params", json!({"top_p": 1})).start();
    let file = |bytes: &'static [u8]| Attachment::new("page", "text/plain", bytes);
    let child = root.child("model").run_type("llm");
    let child = child.inputs(json!({"messages": [], "n": 1}));
    let child = child.attachment(file(b"given")).start();
    child.new_token();
    child.add_event("half of it");
    child.add_output("draft", 1);
    child.add_metadata("tries", 2);
    child.add_tag("late");
    child.attach(file(b"replaced"));
    child.attach(Attachment::new("log", "text/plain", b"more".to_vec()));
    child.fail("it broke");
    root.child("empty").start().end();
    root.end_with(json!({"answer": "so", "usage_metadata": {"total_tokens": 3}}));
}

fn runs(parts: &'static [Part], inputs_on_patch: bool) -> Vec<Run> {
    let sink = Arc::new(Holding {
        parts,
        open: Mutex::default(),
        written: MemorySink::new(),
    });
    told(sink.clone(), inputs_on_patch);
    by_order(sink.written.runs())
}

fn by_order(mut runs: Vec<Run>) -> Vec<Run> {
    runs.sort_by(|a, b| a.dotted_order.cmp(&b.dotted_order));
    runs
}

#[test]
fn a_run_says_the_same_whether_it_is_written_as_it_goes_or_once_or_in_any_order() {
    for inputs_on_patch in [false, true] {
        let as_it_goes = Arc::new(MemorySink::new());
        told(as_it_goes.clone(), inputs_on_patch);
        let expected = by_order(merge_ops(as_it_goes.ops()));
        assert_eq!(expected.len(), 3);
        assert_eq!(expected[1].attachments.len(), 2);
        for parts in [
            &[Part::Whole][..],
            &[Part::Begin, Part::End],
            &[Part::End, Part::Begin],
        ] {
            assert_eq!(runs(parts, inputs_on_patch), expected, "{parts:?}");
        }
    }
}

#[test]
fn a_run_that_ends_before_it_leaves_waits_once_and_counts_twice() {
    let peer = accept();
    let client = client_to(&peer, patient());
    one_run(&client);
    let stats = client.stats();
    assert!(stats.balances(), "{stats}");
    assert_eq!((stats.accepted, stats.queued), (2, 2));
    client.flush(PATIENCE).expect("delivered");
    let stats = client.stats();
    assert_eq!((stats.delivered, stats.queued_bytes), (2, 0));
    assert_eq!(peer.to("/runs/multipart").len(), 1);
}

#[test]
fn a_run_that_is_open_when_it_leaves_is_a_post_and_its_end_a_patch() {
    let peer = accept();
    let client = client_to(&peer, patient());
    let run = client.run("slow").inputs("why?").start();
    client.flush(PATIENCE).expect("delivered");
    run.end_with("so");
    client.flush(PATIENCE).expect("delivered");
    let requests = peer.to("/runs/multipart");
    let names = |at: usize| -> Vec<String> {
        let parts = parts_of(&requests[at]);
        parts.iter().map(|part| part.name.clone()).collect()
    };
    let said = |event: &str, field: &str| match run.id() {
        Some(id) => format!("{event}.{id}{field}"),
        None => String::new(),
    };
    assert_eq!(requests.len(), 2);
    assert!(
        names(0).contains(&said("post", ".inputs")),
        "{:?}",
        names(0)
    );
    assert!(
        names(1).contains(&said("patch", ".outputs")),
        "{:?}",
        names(1)
    );
    assert!(
        !names(1).contains(&said("patch", ".inputs")),
        "{:?}",
        names(1)
    );
    assert_eq!(client.stats().delivered, 2);
}

#[test]
fn a_flush_between_beginning_and_end_waits_for_the_beginning_alone() {
    let peer = accept();
    let client = client_to(&peer, patient());
    let run = client.run("slow").start();
    let begun = client.stats().accepted;
    client.flush(PATIENCE).expect("delivered");
    assert_eq!((begun, client.stats().delivered), (1, 1));
    run.end();
    let stats = client.stats();
    assert_eq!((stats.accepted, stats.delivered, stats.queued), (2, 1, 1));
    client.flush(PATIENCE).expect("delivered");
}

#[test]
fn an_end_that_is_too_large_for_the_queue_is_refused_and_counted() {
    let peer = accept();
    let config = BatchConfig {
        queue_bytes: 10_000,
        ..patient()
    };
    let client = client_to(&peer, config);
    let run = client.run("r").start();
    run.end_with("x".repeat(10_001));
    let stats = client.stats();
    assert!(stats.balances(), "{stats}");
    let refused: u64 = stats.refused.values().sum();
    assert_eq!((stats.accepted, refused), (1, 1), "{stats}");
    assert!(
        stats.refused.contains_key(&RefuseReason::TooLarge),
        "{stats}"
    );
}
