//! Messages to the worker. Start at [`Reviews::send`].

use common::lab::{Queue, QueueError};
use common::trace::child;
use langgraph_agent::state::State;
use serde_json::json;

/// Where answers go to be judged.
#[derive(Debug)]
pub(super) struct Reviews {
    pub(super) queue: Queue,
    /// A mistake on request: the answer is left out.
    pub(super) poisoned: bool,
}

impl Reviews {
    /// Sends an answer to be judged. The context of the run goes with the message: however late a worker takes it, its
    /// run is part of this trace.
    pub(super) async fn send(&self, known: &State) -> Result<(), QueueError> {
        let run = child("send to review")
            .metadata("queue", format!("{:?}", self.queue.kind()))
            .start();
        let mut message = json!(known);
        if self.poisoned
            && let Some(fields) = message.as_object_mut()
        {
            fields.remove("draft");
        }
        let sent = self.queue.publish(&message, &run).await;
        match &sent {
            Ok(()) => run.end(),
            Err(error) => run.fail(format_args!("NotSent: {error}")),
        }
        sent
    }
}
