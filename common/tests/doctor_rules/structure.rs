//! LT001 to LT009, LT024, LT044, LT045: who is whose parent, and what belongs together.

use serde_json::{Value, json};

use crate::cases::{codes, id, model, root, run, span, tells, time, with, without};

#[test]
fn lt001_a_parent_that_is_not_here_and_one_that_comes_later_in_the_file() {
    let child = run(3, 2, "child", 20, 30);
    tells(
        "LT001",
        &[root(), child.clone()],
        &[child, run(2, 1, "middle", 10, 40), root()],
    );
}

#[test]
fn lt002_two_roots_of_one_request_and_a_retry() {
    let apart = |name| with(run(9, 0, name, 10, 20), "/trace_id", json!(id(9)));
    tells(
        "LT002",
        &[root(), apart("search")],
        &[root(), apart("root")],
    );
}

#[test]
fn lt002_a_root_that_is_a_child_everywhere_else_and_one_that_is_so_too_seldom() {
    let pair = |n: u32| {
        let bare = |run: Value| {
            without(
                with(run, "/trace_id", json!(id(n))),
                "/extra/metadata/request_id",
            )
        };
        [
            bare(run(n, 0, "root", 0, 100)),
            bare(run(n + 1, n, "tool", 10, 20)),
        ]
    };
    let lone = |n: u32| {
        without(
            with(run(n, 0, "tool", 10, 20), "/trace_id", json!(id(n))),
            "/extra/metadata/request_id",
        )
    };
    let many: Vec<Value> = (1..=6)
        .flat_map(|k| pair(k * 10))
        .chain([lone(99)])
        .collect();
    let few: Vec<Value> = (1..=4)
        .flat_map(|k| pair(k * 10))
        .chain([lone(99)])
        .collect();
    tells("LT002", &many, &few);
}

#[test]
fn lt003_a_run_that_never_ends_and_one_that_is_under_way() {
    let open = without(root(), "/end_time");
    let taken = json!({ "capture": { "version": 1, "at": time(2_000) } });
    tells("LT003", std::slice::from_ref(&open), &[taken, open.clone()]);
}

#[test]
fn lt004_a_child_before_its_parent_and_one_whose_clock_has_milliseconds() {
    let exact = with(root(), "/start_time", json!("2026-10-01T00:00:00.000700Z"));
    let exact = with(exact, "/id", json!(id(1)));
    tells(
        "LT004",
        &[root(), run(2, 1, "child", -30, 50)],
        &[exact, run(2, 1, "child", 0, 50)],
    );
}

#[test]
fn lt005_the_same_work_as_run_and_span_and_two_of_one_name_and_time_that_share_no_more() {
    let work = run(2, 1, "work", 10, 50);
    let copy = with(
        with(span(7, None), "/name", json!("work")),
        "/start_time",
        json!(time(11)),
    );
    let of_it = with(copy.clone(), "/extra/metadata/request_id", json!("r-1"));
    let twin = run(3, 1, "work", 10, 50);
    tells(
        "LT005",
        &[root(), work.clone(), of_it],
        &[root(), work.clone(), copy.clone(), twin],
    );
    let given = with(copy, "/inputs", work["inputs"].clone());
    assert_eq!(codes(&[root(), work, given]), ["LT005"]);
}

#[test]
fn lt006_a_child_of_another_request_and_one_that_names_none() {
    let child = run(2, 1, "child", 10, 20);
    tells(
        "LT006",
        &[
            root(),
            with(child.clone(), "/extra/metadata/request_id", json!("r-2")),
        ],
        &[root(), without(child, "/extra/metadata/request_id")],
    );
}

#[test]
fn lt007_a_callee_without_its_callers_metadata_and_a_child_in_the_same_service() {
    let bare = without(run(2, 1, "child", 10, 20), "/extra/metadata/request_id");
    let callee = with(bare.clone(), "/extra/metadata/service", json!("b"));
    tells("LT007", &[root(), callee], &[root(), bare]);
}

#[test]
fn lt008_a_model_in_a_model_with_equal_tokens_and_with_others() {
    let inner = with(
        with(model(), "/id", json!(id(3))),
        "/parent_run_id",
        json!(id(2)),
    );
    let other = with(
        inner.clone(),
        "/outputs/usage_metadata/total_tokens",
        json!(5),
    );
    let inner = with(inner, "/start_time", json!(time(15)));
    tells(
        "LT008",
        &[root(), model(), inner],
        &[root(), model(), other],
    );
}

#[test]
fn lt009_a_child_with_a_project_of_its_own_and_one_that_names_none() {
    let child = run(2, 1, "child", 10, 20);
    tells(
        "LT009",
        &[root(), with(child.clone(), "/session_name", json!("other"))],
        &[root(), without(child, "/session_name")],
    );
}

#[test]
fn lt024_a_child_that_ends_after_its_parent_and_one_that_ends_with_it() {
    tells(
        "LT024",
        &[root(), run(2, 1, "child", 10, 160)],
        &[root(), run(2, 1, "child", 10, 104)],
    );
}

#[test]
fn lt044_a_span_without_its_parent_and_one_with_it() {
    let child = with(span(8, Some(7)), "/start_time", json!(time(9)));
    tells(
        "LT044",
        std::slice::from_ref(&child),
        &[span(7, None), child.clone()],
    );
}

#[test]
fn lt045_a_span_beside_the_run_of_its_request_and_a_span_of_another_request() {
    let of = |request: &str| with(span(7, None), "/extra/metadata/request_id", json!(request));
    tells("LT045", &[root(), of("r-1")], &[root(), of("r-2")]);
}
