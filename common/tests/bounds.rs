//! What an exporter may hold, and what it may not: bounds in count and bytes over all stages.
#![cfg(feature = "client")]

mod again;
mod captured;
mod exporting;
mod peer;
mod scripted;

use std::sync::Arc;
use std::time::Duration;

#[cfg(target_os = "linux")]
use again::peak;
use again::{part, say, start};
use bytes::Bytes;
use common::export::{
    BatchConfig, BatchExporter, Exchange, HttpRequest, RefuseReason, RetryPolicy, Transport,
    TransportError,
};
use common::model::{Attachment, Run, RunOp};
use common::trace::{NoSink, Tracer};
use exporting::{PATIENCE, accept, builder_to, client_to, fast, patient};
use scripted::exporter;
use serde_json::{Value, json};

fn run(number: u64) -> Box<Run> {
    Box::new(captured::run(number.into(), None, "r", "chain", 0, 5))
}

#[test]
fn a_full_queue_refuses_beginnings_before_the_ends_of_what_it_took_in() {
    let (scripted, exporter) = exporter(BatchConfig {
        queue_ops: 16,
        ..patient()
    });
    for number in 0..18 {
        exporter.submit(RunOp::Post(run(number)));
    }
    let refused = |count| {
        let refused = exporter
            .stats()
            .refused
            .get(&RefuseReason::QueueFull)
            .copied();
        assert_eq!(refused.unwrap_or(0), count);
    };
    refused(2);
    // Of a run that was refused from the start, the end is no better off.
    exporter.submit(RunOp::Patch(run(17)));
    refused(3);
    for number in 0..2 {
        exporter.submit(RunOp::Patch(run(number)));
    }
    refused(3);
    assert_eq!(exporter.stats().accepted, 18);
    // The eighth is used up; memory has an end.
    exporter.submit(RunOp::Patch(run(2)));
    refused(4);
    let _ = exporter.flush(PATIENCE);
    assert_eq!(exporter.stats().delivered, 18);
    assert_eq!(scripted.taken(), 16, "an end travels with its beginning");
    // With room again, ends of runs that were refused are as good as any.
    exporter.submit(RunOp::Patch(run(16)));
    refused(4);
}

#[test]
fn the_bytes_are_bounded_as_the_count_is() {
    let (_scripted, exporter) = exporter(BatchConfig {
        queue_bytes: 80_000,
        ..patient()
    });
    let sized = |number: u64| {
        let mut run = run(number);
        run.error = Some("x".repeat(8_000));
        run
    };
    for number in 0..20 {
        exporter.submit(RunOp::Post(sized(number)));
    }
    let taken = exporter.stats().accepted;
    assert!(exporter.stats().queued_bytes <= 80_000);
    for number in 0..20 {
        exporter.submit(RunOp::Patch(sized(number)));
    }
    let stats = exporter.stats();
    assert_eq!(stats.accepted, taken + 1, "one more end");
    assert!(
        stats.queued_bytes > 80_000 && stats.queued_bytes <= 90_000,
        "{stats}"
    );
}

/// An endpoint that is down: every attempt fails at once.
#[derive(Debug)]
struct Down;

impl Transport for Down {
    fn exchange(&self, _: HttpRequest) -> Exchange<'_> {
        let refused = TransportError::Connect("refused".to_owned());
        Box::pin(std::future::ready(Err(refused)))
    }
}

const CAP: usize = 32 << 20;

/// How often the queue is full before the outage ends.
const TIMES_FULL: u64 = 3;

/// Not a test by itself: what the programs of the tests below do.
#[cfg(target_os = "linux")]
#[test]
fn the_program() {
    let Some((part, _)) = part() else { return };
    let value = match &*part {
        "texts" => json!({"text": "a page of the docs ".repeat(500)}),
        "numbers" => json!({"embedding": vec![0.123_456_789_012_345_6; 600]}),
        "records" => {
            let record = json!({"id": 1, "ok": true, "score": 0.5, "next": null});
            json!({"records": vec![record; 60]})
        }
        other => panic!("no such part: {other}"),
    };
    // An outage so long that the queue fills up again and again, and each time its budget has passed.
    let config = BatchConfig {
        queue_bytes: CAP,
        queue_ops: usize::MAX,
        retry: RetryPolicy {
            budget: Duration::from_millis(30),
            ..fast().retry
        },
        ..fast()
    };
    let exporter = BatchExporter::with_transport(Arc::new(Down), config).expect("an exporter");
    let Value::Object(inputs) = value else {
        unreachable!()
    };
    let mut number = 0;
    let mut submit = || {
        let mut run = run(number);
        number += 1;
        run.inputs = Some(inputs.clone());
        exporter.submit(RunOp::Post(run));
    };
    submit();
    let _ = exporter.flush(PATIENCE);
    let before = peak();
    let mut full = 0;
    while full < TIMES_FULL {
        submit();
        let refused = exporter.stats().total_refused();
        if refused > full {
            full += 1;
            // The queue has been full; so it is again once some of it was given up.
            while exporter.stats().queued_bytes > CAP / 2 {
                std::thread::yield_now();
            }
        }
    }
    say(peak() - before);
    assert!(exporter.stats().balances());
    assert!(exporter.stats().total_dropped() > 0);
}

