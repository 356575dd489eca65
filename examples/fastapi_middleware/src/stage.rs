//! The demonstration's stage: both services, each told where the other is, and a stand-in for LangSmith.
//!
//! ```text
//! Stage { axum ⇄ peer, express ─► axum, lesson }
//!                  │     └ where Node.js is there
//!                  └ FastAPI, or a second axum service where there is no Python
//! ```
//!
//! Start at [`Stage::set`].

use anyhow::{Context as _, Result};
use axum::Router;
use common::client::Client;
use common::lab::{Lesson, http_client};
use tokio::net::TcpListener;

use crate::next::Next;
use crate::peers::{Peer, Peers};
use crate::serve::{self, NAME};
use crate::service::{app, layer};
use crate::trust::Policy;

/// Everything that is running. It ends when this is dropped.
#[derive(Debug)]
pub struct Stage {
    /// The stand-in, and the clients that send to it.
    pub lesson: Lesson,
    /// The axum service's address.
    pub axum: String,
    /// The other service.
    pub peer: Peer,
    /// A third service, in JavaScript, where that can be had.
    pub express: Option<Peer>,
    /// The axum service once more, with tracing off: what it costs is seen beside it.
    pub untraced: String,
}

impl Stage {
    /// Starts everything.
    ///
    /// # Errors
    /// If a port cannot be had, or a service does not start.
    pub async fn set(peers: Peers) -> Result<Self> {
        let lesson = Lesson::try_start("fastapi_middleware").await;
        let lesson = lesson.context("WORKBOOK_TARGET=langsmith is set, and cannot be done")?;
        // Both ports are known before either service is told where the other is.
        let (ours, axum) = free_port().await?;
        let peer = if peers.python {
            Peer::fastapi(&lesson, &axum).await?
        } else {
            Peer::second_axum(&lesson, &axum).await?
        };
        let express = match peers.node {
            true => Some(Peer::express(&lesson, &axum).await?),
            false => None,
        };
        let next = Next {
            name: peer.name.into(),
            url: peer.url.clone(),
            http: http_client(),
        };
        spawn(
            ours,
            service(NAME, &lesson.client(NAME), &lesson.project(), Some(next)),
        );
        let off = Client::builder().enabled(false).build()?;
        let (listener, untraced) = free_port().await?;
        spawn(listener, service(NAME, &off, &lesson.project(), None));
        Ok(Self {
            lesson,
            axum,
            peer,
            express,
            untraced,
        })
    }
}

/// Builds the service as the demonstration needs it: each caller is ours, so each is continued.
pub(crate) fn service(name: &str, client: &Client, project: &str, next: Option<Next>) -> Router {
    let layer = Policy::Continue.apply(layer(client.tracer(), project), None);
    app(name, layer, next)
}

/// Takes any free port of this machine.
pub(crate) async fn free_port() -> Result<(TcpListener, String)> {
    let listener = serve::bind(([127, 0, 0, 1], 0).into()).await?;
    let url = serve::url(&listener)?;
    Ok((listener, url))
}

/// Serves on a task that ends with the program.
pub(crate) fn spawn(listener: TcpListener, app: Router) {
    tokio::spawn(serve::serve(listener, app, std::future::pending()));
}
