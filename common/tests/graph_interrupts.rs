//! What a graph keeps of a thread: questions that wait for a human, answers, and what goes on after them.
#![cfg(feature = "lab")]

mod graphs;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use common::lab::graph::{Checkpoint, Graph, NodeContext, Reducer, State};
use common::trace::{MemorySink, Sampler, Scope, TraceFutureExt as _, Tracer};
use graphs::steps::{finished, log, tracer, tree};
use serde_json::{Value, json};

fn team() -> Graph {
    let search = Graph::builder("search")
        .channel("log", Reducer::append())
        .node("look", log)
        .node("ask", async |_: State, context: NodeContext| {
            let first = context.interrupt("which docs?")?;
            let second = context.interrupt("how many?")?;
            context
                .tool(
                    "fetch",
                    json!({"from": first}),
                    async |_| Ok(second.clone()),
                )
                .await?;
            Ok(json!({"log": [first, second]}))
        })
        .start("look")
        .edge("look", "ask")
        .compile()
        .expect("a graph");
    Graph::builder("team")
        .channel("log", Reducer::append())
        .subgraph("research", &search)
        .node("sibling", log)
        .node("after", log)
        .start("research")
        .start("sibling")
        .edge("sibling", "after")
        .compile()
        .expect("a graph")
}

/// As LangGraph 1.2.22 traces the same program.
#[tokio::test]
async fn questions_of_a_subgraph_are_answered_one_by_one_and_nothing_finished_runs_again() {
    let (sink, tracer) = tracer();
    let team = team();
    let asked = team
        .invoke(json!({"log": ["in"]}))
        .thread("t")
        .tracer(&tracer);
    let asked = asked.await.expect("an outcome");
    assert_eq!(asked.question(), Some(&json!("which docs?")));
    assert_eq!(asked.state()["log"], json!(["in", "sibling"]));
    let point: Option<Checkpoint> = team.checkpoint("t").await.expect("kept");
    assert_eq!(
        point.map(|point| point.next().join(" ")),
        Some("research".to_owned())
    );
    let next = team
        .resume("t", "ours")
        .tracer(&tracer)
        .await
        .expect("an outcome");
    assert_eq!(next.question(), Some(&json!("how many?")));
    let state = finished(team.resume("t", 2).tracer(&tracer).await);
    assert_eq!(
        state["log"],
        json!(["in", "look", "ours", 2, "sibling", "after"])
    );
    let question =
        r"GraphInterrupt\(\(Interrupt\(value=(.*), id='[0-9a-f]{32}', response_schema=None\),\)\)";
    let question = regex::Regex::new(question).expect("a pattern");
    let told = tree(&sink.runs());
    let told = question.replace_all(&told, "asks $1");
    assert_eq!(
        told,
        "team\n  \
           research graph:step:1 ✗ asks 'which docs?'\n    \
             search seq:step:1 ✗ asks 'which docs?'\n      \
               look graph:step:1\n      \
               ask graph:step:2 ✗ asks 'which docs?'\n  \
           sibling graph:step:1\n\
         team\n  \
           research graph:step:1 ✗ asks 'how many?'\n    \
             search seq:step:1 ✗ asks 'how many?'\n      \
               ask graph:step:2 ✗ asks 'how many?'\n\
         team\n  \
           research graph:step:1\n    \
             search seq:step:1\n      \
               ask graph:step:2\n        \
                 fetch seq:step:1\n  \
           after graph:step:2\n"
    );
    let runs = sink.runs();
    let of = |name: &str, key: &str| -> Vec<Value> {
        let named = runs.iter().filter(|run| run.name == name);
        named.map(|run| run.extra.metadata[key].clone()).collect()
    };
    let (outer, inner) = (
        of("research", "langgraph_checkpoint_ns"),
        of("ask", "langgraph_checkpoint_ns"),
    );
    assert!(outer.iter().all(|ns| *ns == outer[0]) && inner.iter().all(|ns| *ns == inner[0]));
    let ns = outer[0].as_str().expect("a namespace");
    assert!(
        inner[0]
            .as_str()
            .is_some_and(|inner| inner.starts_with(&format!("{ns}|ask:")))
    );
    assert_eq!(of("fetch", "checkpoint_ns"), [ns], "the outermost node's");
    assert_eq!(of("look", "checkpoint_ns"), [ns]);
    assert!(
        runs.iter()
            .all(|run| run.extra.metadata["thread_id"] == "t")
    );
}

