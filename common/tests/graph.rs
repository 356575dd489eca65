//! How a graph behaves: what runs at once, what waits, what ends, and what its runs say of it.
#![cfg(feature = "lab")]

mod graphs;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

use common::lab::graph::{
    END, Graph, GraphError, MAX_DEPTH, NodeContext, NodeError, Reducer, Route, START, SendTo,
    State, Update,
};
use common::model::Run;
use common::trace::{TraceFutureExt as _, child, current};
use futures_util::FutureExt as _;
use graphs::steps::{PATIENCE, finished, log, tracer, tree};
use serde_json::{Value, json};
use tokio::sync::Barrier;

#[tokio::test]
async fn nodes_of_a_superstep_that_wait_for_one_another_finish() {
    let barrier = Arc::new(Barrier::new(3));
    let meets = move |_: State, context: NodeContext| {
        let barrier = barrier.clone();
        async move {
            barrier.wait().await;
            Ok(json!({"log": [context.node()]}))
        }
    };
    let (sink, tracer) = tracer();
    let graph = Graph::builder("meeting").channel("log", Reducer::append());
    let graph = graph
        .node("c", meets.clone())
        .node("a", meets.clone())
        .node("b", meets);
    let graph = graph
        .start("c")
        .start("b")
        .start("a")
        .compile()
        .expect("a graph");
    let run = tokio::time::timeout(
        PATIENCE,
        graph.invoke(json!({})).tracer(&tracer).into_future(),
    );
    let state = finished(run.await.expect("nobody waits for ever"));
    assert_eq!(
        state["log"],
        json!(["a", "b", "c"]),
        "by name, whoever was first"
    );
    assert_eq!(
        tree(&sink.runs()),
        "meeting\n  a graph:step:1\n  b graph:step:1\n  c graph:step:1\n"
    );
}

#[tokio::test]
async fn reducers_take_updates_by_name_and_then_as_they_were_sent_whoever_is_done_first() {
    // The later in that order, the sooner it is done.
    let turn = Arc::new(tokio::sync::watch::channel(4).0);
    let in_reverse = move |place: usize| {
        let (turn, mut turns) = (turn.clone(), turn.subscribe());
        async move {
            turns
                .wait_for(|turn| *turn == place)
                .await
                .expect("a sender");
            turn.send_replace(place - 1);
        }
    };
    let worker = {
        let in_reverse = in_reverse.clone();
        move |state: State, _: NodeContext| {
            let turn = in_reverse(if state.text("topic") == "x" { 3 } else { 4 });
            async move {
                turn.await;
                Ok(
                    json!({"log": [state.text("topic")], "count": 1, "longest": state.text("topic")}),
                )
            }
        }
    };
    let named = move |place: usize| {
        let in_reverse = in_reverse.clone();
        move |_: State, context: NodeContext| {
            let turn = in_reverse(place);
            async move {
                turn.await;
                Ok(json!({"log": [context.node()], "count": 1, "longest": context.node()}))
            }
        }
    };
    let longest = |old: &Value, new: &Value| {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        format!("{}<{}", text(old), text(new)).into()
    };
    let fan = |_: &State| {
        Route::to("a")
            .and("b")
            .and_send(SendTo::new("worker", json!({"topic": "x"})))
            .and_send(SendTo::new("worker", json!({"topic": "yy"})))
    };
    let graph = Graph::builder("order")
        .channel("log", Reducer::append())
        .channel("count", Reducer::sum())
        .channel("longest", Reducer::custom(longest))
        .node("worker", worker)
        .node("b", named(2))
        .node("a", named(1))
        .node("plan", async |_, _| Ok(()))
        .start("plan")
        .route("plan", "fan", fan, ["a", "b"])
        .compile()
        .expect("a graph");
    let run = tokio::time::timeout(PATIENCE, graph.invoke(json!({"count": 1})).into_future());
    let state = finished(run.await.expect("nobody waits for ever"));
    assert_eq!(state["log"], json!(["a", "b", "x", "yy"]));
    assert_eq!(state["count"], json!(5));
    assert_eq!(state["longest"], "<a<b<x<yy");
}

