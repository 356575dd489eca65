//! What a graph tells of itself while it runs.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures_util::Stream;
use futures_util::future::BoxFuture;
use serde_json::Value;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use super::error::GraphError;
use super::invocation::Outcome;
use super::state::State;

/// Something that happened in a graph. `within` names the nodes around the subgraph that it happened in, the
/// outermost first; it is empty in the graph itself.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum GraphEvent {
    /// A superstep begins.
    StepBegan {
        /// Its number, from 1.
        step: u64,
        /// The nodes that run in it, one twice if it runs twice.
        nodes: Vec<String>,
        /// The nodes around.
        within: Vec<String>,
    },
    /// A node has given back its update, while others may still run.
    Update {
        /// In which superstep.
        step: u64,
        /// Which node.
        node: String,
        /// What it gave back.
        update: Value,
        /// The nodes around.
        within: Vec<String>,
    },
    /// A piece of a model's answer.
    Token {
        /// Which node.
        node: String,
        /// The piece.
        text: String,
        /// The nodes around.
        within: Vec<String>,
    },
    /// The graph waits for an answer, and the stream ends.
    Interrupted {
        /// The question.
        value: Value,
        /// Who asks.
        node: String,
        /// Where the answer goes: [`Graph::resume`](super::Graph::resume).
        thread: String,
    },
    /// The graph has finished, and the stream ends.
    Finished {
        /// What came of it.
        state: State,
    },
}

pub(super) type Events = UnboundedSender<GraphEvent>;

/// The events of a graph, as they happen. Made by [`Invocation::stream`](super::Invocation::stream).
///
/// The graph runs while the stream is polled, its nodes at once as ever. Dropped, it cancels the graph.
#[must_use = "a graph runs while its stream is polled"]
pub struct GraphEvents {
    told: UnboundedReceiver<GraphEvent>,
    // None when it has come to its end, or panicked.
    run: Option<BoxFuture<'static, Result<Outcome, GraphError>>>,
    last: Option<Result<GraphEvent, GraphError>>,
}

impl GraphEvents {
    pub(super) fn of(
        run: impl FnOnce(Events) -> BoxFuture<'static, Result<Outcome, GraphError>>,
    ) -> Self {
        let (events, told) = unbounded_channel();
        Self {
            told,
            run: Some(run(events)),
            last: None,
        }
    }
}

impl Stream for GraphEvents {
    type Item = Result<GraphEvent, GraphError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        // Taken while it is polled: one that panics does not come back, and is not polled again.
        if let Some(mut run) = self.run.take() {
            if let Poll::Ready(Some(event)) = self.told.poll_recv(cx) {
                self.run = Some(run);
                return Poll::Ready(Some(Ok(event)));
            }
            match run.as_mut().poll(cx) {
                Poll::Ready(ended) => self.last = Some(ended.map(GraphEvent::from)),
                Poll::Pending => {
                    self.run = Some(run);
                    // What it told while it was polled is waiting by now, and the channel wakes nobody who has
                    // not asked since.
                    return match self.told.poll_recv(cx) {
                        Poll::Ready(Some(event)) => Poll::Ready(Some(Ok(event))),
                        _ => Poll::Pending,
                    };
                }
            }
        }
        // A task that a node has started may tell on; nothing comes after the last event. What was told before is
        // not polled for: after so many items tokio lets a poll of a channel wait, though more are there.
        self.told.close();
        match self.told.try_recv() {
            Ok(event) => Poll::Ready(Some(Ok(event))),
            Err(_) => Poll::Ready(self.last.take()),
        }
    }
}

impl From<Outcome> for GraphEvent {
    fn from(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Finished(state) => Self::Finished { state },
            Outcome::Interrupted {
                value,
                node,
                thread,
                ..
            } => Self::Interrupted {
                value,
                node,
                thread,
            },
        }
    }
}

impl fmt::Debug for GraphEvents {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("GraphEvents")
    }
}
