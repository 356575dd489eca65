//! Times that no clock shows: whatever a capture says, nothing that reckons with it overflows.
#![cfg(all(feature = "analysis", feature = "client"))]

mod captured;

use std::sync::Arc;

use captured::{Change as _, id, run};
use chrono::{DateTime, Utc};
use common::analysis::{
    ClockSkew, CriticalPath, Film, Gaps, Golden, PerformanceLimits, SelfTimes, TraceDiff,
    Waterfall, performance_findings_within,
};
use common::client::{PendingRule, adopt_orphans, close_pending};
use common::model::{Run, RunEvent, Timestamp, TraceTree};
use proptest::prelude::*;

const FIRST: Timestamp = DateTime::<Utc>::MIN_UTC;
const LAST: Timestamp = DateTime::<Utc>::MAX_UTC;

/// Reads a trace in every way there is.
fn read(runs: &[Run]) {
    let tree = TraceTree::build(runs.iter().cloned());
    let path = CriticalPath::of(&tree);
    let _ = (
        path.to_string(),
        path.by_run(),
        CriticalPath::figure(&tree).svg(),
    );
    let _ = (
        SelfTimes::of(&tree).to_string(),
        Gaps::of(&tree).to_string(),
    );
    let limits = PerformanceLimits {
        fan_out: 2,
        attempts: 1,
        repeats: 2,
        ..PerformanceLimits::default()
    };
    let _ = performance_findings_within(&tree, &limits).to_string();
    let skew = ClockSkew::of([&tree, &tree]);
    let corrected = skew.correct(&tree);
    assert_eq!(corrected.len(), tree.len());
    let _ = (
        skew.to_string(),
        skew.table().to_string(),
        skew.figure().svg(),
    );
    let _ = skew
        .between("gateway", "worker")
        .map(|pair| (pair.offset(), pair.in_words()));
    let diff = TraceDiff::of(&tree, &corrected);
    let _ = (diff.to_string(), Golden::of(&tree).to_string());
    let film = Film::of_runs(runs.iter().cloned());
    let _ = (film.to_string(), film.figure().svg());
    let _ = Waterfall::of(&tree).supersteps().critical_path().svg();
    let _ = close_pending(runs, &PendingRule::all()).applied_to(runs.to_vec());
    let _ = adopt_orphans(runs).applied_to(runs.to_vec());
}

fn any_time() -> impl Strategy<Value = Timestamp> {
    let seconds = FIRST.timestamp()..=LAST.timestamp();
    prop_oneof![
        Just(FIRST),
        Just(LAST),
        Just(DateTime::<Utc>::UNIX_EPOCH),
        seconds.prop_map(|seconds| DateTime::from_timestamp(seconds, 0).expect("in range")),
    ]
}

fn any_run(number: u128) -> impl Strategy<Value = Run> {
    let times = (any_time(), prop::option::of(any_time()), any_time());
    let place = (0..number.max(1), 0..3_usize, 0..4_usize);
    let moved = prop::option::of(any::<i64>());
    (times, place, moved).prop_map(move |((start, end, event), (parent, host, kind), moved)| {
        let name = ["search", "model"][kind % 2];
        let mut run = run(
            number,
            None,
            name,
            ["retriever", "llm", "tool", "chain"][kind],
            0,
            0,
        );
        run.trace_id = id(1).into();
        run.parent_run_id = (number > 1).then(|| id(parent.max(1)));
        (run.start_time, run.end_time) = (start, end);
        run.error = (host == 2).then(|| "503".to_owned());
        run.inputs = serde_json::json!({"q": kind}).as_object().cloned();
        run.outputs = serde_json::json!({"a": kind}).as_object().cloned();
        run.events.push(RunEvent {
            name: "new_token".to_owned(),
            time: event,
            message: None,
            kwargs: None,
        });
        let mut run = run.service(["gateway", "worker", "model"][host]);
        if let Some(moved) = moved {
            Arc::make_mut(&mut run.extra.metadata).insert("clock_skew_ms".into(), moved.into());
        }
        run
    })
}

#[test]
fn the_first_and_the_last_time_are_no_trouble_side_by_side() {
    let mut root = run(1, None, "root", "chain", 0, 0).service("gateway");
    (root.start_time, root.end_time) = (FIRST, Some(LAST));
    let mut runs = vec![root.clone()];
    for number in 2..1_500 {
        let mut below = run(number, Some(&root), "serve", "tool", 0, 0).service("worker");
        let turned = number % 3 == 0;
        below.start_time = if turned { LAST } else { FIRST };
        below.end_time = Some(if turned { FIRST } else { LAST });
        runs.push(below);
    }
    read(&runs);
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(64) })]

    #[test]
    fn no_time_of_a_capture_overflows(
        runs in (2..12_u128).prop_flat_map(|most| (1..most).map(any_run).collect::<Vec<_>>()),
    ) {
        read(&runs);
    }
}
