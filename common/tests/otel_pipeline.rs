//! Spans of OpenTelemetry's own SDK reach LangSmith, or are counted.
#![cfg(all(feature = "otel", feature = "langsmith_mock", unix))]

mod again;
mod peer;

use std::ffi::OsString;
use std::io::Read as _;
use std::os::unix::process::ExitStatusExt as _;
use std::time::{Duration, SystemTime};

use again::{part, say, start, start_with};
use common::client::{Client, Config, ConfigError};
use common::langsmith_mock::{Fault, LangSmithMock, Route};
use common::otel::opentelemetry::KeyValue;
use common::otel::opentelemetry::trace::{Span as _, SpanBuilder, Tracer as _};
use common::otel::{
    LangSmithExporter, OtelError, Pipeline, SpanCounts, SpanFlushError, traces_url,
};
use common::trace::Redactor;
use peer::{Peer, Received, closed_port, status};
use secrecy::SecretString;

const KEY: &str = "a-key-for-tests-only-0001";
const PATIENCE: Duration = Duration::from_secs(60);
const TERM: i32 = 15;

fn config(url: &str) -> Config {
    Config {
        endpoint: url.to_owned(),
        api_key: Some(SecretString::from(KEY)),
        project: "spans".to_owned(),
        ..Config::default()
    }
}

fn pipeline(url: &str) -> Pipeline {
    let builder = Pipeline::builder(config(url)).service("tests");
    builder.build().expect("a pipeline")
}

fn stand_in() -> (tokio::runtime::Runtime, LangSmithMock) {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let mock = runtime.block_on(LangSmithMock::start());
    (runtime, mock)
}

fn one_span(spans: &Pipeline) {
    spans.tracer("tests").start("work").end();
}

/// Not a test by itself: what the programs of the tests below do.
#[test]
fn the_program() {
    let Some((part, url)) = part() else { return };
    let spans = pipeline(&url);
    match &*part {
        "told to end" => {
            let _guard = spans.flush_on_termination(PATIENCE).expect("watched");
            let client = Client::builder().endpoint(&url).api_key(KEY).build();
            let client = client.expect("a client");
            let _runs = client.flush_on_termination(PATIENCE).expect("watched");
            one_span(&spans);
            client.run("native").start().end();
            say("ready");
            loop {
                std::thread::park();
            }
        }
        "forgets" => {
            // As with a global provider: one more handle lives as long as the process.
            let kept = spans.provider().clone();
            one_span(&spans);
            say("ended");
            std::mem::forget((kept, spans));
        }
        "guarded" => {
            let _guard = spans.flush_guard(PATIENCE);
            std::mem::forget(spans.provider().clone());
            one_span(&spans);
        }
        "hostile environment" => {
            one_span(&spans);
            spans.flush(PATIENCE).expect("delivered");
        }
        other => panic!("no such part: {other}"),
    }
}

fn takes_all(_: &Received, _: usize) -> peer::Answer {
    status(200)
}

fn unpacked(request: &Received) -> Vec<u8> {
    let mut body = Vec::new();
    let mut unpacked = flate2::read::GzDecoder::new(&*request.body);
    unpacked.read_to_end(&mut body).expect("gzip");
    body
}

/// Returns true if the text is in the unpacked body.
fn says(request: &Received, text: &str) -> bool {
    (unpacked(request).windows(text.len())).any(|bytes| bytes == text.as_bytes())
}

fn only(peer: &Peer) -> Received {
    let mut requests = peer.requests();
    assert_eq!(requests.len(), 1, "{requests:?}");
    requests.remove(0)
}

#[test]
fn a_span_leaves_as_packed_protobuf_with_key_and_project() {
    let peer = Peer::start(takes_all);
    let spans = pipeline(&peer.url);
    one_span(&spans);
    spans.flush(PATIENCE).expect("delivered");
    let request = only(&peer);
    assert_eq!(request.path, "/api/v1/otel/v1/traces");
    assert_eq!(peer.url.clone() + &request.path, traces_url(&peer.url));
    for (name, value) in [
        ("content-type", "application/x-protobuf"),
        ("content-encoding", "gzip"),
        ("x-api-key", KEY),
        ("langsmith-project", "spans"),
    ] {
        assert_eq!(request.header(name), Some(value), "{name}");
    }
    assert!(says(&request, "work"));
    assert!(!says(&request, KEY));
    let counts = SpanCounts {
        ended: 1,
        delivered: 1,
        failed: 0,
    };
    assert_eq!(spans.stats(), counts);
    assert_eq!(spans.stats().to_string(), "ended 1, delivered 1, failed 0");
}