#[tokio::test]
async fn a_channel_without_a_reducer_takes_one_value_a_superstep() {
    let writes = async |_: State, _: NodeContext| Ok(json!({"answer": 1}));
    let graph = Graph::builder("clash").node("a", writes).node("b", writes);
    let graph = graph.start("a").start("b").compile().expect("a graph");
    let error = graph.invoke(json!({})).await.expect_err("two values");
    let said = "channel `answer` takes one value a step and got several, the last from node `b`; declare it with \
                a reducer such as `Reducer::append()`";
    assert_eq!(error.to_string(), said);
}

#[tokio::test]
async fn a_join_waits_for_all_and_runs_once() {
    let (sink, tracer) = tracer();
    let graph = Graph::builder("join").channel("log", Reducer::append());
    let graph = graph
        .node("short", log)
        .node("long", log)
        .node("longer", log)
        .node("end", log);
    let graph = graph.start("short").start("long").edge("long", "longer");
    let graph = graph
        .join(["short", "longer"], "end")
        .compile()
        .expect("a graph");
    let state = finished(graph.invoke(json!({})).tracer(&tracer).await);
    assert_eq!(state["log"], json!(["long", "short", "longer", "end"]));
    let runs = sink.runs();
    let end = runs.iter().find(|run| run.name == "end").expect("a run");
    let triggers = &end.extra.metadata["langgraph_triggers"];
    assert_eq!(*triggers, json!(["branch:to:end", "join:longer+short:end"]));
    assert_eq!(end.extra.metadata["langgraph_step"], 3);
}

#[tokio::test]
async fn a_graph_that_goes_round_ends_with_the_limit() {
    let (sink, tracer) = tracer();
    let graph = Graph::builder("loop")
        .channel("log", Reducer::append())
        .node("a", log);
    let graph = graph.start("a").edge("a", "a").compile().expect("a graph");
    let run = graph.invoke(json!({})).recursion_limit(2).tracer(&tracer);
    let error = run.await.expect_err("it goes round");
    assert!(matches!(error, GraphError::RecursionLimit(2)));
    assert_eq!(
        tree(&sink.runs()),
        "loop ✗ Recursion limit of 2 reached without hitting a stop condition. `recursion_limit` of the \
         invocation raises it.\n  a graph:step:1\n  a graph:step:2\n"
    );
}

#[tokio::test]
async fn a_panic_in_a_node_is_its_error_and_ends_those_beside_it() {
    let (sink, tracer) = tracer();
    let graph = Graph::builder("g")
        .node("panics", async |_: State, _| {
            tokio::task::yield_now().await;
            assert!(std::hint::black_box(false), "no such document");
            Ok(())
        })
        .node("waits", async |_: State, _| {
            let _run = child("inner").start();
            std::future::pending::<Result<(), NodeError>>().await
        })
        .start("panics")
        .start("waits")
        .compile()
        .expect("a graph");
    let run = tokio::time::timeout(
        PATIENCE,
        graph.invoke(json!({})).tracer(&tracer).into_future(),
    );
    let error = run.await.expect("nothing hangs").expect_err("a panic");
    let said = "node `panics` failed in step 1: Panicked: no such document";
    assert_eq!(error.to_string(), said);
    assert_eq!(
        tree(&sink.runs()),
        format!(
            "g ✗ {said}\n  panics graph:step:1 ✗ Panicked: no such document\n  \
             waits graph:step:1 ✗ Cancelled: the future was dropped before its end\n    \
             inner ✗ Cancelled: the run was dropped before it ended\n"
        )
    );
}

#[tokio::test]
async fn a_graph_that_is_dropped_leaves_no_run_open() {
    let (sink, tracer) = tracer();
    let inner = Graph::builder("inner").node("waits", async |_: State, context: NodeContext| {
        let forever = async |_| std::future::pending::<Result<(), NodeError>>().await;
        context.tool("slow", json!({}), forever).await
    });
    let inner = inner.start("waits").compile().expect("a graph");
    let graph = Graph::builder("outer").subgraph("sub", &inner).start("sub");
    let graph = graph.compile().expect("a graph");
    let mut run = graph.invoke(json!({})).tracer(&tracer).into_future();
    assert!(run.as_mut().now_or_never().is_none());
    drop(run);
    let why = "✗ Cancelled: the future was dropped before its end";
    assert_eq!(
        tree(&sink.runs()),
        format!(
            "outer {why}\n  sub graph:step:1 {why}\n    inner seq:step:1 {why}\n      \
             waits graph:step:1 {why}\n        slow seq:step:1 {why}\n"
        )
    );
}

