//! What each node of the graph does: an agent's work, as an update of the state. Start at [`Crew`].

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use common::lab::McpTools;
use common::lab::graph::{NodeContext, NodeError, State as Channels, message};
use common::lab::llm::Model;
use common::trace::{RunTree, Scope, TraceFutureExt as _};
use serde_json::{Value, json};

use crate::agents::{NOTHING, review, route, write};
use crate::approve::Decision;
use crate::graph::read;
use crate::index::Index;
use crate::retrieve::retrieve;
use crate::second_opinion::{SecondOpinion, brief};
use crate::state::State;

/// Who does the work. A cheap clone.
#[derive(Debug, Clone)]
pub struct Crew {
    /// Who is asked.
    pub model: Model,
    /// What is searched.
    pub index: Index,
    /// An agent in another process, to be asked as well: `--remote`.
    pub second_opinion: Option<SecondOpinion>,
    /// A tool server in another process: `--mcp`.
    pub tools: Option<McpTools>,
    traces: Arc<Mutex<Vec<RunTree>>>,
}

/// A node of the graph.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Node {
    Router,
    Retriever,
    Grader,
    Decline,
    Writer,
    Opinion,
    Reviewer,
    Tools,
    Approval,
    Publish,
}

impl Crew {
    /// Gathers the four agents that are always there.
    pub fn new(model: Model, index: Index) -> Self {
        Self {
            model,
            index,
            second_opinion: None,
            tools: None,
            traces: Arc::default(),
        }
    }

    /// Returns the run of the first node of each trace so far, in the order in which they began: its page is that of
    /// its trace.
    pub fn traces(&self) -> Vec<RunTree> {
        let traces = self.traces.lock();
        traces.unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn note(&self, run: &RunTree) {
        let mut traces = self.traces.lock().unwrap_or_else(PoisonError::into_inner);
        let last = traces.last().map(RunTree::trace_id);
        if last != Some(run.trace_id()) {
            traces.push(run.clone());
        }
    }

    pub(crate) async fn work(
        &self,
        node: Node,
        channels: &Channels,
        context: &NodeContext,
    ) -> Result<Value, NodeError> {
        self.note(context.run());
        let state = read(channels)?;
        // As LangGraph tags what a node does itself. The agents know nothing of it.
        let inner = Scope::new().tag("seq:step:1");
        let done = self.done(node, state, context).in_scope(&inner);
        done.await
    }

    async fn done(
        &self,
        node: Node,
        state: State,
        context: &NodeContext,
    ) -> Result<Value, NodeError> {
        match node {
            Node::Router => self.route(&state).await,
            Node::Retriever => {
                let sources = state.sources.first().copied();
                let source = sources.ok_or_else(|| NodeError::new("no shelf was named"))?;
                let found = retrieve(&self.index, source, &state.question).await;
                Ok(json!({"found": found.map_err(told)?}))
            }
            Node::Grader => {
                let good = state.passages().into_iter();
                let documents: Vec<String> = good.map(|hit| hit.passage.citation()).collect();
                Ok(json!({"documents": documents}))
            }
            Node::Decline => Ok(json!({"answer": NOTHING, "messages": [message::ai(NOTHING)]})),
            Node::Writer => {
                let update = write(&self.model, &state).await.map_err(told)?;
                Ok(serde_json::to_value(update)?)
            }
            Node::Opinion => self.ask_elsewhere(&state, context).await,
            Node::Reviewer => {
                let update = review(&self.model, &state).await.map_err(told)?;
                let approved = update.review.as_ref().is_some_and(|review| review.approved);
                let mut update = serde_json::to_value(update)?;
                update["sent_back"] = json!(state.sent_back + usize::from(!approved));
                Ok(update)
            }
            Node::Tools => self.count(&state).await,
            Node::Approval => approve(&state, context),
            Node::Publish => {
                let text = state.draft.map_or_else(String::new, |draft| draft.text);
                Ok(json!({"answer": text, "messages": [message::ai(&text)]}))
            }
        }
    }

    /// On a thread that was asked before, the question is new and what was found for the last one is old.
    async fn route(&self, state: &State) -> Result<Value, NodeError> {
        let update = route(&self.model, state).await.map_err(told)?;
        let mut update = serde_json::to_value(update)?;
        if state.draft.is_some() || state.answer.is_some() || !state.found.is_empty() {
            for old in [
                "found",
                "draft",
                "review",
                "second_opinion",
                "words",
                "without",
                "decision",
                "answer",
            ] {
                update[old] = Value::Null;
            }
            update["sent_back"] = json!(0);
        }
        Ok(update)
    }

    async fn ask_elsewhere(
        &self,
        state: &State,
        context: &NodeContext,
    ) -> Result<Value, NodeError> {
        let Some(agent) = &self.second_opinion else {
            return Ok(Value::Null);
        };
        let thread = context.thread().unwrap_or_default();
        match agent.ask(&state.question, thread, context.run()).await {
            Ok(said) => Ok(json!({"second_opinion": said})),
            // The run tells that it failed; the question is answered all the same.
            Err(error) => {
                let why = brief(&error);
                context.run().fail(&why);
                Ok(json!({"without": [format!("There is no second opinion: {why}.")]}))
            }
        }
    }

    async fn count(&self, state: &State) -> Result<Value, NodeError> {
        let (Some(tools), Some(draft)) = (&self.tools, &state.draft) else {
            return Ok(Value::Null);
        };
        // The call is a run of its own, which tells that it failed.
        match tools.call("count_words", json!({"text": draft.text})).await {
            Ok(counted) => Ok(json!({"words": counted["words"]})),
            Err(error) => {
                let sentence = format!("Nobody counted the words: {error}.");
                Ok(json!({"words": null, "without": [sentence]}))
            }
        }
    }
}

/// Asks whoever has the last word. The node runs twice: once to ask, and once more, in a trace of its own, when there
/// is an answer; so nothing happens here before the question.
fn approve(state: &State, context: &NodeContext) -> Result<Value, NodeError> {
    let question = match state.second_opinion {
        Some(_) => "May this answer go out, with the second opinion beside it?",
        None => "May this answer go out?",
    };
    let answer = context.interrupt(json!({
        "question": question,
        "draft": state.draft,
        "second_opinion": state.second_opinion,
        "words": state.words,
    }))?;
    let decision: Decision = serde_json::from_value(answer)?;
    Ok(json!({"decision": decision, "sent_back": 0}))
}

/// Says an error with its causes: the run of a node has no other place for them.
fn told(error: impl Into<anyhow::Error>) -> NodeError {
    let error: anyhow::Error = error.into();
    NodeError::new(format_args!("{error:#}"))
}

impl fmt::Display for Crew {
    /// Says who is there beside the four agents.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(agent) = &self.second_opinion {
            writeln!(f, "A second opinion comes from {agent}.")?;
        }
        if let Some(tools) = &self.tools {
            writeln!(f, "Words are counted by the {tools}.")?;
        }
        Ok(())
    }
}
