//! A relay stays small and loses nothing, whatever it is sent and however it is answered.
#![cfg(all(feature = "otel", feature = "langsmith_mock", unix))]

mod peer;

use std::time::Duration;

use bytes::Bytes;
use common::client::Config;
use common::langsmith_mock::{Fault, LangSmithMock};
use common::otel::{Relay, RelayBuilder, SpanFlushError};
use http::{Request, StatusCode};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span};
use prost::Message as _;

const PATIENCE: Duration = Duration::from_secs(60);
const ROOT: &str = "20261122T100638934749Z01a202b8-db56-712d-a569-b5c0ba7c4644";
const START: u64 = 1_795_342_000_000_000_000;

fn relay_to(url: &str) -> RelayBuilder {
    Relay::builder(Config {
        endpoint: url.to_owned(),
        api_key: Some("a-key-for-tests-only-0001".to_owned().into()),
        project: "limits".to_owned(),
        ..Config::default()
    })
}

fn mock() -> (tokio::runtime::Runtime, LangSmithMock) {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let mock = runtime.block_on(LangSmithMock::start());
    (runtime, mock)
}

/// A span by its number; 0 is no parent.
fn span(number: u64, parent: u64, attributes: &[(&str, &str)]) -> Span {
    let attribute = |(key, value): &(&str, &str)| KeyValue {
        key: (*key).to_owned(),
        value: Some(AnyValue {
            value: Some(Value::StringValue((*value).to_owned())),
        }),
        ..KeyValue::default()
    };
    Span {
        trace_id: vec![7; 16],
        span_id: number.to_be_bytes().to_vec(),
        parent_span_id: parent.to_be_bytes().to_vec(),
        name: format!("span {number}"),
        start_time_unix_nano: START + number * 1_000_000,
        end_time_unix_nano: START + 900_000_000,
        attributes: attributes.iter().map(attribute).collect(),
        ..Span::default()
    }
}

/// A span that says that it is a run right below the root.
fn stamped(number: u64, project: &str) -> Span {
    let order = format!("{ROOT}.20261122T100640002000Z01a202b8-df82-7000-8000-{number:012x}");
    let stamps = [
        ("langsmith.span.dotted_order", order.as_str()),
        ("langsmith.trace.session_name", project),
    ];
    span(number, 9, &stamps)
}

fn post(body: Vec<u8>) -> Request<Bytes> {
    let request = Request::post("/v1/traces").header("content-type", "application/x-protobuf");
    request.body(body.into()).expect("a request")
}

fn ask(relay: &Relay, spans: Vec<Span>) -> StatusCode {
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
    relay.receive(&post(request.encode_to_vec())).status()
}

#[test]
fn a_request_that_would_be_a_hundred_times_its_size_in_memory_is_refused() {
    fn wrapped(key: u8, inner: &[u8]) -> Vec<u8> {
        let mut out = vec![key];
        prost::encode_length_delimiter(inner.len(), &mut out).expect("memory");
        out.extend(inner);
        out
    }
    let (_runtime, mock) = mock();
    let relay = relay_to(mock.url()).start().expect("a relay");
    // Empty spans, and a span of empty attributes: two bytes each.
    let spans = [0x12, 0].repeat(2_000_000);
    let attributes = wrapped(0x12, &[0x4a, 0].repeat(2_000_000));
    for scope_spans in [spans, attributes] {
        let body = wrapped(0x0a, &wrapped(0x12, &scope_spans));
        assert_eq!(relay.receive(&post(body)).status(), 413);
    }
    assert_eq!(relay.counts().arrived, 0);
}

#[test]
fn places_end_where_headers_end() {
    let (_runtime, mock) = mock();
    let relay = relay_to(mock.url()).start().expect("a relay");
    let mut spans = vec![stamped(10, "limits")];
    spans.extend((11..400).map(|number| span(number, number - 1, &[])));
    assert_eq!(ask(&relay, spans), 200);
    relay.flush(PATIENCE).expect("delivered");
    let counts = relay.counts();
    // The root and the first span are two of 128 levels.
    assert_eq!((counts.joined, counts.orphaned), (126, 1), "{counts}");
    assert_eq!(counts.passed, 1 + 389 - 127, "{counts}");
    let deepest = mock.runs().iter().map(|run| run.dotted_order.depth()).max();
    assert_eq!(deepest, Some(127));
}

