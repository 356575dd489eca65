//! `--remote`: a real LangGraph agent in Python as a node of the graph, which calls this program's retriever back.
//!
//! Needs the workbook's Python environment. Without it the test says so and passes on a learner's machine; in CI it
//! fails.

#[path = "../../../common/tests/python_here/mod.rs"]
mod python_here;

use common::analysis::{SpendByAgent, text_tree};
use common::lab::llm::{Model, TokenTiming};
use common::lab::{Lesson, Service, called_by_agent, http_client};
use common::langsmith_mock::ViolationCode;
use langgraph_agent::assistant::Assistant;
use langgraph_agent::corpus::{Corpus, Source, markdown};
use langgraph_agent::index::Index;
use langgraph_agent::nodes::Crew;
use langgraph_agent::script::scripted;
use langgraph_agent::second_opinion::{SecondOpinion, app};
use serde_json::{Value, json};

const DOCS: &str =
    "# Spawn\nA spawned task loses the run. Use `spawn` of common, which carries it.\n";

/// The rows of `opinion` on the page about this example, without times.
fn told() -> Vec<String> {
    let page = include_str!("../README.md");
    let (_, tree) = page.split_once("├─ opinion").expect("the tree of --remote");
    let (tree, _) = tree.split_once("⋮").expect("its end");
    let row = |line: &str| {
        let row = line.trim_start_matches(['│', '├', '└', '─', ' ']);
        let words = row.split_whitespace();
        let words = words.filter(|word| word.parse::<f64>().is_err());
        let words = words.filter(|word| !["s", "ms", "µs"].contains(word));
        words.collect::<Vec<_>>().join(" ")
    };
    tree.lines().map(row).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_agent_in_python_is_a_node_and_its_tool_searches_here_all_in_one_trace() {
    if !python_here::python_is_here() {
        return;
    }
    let lesson = Lesson::start("langgraph_agent_test").await;
    let passages = markdown(Source::Docs, "docs/x.md", DOCS);
    let index = Index::of(Corpus { passages }).expect("an index");
    let llm = scripted(TokenTiming::NONE);
    let mut crew = Crew::new(Model::scripted(&llm), index.clone());
    let agent = SecondOpinion::start(&lesson, &index).await;
    let agent = agent.expect("it is installed");
    crew.second_opinion = Some(agent.clone());
    let assistant = Assistant::new(&crew, &lesson.client("assistant")).expect("a graph");
    let turn = assistant
        .ask("how do I spawn a task?", "t-1")
        .await
        .expect("a draft");
    agent.flush().await.expect("sent");

    let said = turn.state().second_opinion.clone().expect("an opinion");
    assert!(said.contains("A spawned task loses the run."), "{said}");
    let tree = lesson.tree(30).await;
    assert!(tree.is_whole() && tree.len() == 30, "{}", text_tree(&tree));
    let shown = text_tree(&tree).without_times().to_string();
    let (_, opinion) = shown.split_once("├─ opinion").expect("the node");
    let (opinion, _) = opinion.split_once("\n├─").expect("another node");
    let rows = opinion.lines().map(|line| {
        let row = line.trim_start_matches(['│', '├', '└', '─', ' ']);
        row.split_whitespace().collect::<Vec<_>>().join(" ")
    });
    assert_eq!(rows.collect::<Vec<_>>(), told());
    for node in tree.nodes() {
        let run = &node.run;
        assert_eq!(
            run.extra.metadata.get("thread_id"),
            Some(&json!("t-1")),
            "{}",
            run.name
        );
    }
    assert_eq!(
        SpendByAgent::of(&tree)
            .agent("docs_agent")
            .expect("it asked")
            .calls,
        2
    );
    // LangChain draws the id of a run before it looks at the clock for the start.
    let violations = lesson.mock().violations().into_iter();
    let others = violations.filter(|found| found.code != ViolationCode::IdTimeDiffers);
    assert_eq!(others.collect::<Vec<_>>(), []);
    assert_eq!(lesson.mock().errors(), []);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_agents_tool_is_given_good_passages_only() {
    let lesson = Lesson::start("langgraph_agent_test").await;
    let passages = markdown(Source::Docs, "docs/x.md", DOCS);
    let index = Index::of(Corpus { passages }).expect("an index");
    let layer = called_by_agent(&lesson.client("retriever"), &lesson.project());
    let retriever = Service::start("retriever", app(layer, &index));
    for (question, found) in [("how do I spawn a task?", 1), ("spawn sourdough bread", 0)] {
        let asked = http_client().post(retriever.url("/retrieve"));
        let asked = asked.json(&json!({"question": question})).send().await;
        let answer: Value = asked.expect("it answers").json().await.expect("JSON");
        let documents = answer["documents"].as_array().map(Vec::len);
        assert_eq!(documents, Some(found), "{question}: {answer}");
    }
}
