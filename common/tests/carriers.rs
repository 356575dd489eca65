//! One suite over all carriers: whatever a context travels in, the same is written, read, believed and
//! refused.

#[path = "carriers/media.rs"]
mod media;
#[path = "vectors/cases.rs"]
mod recorded;

use std::sync::Arc;

use common::model::{Baggage, DottedOrder, ParseDottedOrderError, RunContext};
use common::propagation::limits::{MAX_BAGGAGE_BYTES, MAX_TRACE_BYTES, MAX_TRACE_SEGMENTS};
use common::propagation::{
    Extracted, Extractor, Injector, LangSmithPropagator, Outcome, Propagator as _, TrustPolicy,
};
use media::Medium;
use proptest::prelude::*;
use serde_json::{Value, json};

const ROOT: &str = "20261122T100538926531Z01a202b7-f0ee-7646-9e7b-a245c1fc89c2";
const CHILD: &str = "20261122T100539000000Z01a202b7-f138-7000-8000-00000000beef";

fn order() -> String {
    format!("{ROOT}.{CHILD}")
}

fn place(order: &str) -> DottedOrder {
    order.parse().expect("a dotted order")
}

fn context() -> RunContext {
    let metadata =
        json!({"user": "Zoë, 日本 \u{1f980}", "quote": "\"a=b;c,d%\"", "n": 7, "deep": {"a": [1]}});
    RunContext {
        dotted_order: place(&order()),
        baggage: Baggage {
            metadata: Arc::new(metadata.as_object().expect("an object").clone()),
            tags: vec!["beta".to_owned(), "größe".to_owned()],
            project: Some("docs – assistant".to_owned()),
        }
        .into(),
    }
}

/// Believes its callers, and lets them choose one project.
fn trusting() -> LangSmithPropagator {
    LangSmithPropagator::new()
        .policy(TrustPolicy::Continue)
        .allow_projects(["docs – assistant"])
}

/// Reads entries that somebody else wrote; none if they cannot stand in such a carrier.
fn read(medium: &dyn Medium, entries: &[(&str, &str)]) -> Option<Extracted> {
    let entries: Vec<(&str, &[u8])> = entries
        .iter()
        .map(|(name, value)| (*name, value.as_bytes()))
        .collect();
    Some(trusting().extract(&*medium.raw(&entries)?))
}

fn expect(medium: &dyn Medium, entries: &[(&str, &str)], outcome: Outcome) {
    if let Some(read) = read(medium, entries) {
        assert_eq!(read.outcome, outcome, "{entries:?}");
        assert_eq!(read.context, None);
    }
}

fn what_is_written_is_read(medium: &dyn Medium) {
    let received = medium.carry(&|carrier| trusting().inject(&context(), carrier));
    let read = trusting().extract(&*received);
    assert_eq!(read.context, Some(context()), "{read}");
    assert_eq!(read.ignored().total(), 0);
}

fn a_root_without_baggage_travels_alone(medium: &dyn Medium) {
    let bare = RunContext::new(place(ROOT));
    let received = medium.carry(&|carrier| trusting().inject(&bare, carrier));
    assert_eq!(received.first("baggage"), None);
    assert_eq!(trusting().extract(&*received).context, Some(bare));
}

fn without_a_context_a_new_trace_starts(medium: &dyn Medium) {
    let received = medium.carry(&|_| {});
    assert_eq!(trusting().extract(&*received).outcome, Outcome::Absent);
    expect(medium, &[("langsmith-trace", "")], Outcome::Absent);
    expect(medium, &[("langsmith-trace", "  ")], Outcome::Absent);
    expect(medium, &[("baggage", "langsmith-tags=a")], Outcome::Absent);
}

fn a_broken_order_is_no_parent(medium: &dyn Medium) {
    for value in [
        "true",
        "null",
        "{}",
        "0",
        ROOT.trim_end_matches('2'),
        &format!("{ROOT}."),
    ] {
        let outcome = read(medium, &[("langsmith-trace", value)]).map(|read| read.outcome);
        assert!(
            matches!(outcome, Some(Outcome::Malformed(_))),
            "{value}: {outcome:?}"
        );
    }
}

