//! Graphs of LangGraph that were recorded, built anew here, leave the same runs.
//!
//! Compared are names, types, parents, tags as sets, keys of metadata and the values of `langgraph_*`, inputs and
//! outputs, first tokens, and that there is an error; see `graphs/mod.rs` for what is left out. To compare
//! another recording: put it into `vectors/`, and write its graph and one test here.
#![cfg(feature = "lab")]

mod graphs;

use std::time::Duration;

use common::client::Client;
use common::lab::graph::message;
use common::lab::graph::{
    END, Graph, GraphError, Invocation, ModelCall, ModelReply, NodeContext, NodeError, Outcome,
    Reducer, SendTo, State, tools_condition,
};
use common::langsmith_mock::LangSmithMock;
use common::model::{Baggage, JsonMap, LazyBaggage, RunContext, Usage};
use common::trace::current;
use futures_util::StreamExt as _;
use graphs::{assert_same, ours, recorded, tree};
use serde_json::{Value, json};

const PATIENCE: Duration = Duration::from_secs(60);
const KEY: &str = "lsv2_pt_not-a-real-key_AAAAAA";
const QUESTION: &str = "what carries the trace?";
const ANSWER: &str = "The langsmith-trace header carries the dotted order.";

/// Calls graphs from a run of a gateway, which hands down what the recorded caller did, and returns the tree.
async fn called(call: impl AsyncFnOnce(&dyn Fn(Invocation) -> Invocation)) -> String {
    let (mock, client) = stand_in().await;
    let gateway = client.run("rust_gateway").metadata("service", "gateway");
    let gateway = gateway.start();
    let mut context = gateway.context().expect("a context");
    let mut metadata = JsonMap::new();
    metadata.insert("user_id".into(), "u-42".into());
    metadata.insert("session_id".into(), "s-7".into());
    context.baggage = LazyBaggage::from(Baggage {
        metadata: metadata.into(),
        tags: vec!["eu".into(), "beta".into()],
        project: None,
    });
    call(&|invocation| invocation.client(&client).parent(context.clone())).await;
    gateway.end();
    client.flush_async(PATIENCE).await.expect("delivered");
    tree(&ours(&mock.runs()))
}

async fn stand_in() -> (LangSmithMock, Client) {
    let mock = LangSmithMock::start().await;
    let client = Client::builder().endpoint(mock.url()).api_key(KEY);
    let client = client.project("demo").build().expect("a client");
    (mock, client)
}

fn finished(outcome: Result<Outcome, GraphError>) -> State {
    match outcome.expect("an outcome") {
        Outcome::Finished(state) => state,
        other => panic!("{other:?}"),
    }
}

fn research_team() -> Graph {
    let fan = |state: &State| -> Vec<SendTo> {
        let topics = state.list("topics").iter();
        topics
            .map(|topic| SendTo::new("research", json!({"topic": topic})))
            .collect()
    };
    Graph::builder("research_team")
        .channel("notes", Reducer::append())
        .node("plan", async |_, _| {
            Ok(json!({"topics": ["headers", "baggage", "sampling"]}))
        })
        .node("research", async |state: State, _| {
            Ok(json!({"notes": [format!("note on {}", state.text("topic"))]}))
        })
        .node("write", async |state: State, _| {
            let mut notes: Vec<_> = state
                .list("notes")
                .iter()
                .filter_map(Value::as_str)
                .collect();
            notes.sort_unstable();
            Ok(json!({"report": notes.join("; ")}))
        })
        .start("plan")
        .route("plan", "fan", fan, ["research"])
        .edge("research", "write")
        .edge("write", END)
        .compile()
        .expect("a graph")
}

#[tokio::test]
async fn sent_inputs_leave_the_runs_of_langgraphs_send() {
    let ours = called(async |from_gateway| {
        let team = research_team().invoke(json!({"topics": [], "notes": []}));
        let state = finished(from_gateway(team).await);
        assert_eq!(state.list("notes").len(), 3);
    });
    assert_same(&ours.await, &tree(&recorded("langgraph_send_fanout")));
}

