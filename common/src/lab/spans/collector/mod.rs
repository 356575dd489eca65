//! A real collector between a lesson's spans and LangSmith: rotel, a process that takes OTLP and passes it on.
//!
//! ```text
//! otel::Pipeline ──OTLP──► Collector (rotel): batch · gzip · try again ──OTLP──► stand-in, or another
//!                             └─ stop, drop: SIGTERM, so that it sends what it holds and ends
//! ```
//!
//! Start at [`Collector::start`].

mod process;

use std::fmt;
use std::net::TcpListener;
use std::time::Duration;

use crate::lab::lesson::{Lesson, STAND_IN_KEY};
use process::{Running, installed};

/// How often a port is chosen that somebody else then takes first.
const PORTS: usize = 5;
const TAKEN: &str = "unable to bind";

/// A collector on loopback, in a process of its own: rotel, from the Python registry.
///
/// ```no_run
/// use common::lab::{Collector, Lesson};
///
/// # #[tokio::main]
/// # async fn main() -> Result<(), common::lab::CollectorError> {
/// let lesson = Lesson::start("collector").await;
/// if let Some(why) = Collector::missing() {
///     println!("skipped: {why}");
///     return Ok(());
/// }
/// let collector = Collector::start(&lesson).await?;
/// // `common::client::Config { endpoint: collector.url(), .. }` sends spans through it, without a key.
/// println!("{collector}");
/// print!("{}", collector.stop().await?);
/// # Ok(())
/// # }
/// ```
///
/// It ends when this handle is dropped, and also when the process behind a notebook is killed. It holds spans
/// in memory only.
pub struct Collector {
    url: String,
    to: String,
    engine: String,
    running: Running,
}

/// Configures a [`Collector`]. Made by [`Collector::builder`].
#[must_use = "a collector begins with `.start()`"]
pub struct CollectorBuilder {
    to: String,
    headers: Vec<(String, String)>,
    settings: Vec<(&'static str, String)>,
}

/// Why there is no collector, or no longer. Its `Debug` is its `Display`, so that `expect` reads well.
#[derive(thiserror::Error)]
pub enum CollectorError {
    /// It is not installed, or does not run on this machine: the text says what to do.
    #[error("{0}")]
    Missing(String),
    /// A header that rotel would read as two: choose a name and a value without comma, a name without `=`.
    #[error(
        "the header `{0}` cannot be given to the collector: no comma in it, no `=` in its name"
    )]
    Header(String),
    /// It ended by itself, or not well: its log says why.
    #[error("the collector has ended ({status})\n{log}")]
    Ended {
        /// How it ended.
        status: String,
        /// The last lines of its log.
        log: String,
    },
    /// It runs but took too long: look at the machine's load, then try again.
    #[error("the collector took too long\n{log}")]
    Slow {
        /// The last lines of its log.
        log: String,
    },
}

impl fmt::Debug for CollectorError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Collector {
    /// Starts a collector that sends to a lesson's stand-in, with its key and the lesson's project, and tries
    /// again soon. It returns when the collector listens.
    ///
    /// It sends to the stand-in wherever the lesson sends: rotel has one exporter.
    ///
    /// # Errors
    /// When no collector is installed, or it does not start.
    pub async fn start(lesson: &Lesson) -> Result<Self, CollectorError> {
        Self::builder(format!("{}/otel", lesson.mock().url()))
            .header("x-api-key", STAND_IN_KEY)
            .header("Langsmith-Project", lesson.project())
            .retry_after(Duration::from_millis(100))
            .start()
            .await
    }

    /// Begins the configuration of a collector that sends to `endpoint`, to which `/v1/traces` is appended:
    /// `https://eu.api.smith.langchain.com/otel`.
    pub fn builder(endpoint: impl Into<String>) -> CollectorBuilder {
        CollectorBuilder {
            to: endpoint.into(),
            headers: Vec::new(),
            settings: Vec::new(),
        }
    }

    /// Says why no collector can be started here; nothing if one can.
    pub fn missing() -> Option<String> {
        installed().err().map(|error| error.to_string())
    }

    /// Returns where it takes spans, as OTLP over HTTP: `http://127.0.0.1:…/v1/traces`.
    pub fn url(&self) -> String {
        self.url.clone()
    }

    /// Returns which engine it is, such as `rotel 0.0.1-alpha10`.
    pub fn engine(&self) -> &str {
        &self.engine
    }

    /// Returns the last lines of its log.
    pub fn log(&self) -> String {
        self.running.log()
    }

    /// Tells it to end, by SIGTERM, waits until it has, and returns its log. It sends first what it has
    /// accepted, for three seconds at most.
    ///
    /// # Errors
    /// When it had ended before, takes too long, or ends with an error, such as that it ran out of time.
    pub async fn stop(self) -> Result<String, CollectorError> {
        let running = self.running;
        blocking(move || running.end()).await
    }

