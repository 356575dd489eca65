//! The gateway: takes a question, asks the retriever, then the generator. Start at [`routes`].

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result};
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::post;
use axum::{Extension, Json, Router};
use common::middleware::{IncomingTrace, TraceRequestExt as _};
use common::model::RunType;
use serde::de::DeserializeOwned;
use serde_json::json;

use super::role::Role;
use super::wire::{Answer, Documents, Question, Text};
use crate::cli::Service;
use crate::keeping::Keeping;
use crate::load::{Call, CallOutcome};
use crate::metrics::ServiceMetrics;

/// How long another service may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// What the handler needs.
struct Site {
    retriever: String,
    generator: String,
    http: reqwest::Client,
    metrics: ServiceMetrics,
    keeping: Keeping,
}

/// Builds the gateway's routes.
pub(super) fn routes(wishes: &Service, metrics: &ServiceMetrics) -> Result<Router> {
    let address = |url: &Option<String>| {
        url.clone()
            .context("a gateway needs --retriever and --generator")
    };
    let site = Site {
        retriever: address(&wishes.retriever)?,
        generator: address(&wishes.generator)?,
        http: common::lab::http_client(),
        metrics: metrics.clone(),
        keeping: wishes.keeping.clone(),
    };
    Ok(Router::new()
        .route("/ask", post(ask))
        .with_state(Arc::new(site)))
}

async fn ask(
    State(site): State<Arc<Site>>,
    Extension(incoming): Extension<IncomingTrace>,
    Json(mut question): Json<Question>,
) -> (StatusCode, Json<Answer>) {
    let recorded = incoming.run().is_some_and(|run| site.keeping.keeps(run));
    let mut answer = Answer {
        recorded,
        ..Answer::default()
    };
    let found: Result<Documents, _> = site
        .call(&incoming, Role::Retriever, &question, &mut answer)
        .await;
    let Ok(found) = found else {
        return (StatusCode::BAD_GATEWAY, Json(answer));
    };
    question.documents = found.documents;
    let written: Result<Text, _> = site
        .call(&incoming, Role::Generator, &question, &mut answer)
        .await;
    let Ok(written) = written else {
        return (StatusCode::BAD_GATEWAY, Json(answer));
    };
    answer.text = Some(written.text);
    (StatusCode::OK, Json(answer))
}

impl Site {
    /// Calls a service in a run of its own, and notes what came of it.
    async fn call<T: DeserializeOwned>(
        &self,
        incoming: &IncomingTrace,
        service: Role,
        question: &Question,
        answer: &mut Answer,
    ) -> Result<T, ()> {
        let run = incoming
            .start(format!("call {service}"))
            .run_type(RunType::Tool)
            .inputs(json!({ "question": question.question, "documents": question.documents.len() }))
            .start();
        let url = match service {
            Role::Generator => format!("{}/write", self.generator),
            _ => format!("{}/retrieve", self.retriever),
        };
        let request = self.http.post(url).timeout(PATIENCE).json(question);
        let called = async {
            let response = request.trace(&run).send().await?;
            let status = response.status();
            match status.is_success() {
                true => response.json::<T>().await.map(Ok),
                false => Ok(Err(status)),
            }
        };
        let (outcome, result) = match called.await {
            Ok(Ok(good)) => {
                run.end_with(json!({ "status": 200 }));
                (CallOutcome::Answered, Ok(good))
            }
            Ok(Err(status)) => {
                run.fail(format_args!("CallFailed: {service} says {status}"));
                (CallOutcome::Failed, Err(()))
            }
            Err(error) => {
                // An address can hold a password.
                run.fail(format_args!("Unreachable: {}", error.without_url()));
                (CallOutcome::Unreachable, Err(()))
            }
        };
        self.metrics.called(service, outcome);
        answer.calls.push(Call { service, outcome });
        result
    }
}
