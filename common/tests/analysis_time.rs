//! Where the time of a trace went: critical path, self times, gaps, findings.
#![cfg(feature = "analysis")]

mod captured;
mod pictured;

use captured::{Change as _, at, broken, cut_in_two, failing, hostile, id, many, run, tree, whole};
use chrono::TimeDelta;
use common::analysis::{
    CriticalPath, Gaps, PerformanceCode, SelfTimes, UnwaitedBecause, Waterfall,
    performance_findings,
};
use common::model::{Run, RunEvent, TraceTree};
use pictured::{check, drawn_words};
use serde_json::{Value, json};

fn ms(millis: i64) -> TimeDelta {
    TimeDelta::milliseconds(millis)
}

/// Returns name and milliseconds of each stretch.
fn path(runs: Vec<Run>) -> Vec<(String, i64)> {
    let path = CriticalPath::of(&tree(runs));
    let sum: TimeDelta = path.segments().iter().map(|it| it.length).sum();
    assert_eq!(sum, path.latency(), "the sum is the latency");
    let segments = path.segments().iter();
    segments
        .map(|it| (it.name.clone(), it.length.num_milliseconds()))
        .collect()
}

fn stretches(runs: Vec<Run>, expected: &[(&str, i64)]) {
    let expected: Vec<(String, i64)> = expected
        .iter()
        .map(|(name, length)| ((*name).to_owned(), *length))
        .collect();
    assert_eq!(path(runs), expected);
}

#[test]
fn every_moment_of_the_root_belongs_to_the_run_it_waited_for() {
    let path = CriticalPath::of(&tree(whole()));
    let expected = "\
answer took 412 ms; it waited for
 after     for  share  run                  service
──────  ──────  ─────  ───────────────────  ─────────
  0 ms    6 ms    1 %  answer               gateway
  6 ms   22 ms    5 %  · plan the answer    gateway
 28 ms    6 ms    1 %  answer               gateway
 34 ms    6 ms    1 %  · POST /search       retriever
 40 ms   38 ms    9 %  · · embed query      retriever
 78 ms    4 ms    1 %  · POST /search       retriever
 82 ms   96 ms   23 %  · · find pages       retriever
178 ms    6 ms    1 %  · POST /search       retriever
184 ms    6 ms    1 %  answer               gateway
190 ms    8 ms    2 %  · POST /write        generator
198 ms  182 ms   44 %  · · gpt-5-mini       generator
380 ms    2 ms    0 %  · POST /write        generator
382 ms   14 ms    3 %  · · parse citations  generator
396 ms    6 ms    1 %  · POST /write        generator
402 ms   10 ms    2 %  answer               gateway
";
    assert_eq!(path.to_string(), expected);
    assert_eq!(path.by_run()[0], (id(7), ms(182)));
}

#[test]
fn of_parallel_children_the_last_to_end_was_waited_for() {
    let root = run(1, None, "root", "chain", 0, 100);
    let short = run(2, Some(&root), "short", "tool", 10, 30);
    let long = run(3, Some(&root), "long", "tool", 12, 70);
    let then = run(4, Some(&root), "then", "tool", 85, 10);
    stretches(
        vec![root, short, long, then],
        &[
            ("root", 12),
            ("long", 70),
            ("root", 3),
            ("then", 10),
            ("root", 5),
        ],
    );
}

#[test]
fn a_child_that_outlives_its_parent_was_not_waited_for() {
    let root = run(1, None, "root", "chain", 0, 100);
    let call = run(2, Some(&root), "call", "tool", 10, 40);
    let job = run(3, Some(&root), "job", "tool", 20, 300);
    let runs = vec![root, call, job];
    stretches(runs.clone(), &[("root", 10), ("call", 40), ("root", 50)]);
    let path = CriticalPath::of(&tree(runs));
    assert_eq!(
        path.unwaited()[0].because,
        UnwaitedBecause::EndsLater(ms(220))
    );
}

#[test]
fn a_pending_run_is_waited_for_by_a_pending_parent_alone() {
    let root = run(1, None, "root", "chain", 0, 0).pending();
    let done = run(2, Some(&root), "done", "tool", 10, 40);
    let hangs = run(3, Some(&root), "hangs", "llm", 20, 0).pending();
    let open = vec![root.clone(), done.clone(), hangs.clone()];
    // The last that is known of the trace is the end of `done`, 50 ms after its start.
    stretches(open.clone(), &[("root", 20), ("hangs", 30)]);
    assert!(CriticalPath::of(&tree(open)).is_open());
    let ended = run(1, None, "root", "chain", 0, 60);
    let ended = vec![ended, done, hangs];
    stretches(ended.clone(), &[("root", 10), ("done", 40), ("root", 10)]);
    let unwaited = CriticalPath::of(&tree(ended)).unwaited().to_vec();
    assert_eq!(unwaited[0].because, UnwaitedBecause::NeverEnded);
}

