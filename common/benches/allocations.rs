//! How often the traced thread allocates.
//!
//! `cargo bench -p common --bench allocations`. Counts do not depend on the machine; each row is the mean
//! of many runs, with what a growing list takes now and then.
#![allow(
    clippy::print_stdout,
    reason = "a benchmark's result is what it prints"
)]

use std::sync::{Arc, Mutex, PoisonError};

use common::model::{JsonMap, RunOp};
use common::propagation::{LangSmithPropagator, Propagator as _, TrustPolicy};
use common::trace::{RunSink, RunTree, Sampler, Tracer};
use http::HeaderMap;
use serde_json::{Value, json};

const TIMES: u64 = 1_000;

#[derive(Debug)]
struct Keep(Mutex<Vec<RunOp>>);

impl RunSink for Keep {
    fn submit(&self, op: RunOp) {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(op);
    }
}

fn show(name: &str, mut work: impl FnMut(Value, Value)) {
    let payload = || json!({"text": "x".repeat(512)});
    let mut payloads: Vec<_> = (0..TIMES).map(|_| (payload(), payload())).collect();
    work(Value::Null, Value::Null);
    let counted = allocation_counter::measure(|| {
        while let Some((inputs, outputs)) = payloads.pop() {
            work(inputs, outputs);
        }
    });
    let (count, bytes) = (counted.count_total, counted.bytes_total);
    let each = |total: u64| total as f64 / TIMES as f64;
    println!("{name:<40} {:>8.1} {:>10.0}", each(count), each(bytes));
}

fn main() {
    let keep = || Arc::new(Keep(Mutex::new(Vec::with_capacity(1 << 16))));
    let on = Tracer::builder(keep())
        .project(Some("docs-assistant".to_owned()))
        .build();
    let off = Tracer::builder(keep()).enabled(false).build();
    let unsampled = Tracer::builder(keep()).sampler(Sampler::AlwaysOff).build();
    let metadata: JsonMap = [("revision".to_owned(), json!("3f2a9c"))]
        .into_iter()
        .collect();
    let described = Tracer::builder(keep())
        .metadata(metadata)
        .service("gateway")
        .build();
    let whole = |run: common::trace::RunBuilder, inputs, outputs| {
        let run: RunTree = run.inputs(inputs).start();
        run.end_with(outputs);
    };
    println!("{:<40} {:>8} {:>10}", "", "times", "bytes");
    show("a root, payload moved in", |i, o| {
        whole(on.run("root"), i, o)
    });
    let root = on.run("root").start();
    show("a child, payload moved in", |i, o| {
        whole(root.child("child"), i, o);
    });
    show("a child, without payload", |_, _| {
        root.child("child").start().end();
    });
    let tagged = on.run("root").tag("beta").metadata("tenant", "t-1").start();
    show("a child that inherits tags and metadata", |i, o| {
        whole(tagged.child("child"), i, o);
    });
    let root = described.run("root").start();
    show("a child, tracer with metadata, service", |i, o| {
        whole(root.child("child"), i, o);
    });
    show("a root, not in the sample", |i, o| {
        whole(unsampled.run("root"), i, o);
    });
    show("a root, off", |i, o| whole(off.run("root"), i, o));
    let context = tagged.context().expect("a context");
    let propagator = LangSmithPropagator::new().policy(TrustPolicy::Continue);
    let mut headers = HeaderMap::new();
    show("headers written", |_, _| {
        propagator.inject(&context, &mut headers);
    });
    show("headers read", |_, _| {
        let _ = propagator.extract(&headers);
    });
}
