//! What a lesson remembers of its exercises, and where.
//!
//! A lesson reads the process's environment, so each one here runs in a process of its own: this very
//! test binary, told to run one test.
#![cfg(feature = "lab")]

use std::fs;
use std::path::Path;
use std::process::Command;

use common::lab::{PROGRESS_VARIABLE, check::Exercise};
use common::prelude::*;

/// Runs the lesson below; returns what it printed.
fn a_lesson_with(progress: Option<&Path>) -> String {
    let mut command = Command::new(std::env::current_exe().expect("this binary"));
    command.args(["--exact", "a_lesson", "--ignored", "--nocapture"]);
    command.env_remove("WORKBOOK_TARGET");
    match progress {
        Some(path) => command.env(PROGRESS_VARIABLE, path),
        None => command.env_remove(PROGRESS_VARIABLE),
    };
    let output = command.output().expect("the lesson runs");
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).expect("text")
}

/// Not a test of its own: what the processes of the tests below do.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "run by the other tests, in a process of its own"]
async fn a_lesson() {
    let lesson = Lesson::start("01-progress").await;
    println!("{}", lesson.card());
    let check = lesson.check("01.repair").await;
    println!("{check}");
    println!("{}", check.hint());
    let again = lesson.check("01.repair").await;
    println!("number {}", again.hint().number());
    println!("{}", lesson.check("01.nothing").await);
    lesson.client("assistant").run("answer").start().end();
    let own = Exercise::new("01.repair", "Solved")
        .run("answer")
        .root()
        .nothing_lost();
    println!("{}", lesson.check_exercise(&own).await);
    println!("{:?}", lesson.card().passed());
}

#[test]
fn checks_and_hints_are_remembered_from_one_kernel_to_the_next() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("progress.jsonl");
    let first = a_lesson_with(Some(&path));
    for part in [
        "Exercises of this page: 3\n  ○ 01.predict",
        "  ○ 01.repair · Mend the trace · 12 minutes\n",
        "Next: read on to the exercise 01.predict",
        "no run has arrived: run the exercise's own cell first",
        "Hint 1 of 3: ",
        "number 2",
        "no exercise is named `01.nothing`; these are: `00.join`",
        "✓ 01.repair · Solved",
        "(1, 3)",
    ] {
        assert!(first.contains(part), "{part} is missing in {first}");
    }
    assert!(
        !first.contains("Hint 2 of 3"),
        "one hint at a time: {first}"
    );
    let second = a_lesson_with(Some(&path));
    for part in [
        "Exercises of this page: 1 of 3 passed\n  ○ 01.predict",
        "  ✓ 01.repair",
        "Stuck? `check.hint()` gives hint 3 of 3.",
        "Hint 2 of 3: ",
        "Hint 3 of 3: ",
        "number 3",
    ] {
        assert!(second.contains(part), "{part} is missing in {second}");
    }
    let journal = fs::read_to_string(&path).expect("the journal");
    let entries: Vec<Value> = journal
        .lines()
        .map(|line| serde_json::from_str(line).expect("a line of JSON"))
        .collect();
    let first = &entries[0];
    assert_eq!(
        (&first["event"], &first["exercise"]),
        (&json!("check"), &json!("01.repair"))
    );
    assert_eq!(
        (&first["hints"], &first["minutes"], &first["goal"]),
        (&json!(3), &json!(12), &json!(true))
    );
    assert!(entries.iter().all(|entry| entry["exercise"] == "01.repair"));
}

#[test]
fn without_a_place_to_write_a_lesson_goes_on_and_remembers_nothing() {
    for nowhere in [None, Some(Path::new("/no/such/folder/progress.jsonl"))] {
        let told = a_lesson_with(nowhere);
        assert!(
            told.contains("✓ 01.repair · Solved") && told.contains("(0, 3)"),
            "{told}"
        );
        assert_eq!(
            told.contains("⚠ This is not remembered"),
            nowhere.is_some(),
            "{told}"
        );
    }
}

#[test]
fn a_damaged_file_costs_a_line_of_the_card_and_what_is_readable_counts() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("progress.jsonl");
    let passed = r#"{"event": "check", "exercise": "01.repair", "passed": true}"#;
    fs::write(&path, format!("nonsense\n{passed}\n\u{0}\n")).expect("written");
    // Cut in the middle of a line, in the middle of a letter.
    let mut cut = fs::read(&path).expect("read");
    cut.extend(b"{\"event\": \"ch\xe2\x82");
    fs::write(&path, cut).expect("written");
    let told = a_lesson_with(Some(&path));
    for part in [
        "✓ 01.repair",
        "⚠ 3 lines of the progress file cannot be read, and do not count.",
        "no run has arrived",
    ] {
        assert!(told.contains(part), "{part} is missing in {told}");
    }
    let journal = fs::read(&path).expect("the journal");
    let journal = String::from_utf8_lossy(&journal);
    let added = journal
        .lines()
        .filter(|line| line.contains("\"wrong\""))
        .count();
    assert_eq!(added, 3, "each check has a line of its own: {journal}");
}

#[test]
fn a_folder_in_the_files_place_is_told_and_stops_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let told = a_lesson_with(Some(folder.path()));
    for part in [
        "⚠ The progress file cannot be read (is a directory).",
        "⚠ This is not remembered: the progress file cannot be written (is a directory).",
        "✓ 01.repair · Solved",
    ] {
        assert!(told.contains(part), "{part} is missing in {told}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn only_tracing_headers_of_watched_services_are_kept() {
    use axum::{Router, routing::get};
    let lesson = Lesson::start("01-headers").await;
    let service = lesson.serve(
        "retriever",
        Router::new().route("/", get(|| async { "found" })),
    );
    let answer = http_client()
        .get(service.url("/"))
        .header("langsmith-trace", "anything")
        .header("authorization", "Bearer secret")
        .send()
        .await
        .expect("an answer");
    assert_eq!(answer.text().await.expect("text"), "found");
    let capture = lesson.capture(0).await;
    let [arrival] = capture.arrivals_at("retriever")[..] else {
        panic!("one request");
    };
    assert_eq!(
        arrival.headers,
        [("langsmith-trace".to_owned(), "anything".to_owned())]
    );
    lesson.clear();
    assert!(lesson.capture(0).await.arrivals_at("retriever").is_empty());
}
