//! The services that the axum one talks to, each in a process of its own.
//!
//! ```text
//! Peer ─┬─ fastapi      peer/service.py, the official SDK and its middleware
//!       ├─ express      peer/service.mjs, the official SDK
//!       └─ second_axum  ours once more, where there is no Python
//! ```
//!
//! Start at [`Peer`].

use std::path::Path;

use anyhow::{Context as _, Result, anyhow};
use common::lab::{Lesson, NodeService, PeerError, PythonService, http_client};

use crate::next::Next;
use crate::serve::NAME;
use crate::stage::{free_port, service, spawn};

/// The peers' scripts.
const PYTHON: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/peer/service.py");
const NODE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/peer/service.mjs");

/// A service that the axum one talks to.
#[derive(Debug)]
pub struct Peer {
    /// What it is called in the trace: `fastapi`, `express` or `axum-2`.
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
    Node(NodeService),
    Ours,
}

/// Which peers are to be real.
#[derive(Debug, Clone, Copy)]
pub struct Peers {
    /// FastAPI, rather than a second axum service.
    pub python: bool,
    /// Express as well.
    pub node: bool,
}

impl Peers {
    /// Returns those that are installed.
    pub fn installed() -> Self {
        Self {
            python: PythonService::is_installed(),
            node: NodeService::missing().is_none(),
        }
    }
}

impl Peer {
    pub(crate) async fn fastapi(lesson: &Lesson, next: &str) -> Result<Self> {
        let env = lesson.peer_env().with("NEXT_URL", next);
        let python = PythonService::start_script("fastapi", Path::new(PYTHON), &env).await;
        let python = python.map_err(|error| match error {
            PeerError::Ended {
                status, last_words, ..
            } => anyhow!(
                "the FastAPI service ends at once ({status}); `cargo workbook doctor` says what its \
                 environment lacks\n{last_words}"
            ),
            error => anyhow!(error),
        })?;
        Ok(Self {
            name: "fastapi",
            url: python.url(""),
            what: format!("FastAPI, {} with its TracingMiddleware", python.sdk()),
            process: Process::Python(python),
        })
    }

    pub(crate) async fn express(lesson: &Lesson, next: &str) -> Result<Self> {
        let env = lesson.peer_env().with("NEXT_URL", next);
        let node = NodeService::start_script("express", Path::new(NODE), &env).await?;
        Ok(Self {
            name: "express",
            url: node.url(""),
            what: format!("Express, {} for JavaScript", node.sdk()),
            process: Process::Node(node),
        })
    }

    pub(crate) async fn second_axum(lesson: &Lesson, next: &str) -> Result<Self> {
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
            Process::Node(node) => {
                let flushed = node.flush().await;
                flushed.context("the Express service keeps its runs")
            }
            Process::Ours => Ok(()),
        }
    }
}
