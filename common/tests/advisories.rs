//! What went wrong elsewhere, and cannot here. One test for each advisory, under its name.
//!
//! The advisory on streamed tokens that passed a redaction (CVE-2026-41182) has its test with masking.
#![cfg(all(
    feature = "analysis",
    feature = "langsmith_mock",
    feature = "middleware"
))]

use std::sync::Arc;
use std::time::Duration;

use common::analysis::text_tree;
use common::client::Client;
use common::langsmith_mock::LangSmithMock;
use common::model::{RunContext, RunId, TraceTree};
use common::propagation::limits::{MAX_BAGGAGE_BYTES, MAX_BAGGAGE_MEMBERS};
use common::propagation::{LangSmithPropagator, Propagator as _, TrustPolicy};
use common::trace::{MemorySink, Tracer};
use serde_json::{Value, json};

const PARENT: &str = "20260101T000000000000Z01990000-0000-7000-8000-00000000000a";

/// Reads headers as a service does that trusts its callers in everything that can be trusted.
fn read(baggage: &[String]) -> RunContext {
    let open = LangSmithPropagator::new()
        .policy(TrustPolicy::Continue)
        .allow_any_project();
    let mut headers = vec![("langsmith-trace".to_owned(), PARENT.to_owned())];
    headers.extend(
        baggage
            .iter()
            .map(|line| ("baggage".to_owned(), line.clone())),
    );
    open.extract(&headers).context.expect("the parent is valid")
}

fn member(name: &str, json: &Value) -> String {
    let escaped: String = json
        .to_string()
        .bytes()
        .map(|byte| format!("%{byte:02X}"))
        .collect();
    format!("langsmith-{name}={escaped}")
}

/// Starts a run below what the headers say and returns it as it leaves the process.
fn child_below(context: RunContext) -> Value {
    let sink = Arc::new(MemorySink::new());
    let tracer = Tracer::builder(sink.clone()).build();
    tracer.run("child").parent(context).start().end();
    serde_json::to_value(&sink.runs()[0]).expect("a run is JSON")
}

#[test]
fn cve_2026_25528_a_header_names_no_place_to_send_to() {
    let replicas = [
        json!([{"api_url": "http://evil.example", "api_key": "k", "project_name": "p"}]),
        json!([{"apiUrl": "http://evil.example", "apiKey": "k", "projectName": "p", "client": {}}]),
        json!([["p", {"api_url": "http://evil.example"}]]),
        json!({"http://evil.example": "k"}),
    ];
    for replica in replicas {
        let context = read(&[member("replicas", &replica), member("address", &replica)]);
        let plain = child_below(read(&[]));
        let child = child_below(context);
        assert!(!child.to_string().contains("evil"), "{child}");
        let fields = |run: &Value| -> Vec<String> {
            run.as_object()
                .into_iter()
                .flatten()
                .map(|(key, _)| key.clone())
                .collect()
        };
        assert_eq!(fields(&child), fields(&plain), "nothing rides along");
    }
}

#[test]
fn ghsa_f4xh_w4cj_qxq8_a_header_attaches_no_file_and_changes_no_field() {
    let updates = json!({"attachments": {"a": ["text/plain", "/etc/hostname"]},
        "inputs": {"forged": 1}, "session_id": "x", "reroot": true});
    let forms = [
        json!([["p", updates.clone()]]),
        json!([{"project_name": "p", "updates": updates}]),
    ];
    for replica in forms {
        let child = child_below(read(&[member("replicas", &replica)]));
        assert_eq!(child["inputs"], json!({}));
        assert!(child.get("attachments").is_none() && child.get("reroot").is_none());
        assert_eq!(child["trace_id"], json!(&PARENT[22..]));
    }
}

#[test]
fn cve_2026_48504_a_baggage_of_any_size_costs_a_bounded_memory() {
    let huge = format!(
        "langsmith-metadata=%7B%22a%22%3A%22{}%22%7D",
        "x".repeat(4 << 20)
    );
    assert_cheap(&[huge]);
    let nested = format!("langsmith-metadata={}", "%5B".repeat(1 << 20));
    assert_cheap(&[nested]);
}

#[test]
fn cve_2026_29181_many_lines_share_one_budget() {
    let lines: Vec<String> = (0..2_000).map(|n| format!("langsmith-tags=t{n}")).collect();
    assert_cheap(&lines);
    let context = read(&lines);
    let last = format!("t{}", MAX_BAGGAGE_MEMBERS - 1);
    assert_eq!(
        context.baggage.tags,
        [last],
        "what is past the budget is not read"
    );
}