fn what_is_there_twice_is_ambiguous(medium: &dyn Medium) {
    let both = format!("{ROOT},{ROOT}");
    expect(medium, &[("langsmith-trace", &both)], Outcome::Ambiguous);
    for second in ["langsmith-trace", "Langsmith-Trace", "LANGSMITH-TRACE"] {
        let twice = [("langsmith-trace", ROOT), (second, ROOT)];
        expect(medium, &twice, Outcome::Ambiguous);
    }
}

fn what_is_too_long_is_no_parent(medium: &dyn Medium) {
    let long = format!("{ROOT}{}", " ".repeat(MAX_TRACE_BYTES));
    if let Some(read) = read(medium, &[("langsmith-trace", &long)]) {
        // HTTP takes the blanks off; then it is an order like any other.
        assert!(matches!(
            read.outcome,
            Outcome::Oversize | Outcome::Continued
        ));
    }
    let deep = [ROOT; MAX_TRACE_SEGMENTS + 1].join(".");
    expect(medium, &[("langsmith-trace", &deep)], Outcome::Oversize);
    let members = format!("a={},langsmith-tags=late", "x".repeat(MAX_BAGGAGE_BYTES));
    let full = [("langsmith-trace", ROOT), ("baggage", members.as_str())];
    let read = read(medium, &full).expect("it stands anywhere");
    assert_eq!(read.context, Some(RunContext::new(place(ROOT))));
    assert_eq!(read.ignored().over_budget, 2, "{read}");
}

fn what_is_no_text_is_no_parent(medium: &dyn Medium) {
    for value in [b"\xff\xfe".as_slice(), "日本".as_bytes(), b"\xc3"] {
        if let Some(received) = medium.raw(&[("langsmith-trace", value)]) {
            let outcome = trusting().extract(&*received).outcome;
            assert_eq!(outcome, Outcome::Malformed(ParseDottedOrderError::NotAscii));
        }
    }
}

fn names_are_read_in_any_case(medium: &dyn Medium) {
    for (trace, baggage) in [
        ("langsmith-trace", "baggage"),
        ("Langsmith-Trace", "Baggage"),
        ("LANGSMITH-TRACE", "BAGGAGE"),
    ] {
        if let Some(read) = read(medium, &[(trace, ROOT), (baggage, "langsmith-tags=a")]) {
            let context = read.context.expect("continued");
            assert_eq!(
                (context.dotted_order, context.baggage.into_inner().tags),
                (place(ROOT), vec!["a".into()])
            );
        }
    }
}

fn only_a_project_of_the_list_is_taken(medium: &dyn Medium) {
    let chosen = |project: &str| {
        let baggage = format!("langsmith-project={project}");
        let read = read(medium, &[("langsmith-trace", ROOT), ("baggage", &baggage)]);
        let read = read.expect("it stands anywhere");
        let ignored = read.ignored();
        let context = read.context.expect("continued");
        (context.baggage.into_inner().project, ignored)
    };
    assert_eq!(
        chosen("docs%20%E2%80%93%20assistant").0.as_deref(),
        Some("docs – assistant")
    );
    let (project, ignored) = chosen("payroll");
    assert_eq!((project, ignored.project_not_allowed), (None, 1));
    let (project, ignored) = chosen("a%0Ab");
    assert_eq!((project, ignored.bad_project), (None, 1));
}

