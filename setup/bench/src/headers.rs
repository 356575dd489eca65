//! What it costs to write a trace's headers and to read them, W4 of the page.
//!
//! The same context everywhere: three levels deep, with a project, two entries of metadata and two tags;
//! for OpenTelemetry a `traceparent` and four entries of baggage.

use std::hint::black_box;
use std::time::Duration;

use anyhow::{Context as _, Result};
use common::model::{DottedOrder, RunContext};
use common::propagation::{LangSmithPropagator, Propagator as _, TrustPolicy};
use http::HeaderMap;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::clocks;
use crate::contestants::{Contestant, Runtime};
use crate::process::Process;
use crate::sample::median;

/// CPU of one operation, in nanoseconds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Cost {
    /// Writing the headers of an outgoing request.
    pub encode_ns: f64,
    /// Reading them from an incoming one.
    pub decode_ns: f64,
}

/// Chunks that are measured; the median counts.
const CHUNKS: usize = 31;

/// Operations in a chunk.
const OPERATIONS: u32 = 2_000;

/// Who is measured: name, title, and how it is started.
const WHO: [(&str, &str, Runtime); 5] = [
    ("ours-all", "common, the baggage looked at", Runtime::Rust),
    ("ours", "common, the baggage left unread", Runtime::Rust),
    (
        "otel",
        "OpenTelemetry, traceparent and 4 entries of baggage",
        Runtime::RustPeer,
    ),
    ("python", "Python SDK", Runtime::Python("")),
    ("javascript", "JavaScript SDK", Runtime::JavaScript("")),
];

/// Everybody who can be measured here, by name and title.
pub fn present() -> impl Iterator<Item = Contestant> {
    let contestant = |(name, title, runtime)| Contestant {
        name,
        title,
        runtime,
        sends: false,
    };
    let all = WHO.into_iter().map(contestant);
    all.filter(|it| it.missing().is_none())
}

/// Has one of them measure itself, in a process of its own.
///
/// # Errors
/// If it does not start, or says no figures.
pub fn take(contestant: Contestant) -> Result<Cost> {
    let mut process = Process::headers(contestant)?;
    let cost = process.report(Duration::from_secs(60), |_| {})?;
    process.end(Duration::from_secs(10))?;
    Ok(cost)
}

/// Measures the library of that name in this process and prints the result.
///
/// # Errors
/// If there is no such library in this build.
pub fn drive(name: &str) -> Result<()> {
    let cost = match name {
        "ours" => ours(false)?,
        "ours-all" => ours(true)?,
        #[cfg(feature = "peers")]
        "otel" => otel(),
        other => anyhow::bail!("there is no driver {other:?} in this build"),
    };
    println!("{}", serde_json::to_string(&cost)?);
    Ok(())
}

fn time(mut work: impl FnMut()) -> f64 {
    let mut chunk = || {
        let before = clocks::thread_cpu();
        for _ in 0..OPERATIONS {
            work();
        }
        (clocks::thread_cpu() - before).as_nanos() as f64 / f64::from(OPERATIONS)
    };
    chunk();
    median((0..CHUNKS).map(|_| chunk()))
}

fn context() -> Result<RunContext> {
    let order: DottedOrder = "20261122T100538926531Z01a202b7-f0ee-7646-9e7b-a245c1fc89c2.\
        20261122T100538927531Z01a202b7-f0ef-7646-9e7b-a245c1fc89c3.\
        20261122T100538928531Z01a202b7-f0f0-7646-9e7b-a245c1fc89c4"
        .parse()?;
    let mut context = RunContext::new(order);
    context.baggage.project = Some("docs-assistant".into());
    context.baggage.tags = vec!["production".into(), "eu-west".into()];
    let metadata = json!({"customer": "example-corp", "experiment": "b"});
    context.baggage.metadata = metadata.as_object().context("an object")?.clone().into();
    Ok(context)
}

/// A service that starts no run below the caller's does not look at the baggage; the others do.
fn ours(looks: bool) -> Result<Cost> {
    let context = context()?;
    let propagator = LangSmithPropagator::new()
        .policy(TrustPolicy::Continue)
        .allow_projects(["docs-assistant"]);
    let mut sent = HeaderMap::new();
    propagator.inject(&context, &mut sent);
    let read = propagator.extract(&sent);
    anyhow::ensure!(
        read.context == Some(context.clone()),
        "the headers lost something"
    );
    Ok(Cost {
        encode_ns: time(|| {
            let mut headers = HeaderMap::new();
            propagator.inject(black_box(&context), &mut headers);
            black_box(&headers);
        }),
        decode_ns: time(|| {
            let read = black_box(propagator.extract(black_box(&sent)));
            if looks {
                let context = read.context.as_ref();
                black_box(context.map(|context| context.baggage.tags.len()));
            }
        }),
    })
}

#[cfg(feature = "peers")]
fn otel() -> Cost {
    use opentelemetry::baggage::BaggageExt as _;
    use opentelemetry::propagation::{TextMapCompositePropagator, TextMapPropagator as _};
    use opentelemetry::trace::{
        SpanContext, SpanId, TraceContextExt as _, TraceFlags, TraceId, TraceState,
    };
    use opentelemetry::{Context, KeyValue};
    use opentelemetry_http::{HeaderExtractor, HeaderInjector};
    use opentelemetry_sdk::propagation::{BaggagePropagator, TraceContextPropagator};

    let propagator = TextMapCompositePropagator::new(vec![
        Box::new(TraceContextPropagator::new()),
        Box::new(BaggagePropagator::new()),
    ]);
    let span = SpanContext::new(
        TraceId::from(0x01a2_02b7_f0ee_7646_9e7b_a245_c1fc_89c2_u128),
        SpanId::from(0x9e7b_a245_c1fc_89c3_u64),
        TraceFlags::SAMPLED,
        true,
        TraceState::default(),
    );
    let baggage = [
        KeyValue::new("project", "docs-assistant"),
        KeyValue::new("customer", "example-corp"),
        KeyValue::new("experiment", "b"),
        KeyValue::new("tags", "production"),
    ];
    let context = Context::new()
        .with_remote_span_context(span)
        .with_baggage(baggage);
    let mut sent = HeaderMap::new();
    propagator.inject_context(&context, &mut HeaderInjector(&mut sent));
    Cost {
        encode_ns: time(|| {
            let mut headers = HeaderMap::new();
            propagator.inject_context(black_box(&context), &mut HeaderInjector(&mut headers));
            black_box(&headers);
        }),
        decode_ns: time(|| {
            black_box(propagator.extract(&HeaderExtractor(black_box(&sent))));
        }),
    }
}
