//! The program itself: what it sends, what arrives, what it says.

mod program;

use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};

use production_monitoring::load::{CallOutcome, Entry, Ledger, Plan, Scenario, Shares};
use program::{Done, load};

fn plan_of(ledger: &Ledger, long: f64) -> Vec<Scenario> {
    let asked = &ledger.asked;
    let shares = Shares {
        errors: 0.2,
        slow: 0.05,
        long,
    };
    let length = std::time::Duration::from_secs_f64(asked.seconds);
    let plan = Plan::new("any", asked.seed, asked.rate, length, shares);
    plan.requests.iter().map(|one| one.scenario).collect()
}

fn scenarios(ledger: &Ledger) -> Vec<Scenario> {
    let mut entries = ledger.entries.clone();
    entries.sort_by(|a, b| a.due_seconds.total_cmp(&b.due_seconds));
    entries.iter().map(|entry| entry.scenario).collect()
}

#[test]
fn a_healthy_load_arrives_whole_and_the_report_says_so() {
    let Done {
        success,
        said,
        ledger,
        page,
        ..
    } = load(&["--smoke", "--rate", "5", "--errors", "0.2"]);
    assert!(success, "{said}");
    assert_eq!(
        scenarios(&ledger),
        plan_of(&ledger, 0.0),
        "all of the plan was asked"
    );
    // What fails is what was to fail, at the status that its scenario has.
    for entry in &ledger.entries {
        let fails = matches!(
            entry.scenario,
            Scenario::IndexMissing | Scenario::ModelOverloaded
        );
        assert_eq!(entry.status, if fails { 502 } else { 200 }, "{entry:?}");
    }
    let expected: usize = ledger
        .entries
        .iter()
        .map(|entry| {
            if entry.scenario == Scenario::IndexMissing {
                4
            } else {
                7
            }
        })
        .sum();
    let verdict = format!("Nothing was lost: each of {expected} runs arrived");
    assert!(said.contains(&verdict) && page.contains(&verdict), "{said}");
    assert!(said.contains("production visibility  100 %"), "{said}");
}

#[test]
fn with_faults_and_memory_alone_the_killed_process_takes_runs_along_and_the_report_says_which() {
    let done = load(&["--smoke", "--errors", "0.2", "--chaos"]);
    assert!(
        done.success,
        "a loss that was ordered is no failure: {}",
        done.said
    );
    assert_eq!(scenarios(&done.ledger), plan_of(&done.ledger, 0.02));
    let lost = done.figure(" runs of the retriever did not arrive");
    assert!(lost > 0, "{}", done.said);
    let verdict = format!("{lost} of ");
    assert!(
        done.said.contains(&verdict),
        "nobody else lost anything: {}",
        done.said
    );
    assert!(
        done.said.contains("the retriever was killed"),
        "{}",
        done.said
    );
    // It was killed while it held something, and nothing but its books could tell.
    let words =
        " operations in memory and 0 on disk only; nothing of it was left for the next process";
    assert!(done.figure(words) > 0, "{}", done.said);
    assert!(done.page.contains("nobody listened at the backend"));
    // The gateway's runs say what it was that failed.
    let unreachable = done.ledger.entries.iter().flat_map(|entry| &entry.calls);
    assert!(
        unreachable
            .clone()
            .any(|call| call.outcome == CallOutcome::Unreachable)
    );
    assert!(
        done.said.contains("retriever unreachable in gateway"),
        "{}",
        done.said
    );
}

#[test]
fn with_faults_and_durable_services_nothing_is_lost_by_count() {
    let done = load(&["--smoke", "--errors", "0.2", "--chaos", "--durable"]);
    assert!(done.success, "{}", done.said);
    let expected = done.figure(" runs arrived");
    assert!(expected > 0, "{}", done.said);
    assert!(done.said.contains("Nothing was lost"), "{}", done.said);
    assert!(done.said.contains("on disk and sent them"), "{}", done.said);
    assert!(!done.said.contains("did not arrive"), "{}", done.said);
    // Two runs hold the long passage: the search that found it, and the model that read it.
    // Where a service was gone, the passage went no further.
    let long = done.ledger.entries.iter();
    let mut long = long.filter(|entry| entry.scenario == Scenario::Long && entry.is_answered());
    assert!(long.next().is_some(), "the plan of this seed has some");
    for role in ["retriever", "generator"] {
        let words = format!("runs of the {role} arrived cut");
        assert!(done.said.contains(&words), "{}", done.said);
    }
}

#[test]
fn a_sampled_load_counts_what_was_left_out_apart_and_shows_what_it_costs_in_sight() {
    let done = load(&["--smoke", "--errors", "0.5", "--sampling", "0.5"]);
    assert!(done.success, "{}", done.said);
    let left_out = done
        .ledger
        .entries
        .iter()
        .filter(|entry| !entry.recorded)
        .count();
    assert!(left_out > 0 && left_out < done.ledger.entries.len());
    let words = format!("{left_out} requests were left out by the sampler");
    assert!(done.said.contains(&words), "{}", done.said);
    assert!(done.said.contains("Nothing was lost"), "{}", done.said);
    let failed = done
        .ledger
        .entries
        .iter()
        .filter(|entry| !entry.is_answered());
    let seen = failed.clone().filter(|entry| entry.recorded).count();
    let words = format!("{seen} of {} failures can be seen", failed.count());
    assert!(done.said.contains(&words), "{words} in {}", done.said);
}