#[cfg(target_os = "linux")]
#[test]
fn memory_stays_within_its_cap_while_the_endpoint_is_down() {
    for part in ["texts", "numbers", "records"] {
        let (status, said) = start(part, "").wait(PATIENCE);
        assert!(status.success(), "{part}");
        let grown: u64 = said[0].parse().expect("a number");
        let most = CAP as u64 * 12 / 10;
        eprintln!("{part}: {} %", grown * 100 / CAP as u64);
        assert!(grown <= most, "{part}: {grown} bytes with a cap of {CAP}");
    }
}

#[test]
fn a_parent_keeps_no_children() {
    let sink = Arc::new(NoSink);
    let tracer = Tracer::builder(sink).build();
    let parent = tracer.run("parent").start();
    let costs = [(); 3].map(|()| {
        let memory = allocation_counter::measure(|| {
            for _ in 0..50_000 {
                parent.child("child").start().end();
            }
        });
        (memory.bytes_current, memory.count_total, memory.bytes_total)
    });
    let [first, second, third] = &costs;
    assert_eq!((second.0, third.0), (0, 0), "nothing of a child stays");
    assert!(third.1 * 10 <= first.1 * 12, "{first:?} {third:?}");
    assert!(third.2 * 10 <= first.2 * 12, "{first:?} {third:?}");
}

/// Bytes that tell when nobody holds them any more.
struct Told {
    bytes: Vec<u8>,
    _held: Arc<()>,
}

impl AsRef<[u8]> for Told {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

fn file(name: &str, held: &Arc<()>, bytes: usize) -> Attachment {
    let data = Bytes::from_owner(Told {
        bytes: vec![0; bytes],
        _held: held.clone(),
    });
    Attachment::new(name, "text/plain", data)
}

#[test]
fn what_is_refused_of_a_run_takes_no_memory_though_the_run_is_held_on() {
    let peer = accept();
    let config = BatchConfig {
        queue_bytes: 80_000,
        ..patient()
    };
    let client = client_to(&peer, config);
    let (small, large) = (Arc::new(()), Arc::new(()));
    let run = client.run("waits").attachment(file("given", &small, 10));
    let run = run.start();
    run.attach(file("added", &large, 100_000));
    run.end();
    assert_eq!(client.stats().total_refused(), 1);
    assert_eq!(Arc::strong_count(&large), 1, "the end is refused");
    assert_eq!(Arc::strong_count(&small), 2, "the beginning waits");
    let other = client
        .run("refused")
        .attachment(file("given", &large, 100_000));
    let other = other.start();
    assert_eq!(client.stats().total_refused(), 2);
    assert_eq!(Arc::strong_count(&large), 1, "the beginning is refused");
    client.flush(PATIENCE).expect_err("both are told of");
    assert_eq!(client.stats().delivered, 1);
    drop((run, other));
}

#[test]
fn an_end_that_waits_alone_counts_what_it_says_again() {
    let peer = accept();
    let builder = builder_to(&peer, patient()).inputs_on_patch(true);
    let client = builder.build().expect("a client");
    let text = "x".repeat(20_000);
    let run = client.run(&*text).extra("also", &*text);
    let run = run.inputs(json!({ "text": text })).start();
    let begun = client.stats().queued_bytes;
    assert!(begun > 60_000);
    client.flush(PATIENCE).expect("the beginning is delivered");
    run.end();
    let ended = client.stats().queued_bytes;
    assert!(ended >= begun, "{ended} of {begun}");
}

#[test]
fn a_long_key_counts_as_a_long_text_does() {
    let peer = accept();
    let client = client_to(&peer, patient());
    let inputs = json!({ "x".repeat(20_000): "short" });
    let run = client.run("keyed").inputs(inputs).start();
    assert!(client.stats().queued_bytes > 20_000);
    run.end();
}
