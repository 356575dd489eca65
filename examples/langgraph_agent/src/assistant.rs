//! The agents in a row, each as a step of one trace. Start at [`Assistant::answer`].

use anyhow::Result;
use common::client::Client;
use common::lab::llm::Model;
use common::model::RunType;
use common::trace::{RunTree, TraceFutureExt as _, child};
use futures_util::future::try_join_all;
use serde_json::json;

use crate::agents::{review, route, write};
use crate::index::Index;
use crate::retrieve::{RetrieveError, retrieve};
use crate::state::{State, Update};

/// What answers questions. A cheap clone.
#[derive(Debug, Clone)]
pub struct Assistant {
    /// Who is asked.
    pub model: Model,
    /// What is searched.
    pub index: Index,
    /// Where the runs go.
    pub client: Client,
}

impl Assistant {
    /// Answers a question: a root run, below it one for each step. Returns what is known at the end, and the root.
    ///
    /// # Errors
    /// If an agent or a retriever fails; its run and the root tell the same.
    pub async fn answer(&self, question: &str, thread: &str) -> Result<(State, RunTree)> {
        let state = State::asked(question);
        let root = self
            .client
            .run("docs assistant")
            .metadata("thread_id", thread);
        let root = root.inputs(json!({ "question": state.question })).start();
        match self.steps(state).in_run(&root).await {
            Ok(state) => {
                root.end_with(json!({ "draft": state.draft, "review": state.review }));
                Ok((state, root))
            }
            Err(error) => {
                root.fail(format!("{error:#}"));
                Err(error)
            }
        }
    }

    async fn steps(&self, mut state: State) -> Result<State> {
        let update = step("route", route(&self.model, &state)).await?;
        state.merge(update);
        let searches = state
            .sources
            .iter()
            .map(|source| retrieve(&self.index, *source, &state.question));
        let search = async {
            let found = try_join_all(searches)
                .await?
                .into_iter()
                .flatten()
                .collect();
            Ok::<_, RetrieveError>(Update {
                found,
                ..Update::default()
            })
        };
        let update = step("search", search).await?;
        state.merge(update);
        let update = step("write", write(&self.model, &state)).await?;
        state.merge(update);
        let update = step("review", review(&self.model, &state)).await?;
        state.merge(update);
        Ok(state)
    }
}

/// Does a step as a run below the current one, which ends with what the step adds.
async fn step<E>(name: &str, work: impl Future<Output = Result<Update, E>>) -> Result<Update, E>
where
    E: std::error::Error,
{
    work.traced(child(name).run_type(RunType::Chain)).await
}
