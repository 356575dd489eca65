//! A real LangGraph agent in Python between two services in Rust: one trace, both ways.
//!
//! Needs the workbook's Python environment (`WORKBOOK_PYTHON`, which `cargo workbook test` sets). Without
//! it a test says so and passes on a learner's machine; in CI it fails.
#![cfg(feature = "lab")]

mod asking_agents;

use std::collections::BTreeSet;

use asking_agents::{Asked, assert_sound, python_is_here, rows, tags};
use common::prelude::*;

#[tokio::test(flavor = "multi_thread")]
async fn rust_asks_a_langgraph_agent_and_the_agent_asks_rust_in_one_trace() {
    if !python_is_here() {
        return;
    }
    let asked = Asked::start("agent").await;
    assert!(
        asked.agent.sdk().contains("langgraph 1."),
        "{}",
        asked.agent.sdk()
    );
    let root = asked
        .supervisor()
        .metadata("user", "ada")
        .tag("beta")
        .start();
    let answer = asked.ask(&asked.question(), root).await;
    assert!(answer.contains("dotted order"), "{answer}");

    let tree = asked.lesson.tree(12).await;
    assert!(tree.is_whole(), "{}", text_tree(&tree));
    assert_sound(&asked.lesson);
    assert_eq!(
        rows(&tree),
        [
            "supervisor chain",
            "  docs_agent chain",
            "    agent chain",
            "      ScriptedChat llm",
            "      tools_condition chain",
            "    tools chain",
            "      search_docs tool",
            "        retriever chain",
            "          search docs retriever",
            "    agent chain",
            "      ScriptedChat llm",
            "      tools_condition chain",
        ]
    );
    for node in tree.nodes() {
        let run = &node.run;
        assert_eq!(
            run.project.as_deref(),
            Some("workbook-agent"),
            "{}",
            run.name
        );
        assert_eq!(run.extra.metadata["user"], "ada", "{}", run.name);
        assert!(tags(run).contains("beta"), "{}: {:?}", run.name, run.tags);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_agents_runs_have_langgraphs_names_tags_and_metadata() {
    if !python_is_here() {
        return;
    }
    let asked = Asked::start("conventions").await;
    let question = asked.question().thread("th-1");
    asked.ask(&question, asked.supervisor().start()).await;
    let tree = asked.lesson.tree(12).await;

    let told: Vec<String> = tree
        .walk()
        .into_iter()
        .map(|at| &tree.nodes()[at].run)
        .map(|run| {
            let metadata = |key: &str| match run.extra.metadata.get(key) {
                Some(value) => value.to_string().replace('"', ""),
                None => "-".to_owned(),
            };
            let tags: Vec<&str> = tags(run).into_iter().collect();
            let [node, step] = ["langgraph_node", "langgraph_step"].map(metadata);
            format!(
                "{}: {} {node} {step} {}",
                run.name,
                tags.join(","),
                metadata("ls_integration")
            )
        })
        .collect();
    assert_eq!(
        told,
        [
            "supervisor:  - - -",
            "docs_agent:  - - langgraph",
            "agent: graph:step:1 agent 1 langgraph",
            "ScriptedChat: seq:step:1 agent 1 langchain_chat_model",
            "tools_condition: seq:step:3 agent 1 langgraph",
            "tools: graph:step:2 tools 2 langgraph",
            "search_docs: seq:step:1 tools 2 langgraph",
            // These two are Rust's, and no nodes.
            "retriever:  - - -",
            "search docs:  - - -",
            "agent: graph:step:3 agent 3 langgraph",
            "ScriptedChat: seq:step:1 agent 3 langchain_chat_model",
            "tools_condition: seq:step:3 agent 3 langgraph",
        ]
    );
    let model = tree.find("ScriptedChat").expect("the model's run");
    assert_eq!(model.extra.metadata["ls_model_name"], "gpt-4o-mini");
    let usage = model.usage().expect("counted");
    assert!(
        usage.input_tokens > 0 && usage.output_tokens > 0,
        "{usage:?}"
    );
    let node = tree.find("tools").expect("the node").extra.metadata.clone();
    assert_eq!(node["langgraph_triggers"], json!(["branch:to:tools"]));
    assert_eq!(node["langgraph_path"], json!(["__pregel_pull", "tools"]));
    let place = node["langgraph_checkpoint_ns"].as_str().expect("text");
    assert!(place.starts_with("tools:"), "{place}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_tools_headers_say_where_in_the_graph_it_is_and_a_service_that_does_not_look_away_inherits_it()
 {
    if !python_is_here() {
        return;
    }
    let asked = Asked::start("inherited").await;
    // A service that takes over all that it is told, as the official middleware does.
    let client = asked.lesson.client("credulous");
    let layer = TracingLayer::new(client.tracer())
        .policy(TrustPolicy::Continue)
        .allow_projects([asked.lesson.project()])
        .name(|_| "retriever".into());
    let credulous = asked.lesson.serve("credulous", story::retriever(layer));
    let mut places = Vec::new();
    for service in [&credulous, &asked.retriever] {
        asked.lesson.clear();
        let question = AgentQuestion::new(story::QUESTION).retriever(service.url("/retrieve"));
        asked
            .ask(
                &question,
                asked.supervisor().metadata("user", "ada").start(),
            )
            .await;
        let capture = asked.lesson.capture(12).await;
        let arrivals = capture.arrivals_at(service.name());
        let baggage = arrivals[0].header("baggage").expect("told");
        assert!(baggage.contains("langgraph_node"), "{baggage}");
        let run = capture
            .tree()
            .find("search docs")
            .expect("the search")
            .clone();
        assert_eq!(run.extra.metadata["user"], "ada");
        let keys = run.extra.metadata.keys();
        let of_the_graph = |key: &&String| key.starts_with("langgraph_") || *key == "checkpoint_ns";
        places.push(keys.filter(of_the_graph).cloned().collect::<BTreeSet<_>>());
    }
    let inherited = [
        "checkpoint_ns",
        "langgraph_checkpoint_ns",
        "langgraph_node",
        "langgraph_path",
        "langgraph_step",
        "langgraph_triggers",
    ];
    assert_eq!(places[0], inherited.map(str::to_owned).into());
    assert_eq!(places[1], BTreeSet::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_but_the_agent_continues_a_trace_in_its_retriever_and_no_header_chooses_another_project()
 {
    let lesson = Lesson::start("trusting").await;
    let layer = called_by_agent(&lesson.client("retriever"), &lesson.project());
    let service = lesson.serve("retriever", story::retriever(layer));
    for (caller, continued) in [("docs_agent", true), ("somebody", false)] {
        lesson.clear();
        let root = lesson
            .client("caller")
            .run("caller")
            .project("of-a-stranger")
            .start();
        let request = http_client().post(service.url("/retrieve"));
        let request = request
            .header("x-caller", caller)
            .json(&json!({"question": "trace"}));
        request.trace(&root).send().await.expect("an answer");
        root.end();
        let tree = lesson.tree(3).await;
        assert_eq!(
            tree.tops().len() == 1,
            continued,
            "{caller}: {}",
            text_tree(&tree)
        );
        let run = tree.find("retriever").expect("the service's run");
        assert_eq!(run.project.as_deref(), Some("workbook-trusting"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_is_streamed_token_by_token_below_the_callers_run() {
    if !python_is_here() {
        return;
    }
    let asked = Asked::start("streamed").await;
    let root = asked.supervisor().start();
    let mut events = asked
        .agent
        .stream(&asked.question(), &root)
        .await
        .expect("a stream");
    let first = events.next().await.expect("an event");
    assert!(matches!(first, Some(AgentEvent::Message { ref node, .. }) if node == "agent"));
    let rest = events.rest().await.expect("the end");
    root.end();
    asked.agent.flush().await.expect("flushed");
    let ended: Vec<&str> = rest
        .iter()
        .filter_map(|event| match event {
            AgentEvent::Ended { node } => Some(node.as_str()),
            AgentEvent::Message { .. } => None,
        })
        .collect();
    assert_eq!(ended, ["agent", "tools", "agent"]);
    let answer: String = rest
        .iter()
        .skip_while(|event| {
            **event
                != AgentEvent::Ended {
                    node: "tools".into(),
                }
        })
        .filter_map(|event| match event {
            AgentEvent::Message { text, .. } => Some(text.as_str()),
            AgentEvent::Ended { .. } => None,
        })
        .collect();
    assert!(
        answer.starts_with("The caller sends its dotted order"),
        "{answer}"
    );
    let tree = asked.lesson.tree(12).await;
    assert!(tree.is_whole(), "{}", text_tree(&tree));
    let models = tree
        .nodes()
        .iter()
        .filter(|node| node.run.name == "ScriptedChat");
    for model in models {
        assert!(
            model.run.first_token_time().is_some(),
            "{:?}",
            model.run.events
        );
        assert!(model.run.usage().is_some(), "{:?}", model.run.outputs);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flow_that_waits_for_a_person_is_two_traces_with_one_thread_and_no_error_at_the_top() {
    if !python_is_here() {
        return;
    }
    let asked = Asked::start("approval").await;
    let first = asked.supervisor().metadata("thread_id", "th-9").start();
    let draft = asked
        .agent
        .draft("Refund 20 EUR", "th-9", &first)
        .await
        .expect("a draft");
    first.end();
    assert!(draft.waits() && draft.asks.is_some(), "{draft:?}");
    let second = asked.supervisor().metadata("thread_id", "th-9").start();
    let sent = asked
        .agent
        .resume("th-9", true, &second)
        .await
        .expect("an end");
    second.end();
    assert_eq!(sent.draft, "Draft: Refund 20 EUR (sent)");
    assert!(!sent.waits());
    asked.agent.flush().await.expect("flushed");

    let tree = asked.lesson.tree(10).await;
    assert_eq!(
        rows(&tree),
        [
            "supervisor chain",
            "  approval_flow chain",
            "    draft chain",
            "      ScriptedChat llm",
            "    approve chain ✗",
            "supervisor chain",
            "  approval_flow chain",
            "    approve chain",
            "      route chain",
            "    send chain",
        ]
    );
    assert_eq!(tree.trace_ids().len(), 2);
    assert!(tree.orphans().is_empty());
    assert!(
        tree.nodes()
            .iter()
            .all(|node| node.run.extra.metadata["thread_id"] == "th-9")
    );
    let waiting: Vec<&Run> = tree
        .nodes()
        .iter()
        .map(|node| &node.run)
        .filter(|run| run.name == "approve")
        .collect();
    let why = waiting[0].error.as_deref().expect("it was interrupted");
    assert!(why.starts_with("GraphInterrupt("), "{why}");
    for key in ["langgraph_step", "langgraph_checkpoint_ns"] {
        assert_eq!(
            waiting[0].extra.metadata[key],
            waiting[1].extra.metadata[key]
        );
    }
    assert_sound(&asked.lesson);

    let root = asked.supervisor().start();
    let nothing = asked.agent.resume("th-9", true, &root).await;
    assert!(
        matches!(nothing, Err(PeerError::Status { status: 409, .. })),
        "{nothing:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn twenty_questions_at_once_stay_in_their_traces() {
    if !python_is_here() {
        return;
    }
    let asked = Asked::start("crowd").await;
    let ask = |number: usize| {
        let root = asked.supervisor().metadata("number", number).start();
        let question = asked.question().thread(&format!("th-{number}"));
        let agent = &asked.agent;
        async move {
            agent.ask(&question, &root).await.expect("an answer");
            root.end();
        }
    };
    futures_util::future::join_all((0..20).map(ask)).await;
    asked.agent.flush().await.expect("flushed");
    let tree = asked.lesson.tree(20 * 12).await;
    assert_eq!(tree.len(), 20 * 12);
    assert_eq!(tree.tops().len(), 20);
    assert!(tree.orphans().is_empty());
    for node in tree.nodes() {
        let run = &node.run;
        let root = tree
            .nodes()
            .iter()
            .find(|other| other.run.id.to_string() == run.trace_id.to_string());
        let number = &root.expect("the root").run.extra.metadata["number"];
        assert_eq!(run.extra.metadata["number"], *number, "{}", run.name);
        if let Some(thread) = run.extra.metadata.get("thread_id") {
            assert_eq!(*thread, format!("th-{number}"), "{}", run.name);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_graphs_are_drawn_as_langgraph_draws_them() {
    if !python_is_here() {
        return;
    }
    let agent = LangGraphAgent::start(&PeerEnv::untraced())
        .await
        .expect("it starts");
    let (agent, flow) = agent.mermaid().await.expect("pictures");
    assert!(
        agent.contains("agent -.-> tools;") && agent.contains("tools --> agent;"),
        "{agent}"
    );
    assert!(flow.contains("approve -.-> send;"), "{flow}");
}
