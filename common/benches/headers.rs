//! What it costs to carry a trace in the headers of a request.
//!
//! `cargo bench -p common --bench headers`. Each row writes or reads one request's headers; the first row
//! of a group is the least that it could do.

mod rounds;

use std::hint::black_box;

use common::model::{DottedOrder, RunContext};
use common::propagation::{LangSmithPropagator, Propagator as _, TrustPolicy};
use http::{HeaderMap, HeaderValue};
use rounds::{compare, repeated};
use serde_json::json;

const ORDER: &str = "20261122T100538926531Z01a202b7-f0ee-7646-9e7b-a245c1fc89c2.\
    20261122T100539000000Z01a202b8-0d54-7f77-a104-7e8dfa69d346";

fn contexts() -> [(&'static str, RunContext); 3] {
    let order: DottedOrder = ORDER.parse().expect("a dotted order");
    let bare = RunContext::new(order);
    let mut with_project = bare.clone();
    with_project.baggage.project = Some("docs-assistant".into());
    let mut full = with_project.clone();
    full.baggage.tags = vec!["beta".into(), "eu".into()];
    let metadata = json!({"tenant": "t-1", "plan": "free", "release": "2026-11"});
    full.baggage.metadata = metadata.as_object().cloned().unwrap_or_default().into();
    [
        ("trace", bare),
        ("trace, project", with_project),
        ("trace, project, tags, metadata", full),
    ]
}

fn main() {
    let contexts = contexts();
    let propagator = LangSmithPropagator::new()
        .policy(TrustPolicy::Continue)
        .allow_projects(["docs-assistant"]);

    let mut writing = vec![repeated("the trace alone, put into a map", 20_000, || {
        let mut headers = HeaderMap::with_capacity(4);
        let order = black_box(ORDER).to_owned();
        headers.insert(
            "langsmith-trace",
            HeaderValue::try_from(order).expect("text"),
        );
        black_box(headers);
    })];
    for (name, context) in &contexts {
        let propagator = &propagator;
        writing.push(repeated(name, 20_000, move || {
            let mut headers = HeaderMap::with_capacity(4);
            propagator.inject(black_box(context), &mut headers);
            black_box(headers);
        }));
    }
    compare("headers, written", "request", writing);

    let carried: Vec<(&str, HeaderMap)> = contexts
        .iter()
        .map(|(name, context)| {
            let mut headers = HeaderMap::new();
            propagator.inject(context, &mut headers);
            (*name, headers)
        })
        .collect();
    let nothing = HeaderMap::new();
    let mut reading = vec![repeated("the ids alone, from the text", 20_000, || {
        black_box(black_box(ORDER).parse::<DottedOrder>().expect("an order"));
    })];
    for (name, headers) in &carried {
        let propagator = &propagator;
        reading.push(repeated(name, 20_000, move || {
            black_box(propagator.extract(black_box(headers))).outcome;
        }));
    }
    reading.push(repeated("no headers", 20_000, || {
        let _ = black_box(propagator.extract(black_box(&nothing)));
    }));
    compare("headers, read", "request", reading);
}
