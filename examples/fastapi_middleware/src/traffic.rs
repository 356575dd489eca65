//! The traffic of the demonstration, and its own book of what it asked.
//!
//! ```text
//! forth   gateway (Rust) ─► FastAPI ─► axum           the trace begins in Rust
//! back             curl ─► FastAPI ─► axum ─► FastAPI the trace begins in Python
//! third   gateway ─► Express ─► axum                  the same from JavaScript, where it is there
//! fail    gateway ─► each service's /fail             errors that must be seen
//! time    ─► axum, traced and not, in turn            what it costs
//! ```
//!
//! Start at [`Traffic::send`].

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use common::analysis::{Asked, Failure, Ledger, Load, REQUEST_ID};
use common::client::Client;
use common::lab::{http_client, story};
use common::middleware::TraceRequestExt as _;
use common::model::RunType;
use common::trace::RunTree;
use serde_json::json;

use crate::next::{Answer, Question};
use crate::peers::Peer;
use crate::serve::NAME;
use crate::stage::Stage;

/// The service in whose name the traffic is sent.
pub const GATEWAY: &str = "gateway";

/// How much is sent.
#[derive(Debug, Clone, Copy)]
pub struct Amount {
    /// Requests in each direction; the second is shown.
    pub rounds: usize,
    /// Requests that are timed, traced and not.
    pub pairs: usize,
}

/// Sends requests, and remembers what it sent.
#[derive(Debug)]
pub struct Traffic<'a> {
    stage: &'a Stage,
    gateway: Client,
    http: reqwest::Client,
    ledger: Ledger,
    runs: usize,
}

/// What was sent.
#[derive(Debug)]
pub struct Sent {
    /// The book: what is to be found in the traces.
    pub ledger: Ledger,
    /// How many runs that makes.
    pub runs: usize,
    /// The root of the last trace that began in Rust, for a link to it.
    pub last: RunTree,
}

impl<'a> Traffic<'a> {
    /// Prepares traffic between the services of a stage.
    pub fn new(stage: &'a Stage) -> Self {
        Self {
            stage,
            gateway: stage.lesson.client(GATEWAY),
            http: http_client(),
            ledger: Ledger::new(),
            runs: 0,
        }
    }

    /// Sends it all.
    ///
    /// # Errors
    /// If a service does not answer as it should.
    pub async fn send(mut self, amount: Amount) -> Result<Sent> {
        let stage = self.stage;
        let mut last = self.forth("forth-0", &stage.peer).await?;
        self.back("back-0").await?;
        for n in 1..amount.rounds {
            last = self.forth(&format!("forth-{n}"), &stage.peer).await?;
            self.back(&format!("back-{n}")).await?;
        }
        if let Some(express) = &stage.express {
            for n in 0..amount.rounds {
                self.forth(&format!("third-{n}"), express).await?;
            }
        }
        self.failing("fail-ours", NAME, &stage.axum).await?;
        self.failing("fail-peer", stage.peer.name, &stage.peer.url)
            .await?;
        self.time(amount.pairs).await?;
        Ok(Sent {
            ledger: self.ledger,
            runs: self.runs,
            last,
        })
    }

    /// Begins a trace in Rust that goes through a peer to the axum service.
    async fn forth(&mut self, id: &str, peer: &Peer) -> Result<RunTree> {
        let root = self.root("question", id);
        let call = root
            .child(format!("call {}", peer.name))
            .run_type(RunType::Tool)
            .start();
        let question = Question {
            question: story::QUESTION.into(),
            hops: 1,
        };
        let request = self.http.post(format!("{}/ask", peer.url)).json(&question);
        let answer: Answer = answered(request.trace(&call)).await?.json().await?;
        call.end_with(json!({ "served_by": answer.served_by }));
        root.end_with(json!({ "documents": answer.documents }));
        ensure!(answer.served_by == [peer.name, NAME], "{answer:?}");
        self.ledger.ask(
            Asked::new(id)
                .call(GATEWAY, peer.name)
                .call(peer.name, NAME),
        );
        // The gateway's two; a request, a step and a call; a request and a step.
        self.runs += 2 + 3 + 2;
        Ok(root)
    }

    /// Sends a request without a trace, as anybody's client would: the peer begins one.
    async fn back(&mut self, id: &str) -> Result<()> {
        let peer = &self.stage.peer;
        let question = Question {
            question: story::QUESTION.into(),
            hops: 2,
        };
        let request = self.http.post(format!("{}/ask", peer.url)).json(&question);
        let request = request.header("x-request-id", id);
        let answer: Answer = answered(request).await?.json().await?;
        ensure!(
            answer.served_by == [peer.name, NAME, peer.name],
            "{answer:?}"
        );
        self.ledger
            .ask(Asked::new(id).call(peer.name, NAME).call(NAME, peer.name));
        self.runs += 3 + 3 + 2;
        Ok(())
    }

    /// Asks for a failure of `service`.
    async fn failing(&mut self, id: &str, service: &'static str, url: &str) -> Result<()> {
        let root = self.root("question that fails", id);
        let call = root
            .child(format!("call {service}"))
            .run_type(RunType::Tool)
            .start();
        let reply = self
            .http
            .get(format!("{url}/fail"))
            .trace(&call)
            .send()
            .await?;
        ensure!(
            reply.status() == 500,
            "{service} was to fail, and says {}",
            reply.status()
        );
        call.fail(format_args!(
            "CallFailed: {service} says {}",
            reply.status()
        ));
        root.fail("NoAnswer: a service failed");
        let failure = Failure::new("missing index", service);
        self.ledger
            .ask(Asked::new(id).call(GATEWAY, service).fails(failure));
        self.runs += 2 + 2;
        Ok(())
    }

    /// Times the same request with and without tracing, one after the other, so that whatever else the
    /// machine does hits both alike.
    async fn time(&mut self, pairs: usize) -> Result<()> {
        for n in 0..pairs {
            let id = format!("timed-{n}");
            let off = self.timed(&self.stage.untraced, &id).await?;
            let on = self.timed(&self.stage.axum, &id).await?;
            // The first pair opens connections, which is not what is measured.
            if n > 0 {
                self.ledger.took(Load::Off, off);
                self.ledger.took(Load::On, on);
            }
            self.ledger.ask(Asked::new(id).hop(NAME));
            self.runs += 1;
        }
        Ok(())
    }

    async fn timed(&self, url: &str, id: &str) -> Result<Duration> {
        let begun = Instant::now();
        let request = self.http.get(format!("{url}/")).header("x-request-id", id);
        answered(request).await?.bytes().await?;
        Ok(begun.elapsed())
    }

    fn root(&self, name: &str, id: &str) -> RunTree {
        let root = self.gateway.run(name).metadata(REQUEST_ID, id);
        root.inputs(json!({ "question": story::QUESTION })).start()
    }
}

/// Sends a request, and wants a good answer.
async fn answered(request: reqwest::RequestBuilder) -> Result<reqwest::Response> {
    let response = request.send().await.context("a service does not answer")?;
    let status = response.status();
    if !status.is_success() {
        let said = response.text().await.unwrap_or_default();
        anyhow::bail!("a service answers {status}: {said}");
    }
    Ok(response)
}
