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

#[test]
fn a_model_that_a_tool_of_another_model_asks_is_a_call_of_its_own() {
    let root = run(1, None, "docs_agent", "chain", 0, 300);
    let outer = run(2, Some(&root), "planner", "llm", 5, 200).used(Usage::tokens(900, 100));
    let tool = run(3, Some(&outer), "summarize", "tool", 10, 100);
    let step = run(4, Some(&tool), "prepare", "chain", 10, 90);
    let inner = run(5, Some(&step), "small model", "llm", 12, 50).used(Usage::tokens(40, 10));
    let runs = vec![root, outer, tool, step, inner];
    let spend = SpendByAgent::of(&tree(runs.clone()));
    assert_eq!((spend.total.calls, spend.total.total_tokens), (2, 1_050));
    assert_eq!(spend.doubled, []);
    // Tokens that agree are one call all the same, such as of a model that is served behind a tool.
    let mut same = runs.clone();
    same[1] = same[1].clone().used(Usage::tokens(40, 10));
    let spend = SpendByAgent::of(&tree(same));
    assert_eq!((spend.total.calls, spend.total.total_tokens), (1, 50));
    assert_eq!(spend.doubled[0].evidence, DoubledBy::SameUsage);
    // A wrapper without a tool between is told from the tool beside it.
    let mut wrapped = runs;
    let wrapper = run(6, Some(&wrapped[1]), "openai.chat", "llm", 6, 3);
    wrapped.push(wrapper.used(Usage::tokens(900, 100)));
    let spend = SpendByAgent::of(&tree(wrapped));
    assert_eq!((spend.total.calls, spend.total.total_tokens), (2, 1_050));
    assert_eq!(spend.doubled[0].counted_name, "openai.chat");
    assert_eq!(spend.doubled[0].evidence, DoubledBy::SameUsage);
}

#[test]
fn one_response_id_at_the_same_time_with_other_tokens_is_another_call() {
    let root = run(1, None, "docs_agent", "chain", 0, 300);
    let call = |number, start, tokens: u64| {
        run(number, Some(&root), "call", "llm", start, 50)
            .gave(json!({"id": "cmpl-0"}))
            .used(Usage::tokens(tokens, 2))
    };
    let two = SpendByAgent::of(&tree(vec![root.clone(), call(2, 10, 10), call(3, 12, 20)]));
    assert_eq!((two.total.calls, two.total.total_tokens), (2, 34));
    // Of three that follow one another closely, the third overlaps only with one that does not count.
    let runs = vec![
        root.clone(),
        call(2, 0, 10),
        call(3, 30, 10),
        call(4, 60, 10),
    ];
    let three = SpendByAgent::of(&tree(runs));
    assert_eq!((three.total.calls, three.doubled.len()), (2, 1));
}

#[test]
fn an_outer_call_stands_for_the_one_that_counts() {
    let mut runs = doubled();
    let answer = json!({"id": "chatcmpl-1"});
    runs[3] = runs[3].clone().gave(answer.clone());
    let first = run(5, Some(&runs[1]), "proxy", "llm", 11, 175).within(&runs[1]);
    runs.push(first.gave(answer).used(Usage::tokens(1_000, 200)));
    let spend = SpendByAgent::of(&tree(runs));
    assert_eq!(spend.total.calls, 1);
    let counted: Vec<_> = spend.doubled.iter().map(|one| &*one.counted_name).collect();
    assert_eq!(counted, ["proxy", "proxy"]);
}

