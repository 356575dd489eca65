//! One context in the headers of both worlds, under the rules of the native propagator.
#![cfg(feature = "otel")]

use std::collections::HashMap;

use common::model::{Baggage, LazyBaggage, RunContext};
use common::otel::opentelemetry::baggage::BaggageExt as _;
use common::otel::opentelemetry::propagation::TextMapPropagator;
use common::otel::opentelemetry::trace::{
    Span as _, TraceContextExt as _, Tracer as _, TracerProvider as _,
};
use common::otel::opentelemetry::{Context, KeyValue};
use common::otel::opentelemetry_sdk::propagation::{BaggagePropagator, TraceContextPropagator};
use common::otel::opentelemetry_sdk::trace::{SdkTracer, SdkTracerProvider};
use common::otel::{ContextPropagator, Identity, RunContextExt as _};
use common::propagation::limits::MAX_BAGGAGE_BYTES;
use common::propagation::{LangSmithPropagator, Propagator as _, TrustPolicy};

type Headers = HashMap<String, String>;

const ORDER: &str = "20261122T100538926531Z01a202b7-f0ee-7646-9e7b-a245c1fc89c2.\
                     20261122T100539000000Z01a202b7-f138-7000-8000-00000000beef";

struct Service {
    tracer: SdkTracer,
    identity: Identity,
    propagator: ContextPropagator,
    // The tracer holds no more than a part of it.
    _provider: SdkTracerProvider,
}

/// A service of ours, which believes its callers.
fn service() -> Service {
    let identity = Identity::new();
    let provider = SdkTracerProvider::builder().with_span_processor(identity.processor());
    let provider = provider.build();
    let trusting = LangSmithPropagator::new().policy(TrustPolicy::Continue);
    Service {
        tracer: provider.tracer("tests"),
        propagator: ContextPropagator::new(trusting.allow_any_project(), &identity),
        identity,
        _provider: provider,
    }
}

fn native_headers() -> Headers {
    let mut run = RunContext::new(ORDER.parse().expect("a dotted order"));
    run.baggage = LazyBaggage::from(Baggage {
        project: Some("docs".to_owned()),
        tags: vec!["beta".to_owned()],
        ..Baggage::default()
    });
    let headers = LangSmithPropagator::new().headers(&run);
    headers.into_iter().collect()
}

impl Service {
    /// Handles a request, and returns the headers of the one it makes, and its own place.
    fn pass_on(&self, headers: &Headers) -> (Headers, RunContext) {
        let cx = self
            .propagator
            .extract_with_context(&Context::new(), headers);
        let cx = cx.with_span(self.tracer.start_with_context("handler", &cx));
        let run = self.identity.of(cx.span().span_context()).expect("a run");
        let mut out = Headers::new();
        self.propagator.inject_context(&cx, &mut out);
        (out, run)
    }
}

#[test]
fn a_native_caller_is_the_parent_of_a_span_and_the_span_of_a_native_callee() {
    let (headers, run) = service().pass_on(&native_headers());
    assert!(run.dotted_order.as_str().starts_with(ORDER));
    assert_eq!(run.dotted_order.depth(), 2);
    assert_eq!(headers["langsmith-trace"], run.dotted_order.as_str());
    assert_eq!(run.baggage.project.as_deref(), Some("docs"));
    // OpenTelemetry has the same trace, and ids that are well formed.
    let traceparent = &headers["traceparent"];
    let trace = run.trace_id().0.simple().to_string();
    assert!(traceparent.starts_with(&format!("00-{trace}-")));
    assert!(traceparent.ends_with("-01"), "{traceparent}");
    let native = LangSmithPropagator::new()
        .policy(TrustPolicy::Continue)
        .allow_any_project();
    assert_eq!(native.extract(&headers).context, Some(run));
}

