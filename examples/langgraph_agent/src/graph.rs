//! The assistant as a graph: who comes after whom, and who decides. No agent knows any of it.
//!
//! ```text
//! START ─► router ─shelves─┬► retriever ×n ┬─► grader ─has_documents─┬► decline ─► END
//!                          └► opinion ─────┘                         └► writer ◄───────────────┐
//!                                                                        ├► tools              │
//!                                decline ◄─ no_answer ─┐                                       │
//!                                       END ◄─ give_up ─┼─ verdict ◄─ reviewer                 │
//!                                                       ├─ revise ─────────────────────────────┤
//!                                                       └► approval ─decided─┬─ comment ───────┘
//!                                                                            ├─ no ─► END
//!                                                                            └► publish ─► END
//! ```
//!
//! `opinion` and `tools` are there if somebody was found who does them: each runs at the same time as another node,
//! so nobody waits longer than for the slower of the two. Start at [`assemble`].

use common::analysis::GraphNodeKind;
use common::lab::graph::{
    CompileError, END, Graph, NodeContext, Reducer, Route, SendTo, State as Channels,
};
use serde_json::{Value, json};

use crate::agents::says_nothing;
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
        .channel("without", afresh_or_appended())
        .node("router", work(Node::Router))
        .node("retriever", work(Node::Retriever));
    let mut searched = vec!["retriever"];
    if asks {
        searched.push("opinion");
        graph = graph
            .node("opinion", work(Node::Opinion))
            .kind("opinion", GraphNodeKind::Remote)
            .edge("opinion", "grader");
    }
    graph = graph
        .node("grader", work(Node::Grader))
        .node("decline", work(Node::Decline))
        .node("writer", work(Node::Writer))
        .node("reviewer", work(Node::Reviewer));
    if counts {
        graph = graph
            .node("tools", work(Node::Tools))
            .kind("tools", GraphNodeKind::ToolServer)
            .edge("writer", "tools");
    }
    graph
        .node("approval", work(Node::Approval))
        .kind("approval", GraphNodeKind::Human)
        .node("publish", work(Node::Publish))
        .start("router")
        .route(
            "router",
            "shelves",
            move |state: &Channels| shelves(state, asks),
            searched,
        )
        .edge("retriever", "grader")
        .route(
            "grader",
            "has_documents",
            has_documents,
            ["writer", "decline"],
        )
        .edge("decline", END)
        .edge("writer", "reviewer")
        .route_map(
            "reviewer",
            "verdict",
            verdict,
            [
                ("approve", "approval"),
                ("revise", "writer"),
                ("give_up", END),
                ("no_answer", "decline"),
            ],
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

/// One retriever for each shelf that the router chose, each with an input of its own, all at once; and beside them
/// whoever else is asked.
fn shelves(state: &Channels, asks: bool) -> Route {
    let others = match asks {
        true => Route::default().and("opinion"),
        false => Route::default(),
    };
    let sources = state.list("sources").iter();
    let send = |source: &Value| {
        let input = json!({"question": state["question"], "sources": [source]});
        SendTo::new("retriever", input)
    };
    sources.map(send).fold(others, Route::and_send)
}

fn has_documents(state: &Channels) -> &'static str {
    match state.list("documents").is_empty() {
        true => "decline",
        false => "writer",
    }
}

fn verdict(state: &Channels) -> &'static str {
    let state = read(state).unwrap_or_default();
    let draft = state.draft.as_ref().map_or("", |draft| &draft.text);
    match state.review {
        Some(review) if review.approved && says_nothing(draft) => "no_answer",
        Some(review) if review.approved => "approve",
        _ if state.sent_back > MOST_SENT_BACK => "give_up",
        _ => "revise",
    }
}

fn decided(state: &Channels) -> &'static str {
    match read(state).unwrap_or_default().decision {
        Some(decision) if decision.approved => "yes",
        Some(decision) if decision.comment.is_some() => "comment",
        _ => "no",
    }
}

/// Reads the channels as a [`State`].
///
/// # Errors
/// If a channel has what no agent writes into it. A node then fails; a router takes an empty state, of which nothing
/// goes out.
pub fn read(channels: &Channels) -> serde_json::Result<State> {
    serde_json::from_value(channels.to_value())
}