#[test]
fn a_run_has_one_answer_to_what_it_used() {
    let root = run(1, None, "docs_agent", "chain", 0, 300);
    let usage =
        |tokens: u64| json!({"usage_metadata": {"input_tokens": tokens, "output_tokens": 2}});
    let both = run(2, Some(&root), "model", "llm", 5, 50)
        .gave(usage(10))
        .used(Usage::tokens(70, 7));
    let told = both.usage().expect("a usage");
    let spend = SpendByAgent::of(&tree(vec![root.clone(), both]));
    assert_eq!(spend.total.total_tokens, told.total_tokens);
    // A usage without a total, and one with a price as text and a field that is unknown.
    let bare = run(2, Some(&root), "model", "llm", 5, 50).gave(usage(10));
    let odd = json!({"usage_metadata": {"input_tokens": 1, "output_tokens": 2, "total_cost": "0.5", "x": 1}});
    let odd = run(3, Some(&root), "model", "llm", 60, 50).gave(odd);
    let spend = SpendByAgent::of(&tree(vec![root, bare, odd]));
    assert_eq!(
        (spend.total.total_tokens, spend.total.cost),
        (15, Some(0.5))
    );
}

/// Runs below one another, `count` levels deep. Their places name only themselves: written out, the places of
/// so many levels would be gigabytes.
fn nested(count: u128, kind: impl Fn(u128) -> &'static str) -> Vec<Run> {
    let runs = (1..=count).map(|number| {
        let mut run = run(number, None, "level", kind(number), 0, 50);
        run.trace_id = captured::id(1).into();
        run.parent_run_id = (number > 1).then(|| captured::id(number - 1));
        run
    });
    runs.collect()
}