fn whom_to_believe_is_asked_of_every_carrier(medium: &dyn Medium) {
    let received = medium.carry(&|carrier| trusting().inject(&context(), carrier));
    let under = |policy| {
        LangSmithPropagator::new()
            .policy(policy)
            .extract(&*received)
    };
    let Outcome::Untrusted { trace_id, run_id } = under(TrustPolicy::Restart).outcome else {
        panic!("by default nobody is believed");
    };
    assert_eq!(
        (trace_id, run_id),
        (context().trace_id(), context().run_id())
    );
    assert_eq!(under(TrustPolicy::Ignore).outcome, Outcome::NotRead);
    let knows = TrustPolicy::trust_if(|carrier| carrier.first("langsmith-trace").is_some());
    assert_eq!(under(knows).outcome, Outcome::Continued);
    let doubts = TrustPolicy::trust_if(|carrier| carrier.first("x-signed") == Some("yes"));
    assert!(matches!(under(doubts).outcome, Outcome::Untrusted { .. }));
}

fn a_newer_context_replaces_an_older_one(medium: &dyn Medium) {
    let received = medium.carry(&|carrier| {
        carrier.set("baggage", "tenant=7,langsmith-tags=old".to_owned());
        trusting().inject(&context(), carrier);
        trusting().inject(&RunContext::new(place(ROOT)), carrier);
    });
    assert_eq!(
        received.first("baggage"),
        Some("tenant=7"),
        "a member of others stays"
    );
    let read = trusting().extract(&*received);
    assert_eq!(read.context, Some(RunContext::new(place(ROOT))));
}

fn what_is_taken_out_is_gone(medium: &dyn Medium) {
    let received = medium.carry(&|carrier| {
        carrier.set("baggage", "tenant=7".to_owned());
        trusting().inject(&context(), carrier);
        trusting().strip(carrier);
    });
    assert_eq!(received.first("langsmith-trace"), None);
    assert_eq!(received.first("baggage"), Some("tenant=7"));
}

fn a_run_that_is_too_deep_leaves_no_older_one_behind(medium: &dyn Medium) {
    let segment = |n: usize| format!("20261122T100538926531Z01a202b7-f0ee-7646-9e7b-{n:012x}");
    let deep: Vec<String> = (1..=MAX_TRACE_SEGMENTS + 1).map(segment).collect();
    let deep = RunContext::new(place(&deep.join(".")));
    let propagator = trusting();
    let received = medium.carry(&|carrier| {
        propagator.inject(&context(), carrier);
        propagator.inject(&deep, carrier);
    });
    assert_eq!(propagator.extract(&*received).outcome, Outcome::Absent);
    assert_eq!(propagator.counters().not_injected, 1);
}

/// Whatever official SDKs and hostile callers were recorded to send means the same in every carrier.
fn what_was_recorded_means_what_it_means_in_headers(medium: &dyn Medium) {
    let mut compared = 0;
    for case in recorded::cases() {
        let headers = recorded::headers(&case);
        let entries: Vec<(&str, &[u8])> = headers
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_bytes()))
            .collect();
        // What a carrier cannot hold cannot be received in it.
        let Some(received) = medium.raw(&entries) else {
            continue;
        };
        assert_eq!(
            trusting().extract(&*received),
            trusting().extract(&headers),
            "{case}"
        );
        compared += 1;
    }
    assert!(compared >= 40, "{compared} cases");
}

fn any_context_travels_unchanged(medium: &dyn Medium) {
    let texts = || proptest::collection::vec("[^\u{0}]{1,20}", 0..4);
    let metadata = proptest::collection::hash_map("[a-zé日 =,;%\"]{1,8}", ".{0,40}", 0..4);
    let mut runner = runner();
    let strategy = (1..20_usize, texts(), metadata);
    let outcome = runner.run(&strategy, |(depth, tags, metadata)| {
        let segment = |n: usize| format!("20261122T100538926531Z01a202b7-f0ee-7646-9e7b-{n:012x}");
        let order: Vec<String> = (1..=depth).map(segment).collect();
        let mut sent = RunContext::new(place(&order.join(".")));
        let metadata = metadata
            .into_iter()
            .map(|(key, value)| (key, Value::from(value)));
        sent.baggage.metadata = Arc::new(metadata.collect());
        // The SDKs join tags with commas, so one with a comma is two; none is empty.
        sent.baggage.tags = tags.into_iter().map(|tag| tag.replace(',', ".")).collect();
        let received = medium.carry(&|carrier| trusting().inject(&sent, carrier));
        let headers = trusting().headers(&sent);
        // What no carrier can say is what headers cannot say: compared with them, not with the start.
        prop_assert_eq!(trusting().extract(&*received), trusting().extract(&headers));
        prop_assert_eq!(
            trusting()
                .extract(&*received)
                .context
                .map(|read| read.dotted_order),
            Some(sent.dotted_order)
        );
        Ok(())
    });
    outcome.unwrap_or_else(|error| panic!("{error}"));
}