#[test]
fn the_environment_of_another_backend_changes_nothing_and_leaks_nothing() {
    let (peer, other) = (Peer::start(takes_all), Peer::start(takes_all));
    let variables: [(&str, OsString); 5] = [
        ("OTEL_EXPORTER_OTLP_ENDPOINT", other.url.clone().into()),
        (
            "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
            other.url.clone().into(),
        ),
        (
            "OTEL_EXPORTER_OTLP_HEADERS",
            "authorization=Bearer%20other,x-api-key=other".into(),
        ),
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "http/json".into()),
        ("OTEL_EXPORTER_OTLP_COMPRESSION", "none".into()),
    ];
    let program = start_with("hostile environment", &peer.url, &variables);
    let (ended, said) = program.wait(PATIENCE);
    assert!(ended.success(), "{said:?}");
    let request = only(&peer);
    assert_eq!(request.header("authorization"), None);
    assert_eq!(request.header("x-api-key"), Some(KEY));
    let content_type = request.header("content-type");
    assert_eq!(content_type, Some("application/x-protobuf"));
    assert!(other.requests().is_empty());
}

#[test]
fn a_project_of_any_name_is_on_the_span() {
    for project in ["документы", "two\nlines", "a\ttab"] {
        let peer = Peer::start(takes_all);
        let mut config = config(&peer.url);
        config.project = project.to_owned();
        let spans = Pipeline::builder(config).build().expect("a pipeline");
        one_span(&spans);
        spans.flush(PATIENCE).expect("delivered");
        let request = only(&peer);
        assert_eq!(request.header("langsmith-project"), None);
        assert!(says(&request, project), "{project:?}");
    }
}

#[test]
fn a_pipeline_works_in_every_kind_of_runtime_and_without_one() {
    let mock = LangSmithMock::builder();
    let outside = tokio::runtime::Runtime::new().expect("a runtime");
    let mock = outside.block_on(mock.start());
    let all_of_it = |url: &str| {
        let spans = pipeline(url);
        one_span(&spans);
        spans.flush(PATIENCE).expect("delivered");
        spans.shutdown(PATIENCE).expect("nothing was left");
        drop(spans);
    };
    all_of_it(mock.url());
    let one_thread = tokio::runtime::Builder::new_current_thread().build();
    one_thread
        .expect("a runtime")
        .block_on(async { all_of_it(mock.url()) });
    outside.block_on(async { all_of_it(mock.url()) });
    assert_eq!(mock.runs().len(), 3);
    assert_eq!(mock.errors(), []);
}

#[test]
fn an_exporter_is_used_by_a_simple_processor_inside_of_a_runtime() {
    use common::otel::opentelemetry::trace::TracerProvider as _;
    use common::otel::opentelemetry_sdk::trace::SdkTracerProvider;
    let peer = Peer::start(takes_all);
    let one_thread = tokio::runtime::Builder::new_current_thread().build();
    one_thread.expect("a runtime").block_on(async {
        let exporter = LangSmithExporter::new(&config(&peer.url)).expect("an exporter");
        let stats = exporter.stats();
        let provider = SdkTracerProvider::builder().with_simple_exporter(exporter);
        let provider = provider.build();
        provider.tracer("tests").start("work").end();
        assert_eq!(stats.get().delivered, 1);
    });
    assert_eq!(peer.requests().len(), 1);
}

#[test]
fn a_server_that_is_busy_or_away_for_a_moment_costs_no_span() {
    let peer = Peer::start(|_, nth| match nth {
        0 => status(503),
        1 => (429, vec![("retry-after", "0".to_owned())], String::new()),
        _ => status(200),
    });
    let spans = pipeline(&peer.url);
    one_span(&spans);
    spans.flush(PATIENCE).expect("delivered");
    assert_eq!(peer.requests().len(), 3);
    assert_eq!(spans.stats().delivered, 1);
}

#[test]
fn what_is_refused_or_reaches_nobody_is_counted_and_told_by_the_flush() {
    let peer = Peer::start(|_, _| status(500));
    for (url, attempts) in [(peer.url.clone(), 1), (closed_port(), 0)] {
        let before = peer.requests().len();
        let spans = pipeline(&url);
        one_span(&spans);
        let lost = spans.flush(PATIENCE);
        assert_eq!(lost, Err(SpanFlushError::NotDelivered(1)), "{url}");
        assert_eq!(spans.stats().failed, 1);
        assert_eq!(spans.flush(PATIENCE), Ok(()), "told once");
        assert_eq!(peer.requests().len() - before, attempts);
    }
}

