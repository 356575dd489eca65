//! Native runs and spans of OpenTelemetry are one tree, because each span is told which run it is.
#![cfg(all(feature = "otel", feature = "langsmith_mock"))]

use std::collections::HashSet;
use std::time::{Duration, SystemTime};

use common::client::{Client, Config};
use common::langsmith_mock::{LangSmithMock, ViolationCode};
use common::model::{DottedOrder, RunContext, TraceTree};
use common::otel::opentelemetry::trace::{
    Span as _, SpanBuilder, SpanContext, TraceContextExt as _, Tracer as _, TracerProvider as _,
};
use common::otel::opentelemetry::{Context, KeyValue, SpanId, TraceId};
use common::otel::opentelemetry_sdk::trace::SdkTracerProvider;
use common::otel::{
    Identity, LangSmithExporter, Pipeline, RunContextExt as _, TraceIds, WholeTraces,
    run_id_of_span,
};
use common::trace::{Parent, Sampler, SamplingRate, Scope, with_run, with_scope};
use secrecy::SecretString;

const KEY: &str = "a-key-for-tests-only-0001";
const PATIENCE: Duration = Duration::from_secs(60);

fn started() -> (tokio::runtime::Runtime, LangSmithMock) {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let mock = runtime.block_on(LangSmithMock::start());
    (runtime, mock)
}

fn config(mock: &LangSmithMock) -> Config {
    Config {
        endpoint: mock.url().to_owned(),
        api_key: Some(SecretString::from(KEY)),
        project: "one tree".to_owned(),
        ..Config::default()
    }
}

fn both(mock: &LangSmithMock, config: &Config) -> (Client, Pipeline) {
    let client = common::client::ClientBuilder::from(config.clone()).build();
    let spans = Pipeline::builder(config.clone()).service("tests").build();
    assert_eq!(mock.runs().len(), 0);
    (client.expect("a client"), spans.expect("a pipeline"))
}

fn delivered(client: &Client, spans: &Pipeline) {
    client.flush(PATIENCE).expect("runs are delivered");
    spans.flush(PATIENCE).expect("spans are delivered");
}

/// Draws the tree by names, each level by two blanks.
fn drawn(tree: &TraceTree) -> String {
    let line = |at: usize| {
        let node = &tree.nodes()[at];
        format!("{}{}\n", "  ".repeat(node.depth), node.run.name)
    };
    tree.walk().into_iter().map(line).collect()
}

#[test]
fn a_native_run_with_spans_below_it_and_runs_below_those_is_one_tree() {
    let (_runtime, mock) = started();
    let (client, spans) = both(&mock, &config(&mock));
    let tracer = spans.tracer("tests");
    let root = client
        .run("native root")
        .metadata("thread_id", "t-1")
        .start();
    with_run(&root, || {
        let handle = tracer.start("span of a library");
        let cx = Context::current_with_span(handle);
        let _active = cx.clone().attach();
        tracer.start("span below it").end();
        let inner = client
            .run("native run below the span")
            .parent(spans.identity().current())
            .start();
        with_run(&inner, || tracer.start("span below that").end());
        inner.end();
        cx.span().end();
    });
    root.end();
    delivered(&client, &spans);
    assert_eq!(mock.waiting_spans(), 0);
    assert_eq!(mock.errors(), []);
    let tree = mock.tree();
    assert!(tree.is_whole());
    assert_eq!(tree.trace_ids().len(), 1);
    let picture = "\
native root
  span of a library
    span below it
    native run below the span
      span below that
";
    assert_eq!(drawn(&tree), picture);
    // What is inherited in the process is inherited across the two worlds.
    for run in mock.runs() {
        assert_eq!(run.extra.metadata["thread_id"], "t-1", "{}", run.name);
        assert_eq!(run.project.as_deref(), Some("one tree"));
    }
}

#[test]
fn a_root_of_opentelemetry_is_the_root_of_native_runs_below_it() {
    let (_runtime, mock) = started();
    let (client, spans) = both(&mock, &config(&mock));
    let span = spans.tracer("tests").start("server");
    let trace = span.span_context().trace_id();
    let cx = Context::new().with_span(span);
    let above = spans.identity().of(cx.span().span_context());
    client.run("answer").parent(above).start().end();
    cx.span().end();
    delivered(&client, &spans);
    let tree = mock.tree();
    assert_eq!(drawn(&tree), "server\n  answer\n");
    let root = tree.find("server").expect("captured");
    // One id for the trace, there and in every other backend.
    assert_eq!(root.trace_id.0.simple().to_string(), trace.to_string());
    assert_eq!(root.id.0.get_version_num(), 7);
    assert_eq!(mock.errors(), []);
}