#[test]
fn both_kinds_of_baggage_are_one_header_without_blanks() {
    let service = service();
    let foreign = KeyValue::new("tenant", "t 1,a=b");
    let run = RunContext {
        baggage: LazyBaggage::from(Baggage {
            project: Some("docs".to_owned()),
            ..Baggage::default()
        }),
        ..RunContext::new(ORDER.parse().expect("a dotted order"))
    };
    let cx = Context::new().with_baggage([foreign]).with_parent_run(run);
    let mut headers = Headers::new();
    service.propagator.inject_context(&cx, &mut headers);
    let members: Vec<&str> = headers["baggage"].split(',').collect();
    assert_eq!(members, ["tenant=t%201%2Ca%3Db", "langsmith-project=docs"]);
    let read = service
        .propagator
        .extract_with_context(&Context::new(), &headers);
    assert_eq!(read.baggage().len(), 1);
    let tenant = read
        .baggage()
        .get("tenant")
        .map(|value| value.as_str().to_owned());
    assert_eq!(tenant.as_deref(), Some("t 1,a=b"));
    let project = read
        .parent_run()
        .and_then(|run| run.baggage.project.clone());
    assert_eq!(project.as_deref(), Some("docs"));
    // What the propagators of OpenTelemetry make of it side by side: the last one wins.
    let mut overwritten = Headers::new();
    LangSmithPropagator::new().inject(read.parent_run().expect("read"), &mut overwritten);
    BaggagePropagator::new().inject_context(&cx, &mut overwritten);
    assert!(!overwritten["baggage"].contains("langsmith-project"));
}

#[test]
fn a_service_that_forwards_w3c_headers_alone_does_not_cut_the_trace_in_two() {
    let (first, last) = (service(), service());
    let carrying = first.propagator.clone().carry_in_baggage();
    let first = Service {
        propagator: carrying,
        ..first
    };
    let (headers, caller) = first.pass_on(&native_headers());
    // A service that knows OpenTelemetry alone.
    let provider = SdkTracerProvider::default();
    let cx = TraceContextPropagator::new().extract_with_context(&Context::new(), &headers);
    let cx = BaggagePropagator::new().extract_with_context(&cx, &headers);
    let span = provider
        .tracer("foreign")
        .start_with_context("foreign", &cx);
    let foreign = span.span_context().clone();
    let cx = cx.with_span(span);
    let mut forwarded = Headers::new();
    TraceContextPropagator::new().inject_context(&cx, &mut forwarded);
    BaggagePropagator::new().inject_context(&cx, &mut forwarded);
    assert!(!forwarded.contains_key("langsmith-trace"));
    let (_, run) = last.pass_on(&forwarded);
    assert_eq!(run.dotted_order.parent_run_id(), Some(caller.run_id()));
    assert_eq!(run.baggage.project.as_deref(), Some("docs"));
    // For other backends its parent is the foreign span.
    let cx = last
        .propagator
        .extract_with_context(&Context::new(), &forwarded);
    assert_eq!(cx.span().span_context().span_id(), foreign.span_id());
    let counters = last.propagator.counters();
    assert_eq!((counters.continued, counters.absent), (2, 0));
}

#[test]
fn a_stranger_is_not_believed_in_any_header() {
    let (headers, _) = service().pass_on(&native_headers());
    let identity = Identity::new();
    for policy in [TrustPolicy::Restart, TrustPolicy::Ignore] {
        let public = LangSmithPropagator::new().policy(policy.clone());
        let public = ContextPropagator::new(public, &identity);
        for carrier in [
            headers.clone(),
            headers
                .clone()
                .into_iter()
                .filter(|(name, _)| name != "langsmith-trace")
                .collect(),
        ] {
            let cx = public.extract_with_context(&Context::new(), &carrier);
            assert!(!cx.has_active_span(), "{policy:?} {carrier:?}");
            assert_eq!(cx.parent_run(), None);
            assert!(cx.baggage().is_empty());
        }
        let counters = public.counters();
        assert_eq!(counters.continued, 0, "{counters:?}");
    }
}

