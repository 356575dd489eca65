//! One lesson: a stand-in, the clients of its services, and what was captured.
//!
//! ```text
//! target · preflight ──► Lesson ──clients──► runs ──► stand-in ──► tree(n) · link · finish
//!                          └─ watch: headers as they arrive, losses ──► capture(n) · check(id)
//! ```
//!
//! Start at [`Lesson::start`].

mod clients;
mod preflight;
mod target;
mod watch;

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

pub use self::clients::Misconfiguration;
pub use self::preflight::{Finding, Preflight, Weight};
pub use self::target::Target;
pub(super) use self::target::{Environment, root};
pub(super) use self::watch::WATCHED;
use self::watch::Watch;
use crate::client::{Client, ConfigError};
use crate::export::{ExportStats, FlushError};
use crate::langsmith_mock::LangSmithMock;
use crate::model::TraceTree;
use crate::trace::RunTree;

/// How long a lesson waits for runs to arrive. Far above what loopback takes; a bound, not a pause.
const ARRIVAL: Duration = Duration::from_secs(15);
/// How long a cell waits for the real service, which may be far away.
const COURTESY: Duration = Duration::from_secs(1);
/// How long it takes to see that what is left lies on disk.
const GLANCE: Duration = Duration::from_millis(250);
/// How long the end of a lesson waits for the real service.
const FAREWELL: Duration = Duration::from_secs(5);
/// The key that lessons show to the stand-in. It opens nothing.
pub(super) const STAND_IN_KEY: &str = "stand-in-key";

/// A lesson in progress. A cheap clone.
///
/// It starts a stand-in, makes a [`Client`] for each service of the story, and gives back what they
/// sent as a [`TraceTree`]. With `WORKBOOK_TARGET=langsmith` and a key, runs go to the real service as
/// well.
#[derive(Clone)]
pub struct Lesson {
    inner: Arc<Inner>,
    /// Where the clients made by this handle send.
    target: Target,
}

struct Inner {
    name: String,
    mock: LangSmithMock,
    env: Environment,
    /// Where the lesson as a whole sends.
    target: Target,
    clients: Mutex<Vec<Client>>,
    #[cfg(feature = "otel")]
    pipelines: Mutex<Vec<crate::otel::Pipeline>>,
    watch: Watch,
}

impl Lesson {
    /// Starts a lesson with a stand-in of its own.
    ///
    /// # Panics
    /// When `WORKBOOK_TARGET=langsmith` is set without a usable key: sending elsewhere than asked for
    /// would be worse than stopping.
    #[allow(clippy::expect_used, reason = "lessons stop where they cannot go on")]
    pub async fn start(name: &str) -> Self {
        let started = Self::try_start(name).await;
        started.expect("WORKBOOK_TARGET=langsmith needs LANGSMITH_API_KEY")
    }

    /// Starts a lesson as [`start`](Self::start) does, for a program that says itself what is wrong.
    ///
    /// # Errors
    /// When `WORKBOOK_TARGET=langsmith` is set, and the key or the endpoint cannot be used.
    pub async fn try_start(name: &str) -> Result<Self, ConfigError> {
        super::kernel::start();
        let env = Environment::load();
        let target = Target::from_env(&env);
        let mock = LangSmithMock::builder().keys([STAND_IN_KEY]).start().await;
        let inner = Inner {
            name: name.to_owned(),
            mock,
            env,
            target,
            clients: Mutex::default(),
            #[cfg(feature = "otel")]
            pipelines: Mutex::default(),
            watch: Watch::default(),
        };
        let lesson = Self {
            inner: Arc::new(inner),
            target,
        };
        if target == Target::LangSmith {
            // Fails here, in the set-up cell, rather than in the first cell that sends.
            lesson.try_client("preflight")?;
        }
        Ok(lesson)
    }

    /// Returns the same lesson for what has no place in anybody's account: load, faults, and requests of
    /// strangers. Its clients and peers send to the stand-in and nowhere else, wherever the lesson sends.
    ///
    /// Stand-in, pictures and checks are those of the lesson.
    #[must_use]
    pub fn apart(&self) -> Self {
        Self {
            inner: self.inner.clone(),
            target: Target::StandIn,
        }
    }

    /// Returns the stand-in.
    pub fn mock(&self) -> &LangSmithMock {
        &self.inner.mock
    }

    /// Returns the project that the lesson's runs are filed under.
    pub fn project(&self) -> String {
        format!("workbook-{}", self.inner.name)
    }

    /// Forgets the runs captured so far, so that the next picture shows the next trace only.
    pub fn clear(&self) {
        self.flush_all();
        self.inner.mock.clear();
        self.inner.watch.clear(self.lost());
    }