#[test]
fn with_errors_kept_every_failure_is_seen_whatever_the_sampler_leaves_out() {
    let done = load(&[
        "--smoke",
        "--errors",
        "0.3",
        "--sampling",
        "0.2",
        "--keep-errors",
    ]);
    assert!(done.success, "{}", done.said);
    assert!(done.said.contains("Nothing was lost"), "{}", done.said);
    assert!(
        done.said.contains("production visibility  100 %"),
        "{}",
        done.said
    );
    let failed = done
        .ledger
        .entries
        .iter()
        .filter(|entry| !entry.is_answered());
    let left_out = failed.clone().filter(|entry| !entry.recorded).count();
    assert!(left_out > 0, "the sampler would have left some out");
    let words = format!("{0} of {0} failures can be seen", failed.count());
    assert!(done.said.contains(&words), "{}", done.said);
}

#[test]
fn a_limited_load_keeps_so_many_traces_a_second_each_of_them_whole() {
    let done = load(&["--smoke", "--errors", "0.2", "--limit", "5"]);
    assert!(done.success, "{}", done.said);
    let (kept, left_out): (Vec<_>, Vec<_>) =
        done.ledger.entries.iter().partition(|entry| entry.recorded);
    let last = kept.iter().map(|one| one.due_seconds + one.took_seconds);
    let last = last.fold(0.0, f64::max);
    assert!(!kept.is_empty() && !left_out.is_empty());
    // Five at once, and five for each second since the first.
    assert!(
        (kept.len() as f64) <= 6.0 + 5.0 * last,
        "{} in {last} s",
        kept.len()
    );
    let (left_out, expected) = (left_out.len(), done.figure(" runs arrived"));
    for words in [
        format!("{left_out} requests were left out by the sampler"),
        format!("the gateway left {left_out} traces out: they were over the limit"),
        "Nothing was lost".to_owned(),
    ] {
        assert!(done.said.contains(&words), "{words} in {}", done.said);
    }
    // The other services have followed: nothing arrived of what the gateway left out.
    let tile = format!("<b>{expected}</b><span>runs arrived</span>");
    assert!(done.page.contains(&tile), "{tile}");
}

/// Returns the words for how many of the failures can be seen.
fn visible(done: &Done, seen: impl Fn(&Entry) -> bool) -> String {
    let entries = done.ledger.entries.iter();
    let failed: Vec<_> = entries.filter(|one| !one.is_answered()).collect();
    let seen = failed.iter().filter(|one| seen(one)).count();
    assert!(seen > 0, "some are kept");
    format!("{seen} of {} failures can be seen", failed.len())
}

#[test]
fn with_errors_kept_a_limit_hides_no_failure() {
    let done = load(&[
        "--smoke",
        "--errors",
        "0.3",
        "--limit",
        "4",
        "--keep-errors",
    ]);
    assert!(done.success, "{}", done.said);
    let words = visible(&done, |_| true);
    assert!(done.said.contains(&words), "{words} in {}", done.said);
    assert!(done.said.contains("Nothing was lost"), "{}", done.said);
}

#[test]
fn a_tail_without_room_keeps_no_failure_that_the_head_left_out_and_the_report_says_so() {
    let line = "--smoke --errors 0.3 --limit 4 --keep-errors --waiting 0";
    let done = load(&line.split(' ').collect::<Vec<_>>());
    assert!(
        done.success,
        "nothing is lost of what was promised: {}",
        done.said
    );
    let left_out = done
        .ledger
        .entries
        .iter()
        .filter(|one| !one.recorded)
        .count();
    let did_not = format!("the gateway did not wait for the end of {left_out} traces");
    assert!(done.said.contains(&did_not), "{did_not} in {}", done.said);
    let words = visible(&done, |one| one.recorded);
    assert!(done.said.contains(&words), "{words} in {}", done.said);
}

#[test]
fn a_command_line_that_makes_no_sense_is_refused_with_status_2() {
    for wrong in [
        &["--rate", "0"][..],
        &["--errors", "2"],
        &["--minutes", "1", "--seconds", "1"],
        &["--seconds", "inf"],
        &["--keep-errors"],
        &["--limit", "0"],
        &["read"],
    ] {
        let output = program::program(wrong).output().expect("it ends");
        assert_eq!(output.status.code(), Some(2), "{wrong:?}");
    }
}

#[cfg(unix)]
#[test]
fn ctrl_c_in_the_middle_of_a_load_that_was_to_be_kept_ends_it_with_its_report() {
    let folder = tempfile::tempdir().expect("a folder");
    let out = folder.path().join("report.html");
    let mut child = program::program(&["--minutes", "10", "--rate", "5", "--keep", "--out"])
        .arg(&out)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("it starts");
    let mut lines = BufReader::new(child.stdout.take().expect("piped")).lines();
    // Five addresses and an empty line: then the load begins.
    let addresses = lines.by_ref().take(6).collect::<Result<Vec<_>, _>>();
    assert_eq!(addresses.expect("lines").len(), 6);
    let interrupted = Command::new("kill")
        .args(["-INT", &child.id().to_string()])
        .status();
    assert!(interrupted.expect("it runs").success());
    let said: String = lines.map_while(Result::ok).collect::<Vec<_>>().join("\n");
    assert!(child.wait().expect("it ends").success(), "{said}");
    assert!(said.contains("The report:") && out.exists(), "{said}");
}

#[test]
fn langsmith_without_a_key_is_told_before_anything_is_started() {
    let output = program::program(&["--smoke"])
        .env("WORKBOOK_TARGET", "langsmith")
        .output()
        .expect("it ends");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1));
    assert!(said.contains("LANGSMITH_API_KEY"), "{said}");
}
