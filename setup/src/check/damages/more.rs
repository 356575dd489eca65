//! Damages besides the ten: what people do to a notebook without noticing.

use serde_json::json;

use super::{Repository, events, fs, one};

#[test]
fn what_else_a_page_must_have_is_found() {
    let mut damaged = Repository::sound("more");
    damaged.cell("title")["source"] = json!(
        "# 01 · A page\n\nYou learn it; skip it if you know it.\n\n| **You need** | nothing |"
    );
    let words: Vec<String> = damaged
        .found()
        .into_iter()
        .map(|finding| finding.what)
        .collect();
    assert_eq!(
        words,
        [
            "the title card has no objective",
            "the title card has no minutes"
        ]
    );
    let mut damaged = Repository::sound("id");
    let number = damaged.page["metadata"]["workbook"]["made_from"]["code Setup"].take();
    damaged.page["metadata"]["workbook"]["made_from"]["1f3a90bc"] = number;
    damaged.cell("code Setup")["id"] = json!("1f3a90bc");
    one(&damaged.found(), "1f3a90bc", &["made up by a program"]);
    let mut damaged = Repository::sound("unit");
    damaged.cell("code Setup")["outputs"][0]["data"] = json!({"text/plain": "()"});
    one(
        &damaged.found(),
        "code Setup",
        &["shows `()`", "end the cell in `;`"],
    );
    let mut damaged = Repository::sound("row");
    for section in ["Words you need", "Setup", "From scratch"] {
        damaged.cell(&format!("about {section}"))["source"] = json!(" ");
    }
    let found = damaged.found();
    assert!(
        found
            .iter()
            .any(|finding| finding.what.contains("number 4 without words")),
        "{found:#?}"
    );
    let mut damaged = Repository::sound("goal");
    damaged.cell("repair-words")["source"] = json!("### repair\n\nAbout 10 minutes.");
    one(&damaged.found(), "repair-start", &["01.repair has no goal"]);
    let mut events = events();
    events.remove(0);
    events.remove(0);
    let found = Repository::sound("unchecked").judged(&events);
    one(&found, "predict-check", &["is not checked"]);
}

#[test]
fn a_link_to_a_heading_that_is_not_there_is_found() {
    let mut damaged = Repository::sound("anchor");
    fs::write(
        damaged.root.join("notebooks/a.md"),
        "# One\n\n## Two commands\n",
    )
    .unwrap();
    for (link, is_there) in [
        ("a.md#two-commands", true),
        ("#words-you-need", true),
        ("#Words-you-need", true),
        ("a.md#three", false),
        ("#words", false),
    ] {
        damaged.cell("about Setup")["source"] = json!(format!("## Setup\n\n[a]({link})"));
        let found = damaged.found();
        match is_there {
            true => assert_eq!(found, [], "{link}"),
            false => one(&found, "about Setup", &[link, "does not have"]),
        }
    }
    damaged.cell("about Setup")["source"] = json!("## Setup\n\n[a]()");
    one(&damaged.found(), "about Setup", &["leads nowhere"]);
}

#[test]
fn what_is_private_is_found_wherever_it_stands() {
    let path = ["", "home", "somebody", "trace.html"].join("/");
    let key = format!("lsv2_pt_{}", "0123456789abcdef");
    for (name, output, words) in [
        (
            "in a table",
            json!({"data": {"text/html": format!("<td>{path}</td>")}}),
            "an absolute path",
        ),
        (
            "as an address",
            json!({"text": format!("file://{path}\n")}),
            "an absolute path",
        ),
        (
            "in an error",
            json!({"output_type": "error", "evalue": key, "traceback": []}),
            "shaped like a key",
        ),
    ] {
        let mut damaged = Repository::sound("private");
        damaged.cell("code Setup")["outputs"][0] = output;
        let found = damaged.found();
        assert_eq!(found.len(), 1, "{name}: {found:#?}");
        one(&found, "code Setup", &[words]);
    }
    let mut damaged = Repository::sound("private-metadata");
    damaged.page["metadata"]["note"] = json!(key);
    one(&damaged.found(), "", &["shaped like a key"]);
}

#[test]
fn a_figure_that_does_not_fit_or_has_blank_words_is_found() {
    let svg = |size: &str| {
        format!("<svg role=\"img\" {size}><title>A</title><rect width=\"9\" height=\"9\"/></svg>")
    };
    for (size, words) in [
        ("", "states no size"),
        ("width=\"1900\" height=\"90\"", "1900 wide, 640"),
    ] {
        let mut damaged = Repository::sound("size");
        damaged.cell("code Setup")["outputs"][0]["data"]["image/svg+xml"] = json!(svg(size));
        one(&damaged.found(), "code Setup", &[words]);
    }
    let mut damaged = Repository::sound("blank-alt");
    damaged.cell("about Setup")["source"] = json!("## Setup\n\n![ ](a.svg)");
    one(&damaged.found(), "about Setup", &["no text alternative"]);
}

#[test]
fn a_page_whose_parts_are_only_named_is_found() {
    let mut damaged = Repository::sound("questions");
    damaged.cell("about Check yourself")["source"] = json!("## Check yourself\n\nNone.");
    one(&damaged.found(), "", &["0 questions are there"]);
    let mut damaged = Repository::sound("no-failure");
    damaged.cell("code When it goes wrong")["metadata"]["tags"] = json!([]);
    one(&damaged.found(), "", &["no cell fails on purpose"]);
    let mut damaged = Repository::sound("in-code");
    damaged.cell("about Setup")["source"] = json!("```text\n## Setup\n```");
    one(&damaged.found(), "", &["“Setup” is missing"]);
    let mut damaged = Repository::sound("section-twice");
    damaged.cell("about Setup")["source"] = json!("## Setup\n\nWords.\n\n## The problem");
    one(
        &damaged.found(),
        "about Setup",
        &["“The problem” is there twice"],
    );
}

#[test]
fn an_exercise_that_begins_twice_is_found() {
    let mut damaged = Repository::sound("twice");
    let cells = damaged.page["cells"].as_array_mut().unwrap();
    let at = cells
        .iter()
        .position(|cell| cell["id"] == "repair-start")
        .unwrap();
    let mut again = cells[at].clone();
    again["id"] = json!("repair-again");
    cells.insert(at, again);
    let made_from = &mut damaged.page["metadata"]["workbook"]["made_from"];
    made_from["repair-again"] = made_from["repair-start"].clone();
    let found = damaged.found();
    assert!(
        found
            .iter()
            .all(|finding| finding.what.contains("more than one cell to begin with")),
        "{found:#?}"
    );
    assert_eq!(found.len(), 2);
}
