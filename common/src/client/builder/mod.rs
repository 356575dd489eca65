//! A client that is about to be made.
//!
//! ```text
//! Config, from the environment ──► ClientBuilder: places · batch · what runs say ──build──► Client
//! ```

mod places;

use std::sync::Arc;
use std::time::Duration;

use super::config::{Config, ConfigError, copy_into, set_revision};
use super::handle::{Client, Origin};
use super::privacy::sampler;
use super::replica::Replica;
use crate::export::{BatchConfig, Delivery, DropReason, OnDrop, SpoolConfig, Transform};
use crate::model::{Clock, IdGenerator, RunOp};
use crate::trace::{RunSink, Sampling, Tracer, Updates};

/// Configures a [`Client`]. Made by [`Client::builder`]; a setting in code wins over the environment.
#[derive(Debug)]
pub struct ClientBuilder {
    pub(super) config: Config,
    clock: Option<Arc<dyn Clock>>,
    ids: Option<Arc<dyn IdGenerator>>,
    service: Option<String>,
    omit_runtime: bool,
    sink: Option<Arc<dyn RunSink>>,
    updates: Option<Updates>,
    sampling: Sampling,
}

impl From<Config> for ClientBuilder {
    fn from(config: Config) -> Self {
        Self {
            config,
            clock: None,
            ids: None,
            service: None,
            omit_runtime: false,
            sink: None,
            updates: None,
            sampling: Sampling::new(),
        }
    }
}

impl ClientBuilder {
    /// Sets the project of new traces.
    #[must_use]
    pub fn project(mut self, project: impl Into<String>) -> Self {
        self.config.project = project.into();
        self
    }

    /// Switches tracing on or off. Off, runs are handles that do nothing and no thread is started; so no
    /// scope can switch it on again. A program where a few scopes are to be on builds a client that is
    /// on, and calls [`configure(Scope::off())`](crate::trace::configure).
    #[must_use]
    pub fn enabled(mut self, enabled: bool) -> Self {
        self.config.tracing = enabled;
        self
    }

    /// Sets how operations are gathered and sent.
    #[must_use]
    pub fn batch(mut self, batch: BatchConfig) -> Self {
        self.config.batch = batch;
        self
    }

    /// Allows or forbids compression; allowed, it is done if the server's `/info` says so.
    #[must_use]
    pub fn compress(mut self, compress: bool) -> Self {
        self.config.batch.compress = compress;
        self
    }

    /// Sets how hard bodies are compressed, from -7 (fast) to 22 (small); what is beyond is cut.
    #[must_use]
    pub fn compression_level(mut self, level: i32) -> Self {
        self.config.batch.compression_level = level;
        self
    }

    /// Sends each operation in a request of its own: `POST /runs`, `PATCH /runs/{id}`.
    #[must_use]
    pub fn unbatched(mut self) -> Self {
        self.config.batch.delivery = Delivery::Unbatched;
        self
    }

    /// Keeps on disk what memory cannot hold or cannot send; see [`SpoolConfig`]. Each destination has
    /// a folder of its own in there.
    ///
    /// ```
    /// use common::client::Client;
    /// use common::export::SpoolConfig;
    ///
    /// # let folder = tempfile::tempdir()?;
    /// # let folder = folder.path().join("spool");
    /// let client = Client::builder()
    ///     .endpoint("http://127.0.0.1:1984")
    ///     .spool(SpoolConfig::new(&folder).durable())
    ///     .build()?;
    /// # client.shutdown(std::time::Duration::ZERO).ok();
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn spool(mut self, spool: SpoolConfig) -> Self {
        self.config.batch.spool = Some(spool);
        self
    }

    /// Changes operations before they are written; see [`Transform`].
    #[must_use]
    pub fn transform(mut self, change: impl Fn(&mut [RunOp]) + Send + Sync + 'static) -> Self {
        self.config.batch.transform = Some(Transform::new(change));
        self
    }

    /// Tells a function of operations that are given up; see [`OnDrop`].
    #[must_use]
    pub fn on_drop(mut self, hear: impl Fn(DropReason, u64) + Send + Sync + 'static) -> Self {
        self.config.batch.on_drop = Some(OnDrop::new(hear));
        self
    }

    /// Sets how long a question to LangSmith may take in all, further attempts included; 30 s by default.
    #[must_use]
    pub fn ask_timeout(mut self, timeout: Duration) -> Self {
        self.config.ask_timeout = timeout;
        self
    }