#[test]
fn what_is_remembered_is_bounded_in_bytes_and_the_oldest_is_forgotten_first() {
    let (_runtime, mock) = mock();
    let relay = relay_to(mock.url()).start().expect("a relay");
    let long = "p".repeat(1 << 20);
    for number in 100..170 {
        while ask(&relay, vec![stamped(number, &long)]) == 503 {
            relay.flush(PATIENCE).expect("delivered");
        }
    }
    relay.flush(PATIENCE).expect("delivered");
    for (parent, joined) in [(169, 1), (100, 1)] {
        assert_eq!(ask(&relay, vec![span(parent + 100, parent, &[])]), 200);
        relay.flush(PATIENCE).expect("delivered");
        assert_eq!(relay.counts().joined, joined);
    }
    assert_eq!(relay.counts().held, 1, "the first is not known any more");
}

#[test]
fn what_never_fits_is_refused_for_good_and_what_does_not_fit_now_for_a_while() {
    let (_runtime, mock) = mock();
    mock.fault(Fault::status(503));
    let relay = relay_to(mock.url())
        .max_bytes(8_000)
        .start()
        .expect("a relay");
    let of = |bytes: usize| vec![span(1, 0, &[("a", &"x".repeat(bytes))])];
    assert_eq!(ask(&relay, of(3_000)), 413);
    assert_eq!(ask(&relay, of(1_200)), 200);
    assert_eq!(ask(&relay, of(1_200)), 503);
    assert_eq!(relay.counts().arrived, 1);
    mock.clear_faults();
    relay.flush(PATIENCE).expect("delivered");
    assert_eq!(ask(&relay, of(1_200)), 200);
}

#[test]
fn a_request_that_is_refused_is_tried_in_parts() {
    let (_runtime, mock) = mock();
    let relay = relay_to(mock.url()).start().expect("a relay");
    for refusals in [1, 3] {
        mock.clear();
        mock.fault(Fault::status(422).times(refusals));
        assert_eq!(
            ask(&relay, (1..=4).map(|number| span(number, 0, &[])).collect()),
            200
        );
        // All four, then the first two of them, then the first: that one is lost.
        let lost = u64::from(refusals == 3);
        assert_eq!(relay.flush(PATIENCE).is_err(), lost == 1);
        assert_eq!(relay.counts().lost, lost);
        assert_eq!(mock.runs().len() as u64, 4 - lost);
    }
}

#[test]
fn what_is_refused_among_others_that_are_taken_is_lost_and_counted() {
    // `partial_success { rejected_spans: 1 }`, as the protocol says it with a 200.
    let peer = peer::Peer::start(|_, _| (200, Vec::new(), "\u{a}\u{2}\u{8}\u{1}".to_owned()));
    let relay = relay_to(&peer.url).start().expect("a relay");
    let three = (1..=3).map(|number| span(number, 0, &[])).collect();
    assert_eq!(ask(&relay, three), 200);
    assert_eq!(
        relay.flush(PATIENCE),
        Err(SpanFlushError::NotDelivered(1)),
        "one request"
    );
    let counts = relay.counts();
    assert_eq!((counts.arrived, counts.passed, counts.lost), (3, 2, 1));
}

#[test]
fn what_is_held_is_sent_however_soon_the_relay_is_dropped() {
    let (runtime, mock) = mock();
    for times in 1..=30 {
        let relay = relay_to(mock.url()).start().expect("a relay");
        assert_eq!(ask(&relay, vec![span(times * 2, 0, &[])]), 200);
        assert_eq!(ask(&relay, vec![stamped(times * 2 + 1, "limits")]), 200);
        drop(relay);
        let all = usize::try_from(times * 2).expect("a few");
        let arrived = runtime.block_on(mock.wait_for_ended(all, PATIENCE));
        arrived.expect("all came");
    }
}
