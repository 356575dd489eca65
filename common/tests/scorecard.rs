//! The five success metrics, of traces made by hand in which each number is known.
#![cfg(feature = "analysis")]

mod captured;
mod scored;

use std::sync::Arc;
use std::time::Duration;

use captured::{Change as _, id, run};
use common::analysis::{
    Asked, Cost, Cut, Diagnosis, Drill, Failure, Flaw, Ledger, Load, Means, Unseen,
};
use common::model::Run;
use common::propagation::{INCOMING_RUN_ID, INCOMING_TRACE_ID};
use scored::{asked, cuts, edge, flaws, ledger, of, score, share, two_hops, with};
use serde_json::{Value, json};

#[test]
fn completeness_counts_what_was_asked_and_not_what_arrived() {
    let [root, _] = two_hops(20, "half");
    let runs = two_hops(10, "whole").into_iter().chain([root]);
    let ledger = ledger([
        asked("whole"),
        asked("half"),
        asked("gone"),
        asked("gone too"),
    ]);
    let score = score(runs, &ledger).completeness;
    assert_eq!(score.complete, share(1, 4));
    assert_eq!((score.partial, score.missing, score.strays), (1, 2, 0));
    assert_eq!(score.complete.ratio(), Some(0.25));
    assert_eq!(
        score.absent.into_iter().collect::<Vec<_>>(),
        [("retriever".to_owned(), 1)]
    );
}

#[test]
fn a_trace_is_complete_only_without_any_of_these_flaws() {
    let [root, below] = two_hops(1, "r");
    let second = of(
        "r",
        run(9, None, "answer", "chain", 0, 50).service("gateway"),
    );
    assert_eq!(
        flaws([below.clone()]),
        [Flaw::NoRoot, Flaw::Orphan, Flaw::ServiceAbsent]
    );
    assert_eq!(flaws([root.clone()]), [Flaw::ServiceAbsent]);
    assert_eq!(
        flaws([root.clone(), below.clone(), second]),
        [Flaw::SeveralRoots]
    );
    assert_eq!(
        flaws([root.clone(), below.clone().pending()]),
        [Flaw::Pending]
    );
    assert_eq!(
        flaws([root.clone().pending(), below.clone()]),
        [Flaw::Pending]
    );
    assert_eq!(
        flaws([root.clone(), below.clone().project("b")]),
        [Flaw::SeveralProjects]
    );
    let mut elsewhere = below.clone();
    elsewhere.parent_run_id = Some(id(77));
    assert_eq!(flaws([root.clone(), elsewhere]), [Flaw::Orphan]);
    // A context that leaked: the other request's run landed in this trace.
    let leaked = of(
        "other",
        run(8, Some(&root), "step", "chain", 6, 1).service("gateway"),
    );
    let both = ledger([asked("r"), Asked::new("other")]);
    let score = score([root, below, leaked], &both).completeness;
    assert_eq!(
        score.flaws.into_iter().collect::<Vec<_>>(),
        [(Flaw::Mixed, 2)]
    );
}

#[test]
fn a_run_of_no_request_is_a_stray_and_harms_no_request() {
    let stray = run(30, None, "cron", "chain", 0, 1).service("gateway");
    let unknown = of("not asked", run(31, None, "answer", "chain", 0, 1));
    let runs = two_hops(1, "r").into_iter().chain([stray, unknown]);
    let score = score(runs, &ledger([asked("r")]));
    assert_eq!(score.completeness.complete, share(1, 1));
    assert_eq!(score.completeness.strays, 2);
}

#[test]
fn edges_are_counted_by_pair_of_services_and_nodes_over_all_runs() {
    let [root, below] = two_hops(1, "a");
    let again = of(
        "a",
        run(3, Some(&below), "rerank", "tool", 8, 2).service("gateway"),
    );
    let request = asked("a")
        .call("retriever", "gateway")
        .call("retriever", "gateway");
    let score = score([root, below, again], &ledger([request])).propagation;
    assert_eq!((score.edges, score.nodes), (share(2, 3), share(2, 2)));
    let edges: Vec<_> = score
        .by_edge
        .iter()
        .map(|edge| (&*edge.from, edge.linked))
        .collect();
    assert_eq!(
        edges,
        [("gateway", share(1, 1)), ("retriever", share(1, 2))]
    );
}

#[test]
fn a_run_without_its_parent_is_counted_under_its_reason() {
    let [root, below] = two_hops(1, "r");
    let mut lost = below.clone();
    (lost.id, lost.parent_run_id) = (id(40), Some(id(99)));
    let mut circle = below.clone();
    (circle.id, circle.parent_run_id) = (id(41), Some(id(41)));
    let mut other = below.clone();
    other.id = id(42);
    other.trace_id = common::model::TraceId(id(43).0);
    let score = score([root, below, lost, circle, other], &Ledger::new()).propagation;
    assert_eq!(score.nodes, share(1, 4));
    assert_eq!(
        (score.parent_absent, score.in_a_circle, score.other_trace),
        (1, 1, 1)
    );
}

