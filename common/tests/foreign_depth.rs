//! What strangers nest without end, wherever they may send it, costs an error and no stack.
#![cfg(all(feature = "client", feature = "langsmith_mock"))]

mod exporting;
mod langsmith_mock_support;
mod peer;

use common::langsmith_mock::LangSmithMock;
use common::model::MAX_VALUE_DEPTH;
use common::propagation::limits::MAX_BAGGAGE_BYTES;
use common::propagation::{LangSmithPropagator, Propagator as _, TrustPolicy};
use exporting::{PATIENCE, client_to, fast, one_run};
use http::Method;
use langsmith_mock_support::{Length, Part, id, multipart, multipart_request, request, with};
use peer::{Peer, Received};

/// Far more than the stack of a thread has room for.
const ABYSS: usize = 100_000;

/// Lists and maps, left open and closed in order: what stops at the first wrong byte, and what does not.
fn bottomless() -> [String; 4] {
    let (list, map) = ("[".repeat(ABYSS), "{\"a\":".repeat(ABYSS));
    [
        format!("{list}{}", "]".repeat(ABYSS)),
        format!("{map}1{}", "}".repeat(ABYSS)),
        list,
        map,
    ]
}

#[test]
fn a_body_of_json_on_any_route() {
    let mock = LangSmithMock::builder().unmounted();
    let post = |target: &str, body: String| {
        let json = [("content-type", "application/json")];
        mock.handle(with(request(Method::POST, target, body), &json))
    };
    for deep in bottomless() {
        for target in [
            "/runs",
            "/runs/batch",
            "/feedback",
            "/sessions",
            "/runs/query",
            "/runs/stats",
            "/otel/v1/traces",
            "/api/v2/runs/query",
            "/api/v2/threads/query",
        ] {
            let within = [
                deep.clone(),
                format!("{{\"id\":\"{}\",\"inputs\":{deep}}}", id(1)),
                format!("{{\"post\":[{{\"id\":\"{}\",\"extra\":{deep}}}]}}", id(1)),
                format!("{{\"resourceSpans\":{deep}}}"),
            ];
            for body in within {
                let answer = post(target, body);
                assert!(!answer.status.is_success(), "{target}: {}", answer.status);
            }
        }
    }
    assert!(mock.runs().is_empty());
}

#[test]
fn a_part_of_a_multipart_body() {
    for deep in bottomless() {
        for part in ["", ".inputs", ".outputs", ".events", ".extra", ".error"] {
            let mock = LangSmithMock::builder().unmounted();
            let parts: [Part; 2] = [
                (
                    format!("post.{}{part}", id(1)),
                    "application/json".to_owned(),
                    deep.clone().into_bytes(),
                ),
                (
                    format!("feedback.{}", id(2)),
                    "application/json".to_owned(),
                    deep.clone().into_bytes(),
                ),
            ];
            let body = multipart(&parts, Length::Header);
            mock.handle(multipart_request(body));
            assert!(!mock.violations().is_empty(), "post{part}");
            assert!(mock.feedback().is_empty());
        }
    }
}

#[test]
fn a_filter_of_a_question() {
    let mock = LangSmithMock::builder().unmounted();
    for word in ["and(", "or(", "not(", "(", "["] {
        let question = serde_json::json!({"session": [id(1)], "filter": word.repeat(ABYSS)});
        let json = [("content-type", "application/json")];
        let question = request(Method::POST, "/runs/query", question.to_string());
        let answer = mock.handle(with(question, &json));
        assert!(answer.status.is_client_error(), "{word}: {}", answer.status);
    }
}

/// The varint of a length of Protocol Buffers, last byte first.
fn put_backwards(out: &mut Vec<u8>, tag: u8) {
    let (mut length, mut bytes) = (out.len(), vec![tag]);
    loop {
        let low = (length & 0x7f) as u8;
        length >>= 7;
        bytes.push(if length > 0 { low | 0x80 } else { low });
        if length == 0 {
            break;
        }
    }
    out.extend(bytes.iter().rev());
}

#[test]
fn a_value_of_an_attribute_in_protocol_buffers_and_one_that_is_json() {
    let mut body = Vec::new();
    // A value holds a list, which holds values.
    for _ in 0..ABYSS {
        put_backwards(&mut body, 0x0a);
        put_backwards(&mut body, 0x2a);
    }
    // … of an attribute of a span of a scope of a resource.
    for tag in [0x12, 0x4a, 0x12, 0x12, 0x0a] {
        put_backwards(&mut body, tag);
    }
    body.reverse();
    let mock = LangSmithMock::builder().unmounted();
    let protobuf = [("content-type", "application/x-protobuf")];
    let answer = mock.handle(with(
        request(Method::POST, "/otel/v1/traces", body),
        &protobuf,
    ));
    assert!(!answer.status.is_success(), "{}", answer.status);
    for deep in bottomless() {
        let attributes: Vec<_> = ["gen_ai.prompt", "gen_ai.completion", "langsmith.metadata.x"]
            .map(|key| serde_json::json!({"key": key, "value": {"stringValue": deep}}))
            .into();
        let span = serde_json::json!({
            "traceId": "0af7651916cd43dd8448eb211c80319c",
            "spanId": "b7ad6b7169203331",
            "name": "s",
            "startTimeUnixNano": "1795342674000000000",
            "endTimeUnixNano": "1795342675000000000",
            "attributes": attributes,
        });
        let body = serde_json::json!({"resourceSpans": [{"scopeSpans": [{"spans": [span]}]}]});
        let json = [("content-type", "application/json")];
        let answer = mock.handle(with(
            request(Method::POST, "/otel/v1/traces", body.to_string()),
            &json,
        ));
        assert!(answer.status.is_success(), "it is text like any other");
    }
}

#[test]
fn metadata_in_a_header() {
    let propagator = LangSmithPropagator::new().policy(TrustPolicy::Continue);
    let run = "20260101T000000000000Z01990000-0000-7000-8000-00000000000a";
    for open in ["[", "{\"a\":", "%5B", "%7B%22a%22%3A"] {
        let levels = (MAX_BAGGAGE_BYTES - 40) / open.len();
        assert!(levels > MAX_VALUE_DEPTH);
        let deep = open.repeat(levels);
        let baggage = format!("langsmith-metadata=%7B%22k%22%3A{deep}");
        let headers = vec![("langsmith-trace", run), ("baggage", &*baggage)];
        let context = propagator.extract(&headers).context;
        assert!(context.is_some_and(|context| context.baggage.metadata.is_empty()));
    }
}

#[test]
fn what_the_server_answers() {
    for deep in bottomless() {
        for code in [200, 202, 207, 422] {
            let told = deep.clone();
            let peer = Peer::start(move |_: &Received, _| (code, Vec::new(), told.clone()));
            let client = client_to(&peer, fast());
            one_run(&client);
            let _ = client.flush(PATIENCE);
            let asked = client.read_run_blocking(uuid::Uuid::from_u128(1).into());
            assert!(asked.is_err(), "{code}");
            let stats = client.stats();
            assert!(stats.balances() && stats.queued == 0, "{stats}");
        }
    }
}