    /// Prints the collector as the result of a notebook cell.
    pub fn evcxr_display(&self) {
        use std::io::Write as _;
        // Nothing is left to tell if standard output is gone.
        let _ = writeln!(std::io::stdout(), "{self}");
    }
}

impl CollectorBuilder {
    /// Adds a header to each request that it sends. Headers of what it receives go no further.
    ///
    /// It reaches the collector through its environment, where the process list does not show it.
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// Sends a batch after this time at the latest. Default: 200 ms.
    pub fn batch_after(self, time: Duration) -> Self {
        self.set("ROTEL_BATCH_TIMEOUT", millis(time))
    }

    /// Sends a batch of so many spans at most. Default: 8192.
    pub fn batch_of(self, spans: usize) -> Self {
        self.set("ROTEL_BATCH_MAX_SIZE", spans.to_string())
    }

    /// Tries again after this time first, then after longer ones. Default: 5 s.
    pub fn retry_after(self, time: Duration) -> Self {
        self.set("ROTEL_OTLP_EXPORTER_RETRY_INITIAL_BACKOFF", millis(time))
    }

    /// Starts the collector on a free port of this machine, and returns when it listens.
    ///
    /// # Errors
    /// When no collector is installed, it does not start, or a header cannot be given to it.
    pub async fn start(self) -> Result<Collector, CollectorError> {
        crate::lab::kernel::start();
        blocking(move || self.start_here()).await
    }

    fn set(mut self, variable: &'static str, value: String) -> Self {
        self.settings.push((variable, value));
        self
    }

    fn start_here(self) -> Result<Collector, CollectorError> {
        let (program, engine) = installed()?;
        let mut settings = self.settings;
        settings.extend([
            ("ROTEL_EXPORTER", "otlp".to_owned()),
            ("ROTEL_OTLP_EXPORTER_PROTOCOL", "http".to_owned()),
            ("ROTEL_OTLP_EXPORTER_ENDPOINT", self.to.clone()),
            // Nobody asks for gRPC; it has to be another address, and takes any port.
            ("ROTEL_OTLP_GRPC_ENDPOINT", "127.0.0.1:0".to_owned()),
        ]);
        let headers = joined(&self.headers)?;
        if !headers.is_empty() {
            settings.push(("ROTEL_OTLP_EXPORTER_CUSTOM_HEADERS", headers));
        }
        let mut tried = 1;
        loop {
            let address = free_address()?;
            let mut settings = settings.clone();
            settings.push(("ROTEL_OTLP_HTTP_ENDPOINT", address.clone()));
            let started = Running::start(&program, &settings);
            match started.and_then(|running| running.answering(&address)) {
                Ok(running) => {
                    return Ok(Collector {
                        url: format!("http://{address}/v1/traces"),
                        to: self.to,
                        engine,
                        running,
                    });
                }
                // Between choosing the port and binding it, somebody else did.
                Err(CollectorError::Ended { log, .. }) if log.contains(TAKEN) && tried < PORTS => {
                    tried += 1;
                }
                Err(error) => return Err(error),
            }
        }
    }
}

/// Does what blocks on a thread for that.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, CollectorError> + Send + 'static,
) -> Result<T, CollectorError> {
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or_else(|error| Err(CollectorError::Missing(error.to_string())))
}

/// Writes headers as rotel reads them.
fn joined(headers: &[(String, String)]) -> Result<String, CollectorError> {
    let mut written = Vec::new();
    for (name, value) in headers {
        if name.contains([',', '=']) || value.contains(',') {
            return Err(CollectorError::Header(name.clone()));
        }
        written.push(format!("{name}={value}"));
    }
    Ok(written.join(","))
}

fn free_address() -> Result<String, CollectorError> {
    let listener = TcpListener::bind("127.0.0.1:0");
    let address = listener.and_then(|listener| listener.local_addr());
    address
        .map(|address| address.to_string())
        .map_err(|error| CollectorError::Missing(format!("no port is free: {error}")))
}

fn millis(time: Duration) -> String {
    format!("{}ms", time.as_millis())
}

impl fmt::Display for Collector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            url, to, engine, ..
        } = self;
        write!(f, "{engine} takes spans at {url} and sends them to {to}")
    }
}

impl fmt::Debug for Collector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Collector({self})")
    }
}

impl fmt::Debug for CollectorBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = self.headers.iter().map(|(name, _)| &**name).collect();
        f.debug_struct("CollectorBuilder")
            .field("to", &self.to)
            .field("headers", &names)
            .field("settings", &self.settings)
            .finish()
    }
}
