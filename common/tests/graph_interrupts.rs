//! What a graph keeps of a thread: questions that wait for a human, answers, and what goes on after them.
#![cfg(feature = "lab")]

mod graphs;

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use common::lab::graph::{
    Checkpoint, CheckpointError, Checkpoints, END, Graph, MemoryCheckpoints, NodeContext,
    NodeError, Reducer, START, State,
};
use common::trace::{MemorySink, Sampler, Scope, TraceFutureExt as _, Tracer};
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
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
    let said = "node `ask` asks a question, so the invocation needs a thread: `.thread(\"…\")`; within a node use \
                `context.subgraph`";
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

/// Makes a node that asks one question and writes the answer to a channel. Others come in between.
fn asking(
    channel: &'static str,
    question: &'static str,
) -> impl Fn(State, NodeContext) -> BoxFuture<'static, Result<Value, NodeError>> {
    move |_, context| {
        let ask = async move {
            tokio::task::yield_now().await;
            Ok(json!({(channel): context.interrupt(question)?}))
        };
        ask.boxed()
    }
}

/// A graph with one such node, which writes to `said`.
fn asks(name: &str, question: &'static str) -> Graph {
    let graph = Graph::builder(name).node("ask", asking("said", question));
    graph.start("ask").compile().expect("a graph")
}

#[tokio::test]
async fn a_subgraph_that_failed_after_an_answer_goes_on_there_and_no_answer_goes_astray() {
    let is_offline = Arc::new(AtomicBool::new(true));
    let fetch = move |_: State, _: NodeContext| {
        let fetched = match is_offline.swap(false, Ordering::Relaxed) {
            true => Err(NodeError::new("offline")),
            false => Ok(json!({"log": ["fetched"]})),
        };
        std::future::ready(fetched)
    };
    let inner = Graph::builder("inner")
        .node("first", asking("a", "delete?"))
        .node("fetch", fetch)
        .node("second", asking("b", "send?"))
        .start("first")
        .edge("first", "fetch")
        .edge("fetch", "second")
        .compile()
        .expect("a graph");
    let graph = Graph::builder("outer").subgraph("work", &inner);
    let graph = graph.start("work").compile().expect("a graph");
    let (sink, tracer) = tracer();
    let asked = graph.invoke(json!({})).thread("t").await;
    assert_eq!(
        asked.expect("an outcome").question(),
        Some(&json!("delete?"))
    );
    let broken = graph.resume("t", "yes-1").await;
    broken.expect_err("offline");
    let asked = graph.resume("t", "yes-2").tracer(&tracer).await;
    assert_eq!(asked.expect("an outcome").question(), Some(&json!("send?")));
    let runs = sink.runs();
    let worked: Vec<_> = runs.iter().map(|run| run.name.as_str()).collect();
    assert_eq!(
        worked,
        ["outer", "work", "inner", "fetch", "second"],
        "the answered one does not run again"
    );
    let state = finished(graph.resume("t", "NO-3").await);
    assert_eq!(
        state.to_value(),
        json!({"a": "yes-1", "b": "NO-3", "log": ["fetched"]})
    );
}

#[tokio::test]
async fn each_of_two_subgraphs_that_ask_at_once_gets_its_own_answer() {
    let (one, two) = (asks("one", "delete?"), asks("two", "send?"));
    let both = move |_: State, context: NodeContext| {
        let (one, two) = (one.clone(), two.clone());
        async move {
            let (one, two) = futures_util::join!(
                context.subgraph(&one, json!({})),
                context.subgraph(&two, json!({}))
            );
            Ok(json!({"one": one?["said"], "two": two?["said"]}))
        }
    };
    let graph = Graph::builder("g").node("both", both);
    let graph = graph.start("both").compile().expect("a graph");
    let asked = graph.invoke(json!({})).thread("t").await;
    assert_eq!(
        asked.expect("an outcome").question(),
        Some(&json!("delete?"))
    );
    let asked = graph.resume("t", "yes").await;
    assert_eq!(asked.expect("an outcome").question(), Some(&json!("send?")));
    let state = finished(graph.resume("t", "no").await);
    assert_eq!(state.to_value(), json!({"one": "yes", "two": "no"}));
}

