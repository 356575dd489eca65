//! LT010, LT018 to LT021, LT034, LT035, LT043: place and size of runs.

use serde_json::{Value, json};

use crate::cases::{AT, codes, order, root, run, tells, time, with, without};

#[test]
fn lt010_a_run_over_20_megabytes_and_one_below() {
    let sized = |bytes: usize| with(root(), "/inputs/text", json!("x".repeat(bytes)));
    tells("LT010", &[sized(21 << 20)], &[sized(19 << 20)]);
}

#[test]
fn a_run_that_is_read_twice_is_as_large_as_it_is_and_what_an_update_brings_is_added() {
    let large = json!({ "text": "x".repeat(11 << 20) });
    let created = with(without(root(), "/outputs"), "/inputs", large.clone());
    let updated = with(without(root(), "/inputs"), "/outputs", large);
    let update = |text: &str| with(created.clone(), "/outputs", json!({ "text": text }));
    tells(
        "LT010",
        &[created.clone(), updated],
        &[
            created.clone(),
            created.clone(),
            update("short"),
            update("short"),
        ],
    );
}

#[test]
fn lt018_to_lt020_places_that_contradict_and_one_that_does_not() {
    let child = run(2, 1, "child", 10, 20);
    let root = with(root(), "/dotted_order", order(&[(1, 0)]));
    let right = [
        root.clone(),
        with(child.clone(), "/dotted_order", order(&[(1, 0), (2, 10)])),
    ];
    let alone = with(child.clone(), "/dotted_order", order(&[(2, 10)]));
    tells("LT018", &[root.clone(), alone], &right);
    let parentless = without(
        with(child.clone(), "/dotted_order", order(&[(1, 0), (2, 10)])),
        "/parent_run_id",
    );
    tells("LT019", &[root.clone(), parentless], &right);
    let foreign = with(child, "/dotted_order", order(&[(5, 0), (2, 10)]));
    tells("LT020", &[root, foreign], &right);
}

#[test]
fn lt021_an_id_of_another_hour_and_one_of_the_same_second() {
    let at = |ms: i64| {
        let millis = u64::try_from(AT / 1_000 + ms).expect("after 1970");
        let id = format!(
            "{:08x}-{:04x}-7000-8000-000000000001",
            millis >> 16,
            millis & 0xffff
        );
        with(with(root(), "/id", json!(id)), "/trace_id", json!(id))
    };
    tells("LT021", &[at(-3_600_000)], &[at(-900)]);
}

#[test]
fn lt034_and_lt035_too_many_runs_and_children_and_nearly_so_many() {
    let many = |children: u32| -> Vec<Value> {
        let open = without(root(), "/end_time");
        let children = (2..children + 2).map(|n| run(n, 1, "turn", 10, 20));
        std::iter::once(open).chain(children).collect()
    };
    assert_eq!(codes(&many(25_000)), ["LT003", "LT034", "LT035"]);
    assert_eq!(codes(&many(10_001)), ["LT003", "LT035"]);
    assert_eq!(codes(&many(10_000)), ["LT003"]);
}

#[test]
fn lt043_a_slice_with_a_gap_and_a_subtree_in_another_project() {
    let team = |n: u32, above: u32| {
        with(
            run(n, above, "work", 10, 20),
            "/session_name",
            json!("team"),
        )
    };
    let back = run(3, 2, "inner", 11, 19);
    assert_eq!(codes(&[root(), team(2, 1), back]), ["LT043"]);
    assert_eq!(
        codes(&[
            root(),
            team(2, 1),
            with(team(3, 2), "/start_time", json!(time(12)))
        ]),
        ["LT009"]
    );
}
