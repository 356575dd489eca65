//! A relay puts the spans of services that know no LangSmith into the trees that they belong to.
#![cfg(all(feature = "otel", feature = "langsmith_mock"))]

use std::io::Write as _;
use std::time::Duration;

use bytes::Bytes;
use common::client::Config;
use common::langsmith_mock::{Fault, LangSmithMock};
use common::model::{DottedOrder, TraceTree};
use common::otel::{OtelError, Relay, RelayBuilder, RelayCounts};
use common::trace::{Anonymizer, Redactor};
use http::{HeaderMap, HeaderValue, Request};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span};
use prost::Message as _;

const PATIENCE: Duration = Duration::from_secs(60);
const ROOT: &str = "20261122T100638934749Z01a202b8-db56-712d-a569-b5c0ba7c4644";
const RUN: &str = "20261122T100638934749Z01a202b8-db56-712d-a569-b5c0ba7c4644.\
                   20261122T100640002000Z01a202b8-df82-7000-8000-000000000001";
const START: u64 = 1_795_342_000_000_000_000;
const TRACE: [u8; 16] = [7; 16];

fn mock() -> (tokio::runtime::Runtime, LangSmithMock) {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let mock = runtime.block_on(LangSmithMock::start());
    (runtime, mock)
}

fn config(mock: &LangSmithMock) -> Config {
    Config {
        endpoint: mock.url().to_owned(),
        api_key: Some("a-key-for-tests-only-0001".to_owned().into()),
        project: "one tree".to_owned(),
        ..Config::default()
    }
}

fn relay(mock: &LangSmithMock) -> RelayBuilder {
    Relay::builder(config(mock))
}

/// A span by its number; 0 is no parent.
fn span(number: u8, parent: u8, attributes: &[(&str, &str)]) -> Span {
    let id = |number: u8| match number {
        0 => Vec::new(),
        number => vec![number; 8],
    };
    let attribute = |(key, value): &(&str, &str)| KeyValue {
        key: (*key).to_owned(),
        value: Some(AnyValue {
            value: Some(Value::StringValue((*value).to_owned())),
        }),
        ..KeyValue::default()
    };
    Span {
        trace_id: TRACE.to_vec(),
        span_id: id(number),
        parent_span_id: id(parent),
        name: format!("span {number}"),
        start_time_unix_nano: START + u64::from(number) * 1_000_000,
        end_time_unix_nano: START + 900_000_000,
        attributes: attributes.iter().map(attribute).collect(),
        ..Span::default()
    }
}

fn stamped(number: u8) -> Span {
    let run = RUN.rsplit('Z').next().expect("an id");
    let stamps = [
        ("langsmith.span.id", run),
        ("langsmith.span.dotted_order", RUN),
        ("langsmith.trace.session_name", "theirs"),
    ];
    span(number, 9, &stamps)
}

fn written(spans: Vec<Span>) -> Vec<u8> {
    let scope_spans = vec![ScopeSpans {
        spans,
        ..ScopeSpans::default()
    }];
    let request = ExportTraceServiceRequest {
        resource_spans: vec![ResourceSpans {
            scope_spans,
            ..ResourceSpans::default()
        }],
    };
    request.encode_to_vec()
}

fn request(body: impl Into<Bytes>) -> Request<Bytes> {
    let request = Request::post("/v1/traces").header("content-type", "application/x-protobuf");
    request.body(body.into()).expect("a request")
}

fn give(relay: &Relay, spans: Vec<Span>) {
    assert_eq!(relay.receive(&request(written(spans))).status(), 200);
    balanced(relay);
}

fn balanced(relay: &Relay) -> RelayCounts {
    let counts = relay.counts();
    let RelayCounts {
        arrived,
        joined,
        rehung,
        passed,
        orphaned,
        held,
        lost,
    } = counts;
    assert_eq!(
        arrived,
        joined + rehung + passed + orphaned + held + lost,
        "{counts}"
    );
    counts
}

