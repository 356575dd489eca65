//! The tracing of a service: the one place where its client is built.
//!
//! ```text
//! Service (arguments) ──► client ─► where runs go · queue · spool on disk · sampling
//!                     └─► layer ──► whose traces are continued, what a run is called
//! ```
//!
//! Start at [`client`].

use anyhow::{Context as _, Result};
use axum::extract::MatchedPath;
use axum::http::request::Parts;
use common::analysis::REQUEST_ID;
use common::client::{Client, ClientBuilder, Config};
use common::export::{Destination, SpoolConfig};
use common::middleware::TracingLayer;
use common::propagation::TrustPolicy;
use common::trace::RunBuilder;

use super::wire::REQUEST_ID_HEADER;
use crate::cli::Service;

/// The key that is shown to the stand-in. It opens nothing.
pub const STAND_IN_KEY: &str = "stand-in-key";

/// Builds the client of a service.
///
/// # Errors
/// If the environment asks for LangSmith and does not say enough.
pub fn client(wishes: &Service) -> Result<Client> {
    let mut config = match wishes.real {
        true => crate::settings::Settings::load().config()?,
        false => Config {
            endpoint: wishes.sink.clone(),
            api_key: Some(STAND_IN_KEY.into()),
            ..Config::default()
        },
    };
    if let Some(operations) = wishes.queue {
        config.batch.queue_ops = operations;
    }
    // What memory cannot hold or cannot send is kept there; durable means: before the call returns.
    config.batch.spool = wishes
        .spool
        .as_ref()
        .map(|folder| SpoolConfig::new(folder).durable());
    let mut builder = ClientBuilder::from(config)
        .enabled(true)
        .project(&wishes.project)
        .service(wishes.role.as_str())
        .sampling(wishes.keeping.sampling()?);
    if wishes.real {
        // The figures of the report are drawn from what the stand-in got.
        let stand_in = Destination::new(&wishes.sink).api_key(STAND_IN_KEY);
        builder = builder.also_send_to(stand_in);
    }
    builder.build().context("runs have nowhere to go")
}

/// Builds the layer that goes around a service's routes.
pub fn layer(client: &Client, project: &str) -> TracingLayer {
    TracingLayer::new(client.tracer())
        // All three listen on loopback, and nobody but the load calls the gateway. At a public edge: `Restart`.
        .policy(TrustPolicy::Continue)
        .allow_projects([project])
        .name(route)
        .describe(with_request_id)
}

/// Names a run after its route: a path with ids in it would make a name of its own for each request.
fn route(request: &Parts) -> String {
    let route = request.extensions.get::<MatchedPath>();
    let route = route.map_or("unmatched", MatchedPath::as_str);
    format!("{} {route}", request.method)
}

/// Files the request's id with the run. Anybody can send one, so it is no more than an id may be.
fn with_request_id(run: RunBuilder, request: &Parts) -> RunBuilder {
    let id = request.headers.get(REQUEST_ID_HEADER);
    let id = id.and_then(|id| id.to_str().ok());
    let is_id = |id: &&str| {
        let is_letter = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
        (1..=64).contains(&id.len()) && id.bytes().all(is_letter)
    };
    match id.filter(is_id) {
        Some(id) => run.metadata(REQUEST_ID, id),
        None => run,
    }
}
