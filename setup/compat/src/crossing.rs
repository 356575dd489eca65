//! One trace through two services, for every ordered pair of {Python, JavaScript, ours}.
//!
//! ```text
//!   caller ── client-root ─ call ──HTTP, langsmith-trace + baggage──► service ── server-child ─ server-inner
//! ```
//!
//! What ours to ours makes of it is the measure for all other pairs.

use std::net::SocketAddr;

use anyhow::{Context as _, Result};
use axum::routing::get;
use axum::{Extension, Router};
use common::client::Client;
use common::middleware::{IncomingTrace, TraceRequestExt as _, TracingLayer};
use common::propagation::TrustPolicy;
use serde_json::json;

use crate::scenarios::PATIENCE;

/// The scenario's name.
pub(crate) const ID: &str = "crossing";
/// How many runs make the trace.
pub(crate) const ENDS: usize = 4;
/// The project that the caller chooses.
const PROJECT: &str = "compat-crossing";

fn client(url: &str) -> Result<Client> {
    let client = Client::builder().endpoint(url).api_key("not-a-real-key");
    Ok(client.build()?)
}

/// Our service: its work is traced below the caller's run, as the official middleware does it.
#[derive(Debug)]
pub(crate) struct OurService {
    /// Where it listens.
    pub(crate) address: String,
    client: Client,
    server: tokio::task::JoinHandle<()>,
}

impl OurService {
    /// Starts it on a free port; its runs go to the stand-in at `url`.
    pub(crate) async fn start(url: &str) -> Result<Self> {
        let client = client(url)?;
        let layer = TracingLayer::new(client.tracer())
            .propagate_only()
            .policy(TrustPolicy::Continue)
            .allow_projects([PROJECT]);
        let app: Router = Router::new().route("/work", get(work)).layer(layer);
        let free = SocketAddr::from(([127, 0, 0, 1], 0));
        let listener = tokio::net::TcpListener::bind(free)
            .await
            .context("a free port")?;
        let address = format!("http://{}", listener.local_addr()?);
        let server = tokio::spawn(async move {
            // It ends with the process, or when it is aborted below.
            let _ = axum::serve(listener, app).await;
        });
        Ok(Self {
            address,
            client,
            server,
        })
    }

    /// Sends what it holds and ends.
    pub(crate) async fn finish(self) -> Result<()> {
        self.client
            .flush_async(PATIENCE)
            .await
            .context("flushing our service")?;
        self.server.abort();
        Ok(())
    }
}

async fn work(Extension(incoming): Extension<IncomingTrace>) -> &'static str {
    let child = incoming
        .start("server-child")
        .metadata("svc", "B")
        .tag("srv-tag")
        .start();
    let inner = child.child("server-inner").run_type("tool").start();
    for run in [inner, child] {
        run.end_with(json!({ "text": "because" }));
    }
    "because"
}

/// Our caller: asks the service inside a trace.
pub(crate) async fn call(url: &str, service: &str) -> Result<()> {
    let client = client(url)?;
    let question = json!({ "question": "why?" });
    let root = client
        .run("client-root")
        .inputs(question.clone())
        .project(PROJECT);
    let root = root.metadata("user", "ünï").tag("cli-tag").start();
    let call = root.child("call").run_type("tool").inputs(question).start();
    let http = common::lab::http_client();
    let request = http.get(format!("{service}/work")).trace(&call);
    let answer = request
        .send()
        .await
        .context("calling the service")?
        .text()
        .await?;
    for run in [call, root] {
        run.end_with(json!({ "answer": answer }));
    }
    client
        .flush_async(PATIENCE)
        .await
        .context("flushing our caller")?;
    Ok(())
}
