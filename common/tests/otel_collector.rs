//! Spans reach LangSmith through a real collector: rotel, in a process of its own.
//!
//! Needs the collector that `cargo workbook test` installs (`WORKBOOK_COLLECTOR`, else
//! `.workbook/collector`). Without it a test says so and passes on a learner's machine; in CI it fails.
#![cfg(all(feature = "lab", feature = "otel", unix))]
#![allow(clippy::print_stdout, reason = "a skipped test says so")]

mod again;
mod peer;

use std::io::Read as _;
use std::net::TcpStream;
use std::time::Duration;

use again::{part, say, start, start_with};
use common::client::Config;
use common::lab::{Collector, CollectorError, Lesson};
use common::langsmith_mock::{Fault, Route};
use common::otel::Pipeline;
use common::otel::opentelemetry::trace::{Span as _, SpanKind, TraceContextExt as _, Tracer as _};
use common::otel::opentelemetry::{Context, KeyValue};
use peer::{Peer, Received, status};

const KEY: &str = "a-key-for-tests-only-0001";
const PATIENCE: Duration = Duration::from_secs(60);
/// Longer than a test lives: what is sent before is sent for another reason.
const NEVER: Duration = Duration::from_secs(24 * 3600);

fn collector_is_here() -> bool {
    let required = std::env::var("CI").is_ok_and(|value| value == "true");
    let missing = Collector::missing();
    if let Some(why) = &missing {
        assert!(!required, "CI needs the collector: {why}");
        println!("skipped: {why}");
    }
    missing.is_none()
}

/// A program's pipeline through a collector: it knows neither LangSmith's address nor a key.
fn pipeline(collector: &Collector, project: &str) -> Pipeline {
    let config = Config {
        endpoint: collector.url(),
        project: project.to_owned(),
        ..Config::default()
    };
    let builder = Pipeline::builder(config).service("docs");
    builder.build().expect("a pipeline")
}

/// Ends a span, and waits until the collector has taken it: a request each.
fn one_span(spans: &Pipeline, name: &'static str) {
    spans.tracer("tests").start(name).end();
    spans.flush(PATIENCE).expect("taken by the collector");
}

/// Ends a root with two children.
fn one_trace(spans: &Pipeline) {
    let tracer = spans.tracer("tests");
    let answer = Context::current_with_span(tracer.start("answer"));
    tracer.start_with_context("retrieve", &answer).end();
    let write = tracer.span_builder("write").with_kind(SpanKind::Client);
    let mut write = write.start_with_context(&tracer, &answer);
    write.set_attribute(KeyValue::new("langsmith.span.kind", "llm"));
    write.end();
    answer.span().end();
    spans.flush(PATIENCE).expect("taken by the collector");
}

fn unpacked(request: &Received) -> String {
    let mut body = Vec::new();
    let mut packed = flate2::read::GzDecoder::new(&*request.body);
    packed.read_to_end(&mut body).expect("gzip");
    String::from_utf8_lossy(&body).into_owned()
}

