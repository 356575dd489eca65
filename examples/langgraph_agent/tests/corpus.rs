//! What is read of the repository, and how it is cut.

use std::collections::HashSet;
use std::path::Path;

use langgraph_agent::corpus::{
    Corpus, CorpusError, MOST_CHARACTERS, Passage, Source, markdown, notebook, root,
};

fn corpus() -> Corpus {
    Corpus::of_repository().expect("the documentation is here")
}

/// Writes passages as an outline.
fn outline(passages: &[Passage]) -> String {
    let line = |passage: &Passage| {
        let first = passage.text.lines().next().unwrap_or_default();
        format!("{:?} {} | {first}\n", passage.place, passage.citation())
    };
    passages.iter().map(line).collect()
}

#[test]
fn markdown_is_cut_at_its_headings_and_not_at_comments_in_code() {
    let text = "# 🧭 Map\nAbove.\n\n## `a` and [b](c.md)\n```rust\n# fn hidden() {\n\n```\nBelow.\n## Empty\n### Deep\nIn it.\n## Empty\nAgain.\n";
    let passages = markdown(Source::Docs, "docs/x.md", text);
    assert_eq!(
        outline(&passages),
        "Line(2) docs/x.md#-map | Above.\n\
         Line(5) docs/x.md#a-and-b | ```rust\n\
         Line(12) docs/x.md#deep | In it.\n\
         Line(14) docs/x.md#empty-1 | Again.\n"
    );
    assert_eq!(passages[2].headings, ["Map", "Empty", "Deep"]);
    assert!(
        passages[1].text.ends_with("```\n\nBelow."),
        "{}",
        passages[1].text
    );
}

#[test]
fn a_long_section_is_cut_between_paragraphs_and_a_table_keeps_its_head() {
    let row = format!("| {} |\n", "x".repeat(400));
    let paragraph = format!("{}\n\n", "word ".repeat(200));
    let text = format!(
        "# T\n{paragraph}{paragraph}| head |\n|---|\n{}",
        row.repeat(8)
    );
    let passages = markdown(Source::Docs, "t.md", &text);
    let tables: Vec<&Passage> = passages
        .iter()
        .filter(|it| it.text.starts_with("| head |"))
        .collect();
    assert_eq!(
        (passages.len(), tables.len()),
        (5, 3),
        "{}",
        outline(&passages)
    );
    let rows: usize = tables
        .iter()
        .map(|table| table.text.matches("| xx").count())
        .sum();
    assert_eq!(rows, 8);
    assert!(
        passages
            .iter()
            .all(|it| it.text.chars().count() <= MOST_CHARACTERS + 100)
    );
}

#[test]
fn a_cell_without_a_heading_goes_on_with_the_section_before_it() {
    let text = r###"{"cells": [
        {"cell_type": "markdown", "source": ["# N\n", "Begin.\n", "```\n", "left open"]},
        {"cell_type": "code", "source": ["let x = 1;"]},
        {"cell_type": "markdown", "source": "Go on.\n## Next\nEnd."}
    ]}"###;
    let passages = notebook("n.ipynb", text).expect("a notebook");
    assert_eq!(
        outline(&passages),
        "Cell(1) n.ipynb § N | Begin.\nCell(3) n.ipynb § Next | End.\n"
    );
    assert!(passages[0].text.ends_with("left open\n\nGo on."));
    assert!(notebook("n.ipynb", "{}").is_err());
}

#[test]
fn every_source_has_passages_with_headings_of_a_fair_size() {
    let corpus = corpus();
    for source in Source::ALL {
        assert!(
            corpus.passages.iter().any(|it| it.source == source),
            "{source}"
        );
    }
    for passage in &corpus.passages {
        let size = passage.text.chars().count();
        assert!(
            (1..=2 * MOST_CHARACTERS).contains(&size),
            "{size}: {}",
            passage.citation()
        );
        assert!(!passage.headings.is_empty(), "{}", passage.citation());
    }
}

/// GitHub names sections by a rule of its own; that ours is the same is seen by the links that people wrote.
#[test]
fn every_address_of_a_section_that_the_documentation_links_to_is_one_of_ours() {
    let root = root().expect("here");
    let mut headings = HashSet::new();
    let mut links = Vec::new();
    for file in corpus()
        .passages
        .iter()
        .map(|it| it.file.clone())
        .collect::<HashSet<_>>()
    {
        let text = std::fs::read_to_string(root.join(&file)).expect("read before");
        if file.ends_with(".md") {
            let lines = text.lines().filter(|line| line.starts_with('#'));
            headings.extend(lines.map(|line| {
                let heading = line.trim_start_matches('#');
                format!("{file}#{}", langgraph_agent::corpus::anchor(heading))
            }));
        }
        for link in text
            .split("](")
            .skip(1)
            .filter_map(|rest| rest.split(')').next())
        {
            let Some((to, section)) = link.split_once('#').filter(|_| !link.contains("://")) else {
                continue;
            };
            let folder = Path::new(&file).parent().expect("a folder");
            let to = if to.is_empty() {
                file.clone()
            } else {
                normal(&folder.join(to))
            };
            if to.ends_with(".md") {
                links.push(format!("{to}#{section}"));
            }
        }
    }
    let dead: Vec<_> = links
        .iter()
        .filter(|link| !headings.contains(*link))
        .collect();
    assert!(
        dead.is_empty() && !links.is_empty(),
        "{} links, dead: {dead:?}",
        links.len()
    );
}

/// Takes `..` out of a path.
fn normal(path: &Path) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in path.iter().filter_map(|part| part.to_str()) {
        match part {
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    parts.join("/")
}

#[test]
fn a_folder_without_documentation_and_a_notebook_that_is_none_are_told_by_name() {
    let folder = tempfile::tempdir().expect("a folder");
    let error = Corpus::below(folder.path()).expect_err("nothing there");
    assert!(matches!(error, CorpusError::Empty(_)), "{error}");
    std::fs::create_dir(folder.path().join("notebooks")).expect("made");
    std::fs::write(folder.path().join("notebooks/x.ipynb"), "no JSON").expect("written");
    let error = Corpus::below(folder.path()).expect_err("no notebook");
    assert!(
        error.to_string().ends_with("x.ipynb is no notebook"),
        "{error}"
    );
}
