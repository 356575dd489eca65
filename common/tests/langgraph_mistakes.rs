//! What the trace of a LangGraph agent looks like when one of the usual mistakes is made, and without it.
//!
//! Needs the workbook's Python environment (`WORKBOOK_PYTHON`, which `cargo workbook test` sets). Without
//! it a test says so and passes on a learner's machine; in CI it fails.
#![cfg(feature = "lab")]

mod asking_agents;

use asking_agents::{Asked, assert_sound, python_is_here, rows};
use common::prelude::*;

#[tokio::test(flavor = "multi_thread")]
async fn a_tool_call_from_a_thread_that_knows_no_run_leaves_the_retriever_in_a_trace_of_its_own() {
    if !python_is_here() {
        return;
    }
    let asked = Asked::start("detached").await;
    let question = asked.question().detached();
    let root = asked.supervisor().start();
    let answer = asked.ask(&question, root).await;
    assert!(answer.contains("dotted order"), "nobody notices: {answer}");
    let capture = asked.lesson.capture(12).await;
    assert_eq!(
        rows(capture.tree()),
        [
            "supervisor chain",
            "  docs_agent chain",
            "    agent chain",
            "      ScriptedChat llm",
            "      tools_condition chain",
            "    tools chain",
            "      search_docs tool",
            "    agent chain",
            "      ScriptedChat llm",
            "      tools_condition chain",
            "retriever chain",
            "  search docs retriever",
        ]
    );
    // No orphan and no error: two traces, each whole, of one request.
    assert!(capture.tree().orphans().is_empty());
    assert_sound(&asked.lesson);
    assert_eq!(
        capture.arrivals_at("retriever")[0].header("langsmith-trace"),
        None
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_model_that_two_layers_record_costs_twice_what_it_cost() {
    if !python_is_here() {
        return;
    }
    let asked = Asked::start("doubled").await;
    let mut totals = Vec::new();
    for question in [asked.question(), asked.question().doubled()] {
        asked.lesson.clear();
        let doubled = !totals.is_empty();
        asked.ask(&question, asked.supervisor().start()).await;
        let tree = asked.lesson.tree(12 + 2 * usize::from(doubled)).await;
        assert!(tree.is_whole(), "{}", text_tree(&tree));
        let calls: Vec<&Run> = tree
            .nodes()
            .iter()
            .map(|node| &node.run)
            .filter(|run| run.run_type == RunType::Llm)
            .collect();
        let tokens: u64 = calls
            .iter()
            .filter_map(|run| run.usage())
            .map(|usage| usage.total_tokens)
            .sum();
        totals.push((calls.len(), tokens));
        if doubled {
            let inner = tree.find("ScriptedChat").expect("LangChain's");
            let outer = tree.parent_of(inner.id).expect("the wrapper's");
            assert_eq!(outer.name, "wrapped model");
            assert_eq!(outer.usage(), inner.usage(), "the same call");
        }
    }
    let [(2, once), (4, twice)] = totals[..] else {
        panic!("{totals:?}");
    };
    assert!(once > 0);
    assert_eq!(twice, 2 * once);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_conversation_is_grouped_only_if_the_thread_is_metadata_and_the_root_has_it_too() {
    if !python_is_here() {
        return;
    }
    let asked = Asked::start("threads").await;
    let question = asked.question().thread("th-1");
    let root = || asked.supervisor();
    let cases = [
        (
            "in the body alone",
            root(),
            question.clone().unnamed(),
            vec![],
        ),
        (
            "told to LangGraph",
            root(),
            question.clone(),
            vec![
                "docs_agent",
                "agent",
                "ScriptedChat",
                "tools_condition",
                "tools",
                "search_docs",
                "retriever",
                "search docs",
                "agent",
                "ScriptedChat",
                "tools_condition",
            ],
        ),
        (
            "on the root",
            root().metadata("thread_id", "th-1"),
            question.unnamed(),
            vec![
                "supervisor",
                "docs_agent",
                "agent",
                "ScriptedChat",
                "tools_condition",
                "tools",
                "search_docs",
                "retriever",
                "search docs",
                "agent",
                "ScriptedChat",
                "tools_condition",
            ],
        ),
    ];
    for (what, root, question, expected) in cases {
        asked.lesson.clear();
        asked.ask(&question, root.start()).await;
        let tree = asked.lesson.tree(12).await;
        let walked = tree.walk().into_iter().map(|at| &tree.nodes()[at].run);
        let in_thread = walked.filter(|run| {
            let thread = run.extra.metadata.get("thread_id");
            thread.is_some_and(|id| id == "th-1")
        });
        let in_thread: Vec<&str> = in_thread.map(|run| run.name.as_str()).collect();
        assert_eq!(in_thread, expected, "{what}");
    }
}