/// Not a test by itself: what the programs of the tests below do.
#[test]
fn the_program() {
    let Some((part, url)) = part() else { return };
    match &*part {
        "missing" => say(Collector::missing().unwrap_or_default().replace('\n', " ")),
        "held" => {
            let runtime = tokio::runtime::Runtime::new().expect("a runtime");
            let collector = Collector::builder(url).start();
            let collector = runtime.block_on(collector).expect("it starts");
            say(collector.url());
            say("ready");
            loop {
                std::thread::park();
            }
        }
        other => panic!("no such part: {other}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trace_goes_through_the_collector_and_is_the_same_tree() {
    if !collector_is_here() {
        return;
    }
    let lesson = Lesson::start("collector").await;
    let collector = Collector::start(&lesson).await.expect("it starts");
    let spans = pipeline(&collector, &lesson.project());
    one_trace(&spans);
    let tree = lesson.tree(3).await;
    assert!(tree.is_whole(), "{tree:?}");
    let answer = tree.find("answer").expect("the root");
    for below in ["retrieve", "write"] {
        let run = tree.find(below).expect("a child");
        assert_eq!(run.parent_run_id, Some(answer.id), "{below}");
        assert_eq!(run.project, Some(lesson.project()));
    }
    assert_eq!(lesson.mock().errors(), []);
    let log = collector.stop().await.expect("it ends well");
    assert!(log.contains("Shutdown"), "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn key_and_project_of_the_collector_arrive_and_those_of_the_program_stay() {
    if !collector_is_here() {
        return;
    }
    let peer = Peer::start(|_, _| status(200));
    let collector = Collector::builder(format!("{}/otel", peer.url))
        .header("x-api-key", KEY)
        .header("Langsmith-Project", "docs assistant")
        .start();
    let collector = collector.await.expect("it starts");
    one_span(&pipeline(&collector, "of the program"), "work");
    peer.wait_until(|requests| !requests.is_empty());
    let request = peer.requests().remove(0);
    assert_eq!(request.path, "/otel/v1/traces");
    for (name, value) in [
        ("x-api-key", KEY),
        ("langsmith-project", "docs assistant"),
        ("content-type", "application/x-protobuf"),
        ("content-encoding", "gzip"),
    ] {
        assert_eq!(request.header(name), Some(value), "{name}");
    }
    let shown = format!("{collector} {collector:?} {}", collector.log());
    assert!(!shown.contains(KEY), "{shown}");
}

#[tokio::test(flavor = "multi_thread")]
async fn six_requests_with_a_span_each_leave_as_one() {
    if !collector_is_here() {
        return;
    }
    const NAMES: [&str; 6] = ["first", "second", "third", "fourth", "fifth", "sixth"];
    let peer = Peer::start(|_, _| status(200));
    let collector = Collector::builder(format!("{}/otel", peer.url))
        .batch_after(NEVER)
        .batch_of(NAMES.len())
        .start();
    let collector = collector.await.expect("it starts");
    let spans = pipeline(&collector, "batches");
    for name in NAMES {
        assert_eq!(peer.requests().len(), 0, "before the {name}");
        one_span(&spans, name);
    }
    peer.wait_until(|requests| !requests.is_empty());
    let sent = unpacked(&peer.requests()[0]);
    for name in NAMES {
        assert!(sent.contains(name), "{name} is missing in {sent}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_answered_503_twice_is_sent_a_third_time_and_arrives_once() {
    if !collector_is_here() {
        return;
    }
    let lesson = Lesson::start("retried").await;
    let mock = lesson.mock();
    mock.fault(Fault::status(503).on(Route::OtlpTraces).times(2));
    let collector = Collector::start(&lesson).await.expect("it starts");
    let spans = pipeline(&collector, &lesson.project());
    one_span(&spans, "work");
    mock.wait_for_ended(1, PATIENCE).await.expect("it arrives");
    let answers: Vec<u16> = mock.requests().iter().map(|it| it.status).collect();
    // The third is written down when it is answered, which may be after the run is stored.
    assert_eq!(answers[..2], [503, 503]);
    assert_eq!(mock.runs().len(), 1);
    let counts = spans.stats();
    assert_eq!((counts.ended, counts.delivered), (1, 1), "{counts}");
}

/// rotel gives itself seconds to end. Where it says that they were not enough, the machine was too slow to
/// tell, and the question is asked again.
#[tokio::test(flavor = "multi_thread")]
async fn what_the_collector_has_taken_arrives_when_it_is_told_to_end() {
    if !collector_is_here() {
        return;
    }
    let mut said = Vec::new();
    for _ in 0..10 {
        let lesson = Lesson::start("drained").await;
        let mock = lesson.mock();
        let collector = Collector::builder(format!("{}/otel", mock.url()))
            .header("x-api-key", "stand-in-key")
            .batch_after(NEVER)
            .start();
        let collector = collector.await.expect("it starts");
        let spans = pipeline(&collector, &lesson.project());
        one_trace(&spans);
        assert_eq!(mock.requests().len(), 0, "it holds them");
        match collector.stop().await {
            Ok(log) if !log.contains("WARN") => {
                assert_eq!(mock.runs().len(), 3, "{log}");
                assert!(lesson.tree(3).await.is_whole());
                return;
            }
            Ok(log) => said.push(log),
            Err(error) if error.to_string().contains("timed out") => said.push(error.to_string()),
            Err(error) => panic!("{error}"),
        }
    }
    panic!("it never had the time: {said:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_collector_ends_with_the_process_that_holds_it() {
    if !collector_is_here() {
        return;
    }
    let mut program = start("held", "http://127.0.0.1:9/otel");
    let url = program.wait_for("ready").remove(0);
    let address = url
        .strip_prefix("http://")
        .and_then(|it| it.split('/').next());
    let mut connection = TcpStream::connect(address.expect("an address")).expect("it listens");
    program.signal("KILL");
    // An idle connection is closed by the collector's end, in whichever way.
    let read = connection.read(&mut [0]);
    assert!(matches!(read, Ok(0) | Err(_)), "{read:?}");
}

#[test]
fn a_missing_collector_is_told_of_with_what_to_do() {
    let nowhere = tempfile::tempdir().expect("a folder");
    let variables = [("WORKBOOK_COLLECTOR", nowhere.path().into())];
    let (_, said) = start_with("missing", "", &variables).wait(PATIENCE);
    assert!(
        said[0].contains("is not installed; with a network, `cargo workbook open`"),
        "{said:?}"
    );
}

#[test]
fn a_collector_that_does_not_run_says_its_own_words() {
    use std::os::unix::fs::PermissionsExt as _;

    let folder = tempfile::tempdir().expect("a folder");
    let program = folder.path().join("rotel/rotel-agent");
    std::fs::create_dir(folder.path().join("rotel")).expect("a folder");
    std::fs::write(&program, "#!/bin/sh\necho no such library >&2\nexit 127\n").expect("a file");
    let may = std::fs::Permissions::from_mode(0o755);
    std::fs::set_permissions(&program, may).expect("executable");
    let variables = [("WORKBOOK_COLLECTOR", folder.path().into())];
    let (_, said) = start_with("missing", "", &variables).wait(PATIENCE);
    assert!(
        said[0].ends_with("does not run on this machine: no such library"),
        "{said:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_would_be_two_headers_is_refused_and_a_bad_address_is_told_in_its_own_words() {
    if !collector_is_here() {
        return;
    }
    let builder = || Collector::builder("http://127.0.0.1:9/otel");
    let refused = builder()
        .header("Langsmith-Project", "a,x-api-key=b")
        .start();
    let error = refused.await.expect_err("it is two");
    assert!(matches!(error, CollectorError::Header(_)), "{error}");
    let ended = Collector::builder("no address").start().await;
    match ended.expect_err("it cannot send") {
        CollectorError::Ended { log, .. } => assert!(log.contains("no address"), "{log}"),
        other => panic!("{other}"),
    }
}
