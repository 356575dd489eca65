//! What the stand-in captured, examined: as a value, over its route, and by the program.
#![cfg(all(feature = "analysis", feature = "langsmith_mock"))]

mod langsmith_mock_support;

use common::analysis::doctor::{EvidenceKind, Report, examine};
use common::langsmith_mock::LangSmithMock;
use http::{Method, StatusCode};
use serde_json::{Value, json};

use langsmith_mock_support::{KEY, batch, id, patch, post, request};

fn codes(report: &Report) -> Vec<&'static str> {
    report.counts.keys().copied().collect()
}

fn ended(n: u64, above: &[u64], end: u64) -> Value {
    let mut run = post(n, above);
    run["end_time"] = patch(end, above)["end_time"].clone();
    run["outputs"] = json!({ "n": n });
    run
}

#[test]
fn a_whole_trace_is_clean_and_its_ingest_log_counts_as_given() {
    let mock = LangSmithMock::builder().unmounted();
    batch(&mock, &[ended(1, &[], 5), ended(2, &[1], 4)], &[]);
    let report = examine(&mock.evidence());
    assert!(report.is_clean(), "{report}");
    assert_eq!(report.runs, 2);
    assert_eq!(report.given, [EvidenceKind::Trace, EvidenceKind::IngestLog]);
}

#[test]
fn a_run_that_was_accepted_and_dropped_shows_with_its_rule_and_its_orphaned_child() {
    let mock = LangSmithMock::builder().unmounted();
    let mut wrong = ended(2, &[1], 5);
    wrong["dotted_order"] = post(2, &[])["dotted_order"].clone();
    let child = ended(3, &[1, 2], 4);
    let answer = batch(&mock, &[ended(1, &[], 6), wrong, child], &[]);
    assert_eq!(answer.status, StatusCode::ACCEPTED);
    let report = examine(&mock.evidence());
    // Its dotted order begins with itself, so its trace is another one's as well.
    assert_eq!(
        codes(&report),
        ["LT001", "LT018", "LT020", "LT023"],
        "{report}"
    );
    let lost = report.with_code("LT023").next().expect("the loss");
    assert!(lost.words.contains(&id(2)), "{}", lost.words);
}

#[test]
fn a_second_update_and_a_refused_key_show_by_their_answers() {
    let mock = LangSmithMock::builder().unmounted();
    batch(&mock, &[post(1, &[])], &[]);
    batch(&mock, &[], &[patch(1, &[])]);
    let mut again = patch(1, &[]);
    again["outputs"] = json!({ "n": "another" });
    batch(&mock, &[], &[again]);
    let mut nobody = request(Method::POST, "/runs/batch", "{}");
    nobody.headers.remove("x-api-key");
    assert_eq!(mock.handle(nobody).status, StatusCode::UNAUTHORIZED);
    assert_eq!(codes(&examine(&mock.evidence())), ["LT022", "LT030"]);
}

#[test]
fn the_route_gives_the_same_lines_without_a_key_and_to_this_machine_only() {
    let mock = LangSmithMock::builder().unmounted();
    let mut run = ended(1, &[], 2);
    run["inputs"] = json!({ "key": KEY });
    batch(&mock, &[run], &[]);
    let mut asked = request(Method::GET, "/_stand_in/capture", "");
    asked.headers.remove("x-api-key");
    let answer = mock.handle(asked.clone());
    assert_eq!(answer.status, StatusCode::OK);
    let text = String::from_utf8(answer.body.to_vec()).expect("UTF-8");
    assert!(!text.contains(KEY), "the key stands in the capture");
    let without_time = |text: &str| text.split_once('\n').expect("lines").1.to_owned();
    assert_eq!(without_time(&text), without_time(&mock.capture()));
    asked
        .headers
        .insert("host", "evil.example".parse().expect("a header"));
    assert_eq!(mock.handle(asked).status, StatusCode::FORBIDDEN);
}

#[cfg(all(feature = "client", feature = "doctor"))]
#[tokio::test(flavor = "multi_thread")]
async fn the_program_examines_a_stand_in_by_its_url() {
    let mock = LangSmithMock::builder()
        .serve(([127, 0, 0, 1], 0).into())
        .await
        .expect("a port");
    batch(&mock, &[ended(2, &[1], 4)], &[]);
    let url = mock.url().to_owned();
    let ended = tokio::task::spawn_blocking(move || {
        let program = env!("CARGO_BIN_EXE_trace-doctor");
        std::process::Command::new(program).arg(url).output()
    });
    let output = ended.await.expect("a thread").expect("the program");
    let told = String::from_utf8_lossy(&output.stdout);
    assert!(told.starts_with("LT001 orphan"), "{told}{output:?}");
    assert_eq!(output.status.code(), Some(1));
}
