//! Pictures are valid, harmless, light, inside their frame, and said in words.
#![cfg(feature = "analysis")]

mod captured;
mod pictured;

use captured::{
    Change as _, HOSTILE, broken, cut_in_two, failing, hostile, many, run, tree, whole,
};
use common::analysis::{
    Asked, Failure, Figure, HeaderState, Hop, Ledger, Series, bar_chart, line_chart, scorecard,
    sequence, tree_diagram, waterfall,
};
use common::model::{Run, TraceTree};
use pictured::{check, drawn_words};
use roxmltree::Document;

fn both(runs: Vec<Run>) -> [Figure; 2] {
    let tree = tree(runs);
    [waterfall(&tree), tree_diagram(&tree)]
}

#[test]
fn every_kind_of_capture_becomes_a_valid_picture() {
    for runs in [
        whole(),
        broken(),
        cut_in_two(),
        failing(),
        many(40),
        hostile(),
        vec![],
    ] {
        for figure in both(runs) {
            check(&figure);
        }
    }
}

#[test]
fn hostile_names_are_shown_as_text_and_do_nothing() {
    for figure in both(hostile()) {
        let svg = check(&figure);
        assert!(svg.contains("&lt;/text&gt;&lt;script&gt;"));
        assert!(
            drawn_words(&svg)
                .iter()
                .any(|words| words.starts_with("</text><script>"))
        );
    }
    for name in HOSTILE {
        let hop = Hop::new(name, "b", name, HeaderState::Malformed);
        check(&sequence(&[hop]));
        check(&bar_chart(name, name, [(name, 1.0)]).title(name));
        check(&line_chart(
            name,
            name,
            &[Series::new(name, [(0.0, 1.0)]), Series::new(name, [])],
        ));
        check(&waterfall(&tree(whole())).title(name));
    }
}

#[test]
fn a_title_states_what_the_runs_show() {
    let title = |runs| {
        waterfall(&tree(runs))
            .to_string()
            .lines()
            .next()
            .map(str::to_owned)
    };
    for (runs, words) in [
        (whole(), "answer took 412 ms, 182 ms of it in gpt-5-mini"),
        (
            broken(),
            "The trace is in 4 pieces: 2 runs have no parent here",
        ),
        (cut_in_two(), "2 roots: these runs are 2 traces, not one"),
        (
            failing(),
            "gpt-5-mini failed: RateLimitError: 429 Too Many Requests",
        ),
        (vec![], "No run was captured"),
    ] {
        assert_eq!(title(runs).as_deref(), Some(words));
    }
}

#[test]
fn a_picture_is_said_in_words() {
    let figure = tree_diagram(&tree(broken())).title("Cut & lost");
    let words = figure.to_string();
    assert!(words.starts_with("Cut & lost\n\nanswer "), "{words}");
    assert!(words.contains("⚠ no parent here: 01990000…0003"));
    let svg = check(&figure);
    let document = Document::parse(&svg).expect("checked");
    let desc = document
        .descendants()
        .find(|node| node.tag_name().name() == "desc");
    assert!(
        desc.and_then(|node| node.text())
            .is_some_and(|text| text.contains("└─ gpt-5-mini") || text.contains("├─ gpt-5-mini"))
    );
}

#[test]
fn broken_places_are_marked_in_words_and_not_by_color_alone() {
    let [waterfall, diagram] = both(broken());
    let words = drawn_words(&check(&waterfall)).join("\n");
    assert_eq!(words.matches("⚠ no parent here: 01990000…0003").count(), 2);
    assert!(words.contains("⚠ another root: 01990000…0006"));
    let words = drawn_words(&check(&diagram)).join("\n");
    assert_eq!(words.matches("parent not here").count(), 2);
    assert!(words.contains("⚠ another root"));
    let errors = waterfall_of(failing());
    assert!(
        errors.contains("stroke-dasharray=\"1.6 3.4\""),
        "errors are striped"
    );
    assert!(drawn_words(&errors).contains(&"pending ▸".to_owned()));
}

fn waterfall_of(runs: Vec<Run>) -> String {
    check(&waterfall(&tree(runs)))
}

#[test]
fn what_finds_no_room_is_counted() {
    let words = drawn_words(&waterfall_of(many(94)));
    assert!(words.contains(&"… 34 more".to_owned()));
    let words = drawn_words(&check(&tree_diagram(&tree(many(94)))));
    let shown = words
        .iter()
        .filter(|words| words.contains(" step ") || words.contains("question "));
    let hidden: usize = words
        .iter()
        .filter_map(|words| {
            words
                .strip_prefix('+')?
                .strip_suffix(" below")?
                .parse::<usize>()
                .ok()
        })
        .sum();
    // The title names a step too, and the root is neither a step nor a question.
    assert_eq!(shown.count() + hidden, 94, "{words:?}");
}

