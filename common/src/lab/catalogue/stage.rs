//! Where a scenario is played: a stand-in, clients, services, a clock, and who writes down what no run says.
//!
//! ```text
//! StageClock ──► clients ──► stand-in ──► runs, ingest log ─┐
//!           └──► services ──► hops ──► beside ──────────────┴─► over ──► Broken
//! ```

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::extract::Request;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method};
use axum::middleware::{Next, from_fn};
use chrono::DateTime;
use serde_json::{Value, json};

use super::broken::Broken;
use crate::analysis::doctor::{Books, Hop, Process};
use crate::client::{Client, ClientBuilder, Config, ConfigError};
use crate::lab::lesson::STAND_IN_KEY;
use crate::lab::{PeerError, Service, http_client};
use crate::langsmith_mock::{LangSmithMock, MockBuilder, MockRequest};
use crate::model::{Clock, SeededIds, Timestamp, TraceTree};

/// How long a client may take to send what it has; on loopback milliseconds.
pub(super) const PATIENCE: Duration = Duration::from_secs(10);
/// The project of all scenarios that are not about projects.
pub(super) const PROJECT: &str = "catalogue";
/// The request that is asked about; services write it into metadata, as they do into their logs.
pub(super) const REQUEST: (&str, &str) = ("request_id", "r-1");
/// Joins what a caller sent and what its callee got.
const CALL: &str = "x-call";
/// Where a callee says which run it began.
pub(super) const RUN: &str = "x-run";

/// Which way a scenario goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    Broken,
    Repaired,
}

impl Way {
    pub(super) fn is_broken(self) -> bool {
        self == Self::Broken
    }

    /// Chooses between the mistake and its mend.
    pub(super) fn pick<T>(self, broken: T, repaired: T) -> T {
        match self {
            Self::Broken => broken,
            Self::Repaired => repaired,
        }
    }
}

