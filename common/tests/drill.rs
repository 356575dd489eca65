//! The drill: the same seed deals the same incidents, time is a clock's, and the card tells medians with counts.
#![cfg(feature = "lab")]

use std::sync::Arc;
use std::time::Duration;

use common::analysis::{Means, Share};
use common::lab::catalogue::{Scenario, scenario, scenarios};
use common::lab::drill::{DrillCard, Incident, Incidents};
use common::model::{Clock as _, SteppingClock, SystemClock};

/// A clock that goes on by ten seconds at each look: an incident takes ten seconds.
fn ten_seconds() -> Arc<SteppingClock> {
    Arc::new(SteppingClock::new(
        SystemClock.now(),
        Duration::from_secs(10),
    ))
}

fn rows(rows: &[u8]) -> Vec<&'static Scenario> {
    rows.iter().filter_map(|row| scenario(*row)).collect()
}

async fn all(mut drill: Incidents) -> Vec<Incident> {
    let mut incidents = Vec::new();
    while let Some(incident) = drill.next().await {
        incidents.push(incident);
    }
    incidents
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_seed_deals_the_same_and_another_another() {
    let order = |seed| all(Incidents::among(rows(&[4, 9, 13, 14, 37, 58]), seed));
    let (one, again, other) = (order(1).await, order(1).await, order(2).await);
    let seen = |incidents: &[Incident]| -> Vec<(Means, Vec<&str>)> {
        let of = |one: &Incident| (one.means(), one.choices().iter().map(|f| f.code).collect());
        incidents.iter().map(of).collect()
    };
    assert_eq!(seen(&one), seen(&again));
    assert_ne!(seen(&one), seen(&other));
    for means in [Means::Logs, Means::Trace, Means::Doctor] {
        let dealt = one.iter().filter(|incident| incident.means() == means);
        assert_eq!(dealt.count(), 2, "each as often as the others");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn logs_show_no_trace_a_trace_no_doctor_and_the_answer_is_among_the_choices() {
    for incident in all(Incidents::among(rows(&[9, 14, 37]), 3)).await {
        let shown = incident.shown();
        assert_eq!(
            shown.contains("The traces:"),
            incident.means() != Means::Logs
        );
        assert_eq!(
            shown.contains("The doctor:"),
            incident.means() == Means::Doctor
        );
        let codes: Vec<&str> = incident.choices().iter().map(|fault| fault.code).collect();
        assert_eq!(codes.len(), 5);
        let right = ["LT002", "LT009", "LT019"];
        assert_eq!(
            codes
                .iter()
                .filter(|code| right.contains(code))
                .count()
                .min(1),
            1
        );
        assert!(!incident.to_string().contains("spawned-tool"), "{incident}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_are_timed_by_the_clock_checked_and_remembered_on_this_machine() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("progress.jsonl");
    let drill = Incidents::among(rows(&[9]), 1);
    let mut drill = drill.clock(ten_seconds()).remembered_in(&path);
    assert!(
        drill.answer("LT002").scenario().is_none(),
        "nothing was asked"
    );
    let incident = drill.next().await.expect("one");
    let means = incident.means();
    let verdict = drill.answer(" lt002 ");
    assert!(verdict.is_right(), "{verdict}");
    assert_eq!(verdict.took(), Duration::from_secs(10));
    assert!(verdict.to_string().contains("tokio::spawn"), "{verdict}");
    let was = "it was LT002 two-roots · row 9, spawned-tool";
    assert!(verdict.to_string().contains(was), "{verdict}");
    assert!(drill.next().await.is_none());

    let mut again = Incidents::among(rows(&[9]), 1)
        .clock(ten_seconds())
        .remembered_in(&path);
    let incident = again.next().await.expect("one");
    let wrong = incident.choices().iter().find(|one| one.code != "LT002");
    let wrong = wrong.expect("four of five are wrong");
    let verdict = again.answer(wrong.code);
    assert!(!verdict.is_right());
    let not = format!("not {} {}", wrong.code, wrong.name);
    assert!(verdict.to_string().contains(&not), "{verdict}");
    let found = *DrillCard::from_file(&path).found(means).expect("tried");
    assert_eq!(found.correct, Share { got: 1, of: 2 });
    assert_eq!(found.median_seconds, Some(10.0));
    assert_eq!(
        again.card().found(means).map(|found| found.correct.of),
        Some(1)
    );
    assert!(
        DrillCard::from_file(folder.path().join("none"))
            .found(means)
            .is_none()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_none_of_the_choices_is_no_answer_gives_nothing_away_and_the_time_goes_on() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("progress.jsonl");
    let drill = Incidents::among(rows(&[9]), 1);
    let mut drill = drill.clock(ten_seconds()).remembered_in(&path);
    let incident = drill.next().await.expect("one");
    let chosen = |code: &str| incident.choices().iter().any(|one| one.code == code);
    let other = scenarios().iter().map(Scenario::code);
    let other = other.into_iter().find(|code| !chosen(code));
    for none in ["", "two roots", other.expect("there are more than five")] {
        let verdict = drill.answer(none);
        assert!(!verdict.is_right(), "{none}");
        assert!(verdict.scenario().is_none(), "{none}");
        assert!(
            verdict.to_string().starts_with("no answer yet"),
            "{verdict}"
        );
    }
    assert!(!path.exists(), "nothing is remembered");
    let nobody = |card: DrillCard| card.found(incident.means()).is_none();
    assert!(nobody(drill.card()));
    let verdict = drill.answer("LT002");
    assert!(verdict.is_right(), "{verdict}");
    assert_eq!(
        verdict.took(),
        Duration::from_secs(40),
        "since it was shown"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_card_says_how_much_less_time_a_trace_takes_than_logs() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("progress.jsonl");
    let line = |means: &str, right: bool, millis: u64| {
        format!(
            "{{\"event\":\"drill\",\"exercise\":\"06.drill\",\"means\":\"{means}\",\"right\":{right},\"millis\":{millis}}}\n"
        )
    };
    let text: String = [
        line("logs", true, 80_000),
        line("logs", true, 120_000),
        line("logs", false, 1_000),
        "half a li\n".to_owned(),
        line("doctor", true, 25_000),
    ]
    .concat();
    std::fs::write(&path, text).expect("written");
    let card = DrillCard::from_file(&path);
    assert_eq!(card.reduction(Means::Doctor), Some(0.75));
    assert_eq!(card.reduction(Means::Trace), None);
    let told = card.to_string();
    for part in ["2 of 3", "100.0 s", "75 %", "0 of 0"] {
        assert!(told.contains(part), "{told}");
    }
}
