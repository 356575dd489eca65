//! What a server does not take as it is, and how much of it arrives all the same.
#![cfg(feature = "client")]

mod captured;
mod exporting;
mod peer;

use std::collections::HashSet;
use std::sync::{Arc, Mutex};

use common::export::{BatchConfig, BatchExporter, Destination, DropReason, FlushError};
use common::model::{Attachment, JsonMap, Run, RunOp};
use exporting::{PATIENCE, patient};
use peer::{Answer, Peer, Received, parts_of, status};
use serde_json::{Value, json};
use twox_hash::XxHash3_128;

fn exporter(
    answer: impl Fn(&Received, usize) -> Answer + Send + Sync + 'static,
) -> (Peer, BatchExporter) {
    let peer = Peer::start(move |request, count| match &*request.path {
        "/info" => status(404),
        _ => answer(request, count),
    });
    let config = BatchConfig {
        max_ops: Some(1_000),
        ..patient()
    };
    let exporter = BatchExporter::start(&Destination::new(&peer.url), config);
    (peer, exporter.expect("an exporter"))
}

fn run(number: u128) -> Run {
    captured::run(number, None, "r", "chain", 0, 5)
}

fn post(run: Run) -> RunOp {
    RunOp::Post(Box::new(run))
}

fn map(value: Value) -> Option<JsonMap> {
    match value {
        Value::Object(map) => Some(map),
        _ => None,
    }
}

fn ids_of(request: &Received) -> Vec<String> {
    let parts = parts_of(request).into_iter();
    parts
        .filter_map(|part| part.json["id"].as_str().map(str::to_owned))
        .collect()
}

#[test]
fn a_run_too_large_for_the_server_arrives_truncated_step_by_step() {
    let (long, longer) = ("é\n".repeat(20_000), "x".repeat(100_000));
    for (limit, cut) in [
        (300_000, &[][..]),
        (230_000, &["attachment"]),
        (130_000, &["attachment", "outputs"]),
        (48_000, &["attachment", "outputs", "inputs"]),
        (8_000, &["attachment", "outputs", "inputs", "rest"]),
    ] {
        let (peer, exporter) =
            exporter(move |request, _| status(if request.body.len() > limit { 413 } else { 202 }));
        let mut large = run(1);
        large.attachments = vec![Attachment::new("file", "text/plain", vec![b'a'; 60_000])];
        large.outputs = map(json!({"text": longer, "usage_metadata": {"input_tokens": 7}}));
        large.inputs = map(json!({"text": long, "short": "stays"}));
        large.error = Some("e".repeat(40_000));
        exporter.submit(post(large));
        exporter.submit(post(run(2)));
        exporter.flush(PATIENCE).expect("both arrive");
        let stats = exporter.stats();
        assert!(stats.balances(), "{stats}");
        assert_eq!(stats.delivered, 2);
        assert_eq!(stats.truncated, u64::from(cut.len() > 1), "{limit}");
        assert_eq!(stats.attachments_lost.len(), usize::from(!cut.is_empty()));
        let requests = peer.to("/runs/multipart");
        let taken = requests.iter().filter(|it| it.body.len() <= limit);
        let parts: Vec<_> = taken.flat_map(parts_of).collect();
        let id = captured::id(1).to_string();
        let part = |field: &str| {
            let name = format!("post.{id}.{field}");
            let part = parts.iter().find(|part| part.name == name);
            part.unwrap_or_else(|| panic!("{name}")).json.clone()
        };
        let marker = |text: &str| {
            let hash = XxHash3_128::oneshot(text.as_bytes());
            format!("[truncated: {} bytes, xxh3 {hash:032x}] ", text.len())
        };
        let begins = |value: &Value, of: &str| {
            let text = value.as_str().expect("text");
            text.starts_with(&format!("{}{}", marker(of), &of[..30]))
        };
        assert_eq!(
            begins(&part("outputs")["text"], &longer),
            cut.contains(&"outputs")
        );
        assert_eq!(part("outputs")["usage_metadata"]["input_tokens"], 7);
        assert_eq!(
            begins(&part("inputs")["text"], &long),
            cut.contains(&"inputs")
        );
        assert_eq!(part("inputs")["short"], "stays");
        let error = part("error");
        assert_eq!(begins(&error, &"e".repeat(40_000)), cut.contains(&"rest"));
    }
}