#[test]
fn skewed_clocks_neither_lose_nor_invent_a_moment() {
    let root = run(1, None, "root", "chain", 0, 100);
    let early = run(2, Some(&root), "early", "tool", -30, 60);
    let far = run(3, Some(&root), "far", "tool", 5_000, 20);
    let runs = vec![root, early, far];
    stretches(runs.clone(), &[("early", 30), ("root", 70)]);
    let path = CriticalPath::of(&tree(runs));
    assert_eq!(path.unwaited()[0].because, UnwaitedBecause::Elsewhen);
    // Half a millisecond of overlap between two hosts is one after the other.
    let root = run(1, None, "root", "chain", 0, 100);
    let mut first = run(2, Some(&root), "first", "tool", 0, 50);
    first.end_time = first.end_time.map(|end| end + TimeDelta::microseconds(500));
    let next = run(3, Some(&root), "next", "tool", 50, 50);
    stretches(vec![root, first, next], &[("first", 50), ("next", 50)]);
}

#[test]
fn a_run_that_ends_before_it_starts_takes_no_time() {
    let root = run(1, None, "root", "chain", 0, -5);
    let below = run(2, Some(&root), "below", "chain", 0, 10);
    assert_eq!(path(vec![root, below]), []);
    assert_eq!(path(vec![]), []);
}

#[test]
fn a_chain_of_ten_thousand_and_a_fan_of_ten_thousand_are_walked() {
    let root = run(1, None, "root", "chain", 0, 20_000);
    let mut fan = vec![root.clone()];
    for number in 0..10_000 {
        fan.push(run(
            2 + number as u128,
            Some(&root),
            "leaf",
            "tool",
            2 * number,
            1,
        ));
    }
    let path_of_fan = path(fan);
    assert_eq!(path_of_fan.len(), 20_000);
    let mut chain = vec![run(1, None, "root", "chain", 0, 20_000)];
    for number in 1..3_000_i64 {
        // The dotted order of so deep a chain would be long; parents are found by id.
        let mut below = run(
            1 + number as u128,
            None,
            "deeper",
            "chain",
            number,
            20_000 - 2 * number,
        );
        below.parent_run_id = chain.last().map(|above: &Run| above.id);
        chain.push(below);
    }
    assert_eq!(
        path(chain).iter().map(|(_, length)| length).sum::<i64>(),
        20_000
    );
}

#[test]
fn the_waterfall_underlines_the_path_and_says_it_in_words() {
    let captured = tree(whole());
    let svg = check(&CriticalPath::figure(&captured));
    let words = drawn_words(&svg);
    assert!(words.contains(&"answer took 412 ms, 44 % of it waiting for gpt-5-mini".to_owned()));
    assert!(words.contains(&"waited for".to_owned()));
    assert_eq!(
        svg.matches("stroke-width=\"2.4\"").count(),
        15 + 1,
        "and the key"
    );
    let plain = Waterfall::of(&captured).figure().svg();
    assert!(!plain.contains("stroke-width=\"2.4\""));
    for runs in [
        broken(),
        cut_in_two(),
        failing(),
        many(40),
        hostile(),
        vec![],
    ] {
        check(&CriticalPath::figure(&tree(runs)));
    }
}

#[test]
fn self_times_are_grouped_by_name_and_service() {
    let times = SelfTimes::of(&tree(whole()));
    let expected = "\
run              service    calls    self  of it waited for  share   total
───────────────  ─────────  ─────  ──────  ────────────────  ─────  ──────
gpt-5-mini       generator      1  182 ms            182 ms   44 %  182 ms
find pages       retriever      1   96 ms             96 ms   23 %   96 ms
embed query      retriever      1   38 ms             38 ms    9 %   38 ms
answer           gateway        1   28 ms             28 ms    7 %  412 ms
plan the answer  gateway        1   22 ms             22 ms    5 %   22 ms
POST /search     retriever      1   16 ms             16 ms    4 %  150 ms
POST /write      generator      1   16 ms             16 ms    4 %  212 ms
parse citations  generator      1   14 ms             14 ms    3 %   14 ms
";
    assert_eq!(times.to_string(), expected);
    assert_eq!(times.of_run(id(3)), Some(ms(16)));
    // Children at the same time are taken off once.
    let root = run(1, None, "root", "chain", 0, 100);
    let a = run(2, Some(&root), "work", "tool", 10, 50);
    let b = run(3, Some(&root), "work", "tool", 20, 50);
    let times = SelfTimes::of(&tree(vec![root, a, b]));
    assert_eq!(times.of_run(id(1)), Some(ms(40)));
    let work = &times.rows()[0];
    assert_eq!((work.calls, work.own, work.on_path), (2, ms(100), ms(50)));
}

