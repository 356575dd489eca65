//! Asking LangSmith: what became of the runs, and everything else that is no run on its way out.
//!
//! ```text
//! client.read_run(id) ─► Question ─► exporter's runtime ─► GET /runs/{id} ─► StoredRun
//!   .list_runs(RunQuery)  │ path built     again while it may help,  POST /runs/query ─► Pages<StoredRun>
//!   .run_url(&run)        │ of words       within one deadline       GET /sessions?name=…
//!   .create_feedback(…)   │ and ids                                  POST /feedback, or with the runs
//!   …_blocking(…) ────────┘ the same future, waited for by a thread
//! ```
//!
//! Each method has a twin that blocks; both work from any runtime and from none, because the exporter's
//! own does the I/O. A blocking twin blocks its thread: inside of a single-threaded runtime that also
//! serves the endpoint, such as a test's, use the other. Start at [`Client::read_run`].
//!
//! ```no_run
//! use std::time::Duration;
//! use common::client::Client;
//!
//! let client = Client::from_env()?;
//! let run = client.run("answer").start();
//! run.end_with(serde_json::json!({"answer": 42}));
//! client.flush(Duration::from_secs(5))?;
//! println!("look: {}", client.run_url_blocking(&run)?);
//! if let Some(id) = run.id() {
//!     let stored = client.wait_for_run_blocking(id, Duration::from_secs(30))?;
//!     println!("{} took {:?} and cost {:?}", stored.status, stored.latency(), stored.total_cost);
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use secrecy::{ExposeSecret as _, SecretString};

use super::config::Config;
use super::handle::Client;
use crate::export::{Destination, HttpResponse, RetryPolicy};

mod detail;
mod error;
mod feedback;
mod fields;
mod links;
mod pages;
mod path;
mod project;
mod projects;
mod question;
mod run_query;
mod run_stats;
mod runs;
mod sharing;
mod stored_run;
pub(super) mod wait;
mod web_app;

pub use error::AskError;
pub use feedback::{FeedbackQuery, FeedbackUpdate};
pub use links::RunLocator;
pub use pages::Pages;
pub use project::{
    NewProject, Project, ProjectQuery, ProjectRef, ProjectUpdate, WorkspaceSettings,
};
pub use question::MAX_ANSWER_BYTES;
pub use run_query::{DEFAULT_SELECT, RunQuery};
pub use run_stats::RunStats;
pub use stored_run::StoredRun;
pub use web_app::WebApp;

use links::Place;
pub(super) use path::Path;
use question::Manner;
pub(super) use question::Question;

/// How long a question may take in all, further attempts included.
pub const DEFAULT_ASK_TIMEOUT: Duration = Duration::from_secs(30);

/// What all handles of a client need to ask.
#[derive(Debug)]
pub(super) struct Asking {
    web_url: Option<String>,
    timeout: Duration,
    retry: RetryPolicy,
    // Where the runs of a project are shown, by destination and project: a link to each trace costs one
    // question in all.
    places: Mutex<HashMap<String, Place>>,
}

impl Asking {
    pub(super) fn new(config: &Config) -> Self {
        Self {
            web_url: config.web_url.clone(),
            timeout: config.ask_timeout,
            retry: config.batch.retry.clone(),
            places: Mutex::default(),
        }
    }

    fn manner(&self, to: &Destination) -> Manner {
        // A header of the user's may be a credential too.
        let headers = to.headers.iter().map(|(_, value)| value.as_str());
        let current = to.api_key_from.as_ref().and_then(|from| from.current());
        let key = to.api_key.as_ref().or(current.as_ref());
        let key = key.map(|key| key.expose_secret().trim());
        Manner {
            timeout: self.timeout,
            retry: self.retry.clone(),
            secrets: headers.chain(key).map(SecretString::from).collect(),
        }
    }

    fn places(&self) -> std::sync::MutexGuard<'_, HashMap<String, Place>> {
        self.places.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Client {
    /// Carries a question to the main destination.
    pub(super) async fn ask(&self, question: Question) -> Result<HttpResponse, AskError> {
        let lane = self.main.as_ref().ok_or(AskError::NotSending)?;
        let manner = self.origin.asking.manner(lane.destination());
        lane.exporter
            .run(move |transport| manner.ask(transport, question))
            .await?
    }

    /// Sleeps on the exporter's clock: the caller's runtime may have none, or be none.
    pub(super) async fn rest(&self, length: Duration) -> Result<(), AskError> {
        let lane = self.main.as_ref().ok_or(AskError::NotSending)?;
        let rest = lane.exporter.run(move |_| tokio::time::sleep(length));
        Ok(rest.await?)
    }
}
