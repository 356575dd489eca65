//! What a run costs the thread that is traced: from its name to its end, its payload moved in.
//!
//! `cargo bench -p common --bench caller`. A trace is a root with four children; the figure is the median
//! time of all calls of a trace, divided by five. What becomes of the operations later, and of their
//! memory, is not the caller's cost and not measured here.

mod rounds;
mod sinks;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use common::model::{Clock as _, IdGenerator as _, RandomIds, RunOp, SystemClock};
use common::trace::{
    Anonymizer, Redactor, RunSink, RunTree, Sampler, Sampling, TailPolicy, Tracer,
};
use rounds::{Row, compare, is_measuring, median, nanos, repeated, row, typical};
use serde_json::{Value, json};
use sinks::exported;

const WORDS: &str = "The retriever found three pages about tracing across services. ";

/// Inputs and outputs of one run, and half a run's text to make them of.
struct Payload {
    text: String,
}

impl Payload {
    fn of(bytes: usize) -> Self {
        let text = WORDS.chars().cycle().take(bytes / 2).collect();
        Self { text }
    }

    fn made(&self) -> (Value, Value) {
        (json!({"text": self.text}), json!({"text": self.text}))
    }
}

/// Keeps what it is given until somebody empties it.
#[derive(Debug, Default)]
struct Keep(Mutex<Vec<RunOp>>);

impl Keep {
    fn empty(&self) {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clear();
    }
}

impl RunSink for Keep {
    fn submit(&self, op: RunOp) {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(op);
    }
}

/// Times traces one by one; returns the median of a run.
fn traces(count: usize, payload: &Payload, mut trace: impl FnMut(Vec<(Value, Value)>)) -> f64 {
    let count = if is_measuring() { count } else { 1 };
    let payloads: Vec<Vec<_>> = (0..count)
        .map(|_| (0..5).map(|_| payload.made()).collect())
        .collect();
    let mut times = Vec::with_capacity(count);
    for made in payloads {
        let begun = Instant::now();
        trace(made);
        times.push(nanos(begun.elapsed()) / 5.0);
    }
    median(times)
}

fn one_trace(tracer: &Tracer, payloads: Vec<(Value, Value)>) {
    let mut payloads = payloads.into_iter();
    let (inputs, outputs) = payloads.next().unwrap_or_default();
    let root = tracer.run("root").inputs(inputs).start();
    for (inputs, outputs) in payloads {
        root.child("child").inputs(inputs).start().end_with(outputs);
    }
    root.end_with(outputs);
}

fn kept<'a>(
    name: &'a str,
    count: usize,
    payload: &'a Payload,
    configure: impl FnOnce(common::trace::TracerBuilder) -> common::trace::TracerBuilder,
) -> Row<'a> {
    let sink = Arc::new(Keep::default());
    let project = Some("docs-assistant".to_owned());
    let tracer = configure(Tracer::builder(sink.clone()).project(project)).build();
    row(name, move || {
        let time = traces(count, payload, |made| one_trace(&tracer, made));
        sink.empty();
        time
    })
}

fn sent<'a>(name: &'a str, count: usize, payload: &'a Payload) -> Row<'a> {
    let sink = exported();
    let project = Some("docs-assistant".to_owned());
    let tracer = Tracer::builder(sink.clone()).project(project).build();
    row(name, move || {
        let time = traces(count, payload, |made| one_trace(&tracer, made));
        // Neither its rest nor the end of its work falls on the next row.
        let _ = sink.0.flush(Duration::from_secs(60));
        time
    })
}

/// The least that a run can cost: two looks at the clock, an id, and two boxes to send.
fn floor(name: &str) -> Row<'_> {
    repeated(name, 20_000, || {
        let start = SystemClock.now();
        let sent = [Box::new([0_u8; 256]), Box::new([1_u8; 256])];
        std::hint::black_box((RandomIds.run_id(start), sent, SystemClock.now()));
    })
}

fn main() {
    let (small, medium, large) = (Payload::of(200), Payload::of(1_024), Payload::of(65_536));
    compare(
        "caller, five runs a trace, payload moved in",
        "run",
        vec![
            floor("floor: two clocks, an id, two boxes"),
            kept("W1 1 KB, into a list", 800, &medium, |it| it),
            sent("W1 1 KB, exporter", 800, &medium),
            sent("W2 64 KB, exporter", 40, &large),
            sent("W3 200 B, exporter", 2_000, &small),
            kept("W1, secrets masked", 400, &medium, |it| {
                it.redactor(Redactor::new().anonymizer(Anonymizer::secrets()))
            }),
            kept("W1, inputs and outputs hidden", 800, &medium, |it| {
                it.redactor(Redactor::new().hide_inputs(true).hide_outputs(true))
            }),
            kept("W1, tracer with metadata and service", 800, &medium, |it| {
                let metadata = json!({"revision": "3f2a9c", "region": "eu"});
                let metadata = metadata.as_object().cloned().unwrap_or_default();
                it.metadata(metadata).service("gateway")
            }),
            kept("W1, not in the sample", 800, &medium, |it| {
                it.sampler(Sampler::AlwaysOff)
            }),
            kept("W1, off", 800, &medium, |it| it.enabled(false)),
        ],
    );
    bare();
    held_back();
}

/// What it costs to hold back what the head of a sampler leaves out, with 1 KB a run.
fn held_back() {
    let payload = Payload::of(1_024);
    let with =
        |name, sampling: Sampling| kept(name, 400, &payload, move |it| it.sampling(sampling));
    let all = || Sampling::new().sampler(Sampler::AlwaysOn);
    let none = || Sampling::new().sampler(Sampler::AlwaysOff);
    let chosen = TailPolicy::new().choose(|run| run.name == "root");
    compare(
        "caller, a tail behind the head",
        "run",
        vec![
            with("kept by the head, no tail", all()),
            with("kept by the head, tail on", all().tail(TailPolicy::new())),
            with("left out, no tail", none()),
            with(
                "left out, tail on: waits, forgotten",
                none().tail(TailPolicy::new()),
            ),
            with("left out, tail on: waits, kept", none().tail(chosen)),
        ],
    );
}

/// What is left when there is no payload.
fn bare() {
    let sink = Arc::new(Keep::default());
    let on = Tracer::builder(sink.clone()).build();
    let off = Tracer::builder(sink.clone()).enabled(false).build();
    let unsampled = Tracer::builder(sink.clone())
        .sampler(Sampler::AlwaysOff)
        .build();
    let deep = |tracer: &Tracer| {
        let mut run: RunTree = tracer.run("root").start();
        for _ in 0..20 {
            run = run.child("child").start();
        }
        run
    };
    let below = deep(&on);
    compare(
        "caller, without payload",
        "run",
        vec![
            floor("floor: two clocks, an id, two boxes"),
            row("on", || {
                let time = typical(5_000, || on.run("root").start().end());
                sink.empty();
                time
            }),
            row("on, twenty levels down", || {
                let time = typical(5_000, || below.child("child").start().end());
                sink.empty();
                time
            }),
            row("not in the sample", || {
                typical(5_000, || unsampled.run("root").start().end())
            }),
            row("off", || typical(20_000, || off.run("root").start().end())),
            row("off, with inputs and outputs to drop", || {
                typical(20_000, || {
                    off.run("root").inputs(1).start().end_with(2);
                })
            }),
        ],
    );
}