#[test]
fn what_is_refused_among_others_that_are_taken_is_counted_as_lost() {
    // `partial_success { rejected_spans: 1 }`, as the protocol says it with a 200.
    let peer = Peer::start(|_, _| (200, Vec::new(), "\u{a}\u{2}\u{8}\u{1}".to_owned()));
    let spans = pipeline(&peer.url);
    for _ in 0..3 {
        one_span(&spans);
    }
    assert_eq!(
        spans.flush(PATIENCE),
        Err(SpanFlushError::NotDelivered(1)),
        "one request"
    );
    let stats = spans.stats();
    assert_eq!((stats.ended, stats.delivered, stats.failed), (3, 2, 1));
}

#[test]
fn a_list_is_still_a_list_when_it_was_masked() {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let mock = runtime.block_on(LangSmithMock::start());
    let mut config = config(mock.url());
    config.redactor = Redactor::new().anonymizer(common::trace::Anonymizer::secrets());
    let spans = Pipeline::builder(config).build().expect("a pipeline");
    let key = "sk-proj-abcdefghijklmnopqrstuvwxyz0123456789";
    let texts = ["stop", key].map(common::otel::opentelemetry::StringValue::from);
    let mut span = spans.tracer("tests").start("work");
    span.set_attributes([
        KeyValue::new("langsmith.metadata.reasons", array(texts.to_vec())),
        KeyValue::new("langsmith.metadata.counts", array(vec![1_i64, 2])),
        KeyValue::new("langsmith.metadata.text", "[\"stop\"]"),
    ]);
    span.end();
    spans.flush(PATIENCE).expect("delivered");
    let metadata = &mock.runs()[0].extra.metadata;
    assert_eq!(metadata["reasons"][0], "stop");
    assert!(metadata["reasons"][1].is_string());
    assert!(
        !metadata["reasons"].to_string().contains(key),
        "it is masked"
    );
    assert_eq!(metadata["counts"], serde_json::json!([1, 2]));
    assert_eq!(metadata["text"], "[\"stop\"]", "what was text stays text");
}

fn array<T>(values: Vec<T>) -> common::otel::opentelemetry::Value
where
    common::otel::opentelemetry::Array: From<Vec<T>>,
{
    common::otel::opentelemetry::Value::Array(values.into())
}

#[test]
fn a_redirect_is_not_followed() {
    let thief = Peer::start(takes_all);
    let to = thief.url.clone();
    let peer = Peer::start(move |_, _| (307, vec![("location", to.clone())], String::new()));
    let spans = pipeline(&peer.url);
    one_span(&spans);
    assert!(spans.flush(PATIENCE).is_err());
    assert!(thief.requests().is_empty());
}

#[test]
fn a_key_is_asked_for_with_each_request_and_never_shows() {
    use common::export::KeySource;
    use std::sync::atomic::{AtomicUsize, Ordering};
    static ASKED: AtomicUsize = AtomicUsize::new(0);
    let peer = Peer::start(takes_all);
    let mut config = config(&peer.url);
    config.api_key = None;
    config.api_key_from = Some(KeySource::new(|| {
        let nth = ASKED.fetch_add(1, Ordering::SeqCst);
        Some(SecretString::from(format!("{KEY}-{nth}")))
    }));
    let spans = Pipeline::builder(config.clone());
    let mut shown = format!("{spans:?}");
    let spans = spans.build().expect("a pipeline");
    for _ in 0..2 {
        one_span(&spans);
        spans.flush(PATIENCE).expect("delivered");
    }
    let keys: Vec<String> = peer
        .requests()
        .iter()
        .map(|request| request.header("x-api-key").unwrap_or_default().to_owned())
        .collect();
    assert_eq!(keys, [format!("{KEY}-0"), format!("{KEY}-1")]);
    shown += &format!("{spans:?}{:?}{:?}", spans.provider(), spans.identity());
    let exporter = LangSmithExporter::new(&config).expect("an exporter");
    shown += &format!("{exporter:?}");
    assert!(!shown.contains(KEY), "{shown}");
}

#[test]
fn a_termination_delivers_runs_and_spans() {
    let peer = Peer::start(takes_all);
    let mut program = start("told to end", &peer.url);
    program.wait_for("ready");
    program.signal("TERM");
    let (ended, said) = program.wait(PATIENCE);
    assert_eq!(ended.signal(), Some(TERM), "{said:?}");
    assert_eq!(peer.to("/api/v1/otel/v1/traces").len(), 1);
    assert_eq!(peer.to("/runs/multipart").len(), 1);
}