    /// Returns how many operations did not reach the stand-in, since the lesson began.
    fn lost(&self) -> u64 {
        // With a real service, the stand-in is the second destination.
        let lost = |client: &Client| client.stats_by_destination().pop().map(|(_, stats)| stats);
        let books = self.clients().iter().filter_map(lost).collect::<Vec<_>>();
        let sum = |stats: &ExportStats| stats.total_dropped() + stats.total_refused();
        books.iter().map(sum).sum()
    }

    fn watch(&self) -> &Watch {
        &self.inner.watch
    }

    fn name(&self) -> &str {
        &self.inner.name
    }

    /// Waits until `expected` runs have ended and arrived, and returns all runs captured since the
    /// last [`clear`](Self::clear). When they do not come, says which are there, and returns those.
    pub async fn tree(&self, expected: usize) -> TraceTree {
        self.flush_all();
        if let Err(missing) = self.inner.mock.wait_for_ended(expected, ARRIVAL).await {
            tracing::warn!("{missing}");
            say(&format!("⚠ {missing}"));
        }
        self.inner.mock.tree()
    }

    /// Returns where the lesson's runs go.
    pub fn target(&self) -> Target {
        self.target
    }

    /// Says where runs go.
    pub fn destination(&self) -> String {
        let stand_in = self.inner.mock.url();
        match self.target {
            Target::StandIn => format!(
                "Runs go to the stand-in at {stand_in} and nowhere else.\n\
                 To send them to LangSmith as well: WORKBOOK_TARGET=langsmith and a key."
            ),
            Target::LangSmith => format!(
                "Runs go to LangSmith, project `{}`, and to the stand-in at {stand_in}.",
                self.project()
            ),
        }
    }

    /// Returns the address of the page that shows a run's trace: LangSmith's if runs go there, else the
    /// stand-in's. It is for reading, so what hinders it is told in its place.
    ///
    /// It blocks for a question to LangSmith, once a project.
    pub fn link(&self, run: &RunTree) -> String {
        self.flush_all();
        let client = self.clients().first().cloned();
        let asked = client.map(|client| client.run_url_blocking(run));
        match asked {
            Some(Ok(address)) => address,
            Some(Err(error)) => format!("no page: {error}"),
            None => "no page: the lesson has no client yet".to_owned(),
        }
    }

    /// Sends what is left and says what became of it.
    ///
    /// # Panics
    /// When runs were lost and nobody is watching (`WORKBOOK_HEADLESS`): a page that sent nothing has not
    /// succeeded.
    pub fn finish(&self) {
        // Blocking, as a stock kernel gives every cell a tokio of its own, unknown to the exporter's.
        let flushed = self
            .clients()
            .iter()
            .map(|client| client.flush(FAREWELL))
            .collect::<Vec<_>>();
        let lost: Vec<String> = flushed
            .into_iter()
            .filter_map(Result::err)
            // What is on disk is not lost.
            .filter(|error| !matches!(error, FlushError::Stored { .. }))
            .map(|error| error.to_string())
            .collect();
        if !lost.is_empty() {
            say(&format!("⚠ {}", lost.join("; ")));
            assert!(
                std::env::var_os("WORKBOOK_HEADLESS").is_none(),
                "runs were lost"
            );
        }
    }

    /// Prints the lesson as the result of a notebook cell.
    pub fn evcxr_display(&self) {
        say(&self.to_string());
    }

    /// Sends what is waiting. A real service that is slow or away must not hold up the lesson: the
    /// stand-in has its own queue.
    pub(super) fn flush_all(&self) {
        let patience = match self.inner.target {
            Target::StandIn => ARRIVAL,
            Target::LangSmith => COURTESY,
        };
        for client in self.clients().iter() {
            // What is left is told by `finish`, and missing runs by `tree`. Only what is in memory is worth a
            // wait: what lies on disk may be for a process that comes later, and `tree` waits for runs.
            if let Err(FlushError::Timeout { .. }) = client.flush(patience.min(GLANCE)) {
                let _ = client.flush(patience);
            }
        }
        #[cfg(feature = "otel")]
        for spans in self.pipelines().iter() {
            let _ = spans.flush(patience);
        }
    }

    #[cfg(feature = "otel")]
    pub(super) fn pipelines(&self) -> std::sync::MutexGuard<'_, Vec<crate::otel::Pipeline>> {
        let pipelines = &self.inner.pipelines;
        pipelines.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn clients(&self) -> std::sync::MutexGuard<'_, Vec<Client>> {
        self.inner
            .clients
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Display for Lesson {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Lesson `{}`. {}", self.inner.name, self.destination())
    }
}

impl fmt::Debug for Lesson {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Lesson({}, {:?})", self.inner.name, self.target)
    }
}

/// Prints a line on the notebook's standard output.
fn say(line: &str) {
    use std::io::Write as _;
    // Nothing is left to tell if standard output is gone.
    let _ = writeln!(std::io::stdout(), "{line}");
}
