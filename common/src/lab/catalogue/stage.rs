//! Where a scenario is played: a stand-in, clients, services, a clock, and who writes down what no run says.
//!
//! ```text
//! StageClock ──► clients ──► stand-in ──► runs, ingest log ─┐
//!           └──► services ──► hops ──► beside ──────────────┴─► over ──► Broken
//! ```

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::http::{HeaderName, HeaderValue, Method};
use serde_json::Value;

use super::broken::Broken;
pub(super) use super::clock::StageClock;
pub(super) use super::watched::RUN;
pub(super) use super::way::{Played, SceneError, Way};
use crate::client::{Client, ClientBuilder, Config};
use crate::lab::lesson::STAND_IN_KEY;
use crate::langsmith_mock::{LangSmithMock, MockBuilder, MockRequest};
use crate::model::{SeededIds, TraceTree};

/// How long a client may take to send what it has; on loopback milliseconds.
pub(super) const PATIENCE: Duration = Duration::from_secs(10);
/// The project of all scenarios that are not about projects.
pub(super) const PROJECT: &str = "catalogue";
/// The request that is asked about; services write it into metadata, as they do into their logs.
pub(super) const REQUEST: (&str, &str) = ("request_id", "r-1");

type Beside = Arc<Mutex<Vec<Value>>>;

pub(super) struct Stage {
    mock: LangSmithMock,
    pub(super) clock: StageClock,
    pub(super) beside: Beside,
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

pub(super) fn lock<T>(of: &Mutex<T>) -> MutexGuard<'_, T> {
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

    /// Returns the number that [`number`](Self::number) will give next.
    pub(super) fn next_number(&self) -> u64 {
        self.calls.load(Ordering::Relaxed) + 1
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
