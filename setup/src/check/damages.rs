//! A sound notebook, and what is said of it when it is damaged: one damage a test.

use std::fs;
use std::path::PathBuf;

use serde_json::{Value, json};

use super::page::Page;
use super::{Finding, executed, of_page};
use crate::fingerprint::Fingerprint;

mod more;

const PATH: &str = "notebooks/01_a.ipynb";

/// A repository with one notebook, removed at the end.
struct Repository {
    root: PathBuf,
    page: Value,
}

impl Drop for Repository {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.root);
    }
}

fn markdown(id: &str, source: &str) -> Value {
    json!({"cell_type": "markdown", "id": id, "metadata": {}, "source": source})
}

fn code(id: &str, workbook: &Value) -> Value {
    let picture = "<svg role=\"img\" width=\"640\" height=\"90\"><title>A tree</title></svg>";
    let data = json!({"image/svg+xml": picture, "text/plain": "gateway\n└─ retriever"});
    json!({
        "cell_type": "code", "id": id, "metadata": {"workbook": workbook}, "source": "tree_diagram(&tree)",
        "outputs": [{"output_type": "execute_result", "data": data}],
    })
}

impl Repository {
    fn sound(name: &str) -> Self {
        let root =
            std::env::temp_dir().join(format!("workbook-damage-{}-{name}", std::process::id()));
        fs::create_dir_all(root.join("notebooks/solutions")).unwrap();
        let mut cells = vec![markdown(
            "title",
            "# 01 · A page\n\nAfter this you can do it; skip it if you can.\n\n| | |\n|---|---|\n\
             | **Time** | about 35 minutes |\n| **You need** | [a page](01_a.ipynb) |",
        )];
        for section in [
            "The problem",
            "Words you need",
            "Setup",
            "From scratch",
            "With `common`",
            "Variations",
            "When it goes wrong",
            "What it costs",
            "Summary and cheat table",
            "Check yourself",
            "Exercises",
            "From here to production",
        ] {
            cells.push(markdown(
                &format!("about {section}"),
                &format!(
                    "## {section}\n\nWords.{}",
                    match section {
                        "Check yourself" => "<details>Answer</details>".repeat(5),
                        _ => String::new(),
                    }
                ),
            ));
            let mut cell = code(&format!("code {section}"), &json!({}));
            if section == "When it goes wrong" {
                cell["metadata"]["tags"] = json!(["raises-exception"]);
            }
            cells.push(cell);
        }
        for exercise in ["predict", "repair", "extend"] {
            let id = format!("01.{exercise}");
            let words = format!("### {exercise}\n\n**Goal.** To be reached. About 10 minutes.");
            cells.push(markdown(&format!("{exercise}-words"), &words));
            cells.push(code(&format!("{exercise}-start"), &json!({"exercise": id})));
            cells.push(code(&format!("{exercise}-check"), &json!({"check": id})));
            fs::write(
                root.join(format!("notebooks/solutions/01_{exercise}.rs")),
                "solved()",
            )
            .unwrap();
        }
        let mut page = json!({"cells": cells, "metadata": {
            "kernelspec": {"name": "rust"}, "language_info": {"name": "rust"}, "workbook": {"made_from": {}},
        }});
        for cell in page["cells"].as_array().unwrap().clone() {
            let source = cell["source"].as_str().unwrap();
            let number = Fingerprint::new().text(source).hex();
            page["metadata"]["workbook"]["made_from"][cell["id"].as_str().unwrap()] = json!(number);
        }
        fs::write(root.join(PATH), "{}").unwrap();
        fs::write(root.join("notebooks/a.svg"), "").unwrap();
        Self { root, page }
    }

    fn cell(&mut self, id: &str) -> &mut Value {
        let cells = self.page["cells"].as_array_mut().unwrap();
        cells.iter_mut().find(|cell| cell["id"] == id).unwrap()
    }

    fn parsed(&self) -> Page {
        Page::parse("01", PATH, &self.page.to_string()).unwrap()
    }

    fn found(&self) -> Vec<Finding> {
        of_page(&self.parsed(), &self.root)
            .into_iter()
            .map(|(_, finding)| finding)
            .collect()
    }

    fn judged(&self, events: &[Value]) -> Vec<Finding> {
        executed::findings(&[self.parsed()], events)
    }
}