fn nothing_that_is_received_makes_reading_fail(medium: &dyn Medium) {
    let name = prop_oneof![
        4 => Just("langsmith-trace".to_owned()),
        4 => Just("baggage".to_owned()),
        1 => "[a-zA-Z-]{1,12}",
    ];
    let value = prop_oneof![
        2 => Just(order().into_bytes()),
        2 => "langsmith-(tags|project|metadata|replicas|x)=[ -~]{0,60}".prop_map(String::into_bytes),
        1 => proptest::collection::vec(any::<u8>(), 0..80),
    ];
    let strategy = proptest::collection::vec((name, value), 0..5);
    let outcome = runner().run(&strategy, |entries| {
        let entries: Vec<(&str, &[u8])> = entries
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_slice()))
            .collect();
        let Some(received) = medium.raw(&entries) else {
            return Ok(());
        };
        let propagator = trusting();
        let read = propagator.extract(&*received);
        let ignored = read.ignored();
        let counters = propagator.counters();
        prop_assert_eq!(counters.ignored, ignored);
        let counted = [
            counters.continued,
            counters.absent,
            counters.malformed,
            counters.oversize,
            counters.ambiguous,
        ];
        prop_assert_eq!(counted.iter().sum::<u64>(), 1);
        prop_assert_eq!(read.context.is_some(), read.outcome == Outcome::Continued);
        Ok(())
    });
    outcome.unwrap_or_else(|error| panic!("{error}"));
}

fn runner() -> proptest::test_runner::TestRunner {
    proptest::test_runner::TestRunner::new(ProptestConfig {
        cases: 64,
        failure_persistence: None,
        ..ProptestConfig::default()
    })
}

/// The propagators of OpenTelemetry, alone and with ours, write and read the same carriers.
#[cfg(feature = "otel")]
mod otel {
    use common::otel::opentelemetry::Context;
    use common::otel::opentelemetry::baggage::BaggageExt as _;
    use common::otel::opentelemetry::propagation::TextMapPropagator;
    use common::otel::opentelemetry::trace::{SpanContext, TraceContextExt as _, TraceFlags};
    use common::otel::opentelemetry::{KeyValue, trace::TraceState};
    use common::otel::opentelemetry_sdk::propagation::{BaggagePropagator, TraceContextPropagator};
    use common::otel::{
        CarrierReader, CarrierWriter, ContextPropagator, Identity, RunContextExt as _,
    };

    use super::*;

    fn span() -> SpanContext {
        let state = TraceState::from_key_value([("vendor", "7")]).expect("a state");
        SpanContext::new(0xabc.into(), 0xdef.into(), TraceFlags::SAMPLED, true, state)
    }

    fn pass(medium: &dyn Medium, propagator: &dyn TextMapPropagator, cx: &Context) -> Context {
        let received = medium.carry(&|carrier| {
            propagator.inject_context(cx, &mut CarrierWriter(carrier));
        });
        propagator.extract_with_context(&Context::new(), &CarrierReader(&*received))
    }