#[test]
fn a_call_that_is_not_linked_has_the_reason_that_was_noted() {
    let root = |n, request| {
        of(
            request,
            run(n, None, "answer", "chain", 0, 9).service("gateway"),
        )
    };
    let alone = |n| run(n, None, "retrieve", "retriever", 0, 9).service("retriever");
    let runs = [root(1, "a"), alone(2), root(3, "b"), alone(4), root(5, "c")];
    let mut ledger = ledger([asked("a"), asked("b"), asked("c")]);
    let unnoted = score(runs.clone(), &ledger);
    assert_eq!(edge(&unnoted).linked, share(0, 3));
    assert_eq!(
        cuts(&unnoted),
        [(Cut::Unexplained, 2), (Cut::NotCaptured, 1)]
    );

    ledger.note_cut("gateway", "retriever", Cut::Stripped, 1);
    ledger.note_cut("gateway", "retriever", Cut::Sampled, 1);
    ledger.note_cut("somebody", "else", Cut::Malformed, 7);
    let noted = [(Cut::Stripped, 1), (Cut::Sampled, 1), (Cut::Unexplained, 1)];
    assert_eq!(cuts(&score(runs.clone(), &ledger)), noted);

    // Retries make services count more than the load generator lost.
    ledger.note_cut("gateway", "retriever", Cut::Malformed, 100);
    let all = score(runs, &ledger);
    assert_eq!(cuts(&all).iter().map(|(_, count)| count).sum::<usize>(), 3);
}

#[test]
fn a_caller_that_was_not_believed_is_told_from_the_capture_alone() {
    let root = of(
        "r",
        run(1, None, "answer", "chain", 0, 9).service("gateway"),
    );
    let restarted = run(2, None, "retrieve", "retriever", 1, 5).service("retriever");
    let restarted = with(restarted, INCOMING_TRACE_ID, &root.trace_id.to_string());
    let restarted = with(restarted, INCOMING_RUN_ID, &root.id.to_string());
    let mut ledger = ledger([asked("r")]);
    let told = score([root.clone(), restarted.clone()], &ledger);
    assert_eq!(cuts(&told), [(Cut::Untrusted, 1)]);
    assert_eq!(told.completeness.strays, 0, "it belongs to the request");
    let flaws = told.completeness.flaws.into_keys().collect::<Vec<_>>();
    assert_eq!(flaws, [Flaw::SeveralRoots]);
    ledger.note_cut("gateway", "retriever", Cut::Restarted, 1);
    assert_eq!(
        cuts(&score([root, restarted], &ledger)),
        [(Cut::Restarted, 1)]
    );
}

#[test]
fn impact_is_the_difference_to_the_same_requests_untraced() {
    let ms = Duration::from_millis;
    let mut ledger = Ledger::new();
    for n in 1..=100 {
        ledger.took(Load::Off, ms(n));
        ledger.took(Load::On, ms(n + 2));
        ledger.took(Load::DeadBackend, ms(n + 3));
    }
    ledger.cost(Cost {
        runs: 300,
        bytes: Some(90_000),
        cpu: Some(ms(30)),
        peak_queue_bytes: Some(7),
    });
    ledger.cost(Cost {
        runs: 5,
        peak_queue_bytes: Some(4_096),
        ..Cost::default()
    });
    let score = score([], &ledger);
    let on = score.impact.traced().expect("timed");
    let close = |value: f64, expected: f64| assert!((value - expected).abs() < 1e-9, "{value}");
    close(on.p50, 0.052);
    close(on.p95, 0.097);
    close(on.p99, 0.101);
    let added = on.added.expect("compared");
    close(added.median, 0.002);
    close(added.p99, 0.002);
    let (low, high) = added.interval.expect("100 pairs");
    assert!(low <= added.median && added.median <= high);
    assert_eq!(
        score.impact.timings[0].added, None,
        "nothing is compared with itself"
    );
    assert_eq!(score.impact.bytes_per_run, Some(300.0));
    close(score.impact.cpu_seconds_per_run.expect("measured"), 0.000_1);
    assert_eq!(score.impact.peak_queue_bytes, Some(4_096));
}

#[test]
fn the_interval_of_the_median_comes_from_ranks_and_needs_ten_pairs() {
    let mut ledger = Ledger::new();
    for n in 0..9_u64 {
        ledger.took(Load::Off, Duration::ZERO);
        ledger.took(Load::On, Duration::from_secs(n));
    }
    let added = |ledger: &Ledger| score([], ledger).impact.timings[1].added.expect("compared");
    assert_eq!(added(&ledger).interval, None);
    ledger.took(Load::Off, Duration::ZERO);
    ledger.took(Load::On, Duration::from_secs(9));
    // Of ten, the second from below and from above hold the median with 97.9 %.
    assert_eq!(added(&ledger).interval, Some((1.0, 8.0)));
}

