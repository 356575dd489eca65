//! What a graph tells while it runs, and what its nodes ask a model.
#![cfg(feature = "lab")]

mod graphs;

use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex};

use common::lab::graph::{
    Checkpoint, CheckpointError, Checkpoints, END, Graph, GraphEvent, NodeContext, Reducer, State,
    message, tools_condition,
};
use common::lab::llm::{Answer, Model, ScriptedLlm};
use futures_util::future::BoxFuture;
use futures_util::{FutureExt as _, StreamExt as _};
use graphs::steps::{PATIENCE, finished, tracer, tree};
use serde_json::json;
use tokio::sync::Barrier;

#[tokio::test]
async fn a_stream_tells_what_happens_while_nodes_run_at_once() {
    let barrier = Arc::new(Barrier::new(2));
    let speaks = move |_: State, context: NodeContext| {
        let barrier = barrier.clone();
        async move {
            context.token("before ");
            barrier.wait().await;
            context.token("after");
            Ok(json!({"log": [context.node()]}))
        }
    };
    let graph = Graph::builder("g").channel("log", Reducer::append());
    let graph = graph
        .node("a", speaks.clone())
        .node("b", speaks)
        .start("a")
        .start("b");
    let graph = graph.compile().expect("a graph");
    let told = graph
        .invoke(json!({}))
        .stream()
        .map(|event| match event.expect("an event") {
            GraphEvent::StepBegan { step, nodes, .. } => {
                format!("step {step}: {}", nodes.join(", "))
            }
            GraphEvent::Token { node, text, .. } => format!("{node} says {}", text.trim()),
            GraphEvent::Update { node, update, .. } => format!("{node} gave {update}"),
            GraphEvent::Finished { state } => format!("finished {}", state["log"]),
            other => format!("{other:?}"),
        });
    let told = tokio::time::timeout(PATIENCE, told.collect::<Vec<_>>())
        .await
        .expect("an end");
    assert_eq!(told[0], "step 1: a, b");
    assert_eq!(
        told[1..3],
        ["a says before", "b says before"],
        "both have begun"
    );
    let mut rest = told[3..7].to_vec();
    rest.sort();
    assert_eq!(
        rest,
        [
            "a gave {\"log\":[\"a\"]}",
            "a says after",
            "b gave {\"log\":[\"b\"]}",
            "b says after"
        ]
    );
    assert_eq!(told[7..], ["finished [\"a\",\"b\"]"]);
}

#[tokio::test]
async fn the_lessons_model_answers_in_a_node_whole_or_streamed() {
    let agent = |model: Model| {
        move |state: State, context: NodeContext| {
            let model = model.clone();
            async move {
                let said = context.ask(&model, state.list("messages")).await?;
                Ok(json!({"messages": [said]}))
            }
        }
    };
    let tools = async |state: State, context: NodeContext| {
        let mut answers = Vec::new();
        for call in state
            .list("messages")
            .last()
            .and_then(|last| last["tool_calls"].as_array())
            .into_iter()
            .flatten()
        {
            answers.push(context.tool_call(call, async |_| Ok("in a header")).await?);
        }
        Ok(json!({"messages": answers}))
    };
    for is_streamed in [false, true] {
        let llm = ScriptedLlm::builder()
            .then(Answer::tool_call("search", json!({"query": "parent"})))
            .then(Answer::text("It is in a header."))
            .start();
        let (sink, tracer) = tracer();
        let graph = Graph::builder("agent")
            .channel("messages", Reducer::append())
            .node("agent", agent(Model::scripted(&llm)))
            .node("tools", tools)
            .start("agent")
            .route("agent", "tools_condition", tools_condition, ["tools", END])
            .edge("tools", "agent")
            .compile()
            .expect("a graph");
        let run = graph
            .invoke(json!({"messages": [message::human("Where?")]}))
            .tracer(&tracer);
        let (mut tokens, mut last) = (String::new(), None);
        if is_streamed {
            let mut events = run.stream();
            while let Some(event) = events.next().await {
                match event.expect("an event") {
                    GraphEvent::Token { text, .. } => tokens.push_str(&text),
                    GraphEvent::Finished { state } => last = Some(state),
                    _ => {}
                }
            }
            assert_eq!(tokens, "It is in a header.");
        } else {
            last = Some(finished(run.await));
        }
        let state = last.expect("a state");
        assert_eq!(state.list("messages")[3]["content"], "It is in a header.");
        assert_eq!(
            tree(&sink.runs()),
            "agent\n  agent graph:step:1\n    ScriptedLlm seq:step:1\n    tools_condition seq:step:3\n  \
             tools graph:step:2\n    search seq:step:1\n  agent graph:step:3\n    ScriptedLlm seq:step:1\n    \
             tools_condition seq:step:3\n"
        );
        let runs = sink.runs();
        let calls: Vec<_> = runs
            .iter()
            .filter(|run| run.name == "ScriptedLlm")
            .collect();
        assert!(
            calls
                .iter()
                .all(|run| run.usage().is_some_and(|usage| usage.input_tokens > 0))
        );
        assert_eq!(
            calls[1]
                .events
                .iter()
                .any(|event| event.name == "new_token"),
            is_streamed
        );
        assert_eq!(
            calls[1].extra.metadata["ls_model_name"],
            Model::scripted(&llm).name()
        );
        assert_eq!(
            calls[1].extra.metadata["ls_integration"],
            "langchain_chat_model"
        );
    }
}