#[tokio::test]
async fn two_graphs_in_one_task_keep_their_own_current_runs() {
    let barrier = Arc::new(Barrier::new(2));
    let graph = |name: &str| {
        let barrier = barrier.clone();
        let node = move |_: State, _: NodeContext| {
            let barrier = barrier.clone();
            async move {
                barrier.wait().await;
                let run = current().map(|run| run.context().map(|context| context.dotted_order));
                barrier.wait().await;
                child("work").start().end();
                Ok(json!({"order": run.flatten().map(|order| order.to_string())}))
            }
        };
        let graph = Graph::builder(name).node(format!("{name}'s node"), node);
        graph
            .start(format!("{name}'s node"))
            .compile()
            .expect("a graph")
    };
    let (sink, tracer) = tracer();
    let root = tracer.run("root").start();
    let (one, two) = (graph("one"), graph("two"));
    let both = async {
        futures_util::join!(
            one.invoke(json!({})).into_future(),
            two.invoke(json!({})).into_future()
        )
    };
    let (first, second) = both.in_run(&root).await;
    assert_ne!(finished(first)["order"], finished(second)["order"]);
    root.end();
    assert_eq!(
        tree(&sink.runs()),
        "root\n  one\n    one's node graph:step:1\n      work\n  two\n    two's node graph:step:1\n      work\n"
    );
}

#[tokio::test]
async fn a_hand_off_goes_where_the_node_says_and_shows_as_langgraphs_command() {
    let (sink, tracer) = tracer();
    let graph = Graph::builder("desk")
        .node("front", async |_: State, _| {
            Ok(Update::from(json!({"topic": "refund"})).goto("billing"))
        })
        .node("billing", async |state: State, _| {
            Ok(json!({"answer": state["topic"]}))
        })
        .start("front")
        .destinations("front", ["billing", END])
        .compile()
        .expect("a graph");
    let state = finished(graph.invoke(json!({})).tracer(&tracer).await);
    assert_eq!(state["answer"], "refund");
    let runs = sink.runs();
    let front = runs.iter().find(|run| run.name == "front").expect("a run");
    let command =
        json!({"graph": null, "update": {"topic": "refund"}, "resume": null, "goto": "billing"});
    assert_eq!(
        front.outputs.as_ref().map(|it| &it["output"]),
        Some(&command)
    );
    assert_eq!(
        graph.shape().to_mermaid(),
        "graph TD;\n    __start__([\"__start__\"])\n    front(\"front\")\n    billing(\"billing\")\n    \
         __end__([\"__end__\"])\n    __start__ --> front\n    front -.-> billing\n    front -.-> __end__\n    \
         billing --> __end__\n"
    );
}

#[tokio::test]
async fn an_entry_that_a_router_chooses_is_a_hidden_run_as_langgraphs() {
    let (sink, tracer) = tracer();
    let graph = Graph::builder("g")
        .channel("log", Reducer::append())
        .node("a", log);
    let graph = graph.route_map(
        START,
        "entry",
        |_: &State| "first",
        [("first", "a"), ("none", END)],
    );
    let graph = graph.route("a", "one", |_: &State| END, [END]);
    let graph = graph.route("a", "two", |_: &State| vec![END], [END]);
    let graph = graph.compile().expect("a graph");
    finished(graph.invoke(json!({})).tracer(&tracer).await);
    assert_eq!(
        tree(&sink.runs()),
        "g\n  __start__ graph:step:0\n    entry seq:step:2\n  a graph:step:1\n    one seq:step:3\n    two seq:step:4\n"
    );
    let hidden = sink
        .runs()
        .into_iter()
        .filter(|run| run.tags.iter().any(|tag| tag == "langsmith:hidden"));
    assert_eq!(
        hidden.map(|run| run.name).collect::<Vec<_>>(),
        ["__start__", "entry"]
    );
    let labels = graph.shape().edges.into_iter().map(|edge| edge.label);
    assert_eq!(labels.flatten().collect::<Vec<_>>(), ["first", "none"]);
}