fn drawn(tree: &TraceTree) -> String {
    let line = |at: usize| {
        let node = &tree.nodes()[at];
        format!("{}{}\n", "  ".repeat(node.depth), node.run.name)
    };
    tree.walk().into_iter().map(line).collect()
}

#[test]
fn spans_below_a_run_join_it_whether_they_come_before_it_or_after() {
    let (_runtime, mock) = mock();
    let relay = relay(&mock).start().expect("a relay");
    // As exporters send: what ends first comes first, in whatever request.
    give(&relay, vec![span(4, 3, &[])]);
    give(&relay, vec![span(3, 2, &[])]);
    relay.flush(PATIENCE).expect("nothing is on its way");
    assert_eq!((mock.runs().len(), balanced(&relay).held), (0, 2));
    give(&relay, vec![stamped(2)]);
    give(&relay, vec![span(5, 4, &[])]);
    relay.flush(PATIENCE).expect("delivered");
    let counts = balanced(&relay);
    assert_eq!((counts.joined, counts.passed, counts.held), (3, 1, 0));
    assert_eq!(mock.waiting_spans(), 0);
    assert_eq!(mock.errors(), []);
    let tree = mock.tree();
    assert_eq!(drawn(&tree), "span 2\n  span 3\n    span 4\n      span 5\n");
    for run in mock.runs() {
        assert_eq!(run.project.as_deref(), Some("theirs"), "{}", run.name);
        assert!(run.dotted_order.as_str().starts_with(RUN), "{}", run.name);
    }
}

#[test]
fn what_arrives_twice_is_one_run() {
    let (_runtime, mock) = mock();
    let relay = relay(&mock).start().expect("a relay");
    for _ in 0..2 {
        give(&relay, vec![stamped(2), span(3, 2, &[])]);
    }
    relay.flush(PATIENCE).expect("delivered");
    assert_eq!(balanced(&relay).joined, 2);
    assert_eq!(mock.runs().len(), 2);
}

#[test]
fn a_trace_of_opentelemetry_alone_is_passed_on_as_it_came() {
    let (_runtime, mock) = mock();
    let relay = relay(&mock).start().expect("a relay");
    give(&relay, vec![span(2, 1, &[]), span(1, 0, &[])]);
    relay.flush(PATIENCE).expect("delivered");
    assert_eq!(balanced(&relay).passed, 2);
    assert_eq!(drawn(&mock.tree()), "span 1\n  span 2\n");
    let root = mock.tree().find("span 1").expect("captured").id;
    assert_eq!(root.to_string(), "00000000-0000-0000-0101-010101010101");
}

#[test]
fn a_span_whose_parent_never_comes_hangs_below_the_root_of_its_trace_and_says_so() {
    let (_runtime, mock) = mock();
    let relay = relay(&mock).start().expect("a relay");
    give(&relay, vec![stamped(2), span(5, 4, &[]), span(6, 5, &[])]);
    assert_eq!(relay.stop_waiting(), 2);
    relay.flush(PATIENCE).expect("delivered");
    let counts = balanced(&relay);
    assert_eq!(
        (counts.passed, counts.rehung, counts.joined),
        (1, 1, 1),
        "{counts}"
    );
    let tree = mock.tree();
    let rehung = tree.find("span 5").expect("captured");
    let root: DottedOrder = ROOT.parse().expect("an order");
    assert_eq!(rehung.parent_run_id, Some(root.run_id()));
    let missing = &rehung.extra.metadata["otel_missing_parent_span_id"];
    assert_eq!(missing, "0404040404040404");
    assert_eq!(
        tree.find("span 6").expect("captured").parent_run_id,
        Some(rehung.id)
    );
}

#[test]
fn a_span_of_whose_trace_nothing_is_known_leaves_as_it_came_and_is_counted() {
    let (_runtime, mock) = mock();
    let relay = relay(&mock)
        .window(Duration::ZERO)
        .start()
        .expect("a relay");
    give(&relay, vec![span(5, 4, &[])]);
    mock_waits_for(&mock, 1);
    relay.flush(PATIENCE).expect("delivered");
    assert_eq!(balanced(&relay).orphaned, 1);
}

