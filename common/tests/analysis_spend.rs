//! Tokens and money by agent: each call once, and what was traced twice is named.
#![cfg(feature = "analysis")]

mod captured;
mod pictured;
mod walked;

use captured::{HOSTILE, run, tree};
use common::analysis::{DoubledBy, SpendByAgent};
use common::model::{Run, TraceTree, Usage};
use pictured::check;
use serde_json::json;
use walked::{Graph as _, recorded, team};

/// A call of a model in a node, traced by a framework and, below it, by a wrapper.
fn doubled() -> Vec<Run> {
    let root = run(1, None, "docs_agent", "chain", 0, 300);
    let writer = run(2, Some(&root), "writer", "chain", 5, 200).node(1);
    let framework = run(3, Some(&writer), "ChatOpenAI", "llm", 10, 180).within(&writer);
    let wrapper = run(4, Some(&framework), "openai.chat", "llm", 12, 170).within(&writer);
    let usage = || Usage::tokens(1_000, 200).cost(0.002, 0.001);
    vec![root, writer, framework.used(usage()), wrapper.used(usage())]
}

#[test]
fn the_innermost_agent_pays() {
    let spend = SpendByAgent::of(&tree(team()));
    assert_eq!(
        spend.to_string(),
        "agent                      calls  tokens in    out  total     cost\n\
         ─────────────────────────  ─────  ─────────  ─────  ─────  ───────\n\
         writer_agent                   4      7,200    960  8,160  $0.0308\n\
         reviewer                       2      1,400     60  1,460  $0.0018\n\
         router                         1        210     12    222  $0.0003\n\
         the trace, each call once      7      8,810  1,032  9,842  $0.0329\n"
    );
    assert_eq!(
        spend.agent("router").map(|spend| spend.total_tokens),
        Some(222)
    );
    let figure = spend.chart();
    check(&figure);
    assert!(
        figure
            .to_string()
            .starts_with("writer_agent spent 83 % of 9,842 tokens\n")
    );
    // A node called by a service, not by a graph: the graph is outermost, so the node is the agent.
    let recorded = SpendByAgent::of(&recorded("langgraph_react_nested"));
    assert_eq!(
        recorded.agent("agent").map(|spend| spend.total_tokens),
        Some(118)
    );
}

#[test]
fn a_call_that_two_layers_traced_is_counted_once_and_named() {
    let spend = SpendByAgent::of(&tree(doubled()));
    assert_eq!(
        spend.to_string(),
        "agent                      calls  tokens in  out  total    cost\n\
         ─────────────────────────  ─────  ─────────  ───  ─────  ──────\n\
         writer                         1      1,000  200  1,200  $0.003\n\
         the trace, each call once      1      1,000  200  1,200  $0.003\n\
         sum over all llm runs          2      2,000  400  2,400  $0.006\n\n\
         ⚠ doubled: ChatOpenAI (01990000…0003) says again what openai.chat (01990000…0004) says: \
         one above the other, same usage\n"
    );
    assert_eq!(spend.doubled[0].evidence, DoubledBy::SameUsage);
    assert!(
        spend
            .chart()
            .to_string()
            .contains("1 doubled call left out")
    );
}

#[test]
fn an_outer_call_that_adds_up_its_retries_counts_nothing() {
    let mut runs = doubled();
    let again = run(5, Some(&runs[2]), "openai.chat", "llm", 100, 50).within(&runs[1]);
    runs.push(again.used(Usage::tokens(500, 100)));
    runs[2] = runs[2].clone().used(Usage::tokens(1_500, 300));
    let spend = SpendByAgent::of(&tree(runs.clone()));
    assert_eq!((spend.total.calls, spend.total.total_tokens), (2, 1_800));
    assert_eq!(spend.doubled[0].evidence, DoubledBy::SameUsage);
    assert_eq!((spend.total.cost, spend.total.unpriced), (Some(0.003), 1));
    assert!(
        spend.to_string().contains("≥ $0.003"),
        "a cost that is too small says so"
    );
    // Where they differ, the inner ones count.
    runs[2] = runs[2].clone().used(Usage::tokens(9, 9));
    let spend = SpendByAgent::of(&tree(runs));
    assert_eq!(spend.total.total_tokens, 1_800);
    assert_eq!(spend.doubled[0].evidence, DoubledBy::Nesting);
}

#[test]
fn one_answer_with_two_runs_side_by_side_is_one_call() {
    let root = run(1, None, "docs_agent", "chain", 0, 300);
    let answer =
        json!({"id": "chatcmpl-1", "usage": {"prompt_tokens": 10, "completion_tokens": 2}});
    let call =
        |number, start| run(number, Some(&root), "call", "llm", start, 50).gave(answer.clone());
    let both = SpendByAgent::of(&tree(vec![root.clone(), call(2, 10), call(3, 12)]));
    assert_eq!((both.total.calls, both.total.total_tokens), (1, 12));
    assert_eq!(
        both.doubled[0].evidence,
        DoubledBy::ResponseId("chatcmpl-1".into())
    );
    assert_eq!(both.agents[0].agent, "(no agent)");
    // One after the other they are two calls: a server may count its answers from one again.
    let apart = SpendByAgent::of(&tree(vec![root.clone(), call(2, 10), call(3, 200)]));
    assert_eq!((apart.total.calls, apart.doubled.len()), (2, 0));
    // LangChain's own ids and equal usages say nothing.
    let made_up = json!({"generations": [[{"message": {"kwargs": {"id": "lc_run--7", "usage": 1}}}]],
        "llm_output": {"token_usage": {"prompt_tokens": 10, "completion_tokens": 2}}});
    let call = |number| run(number, Some(&root), "call", "llm", 10, 50).gave(made_up.clone());
    let two = SpendByAgent::of(&tree(vec![root.clone(), call(2), call(3)]));
    assert_eq!((two.total.calls, two.total.total_tokens), (2, 24));
}