#[test]
fn a_gap_stands_between_its_neighbors() {
    let root = run(1, None, "root", "chain", 0, 100);
    let a = run(2, Some(&root), "a", "tool", 10, 30);
    let b = run(3, Some(&root), "b", "tool", 70, 20);
    let expected = "\x20 gap  in    service  after  between
─────  ────  ───────  ─────  ───────────────
30 ms  root           40 ms  a and b
10 ms  root            0 ms  its start and a
10 ms  root           90 ms  b and its end
";
    assert_eq!(Gaps::of(&tree(vec![root, a, b])).to_string(), expected);
}

fn told(mut run: Run, inputs: &Value, outputs: &Value) -> Run {
    run.inputs = inputs.as_object().cloned();
    run.outputs = outputs.as_object().cloned();
    run
}

fn found(runs: Vec<Run>) -> Vec<String> {
    let report = performance_findings(&TraceTree::build(runs));
    report.findings().iter().map(ToString::to_string).collect()
}

/// Three searches after each other; the answers come from `answer`, the inputs from `ask`.
fn searches(ask: impl Fn(i64) -> Value, answer: impl Fn(i64) -> Value) -> Vec<Run> {
    let root = run(1, None, "answer", "chain", 0, 700);
    let below = |number: i64| {
        let search = run(
            2 + number as u128,
            Some(&root),
            "search",
            "retriever",
            10 + 200 * number,
            200,
        );
        told(search, &ask(number), &answer(number))
    };
    let mut runs: Vec<Run> = (0..3).map(below).collect();
    runs.insert(0, root);
    runs
}

#[test]
fn searches_that_did_not_need_each_other_could_have_run_at_once() {
    let ask = |number| json!({"query": format!("part {number}")});
    let runs = searches(ask, |number| json!({"page": format!("page {number}")}));
    assert_eq!(
        found(runs),
        [
            "LT051 `answer` runs `search` 3 times, one after the other, 600 ms in all; the longest \
          takes 200 ms: start them together, and wait for all"
        ]
    );
    // The next asks for what the one before has told.
    let needed = searches(
        |number| json!({"query": format!("after cursor-{number}")}),
        |number| json!({"next": format!("cursor-{}", number + 1)}),
    );
    assert_eq!(found(needed), [""; 0]);
    // The last one asks for what the first one has told, not its neighbor.
    let asked = ["plan", "part 1", "after cursor-0"];
    let skipped = searches(
        |number| json!({ "query": asked[number as usize] }),
        |number| json!({"next": format!("cursor-{number}")}),
    );
    assert_eq!(found(skipped), [""; 0]);
    // A model asks for what it has read in a sentence.
    let asked = ["capital of France", "people in Paris", "mayor of Paris"];
    let told = ["It is Paris.", "2.1 million", "Emmanuel Grégoire"];
    let read = searches(
        |number| json!({ "query": asked[number as usize] }),
        |number| json!({ "text": told[number as usize] }),
    );
    assert_eq!(found(read), [""; 0]);
    // Answers in words that nobody asks with.
    let asked = ["pages", "issues", "chats"];
    let told = ["two", "none at all", "one"];
    let apart = searches(
        |number| json!({ "source": asked[number as usize] }),
        |number| json!({ "answer": told[number as usize] }),
    );
    assert_eq!(found(apart).len(), 1);
    let apart = searches(
        |number| json!({ "page": asked[number as usize] }),
        |number| json!({ "bytes": asked[number as usize].len() }),
    );
    assert_eq!(found(apart).len(), 1);
    // The first one is made again.
    let again = searches(
        |number| json!({"query": format!("part {}", number % 2)}),
        |number| json!({"page": format!("page {number}")}),
    );
    assert_eq!(found(again), [""; 0]);
    // Without inputs nobody knows.
    let mut unsaid = searches(ask, |_| json!({"page": "none"}));
    unsaid[2].inputs = None;
    assert_eq!(found(unsaid), [""; 0]);
    // At once already.
    let mut at_once = searches(ask, |number| json!({"page": number}));
    for search in &mut at_once[1..] {
        search.start_time = at(10);
        search.end_time = Some(at(210));
    }
    assert_eq!(found(at_once), [""; 0]);
}