#[test]
fn a_span_without_identity_below_a_native_run_vanishes_after_its_200() {
    let (_runtime, mock) = started();
    let (client, _) = both(&mock, &config(&mock));
    let exporter = LangSmithExporter::new(&config(&mock)).expect("an exporter");
    let provider = SdkTracerProvider::builder();
    let provider = provider.with_batch_exporter(exporter).build();
    let root = client.run("native root").start();
    // What the official Python SDK puts into the context: the first half of the run's id.
    let id = root.id().expect("recorded").0;
    let mut half = [0; 8];
    half.copy_from_slice(&id.as_bytes()[..8]);
    let parent = SpanContext::new(
        TraceId::from_bytes(id.into_bytes()),
        SpanId::from_bytes(half),
        common::otel::opentelemetry::TraceFlags::SAMPLED,
        true,
        Default::default(),
    );
    let cx = Context::new().with_remote_span_context(parent);
    let tracer = provider.tracer("tests");
    tracer.start_with_context("lost", &cx).end();
    root.end();
    client.flush(PATIENCE).expect("delivered");
    provider.force_flush().expect("answered with 200");
    assert_eq!((mock.runs().len(), mock.waiting_spans()), (1, 1));
    assert_eq!(mock.expire_orphans(), 1);
    let codes: Vec<_> = mock.errors().iter().map(|error| error.code).collect();
    assert_eq!(codes, [ViolationCode::SpanOrphan]);
}

#[test]
fn sixteen_bytes_do_not_fit_into_eight() {
    let spans = Identity::new();
    let provider = SdkTracerProvider::builder().with_span_processor(spans.processor());
    let tracer = provider.build().tracer("tests");
    let cx = Context::new().with_span(tracer.start("root"));
    let (mut runs, mut halves) = (HashSet::new(), HashSet::new());
    for _ in 0..10_000 {
        let mut span = tracer.start_with_context("sibling", &cx);
        let run = spans.of(span.span_context()).expect("known");
        halves.insert(run.run_id().0.as_bytes()[..8].to_vec());
        runs.insert(run.run_id());
        span.end();
    }
    assert_eq!(runs.len(), 10_000);
    assert!(halves.len() < 10_000, "{} halves", halves.len());
}

#[test]
fn the_nearest_of_what_is_above_counts() {
    let (_runtime, mock) = started();
    let (client, spans) = both(&mock, &config(&mock));
    let identity = spans.identity();
    let tracer = spans.tracer("tests");
    let root = client.run("root").start();
    let below = root.child("below").start();
    let other = client.run("of another trace").start();
    let place = |run: &common::trace::RunTree| run.context().expect("recorded");
    let cx = Context::new().with_parent_run(place(&root));
    assert_eq!(identity.above(&cx), Some(place(&root)));
    with_run(&below, || {
        assert_eq!(
            identity.above(&cx),
            Some(place(&below)),
            "lower in the same trace"
        );
    });
    with_run(&other, || {
        assert_eq!(
            identity.above(&cx),
            Some(place(&root)),
            "what is told counts first"
        );
        assert_eq!(identity.above(&Context::new()), Some(place(&other)));
    });
    let cx = cx.with_span(tracer.start_with_context("span", &cx));
    let span = identity.of(cx.span().span_context()).expect("known");
    assert_eq!(span.dotted_order.parent_run_id(), root.id());
    assert_eq!(
        identity.above(&cx),
        Some(span),
        "the span is below what the context tells"
    );
}

#[test]
fn a_child_on_a_machine_whose_clock_is_behind_is_not_older_than_its_parent() {
    let (_runtime, mock) = started();
    let (_, spans) = both(&mock, &config(&mock));
    let ahead = chrono::Utc::now() + Duration::from_secs(3_600);
    let text = ahead.format("%Y%m%dT%H%M%S%6fZ").to_string();
    let order: DottedOrder = format!("{text}01a202b7-f0ee-7646-9e7b-a245c1fc89c2")
        .parse()
        .expect("a dotted order");
    let cx = Context::new().with_parent_run(RunContext::new(order));
    spans.tracer("tests").start_with_context("child", &cx).end();
    spans.flush(PATIENCE).expect("delivered");
    let child = &mock.runs()[0];
    assert!(child.start_time >= ahead - Duration::from_micros(1));
    assert!(child.end_time >= Some(child.start_time));
    let skew = &child.extra.metadata["clock_skew_ms"];
    let skew = skew.as_i64().or_else(|| skew.as_str()?.parse().ok());
    assert!(
        skew.is_some_and(|skew| (3_590_000..=3_600_000).contains(&skew)),
        "{skew:?}"
    );
    assert_eq!(mock.errors(), []);
}

