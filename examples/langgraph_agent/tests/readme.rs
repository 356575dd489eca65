//! The page about this example is held to the program: its commands, its trees, its files.

use std::path::Path;

use clap::Parser as _;
use common::analysis::text_tree;
use common::lab::Lesson;
use common::lab::llm::{Model, TokenTiming};
use common::model::TraceTree;
use langgraph_agent::approve::Decision;
use langgraph_agent::assistant::Assistant;
use langgraph_agent::cli::Cli;
use langgraph_agent::corpus::Corpus;
use langgraph_agent::demo::QUESTION;
use langgraph_agent::index::Index;
use langgraph_agent::nodes::Crew;
use langgraph_agent::script::scripted;

const PAGE: &str = include_str!("../README.md");

/// The blocks of this kind on the page.
fn blocks(kind: &str) -> Vec<&'static str> {
    let fence = format!("```{kind}\n");
    let blocks = PAGE.split(&*fence).skip(1);
    blocks.filter_map(|rest| rest.split("```").next()).collect()
}

/// Rows without times, and without what stands behind the mark.
fn rows(tree: &str) -> Vec<String> {
    let row = |line: &str| {
        let line = line.split(['✓', '✗']).next().unwrap_or_default();
        let words = line.split_whitespace();
        let words = words.filter(|word| word.parse::<f64>().is_err());
        let words = words.filter(|word| !["s", "ms", "µs"].contains(word));
        words.collect::<Vec<_>>().join(" ")
    };
    tree.lines().map(row).collect()
}

#[test]
fn every_command_of_the_page_is_one() {
    let mut commands = 0;
    for line in blocks("sh").iter().flat_map(|block| block.lines()) {
        let command = line.split(" #").next().unwrap_or_default().trim();
        let arguments = command.strip_prefix("cargo run -p langgraph_agent -- ");
        let arguments = arguments.unwrap_or_else(|| panic!("{line}"));
        // The words, and what is in quotes as one.
        let parts = arguments.split('"').enumerate();
        let words = parts.flat_map(|(at, part)| match at % 2 {
            0 => part.split_whitespace().collect(),
            _ => vec![part],
        });
        let parsed = Cli::try_parse_from(std::iter::once("langgraph_agent").chain(words));
        parsed.unwrap_or_else(|error| panic!("{line}: {error}"));
        commands += 1;
    }
    assert!(commands >= 5, "{commands}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_trees_of_the_page_are_those_of_the_program() {
    let lesson = Lesson::start("langgraph_agent_test").await;
    let llm = scripted(TokenTiming::NONE);
    let index = Index::of(Corpus::of_repository().expect("pages")).expect("an index");
    let crew = Crew::new(Model::scripted(&llm), index);
    let assistant = Assistant::new(&crew, &lesson.client("assistant")).expect("a graph");
    assistant.ask(QUESTION, "t-1").await.expect("a draft");
    let yes = Decision::new(true, "approved by a test");
    assistant.decide("t-1", &yes).await.expect("an answer");
    let tree = lesson.tree(20).await;
    let traces = tree
        .trace_ids()
        .into_iter()
        .map(|id| lesson.mock().trace(id));
    let shown = |trace: TraceTree| rows(&text_tree(&trace).to_string());
    let shown: Vec<_> = traces.map(shown).collect();
    let told: Vec<_> = blocks("text").into_iter().map(rows).collect();
    assert_eq!(told[..2], shown[..]);
}

#[test]
fn every_file_that_the_page_names_is_there() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let files = PAGE
        .split('`')
        .filter(|part| part.starts_with("src/") || part.starts_with("tests/"));
    let missing: Vec<_> = files.filter(|file| !root.join(file).exists()).collect();
    assert!(missing.is_empty(), "{missing:?}");
}