#[test]
fn the_worst_captures_stay_light() {
    let orphans = (0..5_000_u128).map(|n| {
        let lost = run(1_000_000 + n, None, "lost", "chain", 0, 1);
        run(
            n + 1,
            Some(&lost),
            &"\"<&>".repeat(300),
            &"<t>".repeat(99),
            5,
            5,
        )
    });
    let orphans: Vec<Run> = orphans
        .map(|run| run.failed("&&&&").service("\"\"\"\"\"\""))
        .collect();
    for figure in both(orphans) {
        check(&figure);
    }
    let mut chain: Vec<Run> = (1..=10_000)
        .map(|n| run(n, None, "deep", "llm", 0, 1))
        .collect();
    for n in 1..chain.len() {
        chain[n].parent_run_id = Some(chain[n - 1].id);
    }
    for figure in both(chain) {
        check(&figure);
    }
    let wave = |n: i32| (f64::from(n), f64::from(n).sin());
    let dense = Series::new("&".repeat(500), (0..100_000).map(wave));
    check(&line_chart(
        "x",
        "y",
        &[
            dense.clone(),
            dense.clone(),
            dense.clone(),
            dense.clone(),
            dense,
        ],
    ));
    check(&bar_chart(
        "x",
        "y",
        (0..1_000).map(|n| ("<".repeat(99), f64::from(n))),
    ));
    let hops = vec![Hop::new("<".repeat(99), "b", "&".repeat(999), HeaderState::Stripped); 500];
    check(&sequence(&hops));
}

#[test]
fn times_far_apart_and_times_upside_down_are_drawn() {
    let mut runs = whole();
    let mut later = run(100, None, "a day later", "chain", 86_400_000, 300);
    runs.push(later.clone());
    let words = drawn_words(&waterfall_of(runs));
    assert!(words.contains(&"+1 d".to_owned()), "{words:?}");
    later.end_time = Some(captured::at(0));
    check(&waterfall(&tree(vec![later.clone()])));
    later.start_time = chrono::DateTime::<chrono::Utc>::MIN_UTC;
    later.end_time = Some(chrono::DateTime::<chrono::Utc>::MAX_UTC);
    check(&waterfall(&tree(vec![
        later,
        run(1, None, "now", "llm", 0, 0),
    ])));
}

#[test]
fn no_number_breaks_a_chart() {
    for value in [
        f64::NAN,
        f64::INFINITY,
        -1.0,
        0.0,
        1e300,
        f64::MAX,
        f64::MIN,
        1e-300,
    ] {
        check(&bar_chart("x", "y", [("a", value), ("b", 2.0)]));
        check(&line_chart(
            "x",
            "y",
            &[Series::new("s", [(value, 1.0), (1.0, value)])],
        ));
    }
    check(&bar_chart::<&str>("x", "y", []));
    check(&line_chart("x", "y", &[]));
    let words = bar_chart("way", "µs", [("a", 12.0)]).to_string();
    assert_eq!(words, "µs by way\n\na: 12\n");
}

#[test]
fn a_hop_says_what_became_of_its_header() {
    let figure = sequence(&[
        Hop::new("gateway", "retriever", "POST /search", HeaderState::Joined),
        Hop::new("gateway", "generator", "POST /write", HeaderState::Stripped),
        Hop::new("generator", "generator", "retry", HeaderState::Malformed),
    ]);
    assert_eq!(
        figure.to_string(),
        "The trace is lost on 2 of 3 calls\n\n\
         gateway → retriever: POST /search (joined)\n\
         gateway → generator: POST /write (header stripped)\n\
         generator → generator: retry (header malformed)\n"
    );
    let words = drawn_words(&check(&figure));
    for expected in [
        "gateway",
        "✓ joined",
        "✗ header stripped",
        "✗ header malformed",
    ] {
        assert!(words.contains(&expected.to_owned()), "{words:?}");
    }
}

#[test]
fn an_empty_capture_has_a_picture() {
    let words = waterfall(&TraceTree::default()).to_string();
    assert_eq!(words, "No run was captured\n\n(no runs)\n");
}

#[test]
fn the_scorecard_is_a_picture_like_the_others() {
    let mut ledger = Ledger::new();
    for (number, name) in HOSTILE.into_iter().enumerate() {
        let request = Asked::new(number.to_string()).call(name, "x".repeat(10_000));
        ledger.ask(request.fails(Failure::new(name, name)));
    }
    for runs in [whole(), broken(), hostile(), vec![]] {
        let svg = check(&scorecard(&tree(runs), &ledger).card());
        assert!(svg.contains("trace completeness"));
    }
}