#[test]
fn debug_time_is_peoples_and_the_doctors_score_stands_beside_it() {
    let mut ledger = Ledger::new();
    for (means, secs, correct) in [
        (Means::Logs, 600, true),
        (Means::Logs, 900, true),
        (Means::Logs, 10, false),
        (Means::Doctor, 30, true),
    ] {
        let took = Duration::from_secs(secs);
        ledger.drill(Drill {
            means,
            took,
            correct,
        });
    }
    for (injected, found) in [
        (Some("LT001"), vec!["LT001", "LT004"]),
        (Some("LT002"), vec![]),
        (None, vec![]),
        (None, vec!["LT001"]),
    ] {
        ledger.diagnosed(Diagnosis {
            injected: injected.map(str::to_owned),
            found: found.into_iter().map(str::to_owned).collect(),
        });
    }
    let score = score([], &ledger);
    let logs = score.debugging.people[&Means::Logs];
    assert_eq!(
        (logs.correct, logs.median_seconds),
        (share(2, 3), Some(750.0))
    );
    assert_eq!(score.debugging.faults_found, share(1, 2));
    assert_eq!(score.debugging.findings_right, share(1, 3));
    assert_eq!(score.debugging.sound_left_alone, share(1, 2));
    assert!(score.to_string().contains("12 min 30 s → 30 s"), "{score}");
}

/// Scores one failing request whose gateway and retriever ended as `change` left them.
fn unseen(failure: Failure, change: impl Fn(&mut Run, &mut Run)) -> Option<Unseen> {
    let [mut root, mut below] = two_hops(1, "r");
    below.error = Some("Timeout: no answer".into());
    below.inputs = json!({"question": "why?"}).as_object().cloned();
    change(&mut root, &mut below);
    let score = score([root, below], &ledger([asked("r").fails(failure)])).visibility;
    let [one] = &score.by_scenario[..] else {
        panic!("{score:?}")
    };
    assert_eq!(score.visible, one.visible);
    assert_eq!(one.visible.is_all(), one.unseen.is_empty());
    one.unseen.keys().next().copied()
}

#[test]
fn a_failure_is_visible_only_with_its_service_class_inputs_and_alert() {
    let timeout = || Failure::new("timeout", "retriever");
    let as_is = |_: &mut Run, _: &mut Run| {};
    assert_eq!(unseen(timeout(), as_is), None);
    assert_eq!(
        unseen(timeout().class("Timeout").alerted(true), as_is),
        None
    );
    assert_eq!(
        unseen(timeout().class("Refused"), as_is),
        Some(Unseen::NoClass)
    );
    assert_eq!(
        unseen(timeout().alerted(false), as_is),
        Some(Unseen::NoAlert)
    );
    assert_eq!(
        unseen(timeout().masked("why?"), as_is),
        Some(Unseen::NotMasked)
    );
    assert_eq!(unseen(timeout().masked("hunter22"), as_is), None);
    assert_eq!(
        unseen(Failure::new("timeout", "gateway"), as_is),
        Some(Unseen::WrongService)
    );
    assert_eq!(
        unseen(timeout(), |_, run| run.error = None),
        Some(Unseen::NoErrorRun)
    );
    assert_eq!(
        unseen(timeout(), |_, run| run.inputs = None),
        Some(Unseen::NoInputs)
    );
    let vague = |_: &mut Run, run: &mut Run| run.error = Some("it went wrong".into());
    assert_eq!(unseen(timeout(), vague), Some(Unseen::NoClass));
}

#[test]
fn of_several_failed_runs_one_that_tells_all_is_enough() {
    let failed_too = |root: &mut Run, _: &mut Run| {
        let metadata = Arc::make_mut(&mut root.extra.metadata);
        metadata.insert("service".into(), "retriever".into());
        root.error = Some("it went wrong".into());
    };
    assert_eq!(
        unseen(Failure::new("timeout", "retriever"), failed_too),
        None
    );
}

#[test]
fn what_nobody_measured_is_absent_and_never_a_hundred_per_cent() {
    let empty = score([], &Ledger::new());
    let text = empty.to_string();
    assert_eq!(text.matches("not measured").count(), 5, "{text}");
    assert!(!text.contains('%'), "{text}");
    assert_eq!(
        empty.to_json()["completeness"]["complete"]["ratio"],
        Value::Null
    );
    let page = empty.to_prometheus();
    assert!(
        !page.contains("_ratio") && !page.contains("seconds"),
        "{page}"
    );
    assert!(empty.card().to_string().contains("not measured"));
}

#[test]
fn a_request_that_is_asked_again_is_the_same_request() {
    let mut twice = ledger([asked("r"), asked("other")]);
    // A retry that goes one service further.
    let failure = Failure::new("timeout", "reranker");
    twice.ask(Asked::new("r").call("gateway", "reranker").fails(failure));
    assert_eq!(twice.len(), 2);
    let runs = two_hops(10, "r").into_iter().chain(two_hops(20, "other"));
    let score = score(runs, &twice);
    assert_eq!(score.completeness.complete, share(1, 2));
    assert_eq!(score.completeness.absent.get("reranker"), Some(&1));
    assert_eq!(score.propagation.edges, share(2, 3));
    assert_eq!(score.visibility.visible, share(0, 1));
}
