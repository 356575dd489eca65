//! The tool server: gRPC, with the standard health service beside it.
//!
//! ```text
//! tools.v1.Tools/FitPrompt {passages, most_words} ──► how many of them fit, from the first
//! grpc.health.v1.Health/Check                     ──► SERVING; NOT_SERVING from the moment that it is told to end
//! ```
//!
//! The code in [`proto`] is generated from `proto/tools.proto` and committed: building needs no `protoc`, and none of
//! the 60 crates of a compiler for it. Start at [`Server`].

pub mod proto;

use anyhow::{Context as _, Result};
use common::middleware::TracingLayer;
use tokio::net::TcpListener;
use tonic::transport::server::TcpIncoming;
use tonic::{Request, Response, Status};

use self::proto::tools_server::{Tools, ToolsServer};
use self::proto::{FitPromptReply, FitPromptRequest};
use crate::log::complain;
use crate::role::Role;
use crate::service::{FINISH, Site, Stop};

/// Serves until it is told to end.
///
/// # Errors
/// If the port cannot be had, or the system accepts no connections.
pub async fn run(wishes: crate::cli::Tools) -> Result<()> {
    let site = Site::open(Role::Tools, &wishes.listen)?;
    let listener = site.bind().await?;
    // A gRPC call is named by its path: `/tools.v1.Tools/FitPrompt`.
    let layer = site
        .layer()
        .name(|request| request.uri.path().trim_start_matches('/').to_owned());
    tokio::select! {
        served = serve(listener, layer, site.stop.clone()) => served?,
        () = site.stop.after(FINISH) => complain("calls that took too long were cut off"),
    }
    site.end().await;
    Ok(())
}

/// Serves on a port until `stop`, then ends the calls that are under way.
///
/// # Errors
/// If the system accepts no connections.
pub async fn serve(listener: TcpListener, layer: TracingLayer, stop: Stop) -> Result<()> {
    let (reporter, health) = tonic_health::server::health_reporter();
    reporter.set_serving::<ToolsServer<Server>>().await;
    let ending = async move {
        stop.wait().await;
        reporter.set_not_serving::<ToolsServer<Server>>().await;
    };
    let incoming = TcpIncoming::from(listener).with_nodelay(Some(true));
    tonic::transport::Server::builder()
        .layer(layer)
        .add_service(health)
        .add_service(ToolsServer::new(Server))
        .serve_with_incoming_shutdown(incoming, ending)
        .await
        .context("the service stopped")
}

/// The tools.
#[derive(Debug, Clone, Copy)]
pub struct Server;

#[tonic::async_trait]
impl Tools for Server {
    async fn fit_prompt(
        &self,
        request: Request<FitPromptRequest>,
    ) -> Result<Response<FitPromptReply>, Status> {
        let asked = request.into_inner();
        if asked.most_words == 0 {
            return Err(Status::invalid_argument("most_words is at least 1"));
        }
        let fits = fit(&asked.passages, asked.most_words);
        complain(&format!(
            "{} of {} passages fit, {} words",
            fits.passages,
            asked.passages.len(),
            fits.words
        ));
        Ok(Response::new(fits))
    }
}

/// Takes passages from the first on until the next one would be too much; the first one always.
fn fit(passages: &[String], most_words: u32) -> FitPromptReply {
    let mut fits = FitPromptReply::default();
    for passage in passages {
        let words = u32::try_from(passage.split_whitespace().count()).unwrap_or(u32::MAX);
        let sum = fits.words.saturating_add(words);
        if fits.passages > 0 && sum > most_words {
            break;
        }
        fits.passages += 1;
        fits.words = sum;
    }
    fits
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passages_are_taken_in_their_order_until_one_is_too_much_and_the_first_one_always() {
        let passages = ["one two three", "four five", "six"].map(str::to_owned);
        let taken = |most| {
            let fits = fit(&passages, most);
            (fits.passages, fits.words)
        };
        assert_eq!(taken(1), (1, 3));
        assert_eq!(
            taken(4),
            (1, 3),
            "no later one takes the place of one too long"
        );
        assert_eq!(taken(5), (2, 5));
        assert_eq!(taken(9), (3, 6));
        assert_eq!(fit(&[], 9), FitPromptReply::default());
    }
}