#[test]
fn what_is_too_large_however_short_it_becomes_is_dropped_after_few_requests() {
    let (peer, exporter) = exporter(|_, _| status(413));
    let mut large = run(1);
    let many: JsonMap = (0..5_000).map(|n| (format!("k{n}"), json!(n))).collect();
    large.outputs = Some(many.clone());
    large.inputs = map(json!({"x".repeat(50_000): [1, 2, 3]}));
    large.extra.other = many.clone();
    large.extra.metadata = Arc::new(many);
    large.attachments = vec![Attachment::new("file", "text/plain", vec![b'a'; 60_000])];
    exporter.submit(post(large));
    let reason = DropReason::TooLarge;
    let lost = exporter.flush(PATIENCE);
    assert_eq!(lost, Err(FlushError::Dropped { dropped: 1, reason }));
    let requests = peer.to("/runs/multipart");
    assert_eq!(requests.len(), 5);
    let last = requests.last().expect("requests");
    assert!(last.body.len() < 5_000, "{} bytes", last.body.len());
    assert_eq!(exporter.stats().truncated, 0);
}

#[test]
fn runs_beside_those_that_the_server_knows_already_arrive() {
    // Of a batch in which it knows something it takes nothing.
    for (of, known) in [
        (100, vec![7]),
        (100, (1..=50).collect()),
        (60, (1..=60).collect()),
    ] {
        let known: Vec<u128> = known;
        let stored: HashSet<String> = known.iter().map(|n| captured::id(*n).to_string()).collect();
        let stored = Arc::new(Mutex::new(stored));
        let store = stored.clone();
        let (peer, exporter) = exporter(move |request, _| {
            let ids = ids_of(request);
            let mut store = store.lock().expect("store");
            if ids.iter().any(|id| store.contains(id)) {
                return status(409);
            }
            store.extend(ids);
            status(202)
        });
        for number in 1..=of {
            exporter.submit(post(run(number)));
        }
        exporter.flush(PATIENCE).expect("all are there");
        assert_eq!(stored.lock().expect("store").len(), of as usize);
        let stats = exporter.stats();
        assert!(stats.balances(), "{stats}");
        assert_eq!(stats.delivered, of as u64);
        let requests = peer.to("/runs/multipart").len();
        let most = if known.len() == 1 {
            15
        } else {
            of as usize + 33
        };
        assert!(requests <= most, "{requests} requests for {of} runs");
    }
}

#[test]
fn only_the_runs_that_an_answer_names_as_failed_are_sent_again() {
    for code in [200, 207] {
        let (peer, exporter) = exporter(move |request, count| {
            let failed = json!({"id": captured::id(2), "error": "try again"});
            let stranger = json!({"id": captured::id(99)});
            let body = json!({"errors": [failed, stranger, "words", null]}).to_string();
            match count {
                0 => {
                    assert_eq!(ids_of(request).len(), 3);
                    (code, Vec::new(), body)
                }
                1 => (code, Vec::new(), body),
                _ => status(202),
            }
        });
        for number in 1..=3 {
            exporter.submit(post(run(number)));
        }
        exporter.flush(PATIENCE).expect("all are there");
        let requests = peer.to("/runs/multipart");
        assert_eq!(requests.len(), 3);
        assert_eq!(ids_of(&requests[1]), [captured::id(2).to_string()]);
        assert_eq!(exporter.stats().delivered, 3);
    }
}

#[test]
fn a_run_that_fails_again_and_again_is_rejected_and_the_others_are_not() {
    let (peer, exporter) = exporter(|_, _| {
        let body = json!({"errors": [{"run_id": captured::id(2)}]});
        (200, Vec::new(), body.to_string())
    });
    for number in 1..=3 {
        exporter.submit(post(run(number)));
    }
    let reason = DropReason::Rejected;
    let lost = exporter.flush(PATIENCE);
    assert_eq!(lost, Err(FlushError::Dropped { dropped: 1, reason }));
    assert_eq!(exporter.stats().delivered, 2);
    assert_eq!(peer.to("/runs/multipart").len(), 4);
}
