//! The sixty scenarios: each is found by its code, and its repaired twin is clean.
#![cfg(feature = "lab")]
#![allow(clippy::print_stdout, reason = "the table is for people to read")]

mod python_here;

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use common::analysis::doctor::{EvidenceKind, Level, Report};
use common::lab::catalogue::{Parts, Scenario, overview, scenario, scenarios};
use futures_util::{StreamExt as _, stream};

fn codes(report: &Report) -> Vec<&'static str> {
    report.counts.keys().copied().collect()
}

/// What one scenario came to.
struct Played {
    scenario: &'static Scenario,
    broken: Report,
    repaired: Report,
    took: Duration,
}

async fn played(scenario: &'static Scenario) -> Played {
    let begun = Instant::now();
    Played {
        scenario,
        broken: scenario.run_here().await.examine(),
        repaired: scenario.repaired_here().await.examine(),
        took: begun.elapsed(),
    }
}

fn line(played: &Played) -> String {
    let scenario = played.scenario;
    let shown: Vec<&str> = scenario
        .shown_by()
        .iter()
        .map(|kind| kind.as_str())
        .collect();
    format!(
        "{:>2} {:<24} {} → {:<24} {:<6} {:>5} ms  {} · {}",
        scenario.number(),
        scenario.name(),
        scenario.code(),
        codes(&played.broken).join(" "),
        if played.repaired.is_clean() {
            "clean".to_owned()
        } else {
            codes(&played.repaired).join(" ")
        },
        played.took.as_millis(),
        scenario.parts(),
        shown.join(", "),
    )
}

/// Rows of which no run arrives, repaired or not: a process that sends none, an endpoint that is down, a preflight.
const WITHOUT_RUNS: [u8; 3] = [27, 33, 47];

/// Returns what is not as it should be.
fn wrong(played: &Played) -> Option<String> {
    let scenario = played.scenario;
    let found = played.broken.with_code(scenario.code()).next();
    let Some(found) = found else {
        return Some(format!("{scenario}: not found\n{}", played.broken));
    };
    if !found
        .causes
        .iter()
        .any(|cause| cause.row == scenario.number())
    {
        return Some(format!("{scenario}: its cause is not named"));
    }
    for kind in scenario.shown_by() {
        let all = played.broken.with_code(scenario.code());
        if !all
            .into_iter()
            .any(|finding| finding.shown_by.contains(kind))
        {
            return Some(format!(
                "{scenario}: not shown by the {kind}\n{}",
                played.broken
            ));
        }
    }
    if !played.repaired.is_clean() {
        return Some(format!("{scenario}, repaired:\n{}", played.repaired));
    }
    // Where nothing was read nothing is found either.
    let (given, runs) = (&played.repaired.given, played.repaired.runs);
    if (runs == 0) != WITHOUT_RUNS.contains(&scenario.number()) {
        return Some(format!("{scenario}, repaired: {runs} runs"));
    }
    if let Some(kind) = scenario
        .shown_by()
        .iter()
        .find(|kind| !given.contains(kind))
    {
        return Some(format!("{scenario}, repaired: nobody gave the {kind}"));
    }
    (played.broken.unreadable + played.repaired.unreadable > 0)
        .then(|| format!("{scenario}: a line of its capture cannot be read"))
}

#[tokio::test(flavor = "multi_thread")]
async fn every_row_is_found_by_its_code_and_its_repaired_twin_is_clean() {
    let all = stream::iter(scenarios()).map(played).buffered(8);
    let all: Vec<Played> = all.collect().await;
    println!("row, scenario, expected code → found; repaired; what moves · what shows it");
    all.iter().for_each(|played| println!("{}", line(played)));
    let wrong: Vec<String> = all.iter().filter_map(wrong).collect();
    assert!(
        wrong.is_empty(),
        "{} of {}:\n{}",
        wrong.len(),
        all.len(),
        wrong.join("\n")
    );
}