/// Waits until so many spans wait in the stand-in.
fn mock_waits_for(mock: &LangSmithMock, spans: usize) {
    while mock.waiting_spans() < spans {
        std::thread::yield_now();
    }
}

#[test]
fn headers_that_were_seen_tell_which_run_a_parent_stands_for() {
    let (_runtime, mock) = mock();
    let relay = relay(&mock).start().expect("a relay");
    give(&relay, vec![span(5, 4, &[])]);
    let mut headers = HeaderMap::new();
    assert!(!relay.saw(&headers));
    let traceparent = format!("00-{}-{}-01", "07".repeat(16), "04".repeat(8));
    headers.insert(
        "traceparent",
        HeaderValue::try_from(traceparent).expect("a header"),
    );
    assert!(!relay.saw(&headers), "eight bytes alone name no run");
    headers.insert("langsmith-trace", HeaderValue::from_static(ROOT));
    assert!(relay.saw(&headers));
    relay.flush(PATIENCE).expect("delivered");
    assert_eq!(balanced(&relay).joined, 1);
    let root: DottedOrder = ROOT.parse().expect("an order");
    let joined = mock.tree().find("span 5").expect("captured").parent_run_id;
    assert_eq!(joined, Some(root.run_id()));
}

#[test]
fn two_runs_behind_the_same_eight_bytes_are_not_guessed_at() {
    let (_runtime, mock) = mock();
    let relay = relay(&mock).start().expect("a relay");
    let mut headers = HeaderMap::new();
    let traceparent = format!("00-{}-{}-01", "07".repeat(16), "04".repeat(8));
    headers.insert(
        "traceparent",
        HeaderValue::try_from(traceparent).expect("a header"),
    );
    for run in ["000000000001", "000000000002"] {
        let order = format!("{ROOT}.20261122T100640002000Z01a202b8-df82-7000-8000-{run}");
        headers.insert(
            "langsmith-trace",
            HeaderValue::try_from(order).expect("a header"),
        );
        assert!(relay.saw(&headers));
    }
    give(&relay, vec![span(5, 4, &[])]);
    relay.flush(PATIENCE).expect("delivered");
    assert_eq!(balanced(&relay).rehung, 1);
}

#[test]
fn a_header_on_a_span_is_believed_on_request_alone() {
    let on_entry = |key: &str| {
        let mut entry = span(5, 4, &[(key, ROOT)]);
        // Its parent is in another process.
        entry.flags = 0x300;
        let mut below = span(6, 5, &[(key, ROOT)]);
        below.flags = 0x100;
        vec![below, entry]
    };
    for key in ["http.request.header.langsmith-trace", "langsmith-trace"] {
        let (_runtime, mock) = mock();
        let wary = relay(&mock).start().expect("a relay");
        give(&wary, on_entry(key));
        assert_eq!(balanced(&wary).held, 2, "{key}");
        let believing = relay(&mock)
            .believe_headers_on_spans()
            .start()
            .expect("a relay");
        give(&believing, on_entry(key));
        believing.flush(PATIENCE).expect("delivered");
        assert_eq!(balanced(&believing).joined, 2, "{key}");
        let tree = mock.tree();
        let entry = tree.find("span 5").expect("captured");
        assert_eq!(
            tree.find("span 6").expect("captured").parent_run_id,
            Some(entry.id)
        );
        wary.stop_waiting();
    }
}

#[test]
fn what_waits_is_bounded_and_the_longest_waiting_goes_first() {
    let (_runtime, mock) = mock();
    let long = "x".repeat(10_000);
    let relay = relay(&mock).max_bytes(100_000).start().expect("a relay");
    for number in 100..150 {
        let body = written(vec![span(number, 99, &[("a", &long)])]);
        // What left waiting is on its way and needs room as well; exporters try again.
        while relay.receive(&request(body.clone())).status() == 503 {
            relay.flush(PATIENCE).expect("delivered");
        }
    }
    relay.flush(PATIENCE).expect("delivered");
    let counts = balanced(&relay);
    assert!((1..=8).contains(&counts.held), "{counts}");
    assert_eq!(counts.orphaned, 50 - counts.held, "{counts}");
}