#[test]
fn cve_2026_128086_properties_build_no_objects() {
    let line = format!(
        "langsmith-project=p{}",
        ";a".repeat(MAX_BAGGAGE_BYTES / 2 - 10)
    );
    assert!(line.len() <= MAX_BAGGAGE_BYTES);
    assert_cheap(std::slice::from_ref(&line));
    assert_eq!(read(&[line]).baggage.project.as_deref(), Some("p"));
}

#[test]
fn cve_2026_54285_the_limit_holds_on_the_way_out_as_well() {
    let metadata: Vec<String> = (0..50)
        .map(|n| format!("%22key-{n}%22%3A%22{}%22", "%C3%A9".repeat(20)))
        .collect();
    let line = format!("langsmith-metadata=%7B{}%7D", metadata.join("%2C"));
    assert!(line.len() <= MAX_BAGGAGE_BYTES, "{}", line.len());
    let mut context = read(&[line]);
    context.baggage.tags = (0..64)
        .map(|n| format!("tag-{n}-{}", "y".repeat(64)))
        .collect();
    for (name, value) in LangSmithPropagator::new().headers(&context) {
        assert!(
            value.len() <= MAX_BAGGAGE_BYTES,
            "{name}: {} bytes",
            value.len()
        );
    }
}

/// Reads the headers and holds the memory that takes against the bound, whatever their size.
fn assert_cheap(baggage: &[String]) {
    let headers: Vec<(String, String)> = std::iter::once(("langsmith-trace", PARENT.to_owned()))
        .chain(baggage.iter().map(|line| ("baggage", line.clone())))
        .map(|(name, value)| (name.to_owned(), value))
        .collect();
    let propagator = LangSmithPropagator::new().policy(TrustPolicy::Continue);
    let memory = allocation_counter::measure(|| {
        let extracted = propagator.extract(&headers);
        assert!(extracted.context.is_some());
    });
    assert!(
        memory.bytes_max <= 16 * 1024,
        "{} bytes at once",
        memory.bytes_max
    );
}

#[test]
fn rustsec_2025_0055_no_escape_sequence_reaches_a_terminal() {
    let sink = Arc::new(MemorySink::new());
    let tracer = Tracer::builder(sink.clone())
        .service("\u{1b}[2J\u{202e}svc")
        .build();
    let run = tracer.run("name\u{1b}]0;owned\u{7}\r\n\u{9b}31m").start();
    run.fail("boom \u{1b}[31mred\u{1b}[0m");
    let text = text_tree(&TraceTree::build(sink.runs())).to_string();
    let harmless =
        |c: char| c == '\n' || !(c.is_control() || ('\u{202a}'..='\u{202e}').contains(&c));
    assert!(
        text.contains("owned") && text.chars().all(harmless),
        "{text:?}"
    );
}

#[test]
fn cve_2026_48776_an_id_is_never_a_path() {
    for text in [
        "../sessions",
        "..%2Fsessions",
        "a/b",
        "",
        "{id}",
        "?x",
        "#",
        " ",
    ] {
        assert!(text.parse::<RunId>().is_err(), "{text}");
    }
}

#[tokio::test]
async fn cve_2025_68664_keys_that_look_reserved_arrive_as_data() {
    let mock = LangSmithMock::start().await;
    let client = Client::builder()
        .endpoint(mock.url())
        .api_key("any")
        .build()
        .expect("a client");
    let odd = json!({
        "lc": 1, "type": "constructor", "id": ["langchain", "x"], "kwargs": {"secrets_map": {}},
        "__proto__": {"polluted": true}, "constructor": {"prototype": 1}, "$ref": "#/a", "": null,
        "a.b": {"c.d": [{"lc": 1}]},
    });
    let run = client.run("odd").inputs(odd.clone()).start();
    run.end_with(odd.clone());
    client
        .flush_async(Duration::from_secs(30))
        .await
        .expect("delivered");
    let stored = &mock.runs()[0];
    assert_eq!(stored.inputs.clone().map(Value::Object), Some(odd.clone()));
    assert_eq!(stored.outputs.clone().map(Value::Object), Some(odd));
    assert!(mock.errors().is_empty());
}