#[tokio::test]
async fn a_router_that_errs_fails_its_node() {
    let (sink, tracer) = tracer();
    let graph = Graph::builder("g")
        .channel("log", Reducer::append())
        .node("a", log);
    let graph = graph
        .start("a")
        .route("a", "choose", |_: &State| "b", ["a", END]);
    let graph = graph.compile().expect("a graph");
    graph
        .invoke(json!({}))
        .tracer(&tracer)
        .await
        .expect_err("no such target");
    let why = "router `choose` said `b`, which is none of its targets: `a`, `__end__`";
    assert_eq!(
        tree(&sink.runs()),
        format!(
            "g ✗ node `a` failed in step 1: {why}\n  a graph:step:1 ✗ {why}\n    choose seq:step:3 ✗ {why}\n"
        )
    );
}

#[test]
fn a_mistake_in_a_graph_is_said_before_it_runs() {
    let node = |name: &str| Graph::builder("g").node(name, log);
    let mistakes = [
        node("a").node("a", log).start("a").compile(),
        node("a").compile(),
        node("a").start("b").compile(),
        node("a")
            .start("a")
            .route("a", "choose", |_: &State| END, ["c"])
            .compile(),
        node("a").start("a").edge("a", START).compile(),
        node("a|b").start("a|b").compile(),
        node("a").start("a").join(["a", "d"], END).compile(),
        node("a").start("a").join([""; 0], "a").compile(),
        node("a+b").start("a+b").compile(),
    ];
    let said = mistakes.map(|graph| graph.expect_err("a mistake").to_string());
    assert_eq!(
        said,
        [
            "there are two nodes `a`",
            "the graph has no entry: no edge leaves `__start__`",
            "the edge from `__start__` to `b` names `b`, which is no node of this graph",
            "router `choose` names `c`, which is no node of this graph",
            "no edge can go from `a` to `__start__`",
            "`a|b` cannot be the name of a node",
            "the join to `__end__` names `d`, which is no node of this graph",
            "the join to `a` waits for nobody",
            "`a+b` cannot be the name of a node",
        ]
    );
}

#[tokio::test]
async fn what_a_node_does_in_a_task_of_its_own_is_below_it_and_tags_of_a_run_alone_stay_with_it() {
    let graph = Graph::builder("g").node("a", async |_: State, context: NodeContext| {
        let lost = context.clone();
        let task = async move {
            assert!(current().is_none());
            lost.tool("lost", json!({}), async |_| Ok(())).await.is_ok()
        };
        assert!(tokio::spawn(task).await?);
        let nested = async |_| {
            child("below").start().end();
            Ok(())
        };
        context.tool("kept", json!({}), nested).await?;
        child("by hand").start().end();
        Ok(())
    });
    let graph = graph.start("a").compile().expect("a graph");
    let (sink, tracer) = tracer();
    finished(graph.invoke(json!({})).tracer(&tracer).tag("all").await);
    assert_eq!(
        tree(&sink.runs()),
        "g\n  a graph:step:1\n    lost seq:step:1\n    kept seq:step:1\n      below\n    by hand\n"
    );
    let runs = sink.runs();
    assert!(runs.iter().all(|run| run.tags.contains(&"all".to_owned())));
    let below = runs
        .iter()
        .filter(|run| run.dotted_order.as_str().matches('.').count() > 1);
    let ns = |run: &Run| {
        run.extra.metadata["checkpoint_ns"] == run.extra.metadata["langgraph_checkpoint_ns"]
    };
    assert_eq!(below.map(ns).collect::<Vec<_>>(), [true; 4]);
}