#[tokio::test]
async fn a_stream_tells_everything_however_much_waits() {
    // More than tokio lets one poll take from a channel.
    let speaks = async |_: State, context: NodeContext| {
        for _ in 0..500 {
            context.token("word ");
        }
        Ok(json!({"answer": 42}))
    };
    let graph = Graph::builder("g").node("speaks", speaks);
    let graph = graph.start("speaks").compile().expect("a graph");
    let told = graph.invoke(json!({})).stream();
    let told = told.map(|event| match event.expect("an event") {
        GraphEvent::StepBegan { .. } => "step",
        GraphEvent::Token { .. } => "token",
        GraphEvent::Update { .. } => "update",
        GraphEvent::Finished { .. } => "finished",
        _ => "another",
    });
    let told: Vec<_> = told.collect().await;
    let words = told.iter().filter(|told| **told == "token").count();
    assert_eq!(words, 500);
    let others: Vec<_> = told.into_iter().filter(|told| *told != "token").collect();
    assert_eq!(others, ["step", "update", "finished"]);
}

#[tokio::test]
async fn nothing_comes_after_the_last_event() {
    let left = Arc::new(Mutex::new(None));
    let leaves = {
        let left = left.clone();
        move |_: State, context: NodeContext| {
            *left.lock().expect("a lock") = Some(context);
            std::future::ready(Ok(()))
        }
    };
    let graph = Graph::builder("g").node("leaves", leaves);
    let graph = graph.start("leaves").compile().expect("a graph");
    let mut events = graph.invoke(json!({})).stream();
    let mut last = None;
    while let Some(event) = events.next().await {
        last = Some(event.expect("an event"));
    }
    assert!(matches!(last, Some(GraphEvent::Finished { .. })));
    let context = left.lock().expect("a lock").take().expect("a context");
    context.token("late");
    assert!(events.next().now_or_never().expect("at once").is_none());
}

#[derive(Debug)]
struct Torn;

impl Checkpoints for Torn {
    fn load<'a>(
        &'a self,
        _: &'a str,
        _: &'a str,
    ) -> BoxFuture<'a, Result<Option<Checkpoint>, CheckpointError>> {
        panic!("torn")
    }

    fn save<'a>(
        &'a self,
        _: &'a str,
        _: &'a str,
        _: Checkpoint,
    ) -> BoxFuture<'a, Result<(), CheckpointError>> {
        panic!("torn")
    }
}

#[tokio::test]
async fn a_stream_that_panicked_is_at_its_end() {
    let graph = Graph::builder("g").node("a", async |_: State, _| Ok(()));
    let graph = graph.start("a").checkpoints(Arc::new(Torn));
    let graph = graph.compile().expect("a graph");
    let mut events = graph.invoke(json!({})).thread("t").stream();
    let panicked = AssertUnwindSafe(events.next()).catch_unwind().await;
    panicked.expect_err("it is torn");
    let next = AssertUnwindSafe(events.next()).catch_unwind().await;
    assert!(next.expect("no panic").is_none());
}

#[tokio::test]
async fn what_a_model_said_beside_its_tool_calls_is_sent_back_to_it() {
    let llm = ScriptedLlm::builder()
        .then(Answer::text("It is in a header."))
        .start();
    let model = Model::scripted(&llm);
    let agent = move |state: State, context: NodeContext| {
        let model = model.clone();
        async move {
            let said = context.ask(&model, state.list("messages")).await?;
            Ok(json!({"messages": [said]}))
        }
    };
    let graph = Graph::builder("agent").channel("messages", Reducer::append());
    let graph = graph.node("agent", agent).start("agent");
    let graph = graph.compile().expect("a graph");
    let mut looks = message::ai("I look it up.");
    looks["tool_calls"] = json!([message::tool_call(
        "search",
        "c1",
        json!({"query": "parent"})
    )]);
    let found = message::tool("search", "c1", "in a header");
    let messages = [message::human("Where?"), looks, found];
    finished(graph.invoke(json!({"messages": messages})).await);
    let asked = llm.requests();
    let said = &asked[0].body["messages"][1];
    assert_eq!(said["content"], "I look it up.");
    assert_eq!(said["tool_calls"][0]["function"]["name"], "search");
}
