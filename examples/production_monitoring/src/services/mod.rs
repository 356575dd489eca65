//! The three services, each a process of its own, and how they are traced.
//!
//! ```text
//! POST /ask ─► gateway ─┬─ POST /retrieve ─► retriever      a run for the request, a run for the work
//!                       └─ POST /write ────► generator      tokens and cost on the model's run
//! each: /metrics · /health · POST /-/flush
//! ```
//!
//! Start at [`tracing::client`], then [`serve`].

mod admin;
mod gateway;
mod generator;
mod process;
mod retriever;
mod role;
mod stop;
pub mod tracing;
mod wire;

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context as _, Result};
use axum::Router;
use axum::serve::ListenerExt as _;
use common::lab::terminal::{complain, say};
use tokio::net::TcpListener;

pub use process::{Fleet, Manner, Process};
pub use role::Role;
pub use wire::{Answer, Documents, QUESTION, Question, REQUEST_ID_HEADER, Text};

use crate::cli::Service;
use crate::metrics::ServiceMetrics;

/// How long requests may take to finish, and then runs to be sent. Together they are less than the ten seconds
/// that container platforms wait before they kill.
const FINISH: Duration = Duration::from_secs(3);
const FLUSH: Duration = Duration::from_secs(5);

/// Runs a service until it is asked to stop, or until whoever started it is gone.
///
/// # Errors
/// If the configuration cannot be used, or the port cannot be had.
pub async fn serve(wishes: &Service) -> Result<()> {
    let client = tracing::client(wishes)?;
    let layer = tracing::layer(&client, &wishes.project);
    let metrics = ServiceMetrics::new(&client, &layer);
    let business = match wishes.role {
        Role::Gateway => gateway::routes(wishes, &metrics)?,
        Role::Retriever => retriever::routes(),
        Role::Generator => generator::routes(&metrics),
    };
    // What operators ask is neither traced nor timed: it would be most of what there is to see.
    let business = business.layer(layer);
    let app = metrics
        .timed(business)
        .merge(admin::routes(&client, &metrics));
    let end = stop::end_of_service()?;
    let address = SocketAddr::from(([127, 0, 0, 1], wishes.port));
    let listener = TcpListener::bind(address)
        .await
        .with_context(|| format!("{address} cannot be had; choose other ports with --port"))?;
    // Alone on the first line, for whoever started it.
    say(&format!("http://{}", listener.local_addr()?));
    run(listener, app, end).await?;
    if let Err(error) = client.shutdown_async(FLUSH).await {
        // Told and no more: the requests were answered, and that is what the service is for.
        complain(&format!("{}: {error}", wishes.role));
    }
    Ok(())
}

/// Serves until `end`, then finishes what is under way, but waits for nobody for ever.
pub(crate) async fn run(
    listener: TcpListener,
    app: Router,
    end: impl Future<Output = ()> + Send + 'static,
) -> Result<()> {
    let listener = listener.tap_io(|connection| {
        // Without it a reply in two parts waits for an acknowledgment in between; late, and no worse.
        let _ = connection.set_nodelay(true);
    });
    let (stopping, stopped) = tokio::sync::oneshot::channel();
    let end = async move {
        end.await;
        let _ = stopping.send(());
    };
    let late = async {
        // An error means that the server is gone, which the other branch tells.
        let _ = stopped.await;
        tokio::time::sleep(FINISH).await;
    };
    tokio::select! {
        served = axum::serve(listener, app).with_graceful_shutdown(end) => {
            served.context("the service stopped")
        }
        () = late => Ok(()),
    }
}