#[test]
fn a_server_that_is_busy_is_asked_again_and_one_that_refuses_is_not() {
    let (_runtime, mock) = mock();
    let relay = relay(&mock).start().expect("a relay");
    mock.fault(Fault::status(503).times(2));
    give(&relay, vec![span(1, 0, &[])]);
    relay.flush(PATIENCE).expect("delivered at last");
    assert_eq!((mock.runs().len(), balanced(&relay).passed), (1, 1));
    mock.fault(Fault::status(422).times(1));
    give(&relay, vec![span(2, 0, &[])]);
    relay.flush(PATIENCE).expect_err("it is lost");
    assert_eq!(balanced(&relay).lost, 1);
}

#[test]
fn the_last_handle_that_is_dropped_sends_what_waits() {
    let (runtime, mock) = mock();
    let relay = relay(&mock).start().expect("a relay");
    give(&relay, vec![stamped(2), span(5, 4, &[])]);
    drop(relay);
    let arrived = runtime.block_on(mock.wait_for_ended(2, PATIENCE));
    arrived.expect("both came");
}

#[test]
fn a_request_that_is_none_is_refused_in_words() {
    let (_runtime, mock) = mock();
    let relay = relay(&mock).start().expect("a relay");
    let with = |name: &'static str, value: &'static str, body: Vec<u8>| {
        let mut request = request(body);
        request
            .headers_mut()
            .insert(name, HeaderValue::from_static(value));
        let answer = relay.receive(&request);
        let told = String::from_utf8_lossy(answer.body()).into_owned();
        (answer.status().as_u16(), told)
    };
    let (status, told) = with("content-type", "application/json", b"{}".to_vec());
    assert_eq!(status, 415);
    assert!(told.contains("http/protobuf"), "{told}");
    assert_eq!(with("content-encoding", "zstd", Vec::new()).0, 415);
    assert_eq!(with("content-encoding", "gzip", b"no gzip".to_vec()).0, 400);
    assert_eq!(with("x-other", "", b"\x01".to_vec()).0, 400);
    // Small on the wire, and too much when it is unpacked.
    let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    for _ in 0..40 {
        packer.write_all(&[0; 1 << 20]).expect("memory");
    }
    let bomb = packer.finish().expect("memory");
    assert!(bomb.len() < 100_000);
    assert_eq!(with("content-encoding", "gzip", bomb).0, 413);
    assert_eq!(relay.counts(), RelayCounts::default());
}

#[test]
fn a_configuration_that_masks_is_refused() {
    let (_runtime, mock) = mock();
    let mut config = config(&mock);
    config.redactor = Redactor::new().anonymizer(Anonymizer::secrets());
    let refused = Relay::builder(config)
        .start()
        .expect_err("it would not mask");
    assert_eq!(refused, OtelError::RelayMasks);
}

#[test]
fn a_span_that_is_older_than_its_parent_starts_with_it() {
    let (_runtime, mock) = mock();
    let relay = relay(&mock).start().expect("a relay");
    let mut early = span(3, 2, &[]);
    early.start_time_unix_nano = 1_000_000;
    give(&relay, vec![stamped(2), early]);
    relay.flush(PATIENCE).expect("delivered");
    assert_eq!(mock.errors(), []);
    let run = mock.tree().find("span 3").expect("captured").clone();
    let parent: DottedOrder = RUN.parse().expect("an order");
    assert_eq!(run.dotted_order.start_time(), parent.start_time());
    assert_eq!(Some(run.start_time), parent.start_time());
    assert!(run.end_time >= Some(run.start_time));
}