/// What the runner tells when all is well.
fn events() -> Vec<Value> {
    let told = |exercise: &str, phase: &str, passed: bool| {
        let found = json!({"event": "check", "exercise": format!("01.{exercise}"), "passed": passed,
            "wrong": if passed { Value::Null } else { json!("run `a` has no parent") },
            "hints": 3, "minutes": 10, "goal": true, "why": true});
        json!({"event": "check", "path": PATH, "cell": format!("{exercise}-check"), "phase": phase, "found": found})
    };
    let both = |exercise| {
        [
            told(exercise, "shipped", false),
            told(exercise, "solved", true),
        ]
    };
    ["predict", "repair", "extend"]
        .into_iter()
        .flat_map(both)
        .collect()
}

/// Demands one finding, at a cell, with these words; a remedy is always there.
fn one(found: &[Finding], cell: &str, words: &[&str]) {
    let [finding] = found else {
        panic!("not one finding: {found:#?}");
    };
    assert_eq!(finding.cell.as_deref().unwrap_or_default(), cell);
    let text = finding.to_string();
    assert!(
        text.starts_with(&format!("✗ {PATH}")) && text.contains("\n  → "),
        "{text}"
    );
    for word in words {
        assert!(text.contains(word), "{word} is missing in: {text}");
    }
}

#[test]
fn of_a_sound_page_nothing_is_said() {
    let sound = Repository::sound("sound");
    assert_eq!(sound.found(), []);
    assert_eq!(sound.judged(&events()), []);
}

#[test]
fn an_exercise_that_passes_as_shipped_is_found() {
    let mut events = events();
    events[2]["found"]["passed"] = json!(true);
    let found = Repository::sound("passes").judged(&events);
    one(
        &found,
        "repair-check",
        &["01.repair passes as it is shipped"],
    );
}

#[test]
fn a_missing_hint_is_found() {
    let mut events = events();
    events[0]["found"]["hints"] = json!(0);
    let found = Repository::sound("hint").judged(&events);
    one(
        &found,
        "predict-check",
        &[
            "01.predict has no hint",
            ".hint(",
            "common/src/lab/exercises",
        ],
    );
}

#[test]
fn a_stale_output_is_found_by_its_source_and_by_running_it() {
    let mut damaged = Repository::sound("stale");
    damaged.cell("code Setup")["source"] = json!("waterfall(&tree)");
    one(
        &damaged.found(),
        "code Setup",
        &["stale", "cargo workbook refresh 01"],
    );
    let mut events = events();
    let (was, now) = ("[\"data: 3 runs\"]", "[\"data: 4 runs\"]");
    events.push(
        json!({"event": "stale", "path": PATH, "cell": "code Setup", "was": was, "now": now}),
    );
    let found = Repository::sound("stale-run").judged(&events);
    one(
        &found,
        "code Setup",
        &["stale", "3 runs", "4 runs", "cargo workbook refresh 01"],
    );
}

#[test]
fn a_key_in_an_output_is_found_and_not_told() {
    let mut damaged = Repository::sound("key");
    let key = format!("lsv2_pt_{}", "0123456789abcdef");
    damaged.cell("code Setup")["outputs"][0] =
        json!({"output_type": "stream", "text": format!("key: {key}\n")});
    let found = damaged.found();
    one(&found, "code Setup", &["shaped like a key", "revoke"]);
    assert!(
        !found[0].to_string().contains(&key),
        "the key itself is told"
    );
}

#[test]
fn a_broken_link_is_found_and_so_is_one_out_of_the_repository() {
    let mut damaged = Repository::sound("link");
    damaged.cell("about Setup")["source"] =
        json!("## Setup\n\n[on the web](https://example.org), [gone](02_b.ipynb#top)");
    one(
        &damaged.found(),
        "about Setup",
        &["`02_b.ipynb#top` leads nowhere"],
    );
    for source in [
        "## Setup\n\n<a href=\"02_b.ipynb\">the next</a>",
        "## Setup\n\n<img src='02_b.ipynb' alt=\"a tree\">",
    ] {
        damaged.cell("about Setup")["source"] = json!(source);
        one(
            &damaged.found(),
            "about Setup",
            &["the link `02_b.ipynb` leads nowhere"],
        );
    }
    damaged.cell("about Setup")["source"] = json!("## Setup\n\n[out](../../secret.txt)");
    one(
        &damaged.found(),
        "about Setup",
        &["leads out of the repository"],
    );
}