fn approval_flow() -> Graph {
    Graph::builder("approval_flow")
        .node("draft", async |_, _| Ok(json!({"draft": "Refund 20 EUR"})))
        .node("approve", async |state: State, context: NodeContext| {
            let question = json!({"question": "approve?", "draft": state.text("draft")});
            Ok(json!({"approved": context.interrupt(question)?}))
        })
        .node("send", async |state: State, _| {
            Ok(json!({"draft": format!("{} (sent)", state.text("draft"))}))
        })
        .start("draft")
        .edge("draft", "approve")
        .route(
            "approve",
            "route",
            |state: &State| {
                if state["approved"] == true {
                    "send"
                } else {
                    END
                }
            },
            ["send", END],
        )
        .edge("send", END)
        .compile()
        .expect("a graph")
}

#[tokio::test]
async fn a_question_and_its_answer_leave_the_runs_of_langgraphs_interrupt_and_resume() {
    let ours = called(async |from_gateway| {
        let flow = approval_flow();
        let asked = from_gateway(flow.invoke(json!({"draft": ""})).thread("th-1")).await;
        let asked = asked.expect("an outcome");
        assert_eq!(
            asked.question(),
            Some(&json!({"question": "approve?", "draft": "Refund 20 EUR"}))
        );
        let state = finished(from_gateway(flow.resume("th-1", true)).await);
        assert_eq!(state.text("draft"), "Refund 20 EUR (sent)");
    });
    assert_same(&ours.await, &tree(&recorded("langgraph_interrupt_resume")));
}

#[tokio::test]
async fn an_error_leaves_the_runs_of_langgraphs_error() {
    let ours = called(async |from_gateway| {
        let flow = Graph::builder("failing_flow")
            .channel("messages", Reducer::append())
            .node("ok", async |_, _| Ok(json!({"turns": 1})))
            .node("boom", async |_, _| -> Result<Value, NodeError> {
                Err(NodeError::new("retriever returned 503"))
            })
            .start("ok")
            .edge("ok", "boom")
            .compile()
            .expect("a graph");
        let failed = from_gateway(flow.invoke(json!({"messages": [], "turns": 0}))).await;
        let error = failed.expect_err("it fails").to_string();
        assert_eq!(
            error,
            "node `boom` failed in step 2: retriever returned 503"
        );
    });
    assert_same(&ours.await, &tree(&recorded("langgraph_error")));
}

/// The agent of three recordings: a model that asks for a tool, and answers when it has what that found.
fn docs_agent(is_streamed: bool) -> Graph {
    let agent = move |state: State, context: NodeContext| async move {
        let tool = json!({"type": "function", "function": {"name": "search_docs"}});
        let model = ModelCall::new("ScriptedChat", "openai", "mock-gpt-4o-mini");
        let model = model.temperature(0.0).tools([tool]);
        let said = context.llm(&model, state.list("messages").to_vec(), async |messages| {
            let usage = Usage::tokens(42, 17);
            if is_streamed && let Some(run) = current() {
                run.new_token();
            }
            let found = messages.last().is_some_and(|last| last["type"] == "tool");
            let reply = match found {
                true => {
                    ANSWER
                        .split_inclusive(' ')
                        .for_each(|word| context.token(word));
                    ModelReply::text(ANSWER)
                }
                false => ModelReply::text("").and_tool_call(
                    "search_docs",
                    "call_1",
                    json!({"query": QUESTION}),
                ),
            };
            Ok(reply.usage(usage))
        });
        Ok(json!({"messages": [said.await?]}))
    };
    let tools = async |state: State, context: NodeContext| {
        let mut answers = Vec::new();
        for call in &state.list("messages")[state.list("messages").len() - 1]["tool_calls"]
            .as_array()
            .cloned()
            .unwrap_or_default()
        {
            answers.push(context.tool_call(call, search_docs).await?);
        }
        Ok(json!({"messages": answers}))
    };
    Graph::builder("docs_agent")
        .channel("messages", Reducer::append())
        .node("agent", agent)
        .node("tools", tools)
        .start("agent")
        .route("agent", "tools_condition", tools_condition, ["tools", END])
        .edge("tools", "agent")
        .compile()
        .expect("a graph")
}

