//! The demonstration's stage: both services, each told where the other is, and a stand-in for LangSmith.
//!
//! ```text
//! Stage { axum ⇄ peer, express ─► axum, lesson }
//!                  │     └ where Node.js is there
//!                  └ FastAPI, or a second axum service where there is no Python
//! ```
//!
//! Start at [`Stage::set`].

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use axum::Router;
use common::client::Client;
use common::lab::{Lesson, PythonService, http_client};
use tokio::net::TcpListener;

use crate::node::Node;
use crate::serve::{self, NAME};
use crate::service::{Next, app, layer};
use crate::trust::Policy;

/// The peer's script.
const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/peer/service.py");

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

/// The service that the axum one talks to.
#[derive(Debug)]
pub struct Peer {
    /// What it is called in the trace: `fastapi`, or `axum-2`.
    pub name: &'static str,
    /// Its address.
    pub url: String,
    /// What it is, in words.
    pub what: String,
    process: Process,
}

/// What has to be held, and asked to send its runs.
#[derive(Debug)]
enum Process {
    Python(PythonService),
    Node(Node),
    Ours,
}

/// Which peers are to be real.
#[derive(Debug, Clone)]
pub struct Peers {
    /// FastAPI, rather than a second axum service.
    pub python: bool,
    /// Express, with the packages of this folder.
    pub node: Option<PathBuf>,
}

impl Peers {
    /// Returns those that are installed.
    pub fn installed() -> Self {
        Self {
            python: PythonService::is_installed(),
            node: Node::modules(),
        }
    }
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
        let express = match &peers.node {
            Some(modules) => Some(Peer::express(&lesson, &axum, modules).await?),
            None => None,
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

impl Peer {
    async fn fastapi(lesson: &Lesson, next: &str) -> Result<Self> {
        let env = lesson.peer_env().with("NEXT_URL", next);
        let python = PythonService::start_script("fastapi", Path::new(SCRIPT), &env).await;
        let python = python.context(
            "the FastAPI service does not start; `cargo workbook doctor` says what is missing, \
             and WORKBOOK_PYTHON names another interpreter",
        )?;
        Ok(Self {
            name: "fastapi",
            url: python.url(""),
            what: format!("FastAPI, {} with its TracingMiddleware", python.sdk()),
            process: Process::Python(python),
        })
    }

    async fn express(lesson: &Lesson, next: &str, modules: &Path) -> Result<Self> {
        let env = lesson.peer_env().with("NEXT_URL", next);
        let node = Node::start(modules, env).await?;
        Ok(Self {
            name: "express",
            url: node.url.clone(),
            what: format!("Express, {} for JavaScript", node.sdk),
            process: Process::Node(node),
        })
    }

    async fn second_axum(lesson: &Lesson, next: &str) -> Result<Self> {
        const SECOND: &str = "axum-2";
        let (listener, url) = free_port().await?;
        let next = Next {
            name: NAME.into(),
            url: next.into(),
            http: http_client(),
        };
        spawn(
            listener,
            service(
                SECOND,
                &lesson.client(SECOND),
                &lesson.project(),
                Some(next),
            ),
        );
        Ok(Self {
            name: SECOND,
            url,
            what: "axum once more, in the place of FastAPI".into(),
            process: Process::Ours,
        })
    }

    /// Has the peer send the runs that it still holds.
    ///
    /// # Errors
    /// If it does not answer.
    pub async fn flush(&self) -> Result<()> {
        match &self.process {
            Process::Python(python) => {
                let flushed = python.flush().await;
                flushed.context("the FastAPI service keeps its runs")
            }
            Process::Node(node) => node.flush().await,
            Process::Ours => Ok(()),
        }
    }
}

/// Builds the service as the demonstration needs it: each caller is ours, so each is continued.
fn service(name: &str, client: &Client, project: &str, next: Option<Next>) -> Router {
    let layer = Policy::Continue.apply(layer(client.tracer(), project), None);
    app(name, layer, next)
}

async fn free_port() -> Result<(TcpListener, String)> {
    let listener = serve::bind(([127, 0, 0, 1], 0).into()).await?;
    let url = serve::url(&listener)?;
    Ok((listener, url))
}

/// Serves on a task that ends with the program.
fn spawn(listener: TcpListener, app: Router) {
    tokio::spawn(serve::serve(listener, app, std::future::pending()));
}