#[test]
fn a_missing_section_is_found_and_so_is_one_in_the_wrong_place() {
    let mut damaged = Repository::sound("section");
    damaged.cell("about What it costs")["source"] = json!("Words.");
    one(
        &damaged.found(),
        "",
        &[
            "“What it costs” is missing",
            "one measurement and one chart",
        ],
    );
    let mut damaged = Repository::sound("order");
    damaged.cell("about Setup")["source"] = json!("## From scratch");
    damaged.cell("about From scratch")["source"] = json!("## Setup");
    one(
        &damaged.found(),
        "about Setup",
        &["“From scratch” stands before “Setup”"],
    );
}

#[test]
fn an_overlong_cell_is_found() {
    let mut damaged = Repository::sound("long");
    let source = "let a = 1;\n".repeat(36);
    damaged.page["metadata"]["workbook"]["made_from"]["code Setup"] =
        json!(Fingerprint::new().text(&source).hex());
    damaged.cell("code Setup")["source"] = json!(source);
    one(
        &damaged.found(),
        "code Setup",
        &["36 lines, 35 are the most", "split the cell"],
    );
}

#[test]
fn a_figure_without_alternative_is_found() {
    let mut damaged = Repository::sound("figure");
    let data = &mut damaged.cell("code Setup")["outputs"][0]["data"];
    data.as_object_mut().unwrap().remove("text/plain");
    one(
        &damaged.found(),
        "code Setup",
        &["the figure has no text alternative"],
    );
    let mut damaged = Repository::sound("image");
    damaged.cell("about Setup")["source"] = json!("## Setup\n\n<img src=\"a.svg\">");
    one(
        &damaged.found(),
        "about Setup",
        &["an image has no text alternative"],
    );
}

#[test]
fn a_figure_that_is_shown_as_debug_is_found() {
    let mut damaged = Repository::sound("debug");
    damaged.cell("code Setup")["outputs"][0]["data"] =
        json!({"text/plain": "Figure { title: \"Bars\", body: \"<svg>\" }"});
    one(
        &damaged.found(),
        "code Setup",
        &["as Rust's `Debug`", "a reference or a clone"],
    );
}

#[test]
fn an_absolute_path_is_found() {
    let mut damaged = Repository::sound("path");
    let text = format!(
        "wrote {}\n",
        ["", "home", "somebody", "trace.html"].join("/")
    );
    damaged.cell("code Setup")["outputs"][0] = json!({"output_type": "stream", "text": text});
    one(
        &damaged.found(),
        "code Setup",
        &["an absolute path", "somebody/trace.html"],
    );
}

#[test]
fn a_solution_that_fails_or_does_not_run_is_found() {
    let mut events = events();
    events[3]["found"]["passed"] = json!(false);
    events[3]["found"]["wrong"] = json!("run `retriever` has no parent");
    let found = Repository::sound("solution").judged(&events);
    one(
        &found,
        "repair-check",
        &[
            "fails its check: run `retriever` has no parent",
            "solutions/01_repair.rs",
        ],
    );
    events[3] = json!({"event": "check", "path": PATH, "cell": "repair-check", "phase": "solved", "error": "cannot find `x`"});
    let found = Repository::sound("solution-runs").judged(&events);
    one(&found, "repair-check", &["does not run", "cannot find `x`"]);
    let mut untried = self::events();
    untried.remove(3);
    let found = Repository::sound("solution-untried").judged(&untried);
    one(&found, "repair-check", &["01.repair was not tried"]);
    let damaged = Repository::sound("solution-gone");
    fs::remove_file(damaged.root.join("notebooks/solutions/01_repair.rs")).unwrap();
    one(
        &damaged.found(),
        "repair-start",
        &["has no solution", "write notebooks/solutions/01_repair.rs"],
    );
}

#[test]
fn the_number_of_a_source_is_that_of_the_runner() {
    // The runner has the same number in its tests.
    assert_eq!(
        Fingerprint::new().text("let a = 1;").hex(),
        "8b771e426878702c"
    );
}