#[tokio::test]
async fn a_join_counts_a_superstep_once_however_often_a_node_ran_in_it() {
    // The first lap sends two pieces to `read`; in the second, `read` comes later than `browse`.
    let fan = |state: &State| match state.list("log").len() {
        1 => Route::to("browse")
            .and_send(SendTo::new("read", json!({})))
            .and_send(SendTo::new("read", json!({}))),
        _ => Route::to("browse").and("slow"),
    };
    let again = |state: &State| match state.list("log").len() {
        5 => "plan",
        _ => END,
    };
    let graph = Graph::builder("laps").channel("log", Reducer::append());
    let graph = ["plan", "browse", "slow", "read", "answer"]
        .into_iter()
        .fold(graph, |graph, node| graph.node(node, log))
        .start("plan")
        .route("plan", "fan", fan, ["browse", "slow"])
        .edge("slow", "read")
        .join(["browse", "read"], "answer")
        .route("answer", "again", again, ["plan", END])
        .compile()
        .expect("a graph");
    let state = finished(graph.invoke(json!({})).await);
    let laps = [
        "plan", "browse", "read", "read", "answer", "plan", "browse", "slow", "read", "answer",
    ];
    assert_eq!(state["log"], json!(laps));
}

#[tokio::test]
async fn a_sum_stays_whole_through_a_subgraph_and_one_that_did_not_change_is_no_update() {
    let sums = |name: &str, update: Value| {
        let graph = Graph::builder(name).channel("count", Reducer::sum());
        let graph = graph.node("work", move |_: State, _| {
            std::future::ready(Ok(update.clone()))
        });
        graph.start("work").compile().expect("a graph")
    };
    let (sink, tracer) = tracer();
    let graph = Graph::builder("g")
        .channel("count", Reducer::sum())
        .subgraph("adds", &sums("two", json!({"count": 2})))
        .subgraph("rests", &sums("none", json!({})))
        .start("adds")
        .edge("adds", "rests")
        .compile()
        .expect("a graph");
    let state = finished(graph.invoke(json!({})).tracer(&tracer).await);
    assert_eq!(state["count"], json!(2), "2, and not 2.0");
    let runs = sink.runs();
    let gave = |name: &str| {
        let mut runs = runs.iter();
        runs.find(|run| run.name == name)
            .map(|run| json!(run.outputs))
    };
    assert_eq!(gave("adds"), Some(json!({"count": 2})));
    assert_eq!(gave("rests"), Some(json!({})));
}

#[tokio::test]
async fn a_reducer_that_panics_is_an_error_of_whoever_wrote_the_channel() {
    let picky = |_: &Value, new: &Value| {
        assert!(new != "bad", "no such word");
        new.clone()
    };
    let graph = Graph::builder("g")
        .channel("word", Reducer::custom(picky))
        .node("writes", async |_: State, _| Ok(json!({"word": "bad"})))
        .start("writes")
        .compile()
        .expect("a graph");
    let (sink, tracer) = tracer();
    for word in ["bad", "good"] {
        let run = graph.invoke(json!({"word": word})).tracer(&tracer);
        run.await.expect_err("a panic");
    }
    let why = "the reducer of channel `word` panicked: no such word";
    assert_eq!(
        tree(&sink.runs()),
        format!(
            "g ✗ {why}\ng ✗ node `writes` failed in step 1: {why}\n  writes graph:step:1 ✗ {why}\n"
        )
    );
}

#[tokio::test]
async fn a_graph_that_calls_itself_without_end_is_refused_at_a_depth() {
    let (own, calls) = (
        Arc::new(OnceLock::<Graph>::new()),
        Arc::new(AtomicUsize::new(0)),
    );
    let calls_itself = {
        let (own, calls) = (own.clone(), calls.clone());
        move |_: State, context: NodeContext| {
            calls.fetch_add(1, Ordering::Relaxed);
            let own = own.clone();
            async move {
                let own = own.get().expect("the graph");
                context.subgraph(own, json!({})).await?;
                Ok(())
            }
        }
    };
    let graph = Graph::builder("g").node("a", calls_itself);
    let graph = graph.start("a").compile().expect("a graph");
    assert!(own.set(graph.clone()).is_ok());
    let (sink, tracer) = tracer();
    let run = graph.invoke(json!({})).tracer(&tracer);
    let error = run.await.expect_err("it has no end").to_string();
    let why = format!(
        "graph `g` would be {} graphs deep, and {MAX_DEPTH} are the most; does it call itself without end?",
        MAX_DEPTH + 1
    );
    assert!(error.ends_with(&why), "{error}");
    let ended = tree(&sink.runs()).lines().count();
    assert_eq!(ended, 2 * (MAX_DEPTH + 1), "a graph and a node each");
    assert_eq!(calls.load(Ordering::Relaxed), MAX_DEPTH + 1);
}