/// Calls a service with headers, whose run inherits nothing, as the recorded one. A task of its own stands for the
/// other process: nothing that holds here holds there.
async fn search_docs(args: Value) -> Result<Value, NodeError> {
    const FOUND: &str = "langsmith-trace carries the dotted order";
    let caller = current().ok_or_else(|| NodeError::new("no run"))?;
    let order = caller.dotted_order().cloned();
    tokio::spawn(async move {
        let run = caller.tracer().run("rust_retriever");
        let run = run.parent(order.map(RunContext::new));
        let run = run.run_type("retriever").metadata("service", "retriever");
        run.inputs(args).start().end_with(json!({"documents": [
            {"page_content": FOUND, "metadata": {"source": "docs/common_patterns.md"}},
        ]}));
    })
    .await?;
    // As Python writes JSON.
    Ok(format!("{{\"documents\": [\"{FOUND}\"]}}").into())
}

fn question() -> Value {
    json!({"messages": [message::human(QUESTION)]})
}

#[tokio::test]
async fn an_agent_with_a_tool_leaves_the_runs_of_langgraphs_agent() {
    let (mock, client) = stand_in().await;
    let state = finished(docs_agent(false).invoke(question()).client(&client).await);
    assert_eq!(state.list("messages").len(), 4);
    client.flush_async(PATIENCE).await.expect("delivered");
    let ours = tree(&ours(&mock.runs()));
    assert_same(&ours, &tree(&recorded("langgraph_react_root")));
}

#[tokio::test]
async fn an_agent_below_a_caller_elsewhere_leaves_the_runs_of_langgraphs() {
    let ours = called(async |from_gateway| {
        finished(from_gateway(docs_agent(false).invoke(question())).await);
    });
    assert_same(&ours.await, &tree(&recorded("langgraph_react_nested")));
}

#[tokio::test]
async fn a_streamed_agent_leaves_the_runs_of_langgraphs() {
    let ours = called(async |from_gateway| {
        let events = from_gateway(docs_agent(true).invoke(question())).stream();
        let events: Vec<_> = events.collect().await;
        assert!(events.iter().all(Result::is_ok));
    });
    assert_same(&ours.await, &tree(&recorded("langgraph_stream_react")));
}

#[tokio::test]
async fn tags_metadata_name_and_thread_of_an_invocation_are_on_all_its_runs() {
    let (mock, client) = stand_in().await;
    let graph = Graph::builder("mini-agent")
        .channel("log", Reducer::append())
        .node("plan", async |state: State, _| {
            Ok(json!({"x": state["x"].as_i64().unwrap_or_default() + 1, "log": ["plan"]}))
        })
        .node("act", async |state: State, context: NodeContext| {
            let add = async |args: Value| {
                let sum = args["a"].as_i64().zip(args["b"].as_i64());
                Ok(sum.map(|(a, b)| a + b))
            };
            let x = context
                .tool("add", json!({"a": state["x"], "b": 10}), add)
                .await?;
            Ok(json!({"x": x, "log": ["act"]}))
        })
        .start("plan")
        .route(
            "plan",
            "route",
            |state: &State| {
                if state["x"].as_i64() < Some(100) {
                    "act"
                } else {
                    END
                }
            },
            ["act", END],
        )
        .edge("act", END)
        .compile()
        .expect("a graph");
    let invocation = graph.invoke(json!({"x": 1, "log": []})).client(&client);
    let invocation = invocation
        .thread("thread-42")
        .tag("lg")
        .metadata("owner", "me");
    finished(invocation.run_name("agent-run").await);
    client.flush_async(PATIENCE).await.expect("delivered");
    let ours = tree(&ours(&mock.runs()));
    assert_same(&ours, &tree(&recorded("22_langgraph_two_nodes_tool")));
}