#[test]
fn opentelemetry_goes_on_where_only_our_header_is_broken() {
    let (mut headers, _) = service().pass_on(&native_headers());
    for broken in ["", "no dotted order", &"x".repeat(9_000)] {
        headers.insert("langsmith-trace".to_owned(), broken.to_owned());
        let service = service();
        let cx = service
            .propagator
            .extract_with_context(&Context::new(), &headers);
        assert!(cx.span().span_context().is_remote(), "{broken:.20}");
        assert_eq!(cx.parent_run(), None);
        let counters = service.propagator.counters();
        assert_eq!(counters.continued, 0);
    }
}

#[test]
fn what_is_too_much_for_the_baggage_is_left_out_and_counted() {
    let service = service();
    let mut run = RunContext::new(ORDER.parse().expect("a dotted order"));
    let long = serde_json::json!({ "note": "x".repeat(MAX_BAGGAGE_BYTES) });
    run.baggage.metadata = std::sync::Arc::new(long.as_object().expect("a map").clone());
    run.baggage.project = Some("docs".to_owned());
    let cx = Context::new().with_parent_run(run);
    let mut headers = Headers::new();
    let carrying = service.propagator.clone().carry_in_baggage();
    carrying.inject_context(&cx, &mut headers);
    let expected = format!("langsmith-project=docs,langsmith-trace={ORDER}");
    assert_eq!(headers["baggage"], expected);
    let counters = service.propagator.counters();
    assert_eq!(counters.injected, 1);
}

#[test]
fn without_a_run_and_a_span_nothing_is_written() {
    let service = service();
    let mut headers = Headers::new();
    service
        .propagator
        .inject_context(&Context::new(), &mut headers);
    assert!(headers.is_empty());
    let fields: Vec<&str> = service.propagator.fields().collect();
    assert_eq!(
        fields,
        ["traceparent", "tracestate", "langsmith-trace", "baggage"]
    );
}

#[test]
fn a_propagator_fits_where_opentelemetry_wants_one() {
    fn takes(_: impl TextMapPropagator + Send + Sync + 'static) {}
    takes(service().propagator);
    let mut span = service().tracer.start("ends");
    span.end();
}

#[test]
fn a_run_in_the_baggage_counts_within_its_limits_and_once() {
    let member = format!("langsmith-trace={ORDER}");
    let many = "a=b,".repeat(64);
    let long = format!("a={},", "b".repeat(MAX_BAGGAGE_BYTES));
    for (baggage, counts) in [
        (member.clone(), true),
        (format!("{many}{member}"), false),
        (format!("{long}{member}"), false),
        (format!("{member},{member}"), false),
    ] {
        let headers = Headers::from([("baggage".to_owned(), baggage)]);
        let cx = service()
            .propagator
            .extract_with_context(&Context::new(), &headers);
        assert_eq!(cx.parent_run().is_some(), counts, "{headers:.60?}");
    }
}

#[test]
fn a_caller_is_above_whatever_span_is_active_where_the_headers_are_read() {
    let service = service();
    let here = service.tracer.start("the loop that takes messages");
    let here = Context::new().with_span(here);
    let mut headers = native_headers();
    for with_traceparent in [false, true] {
        if with_traceparent {
            let caller = "00-0102030405060708090a0b0c0d0e0f10-0102030405060708-01";
            headers.insert("traceparent".to_owned(), caller.to_owned());
        }
        let cx = service.propagator.extract_with_context(&here, &headers);
        let cx = cx.with_span(service.tracer.start_with_context("handler", &cx));
        let run = service.identity.of(cx.span().span_context());
        let order = run.expect("a run").dotted_order;
        assert!(order.as_str().starts_with(ORDER), "{order:?}");
    }
    let nothing = service
        .propagator
        .extract_with_context(&here, &Headers::new());
    assert_eq!(nothing.span().span_context(), here.span().span_context());
}