#[tokio::test]
async fn several_questions_of_one_superstep_are_answered_in_order() {
    let counted = Arc::new(AtomicUsize::new(0));
    let asks = {
        let counted = counted.clone();
        move |_: State, context: NodeContext| {
            counted.fetch_add(1, Ordering::Relaxed);
            async move {
                let said = context.interrupt(context.node())?;
                Ok(json!({"log": [format!("{}: {said}", context.node())]}))
            }
        }
    };
    let graph = Graph::builder("two").channel("log", Reducer::append());
    let graph = graph
        .node("a", asks.clone())
        .node("b", asks)
        .start("a")
        .start("b");
    let graph = graph.compile().expect("a graph");
    let first = graph
        .invoke(json!({}))
        .thread("t")
        .await
        .expect("an outcome");
    assert_eq!(first.question(), Some(&json!("a")));
    let second = graph.resume("t", 1).await.expect("an outcome");
    assert_eq!(second.question(), Some(&json!("b")));
    let state = finished(graph.resume("t", 2).await);
    assert_eq!(state["log"], json!(["a: 1", "b: 2"]));
    assert_eq!(
        counted.load(Ordering::Relaxed),
        4,
        "each asked and was answered"
    );
    let error = graph.resume("t", 3).await.expect_err("nobody asks");
    assert_eq!(
        error.to_string(),
        "no question waits for an answer on thread `t`"
    );
}

#[tokio::test]
async fn a_question_without_a_thread_says_what_is_missing() {
    let graph = Graph::builder("g").node("ask", async |_: State, context: NodeContext| {
        context
            .interrupt("?")
            .map(|answer| json!({"answer": answer}))
    });
    let graph = graph.start("ask").compile().expect("a graph");
    let error = graph.invoke(json!({})).await.expect_err("no thread");
    let said = "node `ask` asks a question, so the invocation needs a thread: `.thread(\"…\")`";
    assert_eq!(error.to_string(), said);
}

#[tokio::test]
async fn a_thread_goes_on_where_it_was_left_and_a_checkpoint_travels_as_json() {
    let (sink, tracer) = tracer();
    let graph = Graph::builder("chat").channel("log", Reducer::append());
    let graph = graph
        .node("answer", log)
        .start("answer")
        .compile()
        .expect("a graph");
    for word in ["one", "two"] {
        finished(
            graph
                .invoke(json!({"log": [word]}))
                .thread("t")
                .tracer(&tracer)
                .await,
        );
    }
    let point = graph
        .checkpoint("t")
        .await
        .expect("kept")
        .expect("a checkpoint");
    assert_eq!(
        point.state()["log"],
        json!(["one", "answer", "two", "answer"])
    );
    let text = serde_json::to_string(&point).expect("JSON");
    assert_eq!(
        serde_json::from_str::<Checkpoint>(&text).expect("a checkpoint"),
        point
    );
    // LangGraph counts the input and the entry between.
    assert_eq!(
        tree(&sink.runs()),
        "chat\n  answer graph:step:1\nchat\n  answer graph:step:4\n"
    );
}

#[tokio::test]
async fn without_tracing_or_out_of_the_sample_a_graph_runs_as_well() {
    let graph = team();
    let asked = graph
        .invoke(json!({"log": []}))
        .thread("a")
        .await
        .expect("an outcome");
    assert_eq!(asked.question(), Some(&json!("which docs?")));
    let (sink, recording) = tracer();
    let off = graph
        .invoke(json!({"log": []}))
        .thread("b")
        .tracer(&recording)
        .into_future();
    off.in_scope(&Scope::off()).await.expect("an outcome");
    assert!(sink.runs().is_empty());
    let sink = Arc::new(MemorySink::new());
    let nothing = Tracer::builder(sink.clone());
    let nothing = nothing.sampler(Sampler::AlwaysOff).build();
    graph
        .invoke(json!({"log": []}))
        .thread("c")
        .tracer(&nothing)
        .await
        .expect("an outcome");
    let next = graph
        .resume("c", "ours")
        .tracer(&nothing)
        .await
        .expect("an outcome");
    assert_eq!(next.question(), Some(&json!("how many?")));
    assert!(sink.runs().is_empty());
}