#[test]
fn spans_are_lost_without_a_guard_and_kept_with_one() {
    for (part, arrive) in [("forgets", 0), ("guarded", 1)] {
        let peer = Peer::start(takes_all);
        let (ended, said) = start(part, &peer.url).wait(PATIENCE);
        assert!(ended.success(), "{said:?}");
        assert_eq!(peer.requests().len(), arrive, "{part}");
    }
}

#[test]
fn settings_that_cannot_work_are_refused() {
    let hosted = Config::default();
    let refused = LangSmithExporter::new(&hosted).err();
    assert_eq!(refused, Some(OtelError::Config(ConfigError::MissingApiKey)));
    let nowhere = Config {
        endpoint: "127.0.0.1:1984".to_owned(),
        ..Config::default()
    };
    let refused = Pipeline::builder(nowhere).build().err();
    assert!(matches!(refused, Some(OtelError::Start(_))), "{refused:?}");
}

#[test]
fn where_tracing_is_off_no_span_is_recorded() {
    let peer = Peer::start(takes_all);
    let mut config = config(&peer.url);
    config.tracing = false;
    let spans = Pipeline::builder(config).build().expect("a pipeline");
    let mut span = spans.tracer("tests").start("work");
    assert!(!span.is_recording());
    span.end();
    spans.flush(PATIENCE).expect("nothing to send");
    assert!(peer.requests().is_empty());
}

#[test]
fn what_is_masked_in_runs_is_masked_in_spans() {
    let mock = LangSmithMock::builder();
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let mock = runtime.block_on(mock.start());
    mock.fault(Fault::status(503).on(Route::OtlpTraces).times(1));
    let mut config = config(mock.url());
    let secrets = common::trace::Anonymizer::secrets();
    config.redactor = Redactor::new().hide_inputs(true).anonymizer(secrets);
    let spans = Pipeline::builder(config).build().expect("a pipeline");
    let mut span = spans.tracer("tests").start("work");
    let said = |key: &'static str, text: &str| KeyValue::new(key, text.to_owned());
    span.set_attributes([
        said(
            "gen_ai.prompt",
            r#"{"messages": [{"content": "my diary"}]}"#,
        ),
        said("gen_ai.input.messages", "[\"my diary\"]"),
        said("gen_ai.prompt.0.content", "my diary"),
        said(
            "gen_ai.completion",
            r#"{"password": "hunter22", "answer": "yes"}"#,
        ),
        KeyValue::new("gen_ai.usage.input_tokens", 3),
        said("langsmith.metadata.password", "hunter22"),
    ]);
    span.add_event("gen_ai.user.message", vec![said("content", "my diary")]);
    span.end();
    spans.flush(PATIENCE).expect("delivered");
    let runs = mock.runs();
    let shown = format!("{runs:?}");
    assert!(
        !shown.contains("diary") && !shown.contains("hunter22"),
        "{shown}"
    );
    assert!(shown.contains("yes"), "{shown}");
    assert_eq!(mock.errors(), []);
    let usage = runs[0].usage().expect("the count stays a number");
    assert_eq!(usage.input_tokens, 3);
}

#[test]
fn a_flush_waits_longer_than_the_sdk_does() {
    // The SDK waits five seconds for a flush; the server asks for as many before the second attempt.
    let peer = Peer::start(|_, nth| match nth {
        0 => (503, vec![("retry-after", "5".to_owned())], String::new()),
        _ => status(200),
    });
    let spans = pipeline(&peer.url);
    one_span(&spans);
    assert_eq!(spans.flush(PATIENCE), Ok(()));
    assert_eq!(peer.requests().len(), 2);
}

#[test]
fn what_is_hidden_in_runs_is_hidden_under_every_name_that_langsmith_reads_it_by() {
    let mock = LangSmithMock::builder();
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let mock = runtime.block_on(mock.start());
    let given = ["prompt", "ai.prompt", "gen_ai.retrieval.query.text"];
    let answered = ["retrieval.documents.0.document.content", "ai.response.text"];
    let both = ["events", "all_messages_events"];
    for (inputs, outputs, hidden) in [
        (true, false, [&given[..], &both[..]].concat()),
        (false, true, [&answered[..], &both[..]].concat()),
    ] {
        let mut config = config(mock.url());
        config.redactor = Redactor::new().hide_inputs(inputs).hide_outputs(outputs);
        let spans = Pipeline::builder(config).build().expect("a pipeline");
        for name in hidden {
            let mut span = spans.tracer("tests").start("work");
            let text = r#"[{"content": "my diary"}]"#;
            span.set_attribute(KeyValue::new(name, text));
            span.set_attribute(KeyValue::new("langsmith.span.kind", "retriever"));
            span.end();
            spans.flush(PATIENCE).expect("delivered");
            let readings = mock.span_readings();
            let reading = readings.last().expect("read");
            assert_eq!(reading.fate(name), None, "{name}: {reading}");
            assert!(reading.fate("langsmith.span.kind").is_some());
        }
    }
}