/// Why a scenario could not be played. None of it is the mistake that it shows.
#[derive(Debug, thiserror::Error)]
pub(super) enum SceneError {
    /// A client cannot be made of these settings.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// A service of the stage does not answer.
    #[error(transparent)]
    Http(#[from] reqwest::Error),
    /// The Python side does not.
    #[error(transparent)]
    Peer(#[from] PeerError),
    /// Anything else, in words.
    #[error("{0}")]
    Other(String),
}

impl SceneError {
    pub(super) fn of(error: impl std::fmt::Display) -> Self {
        Self::Other(error.to_string())
    }
}

pub(super) type Played = Result<(), SceneError>;

/// The stage's time. It goes on by its step at each look, and by what scenarios say.
#[derive(Debug, Clone)]
pub(super) struct StageClock {
    micros: Arc<AtomicI64>,
    step: i64,
    behind: i64,
}

impl StageClock {
    fn new() -> Self {
        // 2026-10-01T08:00:00Z
        let begin = 1_790_841_600_000_000;
        Self {
            micros: Arc::new(AtomicI64::new(begin)),
            step: 1_000,
            behind: 0,
        }
    }

    /// Lets so many milliseconds pass, as work does.
    pub(super) fn pass(&self, millis: i64) {
        self.micros.fetch_add(millis * 1_000, Ordering::Relaxed);
    }

    /// Returns the same time on a host whose clock is so many milliseconds behind.
    pub(super) fn behind(&self, millis: i64) -> Self {
        Self {
            behind: millis * 1_000,
            ..self.clone()
        }
    }

    /// Returns the same time for somebody who looks without taking any.
    fn looked_at(&self) -> Self {
        Self {
            step: 0,
            ..self.clone()
        }
    }

    /// Returns the seconds since the stage was set.
    pub(super) fn seconds(&self) -> f64 {
        let begin = Self::new().micros.load(Ordering::Relaxed);
        (self.micros.load(Ordering::Relaxed) - begin) as f64 / 1e6
    }
}

impl Clock for StageClock {
    fn now(&self) -> Timestamp {
        let micros = self.micros.fetch_add(self.step, Ordering::Relaxed) - self.behind;
        DateTime::from_timestamp_micros(micros).unwrap_or(DateTime::UNIX_EPOCH)
    }
}

type Beside = Arc<Mutex<Vec<Value>>>;

pub(super) struct Stage {
    mock: LangSmithMock,
    pub(super) clock: StageClock,
    beside: Beside,
    clients: Mutex<Vec<Client>>,
    // Ends after the rest: nothing of it is to arrive.
    frozen: Mutex<Vec<Client>>,
    calls: AtomicU64,
    recorded: Mutex<Option<Broken>>,
}

/// Sets a stage with a stand-in of its own.
pub(super) async fn set(endpoint: fn(MockBuilder) -> MockBuilder) -> Stage {
    crate::lab::kernel::start();
    let clock = StageClock::new();
    let mock = LangSmithMock::builder().keys([STAND_IN_KEY]);
    let mock = endpoint(mock.clock(clock.looked_at())).start().await;
    Stage {
        mock,
        clock,
        beside: Beside::default(),
        clients: Mutex::default(),
        frozen: Mutex::default(),
        calls: AtomicU64::new(0),
        recorded: Mutex::default(),
    }
}

fn lock<T>(of: &Mutex<T>) -> MutexGuard<'_, T> {
    of.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Stage {
    pub(super) fn mock(&self) -> &LangSmithMock {
        &self.mock
    }

    /// Makes the client of a service.
    pub(super) fn client(&self, service: &str) -> Result<Client, SceneError> {
        self.client_with(service, Config::default(), |builder| builder)
    }

    /// Makes the client of a service with other settings.
    pub(super) fn client_with(
        &self,
        service: &str,
        config: Config,
        change: impl FnOnce(ClientBuilder) -> ClientBuilder,
    ) -> Result<Client, SceneError> {
        let client = self.frozen(service, config, change)?;
        lock(&self.clients).push(client.clone());
        Ok(client)
    }

    /// Makes a client that is not told when the scenario is over, as that of a process that was frozen.
    pub(super) fn frozen(
        &self,
        service: &str,
        config: Config,
        change: impl FnOnce(ClientBuilder) -> ClientBuilder,
    ) -> Result<Client, SceneError> {
        let builder = ClientBuilder::from(config)
            .enabled(true)
            .endpoint(self.mock.url())
            .api_key(STAND_IN_KEY)
            .project(PROJECT)
            .clock(Arc::new(self.clock.clone()))
            .ids(Arc::new(SeededIds::new(self.number())))
            .service(service);
        Ok(change(builder).build()?)
    }

    /// Holds a client of a process that is frozen, to the end of the scenario.
    pub(super) fn keep(&self, client: Client) {
        lock(&self.frozen).push(client);
    }

    /// Returns a number that nobody on this stage has had.
    pub(super) fn number(&self) -> u64 {
        self.calls.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// Sends a body to the stand-in by hand, and returns the status of the answer.
    pub(super) fn post(&self, path: &str, body: impl Into<String>) -> u16 {
        self.post_for("", path, body)
    }

    /// Sends a body for a workspace.
    pub(super) fn post_for(&self, workspace: &str, path: &str, body: impl Into<String>) -> u16 {
        let mut request = MockRequest::new(Method::POST, path, body.into());
        for (name, value) in [
            ("x-api-key", STAND_IN_KEY),
            ("content-type", "application/json"),
            ("x-tenant-id", workspace),
            // Spans name no project by themselves.
            ("langsmith-project", PROJECT),
        ] {
            if let (false, Ok(value)) = (value.is_empty(), HeaderValue::from_str(value)) {
                request.headers.insert(HeaderName::from_static(name), value);
            }
        }
        self.mock.handle(request).status.as_u16()
    }

    /// Writes down what no run says.
    fn beside(&self, kind: &str, value: &impl serde::Serialize) {
        lock(&self.beside).push(json!({ kind: value }));
    }

    /// Writes down the books of a process at this moment.
    pub(super) fn books(&self, books: &Books) {
        self.beside("ledger", books);
    }

    /// Writes down the variables of a process, and what became of them.
    pub(super) fn process(&self, process: &Process) {
        self.beside("environment", process);
    }

    /// Writes down what one side of a call saw.
    pub(super) fn hop(&self, hop: &Hop) {
        self.beside("headers", hop);
    }

    /// Starts a service that writes down the headers of each request, as it answers.
    pub(super) fn serve(&self, name: &'static str, public: bool, router: Router) -> Service {
        let beside = self.beside.clone();
        let look = move |request: Request, next: Next| {
            let beside = beside.clone();
            async move {
                let mut hop = Hop {
                    direction: "in".to_owned(),
                    service: name.to_owned(),
                    method: request.method().to_string(),
                    headers: pairs(request.headers()),
                    public,
                    ..Hop::default()
                };
                let call = hop.values(CALL).next().map(str::to_owned);
                hop.call = call.unwrap_or_default();
                let answer = next.run(request).await;
                hop.status = answer.status().as_u16();
                hop.response_headers = pairs(answer.headers());
                let run = hop.answered(RUN).next().map(str::to_owned);
                hop.run = run;
                if hop.status == 101 {
                    hop.carrier = "websocket".to_owned();
                }
                lock(&beside).push(json!({ "headers": hop }));
                answer
            }
        };
        Service::start(name, router.layer(from_fn(look)))
    }

    /// Asks a service, and writes down what was sent.
    pub(super) async fn call(
        &self,
        method: Method,
        url: String,
        from: &str,
        to: &str,
        headers: HeaderMap,
    ) -> Result<u16, SceneError> {
        let call = format!("call-{}", self.number());
        let request = http_client()
            .request(method.clone(), url)
            .headers(headers.clone())
            .header(CALL, &call)
            .send();
        let answer = request.await?;
        let status = answer.status().as_u16();
        self.hop(&Hop {
            call,
            direction: "out".to_owned(),
            service: from.to_owned(),
            peer: to.to_owned(),
            method: method.to_string(),
            headers: pairs(&headers),
            response_headers: pairs(answer.headers()),
            status,
            ..Hop::default()
        });
        Ok(status)
    }

    /// Writes down what a caller means to send with its next call; for one that sends something else.
    pub(super) fn sent(&self, from: &str, to: &str, headers: &HeaderMap) {
        self.hop(&Hop {
            call: format!("call-{}", self.calls.load(Ordering::Relaxed) + 1),
            direction: "out".to_owned(),
            service: from.to_owned(),
            peer: to.to_owned(),
            method: "GET".to_owned(),
            headers: pairs(headers),
            ..Hop::default()
        });
    }

    /// Takes what was recorded or captured elsewhere for all there is.
    pub(super) fn take(&self, recorded: Broken) {
        *lock(&self.recorded) = Some(recorded);
    }

    /// Sends what is held, and returns what is known.
    pub(super) async fn over(self) -> Broken {
        let clients = std::mem::take(&mut *lock(&self.clients));
        for client in clients {
            // What was refused or dropped is the scenario's own, and stands in its evidence.
            let _ = client.flush_async(PATIENCE).await;
        }
        if let Some(recorded) = lock(&self.recorded).take() {
            return recorded;
        }
        // Whoever reads the capture later knows that the work was over.
        self.clock.pass(60_000);
        let mut capture = self.mock.capture();
        for line in lock(&self.beside).iter() {
            capture.push_str(&line.to_string());
            capture.push('\n');
        }
        let tree: TraceTree = self.mock.tree();
        Broken::new(capture, tree)
    }
}

pub(super) fn pairs(headers: &HeaderMap) -> Vec<(String, String)> {
    let text = |value: &HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    headers
        .iter()
        .map(|(name, value)| (name.to_string(), text(value)))
        .collect()
}