#[test]
fn a_call_that_two_layers_retry_is_a_storm_and_three_attempts_are_none() {
    let root = run(1, None, "answer", "chain", 0, 1_000);
    let mut runs = vec![root.clone()];
    let mut number = 2;
    for outer in 0..3 {
        let call = run(number, Some(&root), "call", "chain", 300 * outer, 290).failed("503");
        number += 1;
        for inner in 0..3 {
            let post = run(
                number,
                Some(&call),
                "POST /model",
                "llm",
                300 * outer + 90 * inner,
                80,
            );
            runs.push(told(post.failed("503"), &json!({"q": "why"}), &Value::Null));
            number += 1;
        }
        runs.push(call);
    }
    assert_eq!(
        found(runs.clone()),
        [
            "LT052 `POST /model` failed 9 times within 860 ms, with pauses of 40 ms at most: retry in one \
          layer, with back-off, jitter and a budget"
        ]
    );
    let report = performance_findings(&TraceTree::build(runs.clone()));
    assert_eq!(report.findings()[0].place, id(1));
    runs.truncate(5);
    assert_eq!(found(runs), [""; 0]);
}

fn streamed(token: i64, latency: i64) -> Vec<Run> {
    let mut model = run(1, None, "gpt", "llm", 0, latency);
    model.events.push(RunEvent {
        name: "new_token".to_owned(),
        time: at(token),
        message: None,
        kwargs: None,
    });
    vec![model]
}

#[test]
fn a_first_token_near_the_end_is_late_and_one_in_between_is_not() {
    assert_eq!(
        found(streamed(1_900, 2_000)),
        [
            "LT053 the first token of `gpt` came after 1.9 s of 2 s: pass chunks on as they come; switch \
          buffering off"
        ]
    );
    assert_eq!(found(streamed(1_500, 2_000)), [""; 0]);
    assert_eq!(found(streamed(900, 950)), [""; 0], "too short to matter");
}

#[test]
fn a_task_that_waits_longer_than_it_works_waited_in_a_queue() {
    let send = run(1, None, "send", "chain", 0, 10).service("gateway");
    let index = |start| run(2, Some(&send), "index", "chain", start, 500).service("worker");
    assert_eq!(
        found(vec![send.clone(), index(3_010)]),
        [
            "LT054 `index` began 3 s after `send` had sent it, and then took 500 ms: more workers, or a \
          bound on the queue"
        ]
    );
    assert_eq!(found(vec![send.clone(), index(900)]), [""; 0]);
    let again = run(3, Some(&send), "index", "chain", 20, 100)
        .service("worker")
        .failed("no");
    assert_eq!(
        found(vec![send.clone(), again, index(3_010)]),
        [""; 0],
        "a later attempt"
    );
    // A call that was waited for, by a clock that is two seconds ahead.
    let call = run(1, None, "POST /search", "chain", 0, 50).service("gateway");
    let serve = |length| {
        let serve = run(2, Some(&call), "search", "chain", 2_010, length);
        vec![call.clone(), serve.service("retriever")]
    };
    assert_eq!(found(serve(20)), [""; 0]);
    assert_eq!(found(serve(50)), [""; 0]);
    assert_eq!(found(serve(51)).len(), 1, "nobody waited so long");
}

#[test]
fn the_same_question_with_the_same_answer_is_asked_once() {
    let asked = |_| json!({"query": "why"});
    assert_eq!(
        found(searches(asked, |_| json!({"page": 1}))),
        [
            "LT055 `search` was asked the same 3 times and answered the same; all but the first took \
          400 ms: ask once and keep the answer, or ask for all in one call"
        ]
    );
    assert_eq!(
        found(searches(asked, |number| json!({"page": number}))),
        [""; 0]
    );
}

#[test]
fn clean_and_odd_traces_have_no_finding() {
    for runs in [
        whole(),
        broken(),
        cut_in_two(),
        failing(),
        hostile(),
        vec![],
    ] {
        assert_eq!(found(runs), [""; 0]);
    }
    assert_eq!(PerformanceCode::QueueWait.to_string(), "LT054");
}