#[test]
fn traces_are_kept_whole_by_spans_and_runs_together() {
    let (_runtime, mock) = started();
    let mut config = config(&mock);
    config.sampling_rate = Some(0.5);
    let (client, spans) = both(&mock, &config);
    let tracer = spans.tracer("tests");
    for _ in 0..64 {
        let root = client.run("native").start();
        with_run(&root, || tracer.start("span").end());
        root.end();
        let span = tracer.start("root span");
        let cx = Context::new().with_span(span);
        let above = spans.identity().of(cx.span().span_context());
        assert_eq!(above.is_some(), cx.span().is_recording());
        if above.is_some() {
            client.run("native below").parent(above).start().end();
        }
        tracer.start_with_context("span below", &cx).end();
        cx.span().end();
    }
    delivered(&client, &spans);
    assert_eq!(mock.errors(), []);
    assert_eq!(mock.waiting_spans(), 0);
    let traces = mock.tree().trace_ids();
    assert!((1..128).contains(&traces.len()), "{} traces", traces.len());
    for trace in traces {
        let expected = match mock.runs_of(trace).len() {
            2 => "native\n  span\n",
            _ => "root span\n  native below\n  span below\n",
        };
        assert!(mock.trace(trace).is_whole());
        assert_eq!(drawn(&mock.trace(trace)), expected);
    }
}

#[test]
fn the_bits_that_all_uuids_share_decide_nothing() {
    let rate = SamplingRate::new(0.1).expect("a rate");
    let identity = Identity::new();
    let kept = |sampler: Box<dyn common::otel::opentelemetry_sdk::trace::ShouldSample>| {
        let provider = SdkTracerProvider::builder()
            .with_id_generator(TraceIds::default())
            .with_sampler(sampler)
            .build();
        let tracer = provider.tracer("tests");
        let sampled = (0..2_000).filter(|_| {
            let span = tracer.start("root");
            span.span_context().is_sampled()
        });
        sampled.count()
    };
    let ours = WholeTraces::new(Sampler::TraceIdRatio(rate), &identity);
    let ours = kept(Box::new(ours));
    assert!((100..300).contains(&ours), "{ours} of 2000 at a tenth");
    let theirs = common::otel::opentelemetry_sdk::trace::Sampler::TraceIdRatioBased(0.1);
    assert_eq!(kept(Box::new(theirs)), 0, "why there is one of our own");
}

#[test]
fn a_callers_decision_holds_where_no_run_came_along() {
    use common::otel::opentelemetry::TraceFlags;
    let identity = Identity::new();
    let provider = SdkTracerProvider::builder()
        .with_sampler(WholeTraces::new(Sampler::AlwaysOn, &identity))
        .with_span_processor(identity.processor())
        .build();
    for (flags, recorded) in [
        (TraceFlags::SAMPLED, true),
        (TraceFlags::NOT_SAMPLED, false),
    ] {
        let (trace, span) = (TraceId::from(7), SpanId::from(7));
        let caller = SpanContext::new(trace, span, flags, true, Default::default());
        let cx = Context::new().with_remote_span_context(caller);
        let mut span = provider.tracer("tests").start_with_context("span", &cx);
        assert_eq!(span.is_recording(), recorded);
        span.end();
    }
}

#[test]
fn ids_of_spans_alone_are_what_the_official_sdks_make_of_them() {
    let id = |span: u64| run_id_of_span(SpanId::from(span)).map(|id| id.to_string());
    let one = "00000000-0000-0000-0000-000000000001";
    assert_eq!(id(1).as_deref(), Some(one));
    let long = "00000000-0000-0000-0123-456789abcdef";
    assert_eq!(id(0x0123_4567_89ab_cdef).as_deref(), Some(long));
    assert_eq!(id(0), None);
}

#[test]
fn roots_are_left_to_the_server_on_request() {
    let (_runtime, mock) = started();
    let spans = Pipeline::builder(config(&mock)).leave_roots_to_the_server();
    let spans = spans.build().expect("a pipeline");
    let tracer = spans.tracer("tests");
    let cx = Context::new().with_span(tracer.start("root"));
    let child = tracer.start_with_context("child", &cx);
    let own = run_id_of_span(child.span_context().span_id()).expect("not zero");
    drop(child);
    cx.span().end();
    assert_eq!(spans.identity().of(cx.span().span_context()), None);
    spans.flush(PATIENCE).expect("delivered");
    assert_eq!(drawn(&mock.tree()), "root\n  child\n");
    assert_eq!(mock.tree().find("child").expect("captured").id, own);
}

