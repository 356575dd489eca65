//! Calls with one answer: the retriever over HTTP, the tools over gRPC.
//!
//! Each is a run, and the context of that run goes with the request. Start at [`Retriever::search`].

use std::time::Duration;

use common::middleware::{PropagationLayer, PropagationService, TraceRequestExt as _};
use common::model::RunType;
use common::propagation::Egress;
use common::trace::{TraceFutureExt as _, child};
use langgraph_agent::index::Hit;
use langgraph_agent::retrieve::documents;
use serde_json::json;
use tonic::Status;
use tonic::transport::{Channel, Endpoint, Uri};
use tower::ServiceBuilder;

use crate::tools::proto::FitPromptRequest;
use crate::tools::proto::tools_client::ToolsClient;
use crate::wire::{Found, Question, why};

/// Where passages come from.
#[derive(Debug)]
pub(super) struct Retriever {
    pub(super) url: String,
    pub(super) http: reqwest::Client,
    pub(super) patience: Duration,
}

impl Retriever {
    /// Finds passages. Without them there is no answer.
    pub(super) async fn search(&self, question: &str) -> Result<Vec<Hit>, String> {
        let run = child("retrieve")
            .run_type(RunType::Retriever)
            .inputs(json!({"query": question}))
            .start();
        let question = question.to_owned();
        let request = self
            .http
            .post(format!("{}/search", self.url))
            .json(&Question { question })
            .timeout(self.patience)
            // All of the sending side: the place of `run` goes into the headers.
            .trace(&run);
        let asked = async {
            request
                .send()
                .await?
                .error_for_status()?
                .json::<Found>()
                .await
        };
        match asked.await {
            Ok(found) => {
                run.end_with(documents(&found.passages));
                Ok(found.passages)
            }
            Err(error) => {
                run.fail(format_args!("CallFailed: {}", why(&error)));
                Err("NoPassages: the retriever does not answer".to_owned())
            }
        }
    }
}

/// Most words of passages in a prompt.
const MOST_WORDS: u32 = 600;

/// Tools behind gRPC.
#[derive(Debug)]
pub(super) struct Tools(ToolsClient<PropagationService<Channel>>);

impl Tools {
    /// Makes a client; it connects when it is used first, and again when the connection is lost.
    pub(super) fn at(url: &str, patience: Duration) -> anyhow::Result<Self> {
        let uri: Uri = url.parse()?;
        // A context goes to this host and to no other.
        let egress = Egress::to(uri.host());
        let channel = Endpoint::from(uri.clone())
            .timeout(patience)
            .connect_timeout(patience)
            .connect_lazy();
        let channel = ServiceBuilder::new()
            .layer(PropagationLayer::new(egress))
            .service(channel);
        Ok(Self(ToolsClient::with_origin(channel, uri)))
    }

    /// Asks how many passages fit into a prompt.
    pub(super) async fn fit(&self, passages: Vec<String>) -> Result<usize, Status> {
        let run = child("fit prompt")
            .run_type(RunType::Tool)
            .inputs(json!({"passages": passages.len(), "most_words": MOST_WORDS}))
            .start();
        let request = FitPromptRequest {
            passages,
            most_words: MOST_WORDS,
        };
        let mut client = self.0.clone();
        // The layer sends the context of the run that is current.
        let asked = async { client.fit_prompt(request).await };
        match asked.in_run(&run).await {
            Ok(reply) => {
                let fits = reply.into_inner();
                run.end_with(json!({"passages": fits.passages, "words": fits.words}));
                Ok(usize::try_from(fits.passages).unwrap_or(usize::MAX))
            }
            Err(status) => {
                run.fail(format_args!("CallFailed: gRPC {:?}", status.code()));
                Err(status)
            }
        }
    }
}