    /// Sets the clock; the system's by default.
    #[must_use]
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = Some(clock);
        self
    }

    /// Sets the source of ids; random by default.
    #[must_use]
    pub fn ids(mut self, ids: Arc<dyn IdGenerator>) -> Self {
        self.ids = Some(ids);
        self
    }

    /// Names the service that the runs are of, in each run's metadata under
    /// [`SERVICE`](crate::trace::SERVICE).
    #[must_use]
    pub fn service(mut self, service: impl Into<String>) -> Self {
        self.service = Some(service.into());
        self
    }

    /// Leaves the description of SDK, language and platform out of the runs.
    #[must_use]
    pub fn omit_runtime(mut self) -> Self {
        self.omit_runtime = true;
        self
    }

    /// Names the revision of the program, in the metadata `revision_id` of every run.
    #[must_use]
    pub fn revision_id(mut self, revision: impl Into<String>) -> Self {
        set_revision(&mut self.config.metadata, revision.into());
        self
    }

    /// Copies variables of the environment into the metadata of every run, under their own names.
    ///
    /// None is copied unless it is named here. A name that may hold a secret (`…KEY…`, `…TOKEN…` and the
    /// like) is refused with a warning.
    ///
    /// ```
    /// use common::client::Client;
    ///
    /// let builder = Client::builder().metadata_from_env(["DEPLOYMENT", "LANGSMITH_PROJECT"]);
    /// # drop(builder);
    /// ```
    #[must_use]
    pub fn metadata_from_env<T: Into<String>>(self, names: impl IntoIterator<Item = T>) -> Self {
        self.metadata_from(names, |name| std::env::var(name).ok())
    }

    /// Copies variables as [`metadata_from_env`](Self::metadata_from_env) does, from any source of them.
    #[must_use]
    pub fn metadata_from<T: Into<String>>(
        mut self,
        names: impl IntoIterator<Item = T>,
        lookup: impl Fn(&str) -> Option<String>,
    ) -> Self {
        let names = names.into_iter().map(Into::into);
        for refused in copy_into(&mut self.config.metadata, names, lookup) {
            tracing::warn!("{refused}");
            self.config.sources.warn(refused);
        }
        self
    }

    /// Sends the inputs again with each run's end, for the case that its beginning is lost. A run then
    /// holds its inputs until it ends. Off by default.
    #[must_use]
    pub fn inputs_on_patch(mut self, again: bool) -> Self {
        self.config.inputs_on_patch = again;
        self
    }

    /// Gives the runs to a sink of the caller's instead of sending them: LangSmith's "local" mode.
    #[must_use]
    pub fn sink(mut self, sink: Arc<dyn RunSink>) -> Self {
        self.sink = Some(sink);
        self
    }

    /// Sends what open runs have so far, from time to time: for a server that takes more than one update of a
    /// run, as the hosted LangSmith does not. Replicas get them too, so each has to. Off by default; see
    /// [`Updates`].
    #[must_use]
    pub fn updates(mut self, updates: Updates) -> Self {
        self.updates = Some(updates);
        self
    }

    /// Sets which traces are kept: by rules, within limits, and by how they end; see [`Sampling`]. A sampler that it
    /// names wins over the sampling rate, in code or of the environment.
    #[must_use]
    pub fn sampling(mut self, sampling: Sampling) -> Self {
        self.sampling = sampling;
        self
    }

    /// Makes the client and starts its exporters.
    ///
    /// # Errors
    /// If a setting cannot be used; the error says which, and what to do.
    pub fn build(self) -> Result<Client, ConfigError> {
        let mut config = self.config;
        let sampler = sampler(config.sampling_rate)?;
        let mut replicas = std::mem::take(&mut config.replicas);
        if !config.only_replicas && self.sink.is_none() {
            replicas.insert(0, Replica::own());
        }
        // Without an exporter and a sink of the caller's there is nowhere to go, whatever a scope says.
        let nowhere = !config.tracing && self.sink.is_none();
        if !config.tracing {
            replicas.clear();
        }
        let origin = Origin::new(&config, self.sink);
        let (sink, main) = origin.sink(replicas)?;
        let mut tracer = Tracer::builder(sink)
            .project(Some(config.project))
            .metadata(config.metadata)
            .inputs_on_patch(config.inputs_on_patch)
            .enabled(config.tracing)
            .sampling(self.sampling.or(sampler))
            .allow_unprocessed(config.redactor.allows_unprocessed())
            .redactor(config.redactor);
        if nowhere {
            tracer = tracer.never();
        }
        if let Some(clock) = self.clock {
            tracer = tracer.clock(clock);
        }
        if let Some(ids) = self.ids {
            tracer = tracer.ids(ids);
        }
        if let Some(service) = self.service {
            tracer = tracer.service(service);
        }
        if let Some(updates) = self.updates {
            tracer = tracer.updates(updates);
        }
        if self.omit_runtime {
            tracer = tracer.omit_runtime();
        }
        let tracer = tracer.build();
        origin.hold_back(&tracer);
        Ok(Client::new(tracer, origin, main))
    }
}