#[test]
fn a_span_that_ended_is_known_to_those_that_start_below_it_later() {
    let identity = Identity::new();
    let provider = SdkTracerProvider::builder().with_span_processor(identity.processor());
    let provider = provider.build();
    let tracer = provider.tracer("tests");
    let mut early = tracer.start("early");
    let context = early.span_context().clone();
    early.end_with_timestamp(SystemTime::now());
    let cx = Context::new().with_remote_span_context(context.clone());
    let late = tracer.start_with_context("late", &cx);
    let (early, late) = (identity.of(&context), identity.of(late.span_context()));
    let parent = late.expect("known").dotted_order.parent_run_id();
    assert_eq!(parent, early.map(|run| run.run_id()));
}

#[test]
fn where_a_scope_is_off_no_span_is_recorded() {
    let (_runtime, mock) = started();
    let (client, spans) = both(&mock, &config(&mock));
    let tracer = spans.tracer("tests");
    let root = client.run("native root").start();
    with_run(&root, || {
        with_scope(&Scope::off(), || {
            let cx = Context::current_with_span(tracer.start("health check"));
            assert!(!cx.span().is_recording());
            tracer.start_with_context("below it", &cx).end();
        });
        tracer.start("span").end();
    });
    root.end();
    delivered(&client, &spans);
    assert_eq!(drawn(&mock.tree()), "native root\n  span\n");
}

#[test]
fn a_span_names_its_own_service_and_not_its_callers() {
    let (_runtime, mock) = started();
    let config = config(&mock);
    let gateway = common::client::ClientBuilder::from(config.clone()).service("gateway");
    let gateway = gateway.build().expect("a client");
    let spans = Pipeline::builder(config).service("retriever").build();
    let spans = spans.expect("a pipeline");
    let root = gateway.run("root").start();
    with_run(&root, || spans.tracer("tests").start("below").end());
    spans.tracer("tests").start("a root").end();
    root.end();
    delivered(&gateway, &spans);
    let service =
        |name: &str| mock.tree().find(name).expect("captured").extra.metadata["service"].clone();
    assert_eq!(service("root"), "gateway");
    assert_eq!(service("below"), "retriever");
    assert_eq!(service("a root"), "retriever");
}

#[test]
fn below_a_span_that_is_left_out_native_runs_are_left_out_too() {
    let (_runtime, mock) = started();
    let (client, spans) = both(&mock, &config(&mock));
    let tracer = spans.tracer("tests");
    // Whoever began the trace decided that it is not kept.
    let caller = SpanContext::new(
        TraceId::from(7),
        SpanId::from(7),
        common::otel::opentelemetry::TraceFlags::default(),
        true,
        Default::default(),
    );
    let cx = Context::new().with_remote_span_context(caller);
    let cx = cx.with_span(tracer.start_with_context("left out", &cx));
    assert!(!cx.span().is_recording());
    let _active = cx.attach();
    let run = client.run("below it").parent(spans.identity().current());
    let run = run.start();
    run.child("below that").start().end();
    with_run(&run, || tracer.start("a span below the run").end());
    run.end();
    delivered(&client, &spans);
    assert_eq!(drawn(&mock.tree()), "");
}

#[test]
fn spans_that_continue_a_foreign_trace_are_roots_of_different_ids() {
    let (_runtime, mock) = started();
    let (client, spans) = both(&mock, &config(&mock));
    let tracer = spans.tracer("tests");
    // As the official Python SDK does: the trace of OpenTelemetry has the id of the native root run.
    let native = client.run("native root").start();
    let trace = TraceId::from_bytes(native.id().expect("recorded").0.into_bytes());
    for name in ["first", "second"] {
        let caller = SpanContext::new(
            trace,
            SpanId::from(7),
            common::otel::opentelemetry::TraceFlags::SAMPLED,
            true,
            Default::default(),
        );
        let cx = Context::new().with_remote_span_context(caller);
        tracer.start_with_context(name, &cx).end();
    }
    native.end();
    delivered(&client, &spans);
    assert_eq!(drawn(&mock.tree()), "native root\nfirst\nsecond\n");
    assert_eq!(mock.tree().trace_ids().len(), 3);
    assert_eq!(mock.errors(), []);
}