#[test]
fn only_llm_runs_count() {
    let root = run(1, None, "answer", "chain", 0, 300).used(Usage::tokens(10, 2));
    let call = run(2, Some(&root), "model", "llm", 5, 10).used(Usage::tokens(10, 2));
    let spend = SpendByAgent::of(&tree(vec![root, call]));
    assert_eq!((spend.total.total_tokens, spend.echoes), (12, 1));
    assert_eq!(spend.sum_of_llm_runs, spend.total);
    assert!(
        spend
            .to_string()
            .ends_with("\n1 run of other types carries a usage as well; only llm runs count\n")
    );
}

#[test]
fn a_group_is_told_from_the_runs_above_a_call() {
    let by_model = SpendByAgent::grouped(&tree(team()), |path| {
        assert_eq!(path[0].name, "docs_team");
        path.last().map(|run| run.name.clone())
    });
    let groups: Vec<(&str, usize)> = by_model
        .agents
        .iter()
        .map(|agent| (&*agent.agent, agent.spend.calls))
        .collect();
    assert_eq!(groups, [("gpt-5", 4), ("gpt-5-mini", 3)]);
    let of_nodes = SpendByAgent::of(&tree(team()));
    assert_eq!(
        by_model.total, of_nodes.total,
        "the trace is the same however it is grouped"
    );
}

#[test]
fn an_empty_capture_and_hostile_names_have_tables_and_charts() {
    let empty = SpendByAgent::of(&TraceTree::default());
    assert_eq!((empty.total.calls, empty.agents.len()), (0, 0));
    assert!(
        empty
            .chart()
            .to_string()
            .starts_with("No model was called\n")
    );
    check(&empty.chart());
    let root = run(1, None, "graph", "chain", 0, 9_000);
    let mut runs = vec![root.clone()];
    for at in 0..500_usize {
        let name = format!("{}{at}", HOSTILE[at % HOSTILE.len()]);
        let number = 10 + 3 * (at as u128);
        let node = run(number, Some(&root), &name, "chain", 9, 50).node(1);
        let outer =
            run(number + 1, Some(&node), &name, "llm", 10, 40).used(Usage::tokens(u64::MAX, 1));
        let inner =
            run(number + 2, Some(&outer), &name, "llm", 10, 40).used(Usage::tokens(u64::MAX, 1));
        runs.extend([node, outer, inner]);
    }
    let spend = SpendByAgent::of(&tree(runs));
    assert_eq!((spend.total.calls, spend.doubled.len()), (500, 500));
    let (text, html) = (spend.to_string(), spend.to_html());
    assert!(
        text.contains("… 460 more agents") && text.contains("… 460 more\n"),
        "{text}"
    );
    assert!(!html.contains("<script") && !text.contains('\u{1b}'));
    check(&spend.chart());
}

/// Runs with the ids that a server demands: an agent that calls a model by a wrapper in a framework.
#[cfg(feature = "langsmith_mock")]
fn traced() -> Vec<Run> {
    let sink = std::sync::Arc::new(common::trace::MemorySink::new());
    let tracer = common::trace::Tracer::builder(sink.clone()).build();
    let root = tracer.run("docs_agent").start();
    for _ in 0..2 {
        let outer = root.child("ChatOpenAI").run_type("llm").start();
        let inner = outer.child("openai.chat").run_type("llm").start();
        inner.set_usage(Usage::tokens(100, 20).cost(0.5, 0.25));
        inner.end();
        outer.set_usage(Usage::tokens(100, 20).cost(0.5, 0.25));
        outer.end();
    }
    root.end();
    sink.runs()
}

#[cfg(feature = "langsmith_mock")]
#[tokio::test]
async fn the_stand_in_adds_up_to_the_same() {
    use common::langsmith_mock::{LangSmithMock, MockRequest};
    let mock = LangSmithMock::start().await;
    let tree = tree(traced());
    let spend = SpendByAgent::of(&tree);
    assert_eq!(
        (spend.total.total_tokens, spend.total.cost),
        (240, Some(1.5))
    );
    assert_eq!(spend.sum_of_llm_runs.total_tokens, 480);
    let runs: Vec<&Run> = tree.nodes().iter().map(|node| &node.run).collect();
    let ask = |method, path: &str, body: String| {
        let mut request = MockRequest::new(method, path, body);
        for (name, value) in [
            ("content-type", "application/json"),
            ("x-api-key", "a-key-for-tests-only-0001"),
        ] {
            let value = http::HeaderValue::from_static(value);
            request.headers.insert(name, value);
        }
        mock.handle(request)
    };
    let answer = ask(
        http::Method::POST,
        "/runs/batch",
        json!({"post": runs}).to_string(),
    );
    assert_eq!(answer.status, 202, "{:?}", answer.body);
    let answer = ask(
        http::Method::GET,
        &format!("/runs/{}", runs[0].id.0),
        String::new(),
    );
    let seen: serde_json::Value = serde_json::from_slice(&answer.body).expect("a run");
    assert_eq!(seen["total_tokens"], json!(240), "{seen}");
    assert_eq!(seen["total_cost"], json!(1.5), "{seen}");
}
