//! The worker: judges answers after they went out, and is in nobody's way.
//!
//! ```text
//! queue ──► attempt 1 ──► reviewer model ──► acknowledged        a run for each attempt, below who sent the message
//!             └ failed ─► attempt 2 ─► attempt 3 ─► put aside
//! ```
//!
//! Start at [`run`].

use anyhow::{Context as _, Result};
use axum::Router;
use axum::routing::get;
use common::lab::llm::{Model, TokenTiming};
use common::lab::{Attempt, Queue, Worker};
use common::propagation::{LangSmithPropagator, TrustPolicy};
use langgraph_agent::agents::review;
use langgraph_agent::script::scripted;
use langgraph_agent::state::State;
use serde_json::{Value, json};

use crate::cli::Worker as Wishes;
use crate::fault::Fault;
use crate::log::complain;
use crate::orchestrator::QUEUE;
use crate::role::Role;
use crate::service::Site;

/// What an attempt is called in the trace.
pub const RUN: &str = "review answer";

/// Takes messages until it is told to end; one that it has in hands, it ends.
///
/// # Errors
/// If the queue cannot be reached any more: whoever supervises this process starts it again.
pub async fn run(wishes: Wishes) -> Result<()> {
    let site = Site::open(Role::Worker, &wishes.listen)?;
    let address = wishes.queue.queue.as_deref();
    let address = address.context("where is the queue? --queue URL, or DOCS_QUEUE")?;
    let queue = Queue::join(address, QUEUE, wishes.queue.redeliver_after()).await;
    let queue = queue.context("the queue cannot be joined")?;
    complain(&format!("takes from the {queue}"));
    let script = scripted(TokenTiming::NONE);
    let model = Model::from_env(&script)?;
    let health = Router::new().route("/healthz", get(async || "ok\n"));
    let listener = site.bind().await?;
    tokio::spawn(async move { axum::serve(listener, health).await });

    let ours = LangSmithPropagator::new()
        .policy(TrustPolicy::Continue)
        .allow_any_project();
    let worker = Worker::new(RUN, &queue, &site.client, ours);
    let done = loop {
        let handle = |attempt: Attempt, _| judge(&model, attempt, wishes.listen.fault);
        match worker.next_until(site.stop.wait(), handle).await {
            Ok(Some(handled)) => complain(&handled.to_string()),
            Ok(None) => break Ok(()),
            Err(error) => break Err(error),
        }
    };
    site.end().await;
    done.context("the queue is gone")
}

/// Asks a reviewer about the answer in a message. The attempt's run is current.
async fn judge(model: &Model, attempt: Attempt, fault: Option<Fault>) -> Result<Value, String> {
    if fault == Some(Fault::Hang) {
        complain("has a message and does nothing, as it was told to");
        std::future::pending::<()>().await;
    }
    let known: State = serde_json::from_value(attempt.body)
        .map_err(|_| "Poison: the message is none of ours".to_owned())?;
    if known.draft.is_none() {
        return Err("Poison: there is no answer in the message".to_owned());
    }
    let judged = review(model, &known).await;
    let judged = judged.map_err(|error| format!("ReviewFailed: {error}"))?;
    let verdict = judged.review.ok_or("ReviewFailed: no verdict")?;
    Ok(json!(verdict))
}