#[test]
fn a_span_that_began_long_ago_is_sampled_by_the_id_that_its_trace_has() {
    let identity = Identity::new();
    let rate = SamplingRate::new(0.3).expect("a rate");
    let sampler = Sampler::TraceIdRatio(rate);
    let provider = SdkTracerProvider::builder()
        .with_id_generator(TraceIds::default())
        .with_sampler(WholeTraces::new(sampler, &identity))
        .with_span_processor(identity.processor());
    let tracer = provider.build().tracer("tests");
    let mut kept = 0;
    for _ in 0..200 {
        let begun = SystemTime::now() - Duration::from_secs(3600);
        let span = tracer.span_builder("late").with_start_time(begun);
        let span = span.start(&tracer);
        if let Some(run) = identity.of(span.span_context()) {
            kept += 1;
            assert!(
                sampler.keeps(run.trace_id().0),
                "a child elsewhere would be an orphan"
            );
            let (seconds, _) = run
                .trace_id()
                .0
                .get_timestamp()
                .expect("version 7")
                .to_unix();
            let start = run.dotted_order.start_time().expect("a start");
            assert_eq!(i64::try_from(seconds).expect("small"), start.timestamp());
        }
    }
    assert!((20..110).contains(&kept), "{kept} of 200 at 0.3");
}

#[test]
fn below_a_run_that_is_left_out_no_span_is_recorded() {
    let (_runtime, mock) = started();
    let mut config = config(&mock);
    config.sampling_rate = Some(0.999);
    let (client, spans) = both(&mock, &config);
    let run = client.run("left out").parent(Parent::LeftOut).start();
    with_run(&run, || {
        assert!(matches!(spans.identity().current(), Parent::LeftOut));
        let below = spans.tracer("tests");
        let recorded = (0..20).filter(|_| below.start("below").is_recording());
        assert_eq!(recorded.count(), 0);
    });
    // Where the client records nothing by itself, spans are recorded all the same.
    let off = Config {
        tracing: false,
        ..config
    };
    let off = common::client::ClientBuilder::from(off).build();
    let run = off.expect("a client").run("off").start();
    with_run(&run, || {
        let tracer = spans.tracer("tests");
        assert!((0..20).any(|_| tracer.start("alone").is_recording()));
    });
}

#[test]
fn a_span_with_more_attributes_than_are_kept_is_still_in_its_place() {
    let (_runtime, mock) = started();
    let (client, spans) = both(&mock, &config(&mock));
    let root = client.run("root").tag("inherited").start();
    with_run(&root, || {
        for (name, count) in [("long", 140), ("too long", 2_000)] {
            let said = |at| KeyValue::new(format!("gen_ai.prompt.{at}.content"), "why?");
            let attributes: Vec<_> = (0..count).map(said).collect();
            let span = SpanBuilder::from_name(name).with_attributes(attributes);
            let mut span = spans.tracer("tests").build(span);
            span.set_attribute(KeyValue::new("gen_ai.usage.input_tokens", 7));
            span.end();
        }
    });
    root.end();
    delivered(&client, &spans);
    let tree = mock.tree();
    assert_eq!(drawn(&tree), "root\n  long\n  too long\n");
    assert_eq!(tree.find("too long").expect("there").tags, ["inherited"]);
    let long = tree.find("long").expect("there");
    assert_eq!(long.usage().expect("the last attribute").input_tokens, 7);
    assert_eq!(mock.errors(), []);
}

#[test]
fn what_a_span_says_itself_counts_before_what_it_inherits() {
    let (_runtime, mock) = started();
    let (client, spans) = both(&mock, &config(&mock));
    let root = client.run("root").metadata("env", "test").tag("inherited");
    let root = root.metadata("team", "docs").start();
    let tracer = spans.tracer("tests");
    with_run(&root, || {
        let own = SpanBuilder::from_name("span").with_attributes([
            KeyValue::new("langsmith.metadata.env", "own"),
            KeyValue::new("langsmith.span.tags", "inherited, mine"),
            KeyValue::new("langsmith.trace.session_name", "evaluations"),
        ]);
        let cx = Context::new().with_span(tracer.build(own));
        tracer.start_with_context("below", &cx).end();
        cx.span().end();
        let native = client.run("native").parent(Parent::from(&root));
        native.metadata("env", "own").tag("mine").start().end();
    });
    root.end();
    delivered(&client, &spans);
    let tree = mock.tree();
    let found = |name: &str| tree.find(name).expect("there");
    for name in ["span", "native"] {
        let run = found(name);
        assert_eq!(run.extra.metadata["env"], "own", "{name}");
        assert_eq!(run.extra.metadata["team"], "docs", "{name}");
        assert_eq!(run.tags, ["inherited", "mine"], "{name}");
    }
    for name in ["span", "below"] {
        assert_eq!(found(name).project.as_deref(), Some("evaluations"));
    }
}