    pub(super) fn w3c_alone_travels(medium: &dyn Medium) {
        let cx = Context::new().with_remote_span_context(span());
        let read = pass(medium, &TraceContextPropagator::new(), &cx);
        assert_eq!(read.span().span_context(), &span());
        let cx = Context::new().with_baggage([KeyValue::new("tenant", "t 1,a=b")]);
        let read = pass(medium, &BaggagePropagator::new(), &cx);
        let tenant = read
            .baggage()
            .get("tenant")
            .map(|value| value.as_str().to_owned());
        assert_eq!(tenant.as_deref(), Some("t 1,a=b"));
    }

    pub(super) fn both_travel_together(medium: &dyn Medium) {
        let both = ContextPropagator::new(trusting(), &Identity::new());
        let cx = Context::new()
            .with_remote_span_context(span())
            .with_baggage([KeyValue::new("tenant", "7")])
            .with_parent_run(context());
        let read = pass(medium, &both, &cx);
        assert_eq!(read.parent_run(), Some(&context()));
        assert_eq!(read.span().span_context(), &span());
        assert!(read.baggage().get("tenant").is_some());
    }

    pub(super) fn w3c_is_asked_for_trust_as_well(medium: &dyn Medium) {
        let writes = ContextPropagator::new(trusting(), &Identity::new());
        let cx = Context::new()
            .with_remote_span_context(span())
            .with_parent_run(context());
        let received = medium.carry(&|carrier| {
            writes.inject_context(&cx, &mut CarrierWriter(carrier));
        });
        let public = ContextPropagator::new(LangSmithPropagator::new(), &Identity::new());
        let read = public.extract_with_context(&Context::new(), &CarrierReader(&*received));
        assert!(read.parent_run().is_none() && !read.span().span_context().is_valid());
    }
}

macro_rules! suite {
    ($($carrier:ident: $medium:ident;)*) => {
        suite! { @tests
            what_is_written_is_read
            a_root_without_baggage_travels_alone
            without_a_context_a_new_trace_starts
            a_broken_order_is_no_parent
            what_is_there_twice_is_ambiguous
            what_is_too_long_is_no_parent
            what_is_no_text_is_no_parent
            names_are_read_in_any_case
            only_a_project_of_the_list_is_taken
            whom_to_believe_is_asked_of_every_carrier
            a_newer_context_replaces_an_older_one
            what_is_taken_out_is_gone
            a_run_that_is_too_deep_leaves_no_older_one_behind
            what_was_recorded_means_what_it_means_in_headers
            any_context_travels_unchanged
            nothing_that_is_received_makes_reading_fail
            => $($carrier: $medium;)*
        }
        #[cfg(feature = "otel")]
        mod of_opentelemetry {
            $(mod $carrier {
                #[test]
                fn w3c_alone_travels() {
                    crate::otel::w3c_alone_travels(&crate::media::$medium);
                }
                #[test]
                fn both_travel_together() {
                    crate::otel::both_travel_together(&crate::media::$medium);
                }
                #[test]
                fn w3c_is_asked_for_trust_as_well() {
                    crate::otel::w3c_is_asked_for_trust_as_well(&crate::media::$medium);
                }
            })*
        }
    };
    (@tests $($test:ident)* => $carrier:ident: $medium:ident; $($rest:tt)*) => {
        mod $carrier {
            $(#[test]
            fn $test() {
                super::$test(&crate::media::$medium);
            })*
        }
        suite! { @tests $($test)* => $($rest)* }
    };
    (@tests $($test:ident)* =>) => {};
}

suite! {
    http_headers: Http;
    grpc_metadata: Grpc;
    redis_streams_fields: RedisFields;
    nats_headers: NatsHeaders;
    queue_attributes: Attributes;
    background_job: JobRow;
    websocket_first_frame: FirstFrame;
    sse_event: SseEvent;
    mcp_meta: McpMeta;
    mcp_call: McpCall;
    child_environment: Environment;
    context_file: OneFile;
}

#[allow(dead_code, reason = "a carrier of any kind is one of these")]
fn is_object_safe(_: &dyn Extractor, _: &dyn Injector) {}