#[test]
fn there_are_sixty_rows_each_with_a_name_a_code_a_symptom_and_evidence() {
    let numbers: Vec<u8> = scenarios().iter().map(Scenario::number).collect();
    assert_eq!(numbers, (1..=60).collect::<Vec<u8>>());
    let names: BTreeSet<&str> = scenarios().iter().map(Scenario::name).collect();
    assert_eq!(names.len(), 60);
    for scenario in scenarios() {
        assert!(
            scenario.cause().is_some(),
            "{scenario:?} is no row of its code"
        );
        assert!(!scenario.shown_by().is_empty(), "{scenario:?}");
    }
    let kinds: BTreeSet<EvidenceKind> = scenarios()
        .iter()
        .flat_map(|scenario| scenario.shown_by())
        .copied()
        .collect();
    assert_eq!(kinds, EvidenceKind::ALL.into());
    let table = overview().to_string();
    assert!(
        table.contains("spawned-tool") && table.contains("LT050"),
        "{table}"
    );
    assert!(scenario(0).is_none() && scenario(61).is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_scenario_is_the_same_each_time_and_can_be_saved_and_read() {
    let spawned = scenario(9).expect("row 9");
    let (one, two) = (spawned.run().await, spawned.run().await);
    assert_eq!(
        common::prelude::text_tree(one.tree()).to_string(),
        common::prelude::text_tree(two.tree()).to_string()
    );
    let read = common::analysis::doctor::Evidence::read(one.capture().as_bytes());
    let read = common::analysis::doctor::examine(&read.expect("a capture"));
    assert_eq!(codes(&read), codes(&one.examine()));
    assert_eq!(read.worst(), Some(Level::Error));
}

#[tokio::test(flavor = "multi_thread")]
async fn logs_name_services_and_never_a_trace() {
    let stripped = scenario(48).expect("row 48").run().await;
    let logs = stripped.logs();
    assert!(
        logs.contains("gateway: answer begins") && logs.contains("retriever: "),
        "{logs}"
    );
    for node in stripped.tree().nodes() {
        assert!(!logs.contains(&node.run.id.to_string()), "{logs}");
        assert!(!logs.contains(&node.run.trace_id.to_string()), "{logs}");
    }
}

/// Writes what the SDK sends where it is recorded, if `RECORD_CATALOGUE` is set; run lines only, less what a
/// machine says of itself.
fn record(scenario: &Scenario, way: &str, capture: &str) {
    if std::env::var_os("RECORD_CATALOGUE").is_none() {
        return;
    }
    let mut lines = String::new();
    for line in capture.lines() {
        let mut line: serde_json::Value = serde_json::from_str(line).expect("JSON");
        if let Some(capture) = line.get_mut("capture") {
            capture["source"] = "langsmith 0.15.0 for Python".into();
            capture["evidence"] = serde_json::json!(["trace"]);
        } else if let Some(extra) = line.pointer_mut("/run/extra") {
            let word = |key: &str| extra["runtime"][key].clone();
            let runtime = serde_json::json!({
                "runtime": word("runtime"), "runtime_version": word("runtime_version"),
                "sdk": word("sdk"), "sdk_version": word("sdk_version"),
            });
            let told = |key: &str| extra["metadata"][key].clone();
            let metadata = serde_json::json!({
                "request_id": told("request_id"), "service": told("service"),
            });
            *extra = serde_json::json!({ "runtime": runtime, "metadata": metadata });
        } else {
            continue;
        }
        lines.push_str(&format!("{line}\n"));
    }
    let name = format!("{:02}_{way}.jsonl", scenario.number());
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/src/lab/catalogue/recorded");
    std::fs::write(format!("{folder}/{name}"), lines).expect("written");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_python_sdk_makes_its_mistakes_as_they_are_recorded() {
    if !python_here::python_is_here() {
        return;
    }
    let python = scenarios()
        .iter()
        .filter(|row| row.parts() == Parts::Python);
    let played = stream::iter(python).map(|scenario| async move {
        let (broken, repaired) = (scenario.run().await, scenario.repaired().await);
        record(scenario, "broken", broken.capture());
        record(scenario, "repaired", repaired.capture());
        let recorded = scenario.run_here().await;
        let recorded = (codes(&recorded.examine()), recorded.tree().len());
        let now = (codes(&broken.examine()), broken.tree().len());
        (scenario, now, recorded, repaired.examine())
    });
    let played: Vec<_> = played.buffered(2).collect().await;
    assert_eq!(played.len(), 4);
    for (scenario, now, recorded, repaired) in played {
        assert!(now.0.contains(&scenario.code()), "{scenario}: {now:?}");
        assert!(repaired.is_clean(), "{scenario}: {repaired}");
        if std::env::var_os("RECORD_CATALOGUE").is_none() {
            assert_eq!(now, recorded, "{scenario}");
        }
    }
}