/// Each of these takes seconds if work grows with the number of calls, and hours if with its square.
#[test]
fn a_hundred_thousand_calls_are_added_up_however_they_lie() {
    const CALLS: usize = 100_000;
    let used = |run: Run| run.used(Usage::tokens(3, 2));
    // In one another.
    let calls = nested(CALLS as u128, |_| "llm").into_iter().map(used);
    let spend = SpendByAgent::of(&tree(calls.collect()));
    assert_eq!((spend.total.calls, spend.doubled.len()), (1, CALLS - 1));
    let last = captured::id(CALLS as u128);
    assert!(spend.doubled.iter().all(|one| one.counted == last));
    // One after the other and at the same time, with one response id.
    for (apart, counted) in [(100, CALLS), (0, 1)] {
        let calls = (1..=CALLS).map(|number| {
            let call = run(
                number as u128,
                None,
                "call",
                "llm",
                apart * number as i64,
                50,
            );
            let mut call = used(call).gave(json!({"id": "cmpl-0"}));
            call.trace_id = captured::id(1).into();
            call
        });
        let spend = SpendByAgent::of(&tree(calls.collect()));
        assert_eq!(spend.total.calls, counted);
    }
    // Each below a chain that is one level deeper.
    let mut runs = nested(CALLS as u128 / 2, |_| "chain");
    for level in 1..=CALLS as u128 / 2 {
        let mut call = used(run(1_000_000 + level, None, "call", "llm", 1, 5));
        call.parent_run_id = Some(captured::id(level));
        runs.push(call);
    }
    let deepest = std::cell::Cell::new(0);
    let spend = SpendByAgent::grouped(&tree(runs), |path| {
        deepest.set(deepest.get().max(path.len()));
        assert_eq!(path.last().map(|run| &*run.name), Some("call"));
        Some("all".to_owned())
    });
    assert_eq!(
        (spend.total.calls, deepest.get()),
        (CALLS / 2, CALLS / 2 + 1)
    );
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

/// Runs of a model, of a run of some type below it, and of a model below that one.
#[cfg(feature = "langsmith_mock")]
fn asked_by(between: &str, outer_tokens: u64) -> Vec<Run> {
    let sink = std::sync::Arc::new(common::trace::MemorySink::new());
    let tracer = common::trace::Tracer::builder(sink.clone()).build();
    let root = tracer.run("docs_agent").start();
    let outer = root.child("planner").run_type("llm").start();
    let middle = outer.child("summarize").run_type(between).start();
    let inner = middle.child("small model").run_type("llm").start();
    inner.set_usage(Usage::tokens(40, 10));
    inner.end();
    middle.end();
    outer.set_usage(Usage::tokens(outer_tokens, 10));
    outer.end();
    root.end();
    sink.runs()
}

/// Two runs at the same time that say one answer of a model, each in its own way.
#[cfg(feature = "langsmith_mock")]
fn at_once() -> Vec<Run> {
    let sink = std::sync::Arc::new(common::trace::MemorySink::new());
    let tracer = common::trace::Tracer::builder(sink.clone()).build();
    let root = tracer.run("docs_agent").start();
    let calls = [(); 2].map(|()| root.child("model").run_type("llm").start());
    for call in calls {
        call.set_usage(Usage::tokens(40, 10));
        call.end();
    }
    root.end();
    let mut runs = sink.runs();
    for run in runs.iter_mut().filter(|run| run.name == "model") {
        *run = run.clone().gave(json!({"id": "chatcmpl-1"}));
        // They overlap, however fast the machine was.
        run.end_time = run.end_time.map(|end| end + chrono::TimeDelta::seconds(1));
    }
    runs
}

/// Returns what the stand-in shows of the root: its tokens and its cost.
#[cfg(feature = "langsmith_mock")]
async fn of_the_stand_in(tree: &TraceTree) -> (serde_json::Value, serde_json::Value) {
    use common::langsmith_mock::{LangSmithMock, MockRequest};
    let mock = LangSmithMock::start().await;
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
    let body = json!({"post": runs}).to_string();
    let answer = ask(http::Method::POST, "/runs/batch", body);
    assert_eq!(answer.status, 202, "{:?}", answer.body);
    let path = format!("/runs/{}", runs[0].id.0);
    let answer = ask(http::Method::GET, &path, String::new());
    let seen: serde_json::Value = serde_json::from_slice(&answer.body).expect("a run");
    (seen["total_tokens"].clone(), seen["total_cost"].clone())
}

#[cfg(feature = "langsmith_mock")]
#[tokio::test]
async fn the_stand_in_adds_up_to_the_same() {
    let tree = tree(traced());
    let spend = SpendByAgent::of(&tree);
    assert_eq!(
        (spend.total.total_tokens, spend.total.cost),
        (240, Some(1.5))
    );
    assert_eq!(spend.sum_of_llm_runs.total_tokens, 480);
    assert_eq!(of_the_stand_in(&tree).await, (json!(240), json!(1.5)));
}

#[cfg(feature = "langsmith_mock")]
#[tokio::test]
async fn the_stand_in_tells_a_wrapper_from_a_tool_by_the_same_rule() {
    for (between, outer, total) in [
        ("chain", 990, 50),
        ("tool", 990, 1_050),
        ("tool", 40, 50),
        ("llm", 990, 50),
    ] {
        let tree = tree(asked_by(between, outer));
        let told = (between, SpendByAgent::of(&tree).total.total_tokens);
        assert_eq!(told, (between, total));
        assert_eq!(of_the_stand_in(&tree).await.0, json!(total), "{between}");
    }
    let mut runs = asked_by("tool", 40);
    let outer = runs.iter_mut().find(|run| run.name == "planner");
    let outer = outer.expect("the outer call");
    let other =
        json!({"usage_metadata": {"input_tokens": 7, "output_tokens": 0, "total_tokens": 7}});
    *outer = outer.clone().gave(other);
    let tree = tree(runs);
    assert_eq!(SpendByAgent::of(&tree).total.total_tokens, 50);
    let shown = of_the_stand_in(&tree).await.0;
    assert_eq!(shown, json!(50), "both read metadata before outputs");
}

#[cfg(feature = "langsmith_mock")]
#[tokio::test]
async fn the_stand_in_does_not_notice_response_ids() {
    let tree = tree(at_once());
    assert_eq!(SpendByAgent::of(&tree).total.total_tokens, 50);
    let shown = of_the_stand_in(&tree).await.0;
    assert_eq!(
        shown,
        json!(100),
        "the documentation of `SpendByAgent::of` says so"
    );
}
