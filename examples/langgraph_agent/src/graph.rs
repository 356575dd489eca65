//! The assistant as a graph: who comes after whom, and who decides. No agent knows any of it.
//!
//! ```text
//! START ─► router ─shelves─► retriever ×n ─► grader ─has_documents─┬─► no_document ─► END
//!                                                                  ├─► writer ◄──────────────┬──────────┐
//!                                                                  └─► second_opinion        │          │
//!                                        both ─► reviewer ─verdict─┬─ revise ────────────────┘          │
//!                                                                  ├─ give_up ─► END                    │
//!                                                                  └─► word_count ─► approval ─decided──┤
//!                                                                         publish ◄─┘ └─► END           └ a comment
//! ```
//!
//! `second_opinion` and `word_count` are there if somebody was found who does them. Start at [`assemble`].

use common::analysis::GraphNodeKind;
use common::lab::graph::{
    CompileError, END, Graph, NodeContext, Reducer, Route, SendTo, State as Channels,
};
use serde_json::{Value, json};

use crate::nodes::{Crew, Node};
use crate::state::State;

/// The name of the graph, and of the root of each trace.
pub const NAME: &str = "docs_assistant";

/// How often the reviewer sends a draft back at most, until somebody has looked at it.
pub const MOST_SENT_BACK: usize = 2;

/// Puts the graph together for these workers.
///
/// # Errors
/// If an edge names a node that is not there.
pub fn assemble(crew: &Crew) -> Result<Graph, CompileError> {
    let (asks, counts) = (crew.second_opinion.is_some(), crew.tools.is_some());
    let work = |node: Node| {
        let crew = crew.clone();
        move |state: Channels, context: NodeContext| {
            let crew = crew.clone();
            async move { crew.work(node, &state, &context).await }
        }
    };
    let mut graph = Graph::builder(NAME)
        .channel("found", afresh_or_appended())
        .channel("messages", Reducer::append())
        .node("router", work(Node::Router))
        .node("retriever", work(Node::Retriever))
        .node("grader", work(Node::Grader))
        .node("no_document", work(Node::NoDocument))
        .node("writer", work(Node::Writer));
    let mut with_documents = vec!["writer"];
    if asks {
        with_documents.push("second_opinion");
        graph = graph
            .node("second_opinion", work(Node::SecondOpinion))
            .kind("second_opinion", GraphNodeKind::Remote)
            .edge("second_opinion", "reviewer");
    }
    graph = graph.node("reviewer", work(Node::Reviewer));
    let mut checked = "approval";
    if counts {
        checked = "word_count";
        graph = graph
            .node("word_count", work(Node::WordCount))
            .kind("word_count", GraphNodeKind::ToolServer)
            .edge("word_count", "approval");
    }
    let found = match asks {
        true => Route::to("writer").and("second_opinion"),
        false => Route::to("writer"),
    };
    with_documents.push("no_document");
    graph
        .node("approval", work(Node::Approval))
        .kind("approval", GraphNodeKind::Human)
        .node("publish", work(Node::Publish))
        .start("router")
        .route("router", "shelves", shelves, ["retriever"])
        .edge("retriever", "grader")
        .route(
            "grader",
            "has_documents",
            move |state: &Channels| match state.list("documents").is_empty() {
                true => Route::to("no_document"),
                false => found.clone(),
            },
            with_documents,
        )
        .edge("no_document", END)
        .edge("writer", "reviewer")
        .route_map(
            "reviewer",
            "verdict",
            verdict,
            [("approve", checked), ("revise", "writer"), ("give_up", END)],
        )
        .route_map(
            "approval",
            "decided",
            decided,
            [("yes", "publish"), ("comment", "writer"), ("no", END)],
        )
        .edge("publish", END)
        .compile()
}

/// A question on a thread that was used before begins with an empty list: null empties it.
fn afresh_or_appended() -> Reducer {
    Reducer::custom(|old, new| {
        let mut all = old.as_array().cloned().unwrap_or_default();
        match new {
            Value::Array(items) => all.extend(items.iter().cloned()),
            _ => all.clear(),
        }
        all.into()
    })
}

/// One retriever for each shelf that the router chose, each with an input of its own, all at once.
fn shelves(state: &Channels) -> Vec<SendTo> {
    let sources = state.list("sources").iter();
    let send = |source: &Value| {
        let input = json!({"question": state["question"], "sources": [source]});
        SendTo::new("retriever", input)
    };
    sources.map(send).collect()
}

fn verdict(state: &Channels) -> &'static str {
    let state = read(state);
    match state.review {
        Some(review) if review.approved => "approve",
        _ if state.sent_back > MOST_SENT_BACK => "give_up",
        _ => "revise",
    }
}

fn decided(state: &Channels) -> &'static str {
    match read(state).decision {
        Some(decision) if decision.approved => "yes",
        Some(decision) if decision.comment.is_some() => "comment",
        _ => "no",
    }
}

/// Reads the channels as a [`State`]; what is none is an empty one, of which nothing goes out.
pub fn read(channels: &Channels) -> State {
    serde_json::from_value(channels.to_value()).unwrap_or_default()
}