#[test]
fn where_something_is_masked_links_say_nothing() {
    for (redactor, said) in [
        (Redactor::new(), true),
        (Redactor::new().hide_outputs(true), false),
    ] {
        let peer = Peer::start(takes_all);
        let mut config = config(&peer.url);
        config.redactor = redactor;
        let spans = Pipeline::builder(config).build().expect("a pipeline");
        let mut span = spans.tracer("tests").start("work");
        let elsewhere = span.span_context().clone();
        span.add_link(elsewhere, vec![KeyValue::new("why", "my diary")]);
        span.end();
        spans.flush(PATIENCE).expect("delivered");
        assert_eq!(says(&only(&peer), "my diary"), said);
    }
}

#[test]
fn a_batch_that_is_larger_than_a_request_may_be_leaves_in_several() {
    let peer = Peer::start(takes_all);
    let spans = pipeline(&peer.url);
    let tracer = spans.tracer("tests");
    for _ in 0..24 {
        let mut span = tracer.start("work");
        span.set_attribute(KeyValue::new("gen_ai.prompt", "why? ".repeat(200_000)));
        span.end();
    }
    spans.flush(PATIENCE).expect("delivered");
    let requests = peer.requests();
    let sizes: Vec<usize> = requests.iter().map(|one| unpacked(one).len()).collect();
    assert!(sizes.iter().all(|size| *size < 20 << 20), "{sizes:?}");
    assert!(sizes.iter().sum::<usize>() > 24_000_000, "{sizes:?}");
    assert_eq!(spans.stats().delivered, 24);
}

#[test]
fn times_that_no_calendar_has_stop_nothing() {
    let (_runtime, mock) = stand_in();
    let mut config = config(mock.url());
    config.redactor = Redactor::new().hide_inputs(true);
    let spans = Pipeline::builder(config).build().expect("a pipeline");
    let tracer = spans.tracer("tests");
    let far = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000_000_000_000);
    for seconds in [1e15, 1e300, f64::NAN, -1.0] {
        let mut span = tracer.start("soon");
        let first = KeyValue::new("gen_ai.response.time_to_first_chunk", seconds);
        span.set_attribute(first);
        span.add_event_with_timestamp("late", far, Vec::new());
        span.end();
    }
    let late = SpanBuilder::from_name("late").with_start_time(far);
    tracer.build(late).end();
    spans.flush(PATIENCE).expect("delivered");
    one_span(&spans);
    spans
        .flush(PATIENCE)
        .expect("the thread that sends is still there");
    let shown = mock.runs();
    let soon: Vec<_> = shown.iter().filter(|run| run.name == "soon").collect();
    assert_eq!(soon.len(), 4);
    for run in soon {
        let names: Vec<&str> = run.events.iter().map(|event| &*event.name).collect();
        assert_eq!(names, ["late"], "no first token after the end");
    }
    assert!(shown.iter().any(|run| run.name == "work"));
}

#[test]
fn what_is_hidden_is_hidden_on_events_in_metadata_of_others_and_on_the_resource() {
    let (_runtime, mock) = stand_in();
    let mut config = config(mock.url());
    let hiding = Redactor::new().hide_inputs(true).hide_outputs(true);
    config.redactor = hiding.hide_metadata(true);
    let told = |key: &'static str| KeyValue::new(key, r#"{"kept": "my diary"}"#);
    let spans = Pipeline::builder(config).service("diaries");
    let spans = spans.resource_attribute(told("deployment.note"));
    let spans = spans.build().expect("a pipeline");
    let mut span = spans.tracer("tests").start("work");
    for key in [
        "metadata",
        "langsmith.metadata.user",
        "traceloop.association.properties.user",
    ] {
        span.set_attribute(told(key));
    }
    let count = KeyValue::new("count", 3);
    span.add_event("asked", vec![told("gen_ai.prompt"), count]);
    span.add_event("answered", vec![told("gen_ai.output.messages")]);
    span.add_event("both", vec![told("events")]);
    span.end();
    spans.flush(PATIENCE).expect("delivered");
    let runs = mock.runs();
    let shown = format!("{runs:?}");
    assert!(!shown.contains("my diary"), "{shown}");
    let asked = runs[0].events[0].kwargs.as_ref().expect("the count");
    assert_eq!(*asked, serde_json::json!({"count": 3}));
    assert_eq!(runs[0].extra.metadata["service.name"], "diaries");
}
