//! What a tree, a table and a comparison say in words.
#![cfg(feature = "analysis")]

mod captured;

use captured::{Change as _, broken, cut_in_two, failing, hostile, many, run, tree, whole};
use common::analysis::{Shape, Table, text_tree};
use common::model::{Run, TraceTree};

#[test]
fn a_tree_tells_name_type_latency_status_and_service() {
    let expected = "\
answer                 chain      412 ms  ✗ error: GenerateError: the model ga…  (gateway)
├─ plan the answer     prompt      22 ms  ✓  (gateway)
├─ POST /search        chain      150 ms  ✓  (retriever)
│  ├─ embed query      embedding   38 ms  ✓  (retriever)
│  └─ find pages       retriever   96 ms  ✓  (retriever)
└─ POST /write         chain      212 ms  ✗ error: 502 Bad Gateway  (generator)
   ├─ gpt-5-mini       llm        182 ms  ✗ error: RateLimitError: 429 Too M…  (generator)
   └─ parse citations  parser             … pending  (generator)
";
    assert_eq!(text_tree(&tree(failing())).to_string(), expected);
}

#[test]
fn a_broken_tree_says_where_it_is_broken() {
    let expected = "\
answer              chain      ✓  (gateway)
└─ plan the answer  prompt     ✓  (gateway)

⚠ no parent here: 01990000…0003
embed query         embedding  ✓  (retriever)

⚠ no parent here: 01990000…0003
find pages          retriever  ✓  (retriever)

⚠ another root: 01990000…0006
POST /write         chain      ✓  (generator)
├─ gpt-5-mini       llm        ✓  (generator)
└─ parse citations  parser     ✓  (generator)
";
    let text = text_tree(&tree(broken())).without_times().to_string();
    assert_eq!(text, expected);
}

#[test]
fn a_project_is_named_where_it_changes() {
    let root = run(1, None, "root", "chain", 0, 5).project("a");
    let same = run(2, Some(&root), "same", "chain", 1, 1).project("a");
    let other = run(3, Some(&root), "other", "chain", 2, 1).project("b");
    let text = text_tree(&tree(vec![root, same, other]))
        .without_times()
        .with_ids()
        .to_string();
    assert_eq!(
        text,
        "root      chain  ✓  01990000…0001\n\
         ├─ same   chain  ✓  01990000…0002\n\
         └─ other  chain  ✓  → project b  01990000…0003\n"
    );
}

#[test]
fn an_interrupted_run_and_no_runs_have_words_too() {
    let mut waiting = run(1, None, "approve", "chain", 0, 5).failed("wait for a person");
    std::sync::Arc::make_mut(&mut waiting.extra.metadata)
        .insert("ls_is_error_interrupt".into(), true.into());
    assert_eq!(
        text_tree(&tree(vec![waiting])).to_string(),
        "approve  chain  5 ms  ‖ interrupted\n"
    );
    assert_eq!(text_tree(&TraceTree::default()).to_string(), "(no runs)\n");
}

#[test]
fn parents_in_a_circle_are_said_to_be_that() {
    let root = run(1, None, "root", "chain", 0, 5);
    let below = run(2, Some(&root), "below", "chain", 1, 1);
    let mut circle = root.clone();
    circle.parent_run_id = Some(below.id);
    let text = text_tree(&tree(vec![circle, below])).to_string();
    assert!(
        text.starts_with("⚠ its parents go in a circle\nroot"),
        "{text}"
    );
}

#[test]
fn hostile_names_stay_on_their_line_and_move_no_cursor() {
    let text = text_tree(&tree(hostile())).to_string();
    assert!(
        text.chars().all(|c| c == '\n' || !c.is_control()),
        "{text:?}"
    );
    assert!(!text.contains(['\u{202e}', '\u{2066}', '\u{ffff}']));
    // 12 runs, 2 marks, 2 blank lines.
    assert_eq!(text.lines().count(), 16);
    assert!(text.lines().all(|line| line.chars().count() < 260));
}

#[test]
fn a_deep_and_a_long_tree_stay_readable() {
    let mut runs: Vec<_> = (0..3_000_u128)
        .map(|n| run(n + 1, None, &format!("level {n}"), "chain", 0, 1))
        .collect();
    for n in 1..runs.len() {
        runs[n].parent_run_id = Some(runs[n - 1].id);
    }
    let text = text_tree(&tree(runs)).to_string();
    assert!(text.ends_with("… 2000 more\n"));
    assert!(text.lines().all(|line| line.chars().count() < 160));
    assert_eq!(text_tree(&tree(many(40))).to_string().lines().count(), 40);
}

#[test]
fn shapes_agree_when_only_ids_and_times_differ() {
    let root = run(50, None, "answer", "chain", 900, 3);
    let call = run(51, Some(&root), "call retriever", "tool", 901, 1);
    let lost = run(52, None, "POST /search", "chain", 902, 1);
    let find = run(53, Some(&lost), "find pages", "retriever", 903, 1);
    let (a, b) = (
        Shape::of(&tree(cut_in_two())),
        Shape::of(&tree(vec![root, call, lost, find])),
    );
    assert_eq!(a, b);
    assert_eq!(a.first_difference(&b), None);
    assert_eq!(
        a.to_string(),
        "answer [chain]\n  call retriever [tool]\nPOST /search [chain]\n  find pages [retriever]\n"
    );
}

#[test]
fn the_first_difference_is_named() {
    let differs = |change: fn(&mut Vec<Run>)| {
        let mut runs = whole();
        change(&mut runs);
        let (before, after) = (Shape::of(&tree(whole())), Shape::of(&tree(runs)));
        before.first_difference(&after).expect("different")
    };
    assert_eq!(
        differs(|runs| runs[1].name = "plan".into()),
        "below answer, the first has plan the answer where the second has plan"
    );
    assert_eq!(
        differs(|runs| runs[6].run_type = "chain".into()),
        "gpt-5-mini is of type llm in the first and chain in the second"
    );
    assert_eq!(
        differs(|runs| runs[6].error = Some("no".into())),
        "gpt-5-mini is success in the first and error in the second"
    );
    assert_eq!(
        differs(|runs| drop(runs.pop())),
        "below POST /write, the second lacks parse citations"
    );
    assert_eq!(
        differs(|runs| drop(runs.remove(4))),
        "below POST /search, the second lacks find pages"
    );
    assert_eq!(
        differs(|runs| drop(runs.remove(0))),
        "the first has answer where the second has plan the answer"
    );
}

#[test]
fn a_table_aligns_words_left_and_numbers_right() {
    let table = Table::new(["name", "runs", "note"])
        .row(["日本", "7", ""])
        .row(["gateway", "1200", "a\nb"]);
    assert_eq!(
        table.to_string(),
        "name     runs  note\n───────  ────  ────\n日本        7\ngateway  1200  a b\n"
    );
    let html = Table::new(["<script>"])
        .row(["</td><script>x", "extra"])
        .to_html();
    assert!(!html.contains("<script>"));
    let parsed = roxmltree::Document::parse(&html).expect("well-formed");
    assert_eq!(
        parsed
            .descendants()
            .filter(|node| node.has_tag_name("td"))
            .count(),
        2
    );
}