#[tokio::test]
async fn a_node_that_asks_before_and_after_a_subgraph_that_asks_gets_its_own_answers() {
    let inner = asks("inner", "how?");
    let ask = move |_: State, context: NodeContext| {
        let inner = inner.clone();
        async move {
            let before = context.interrupt("what?")?;
            let within = context.subgraph(&inner, json!({})).await?;
            let after = context.interrupt("when?")?;
            Ok(json!({"said": [before, within["said"], after]}))
        }
    };
    let graph = Graph::builder("g").node("ask", ask);
    let graph = graph.start("ask").compile().expect("a graph");
    let mut asked = graph.invoke(json!({})).thread("t").await;
    for (question, answer) in [("what?", "tea"), ("how?", "hot")] {
        assert_eq!(
            asked.expect("an outcome").question(),
            Some(&json!(question))
        );
        asked = graph.resume("t", answer).await;
    }
    assert_eq!(asked.expect("an outcome").question(), Some(&json!("when?")));
    let state = finished(graph.resume("t", "now").await);
    assert_eq!(state["said"], json!(["tea", "hot", "now"]));
}

#[tokio::test]
async fn an_input_is_kept_when_nothing_runs_and_when_the_first_superstep_fails() {
    let entry = |state: &State| match state.list("log").len() {
        1 => END,
        _ => "fails",
    };
    let graph = Graph::builder("g")
        .channel("log", Reducer::append())
        .node("fails", async |_: State, _| {
            Err::<(), _>(NodeError::new("offline"))
        })
        .route(START, "entry", entry, ["fails", END])
        .compile()
        .expect("a graph");
    finished(graph.invoke(json!({"log": ["one"]})).thread("t").await);
    let broken = graph.invoke(json!({"log": ["two"]})).thread("t").await;
    broken.expect_err("offline");
    let kept = graph.checkpoint("t").await.expect("kept");
    let kept = kept.expect("a checkpoint");
    assert_eq!(kept.state()["log"], json!(["one", "two"]));
    assert_eq!(kept.next(), ["fails"]);
    let resumed = graph.resume("t", "yes").await;
    let said = "no question waits for an answer on thread `t`";
    assert_eq!(resumed.expect_err("nobody asks").to_string(), said);
}

/// Keeps checkpoints in memory, and remembers where any was ever kept.
#[derive(Debug, Default)]
struct Watched {
    kept: MemoryCheckpoints,
    ever: Mutex<BTreeSet<(String, String)>>,
}

impl Watched {
    /// Returns threads and depths of what is still there: 0 is the graph itself.
    async fn left(&self) -> Vec<(String, usize)> {
        let ever = self.ever.lock().expect("a lock").clone();
        let mut left = Vec::new();
        for (thread, ns) in ever {
            if self.kept.load(&thread, &ns).await.expect("kept").is_some() {
                let depth = ns.split('|').filter(|part| !part.is_empty()).count();
                left.push((thread, depth));
            }
        }
        left
    }
}

impl Checkpoints for Watched {
    fn load<'a>(
        &'a self,
        thread: &'a str,
        namespace: &'a str,
    ) -> BoxFuture<'a, Result<Option<Checkpoint>, CheckpointError>> {
        self.kept.load(thread, namespace)
    }

    fn save<'a>(
        &'a self,
        thread: &'a str,
        namespace: &'a str,
        checkpoint: Checkpoint,
    ) -> BoxFuture<'a, Result<(), CheckpointError>> {
        let at = (thread.to_owned(), namespace.to_owned());
        self.ever.lock().expect("a lock").insert(at);
        self.kept.save(thread, namespace, checkpoint)
    }

    fn forget<'a>(
        &'a self,
        thread: &'a str,
        below: &'a str,
    ) -> BoxFuture<'a, Result<(), CheckpointError>> {
        self.kept.forget(thread, below)
    }
}

#[tokio::test]
async fn checkpoints_of_subgraphs_stay_as_long_as_a_question_waits_and_no_longer() {
    let inner = Graph::builder("inner").subgraph("innermost", &asks("innermost", "delete?"));
    let inner = inner.start("innermost").compile().expect("a graph");
    let watched = Arc::new(Watched::default());
    let graph = Graph::builder("g").subgraph("inner", &inner).start("inner");
    let graph = graph.checkpoints(watched.clone());
    let graph = graph.compile().expect("a graph");
    let left = async || {
        let left = watched.left().await;
        let told = left
            .iter()
            .map(|(thread, depth)| format!("{thread}{depth}"));
        told.collect::<Vec<_>>().join(" ")
    };
    for thread in ["a", "b"] {
        let asked = graph.invoke(json!({})).thread(thread).await;
        asked.expect("an outcome");
    }
    assert_eq!(left().await, "a0 a1 a2 b0 b1 b2");
    finished(graph.resume("a", "yes").await);
    assert_eq!(left().await, "a0 b0 b1 b2", "a has finished");
    let asked = graph.invoke(json!({})).thread("b").await;
    asked.expect("an outcome");
    assert_eq!(left().await, "a0 b0 b1 b2", "what b asked before is gone");
}
