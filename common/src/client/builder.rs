//! A client that is about to be made.

use std::sync::Arc;
use std::time::Duration;

use secrecy::SecretString;

use super::asking::Asking;
use super::config::{Config, ConfigError, is_hosted};
use super::exporters::Exporters;
use super::handle::Client;
use crate::export::{BatchConfig, BatchExporter, Destination, trimmed_key};
use crate::model::{Clock, IdGenerator};
use crate::trace::{RunSink, TeeSink, Tracer};

/// Configures a [`Client`]. Made by [`Client::builder`]; a setting in code wins over the environment.
#[derive(Debug)]
pub struct ClientBuilder {
    config: Config,
    clock: Option<Arc<dyn Clock>>,
    ids: Option<Arc<dyn IdGenerator>>,
    service: Option<String>,
    omit_runtime: bool,
    also: Vec<Destination>,
    sink: Option<Arc<dyn RunSink>>,
}

impl From<Config> for ClientBuilder {
    fn from(config: Config) -> Self {
        Self {
            config,
            clock: None,
            ids: None,
            service: None,
            omit_runtime: false,
            also: Vec::new(),
            sink: None,
        }
    }
}

impl ClientBuilder {
    /// Sets the address of LangSmith, with or without a `/` at its end.
    #[must_use]
    pub fn endpoint(mut self, endpoint: impl Into<String>) -> Self {
        self.config.endpoint = endpoint.into();
        self
    }

    /// Sets the key. Blanks and line breaks around it are removed; if nothing is left, there is none.
    #[must_use]
    pub fn api_key(mut self, key: impl Into<SecretString>) -> Self {
        self.config.api_key = trimmed_key(&key.into());
        self
    }

    /// Sets the workspace, sent as `X-Tenant-Id`.
    #[must_use]
    pub fn workspace_id(mut self, workspace: impl Into<String>) -> Self {
        self.config.workspace_id = Some(workspace.into());
        self
    }

    /// Sets the project of new traces.
    #[must_use]
    pub fn project(mut self, project: impl Into<String>) -> Self {
        self.config.project = project.into();
        self
    }

    /// Switches tracing on or off. Off, runs are handles that do nothing and no thread is started.
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

    /// Adds a header to every request; it never replaces one of ours.
    #[must_use]
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.config.headers.push((name.into(), value.into()));
        self
    }

    /// Trusts a certificate authority, in PEM, besides the platform's own.
    #[must_use]
    pub fn extra_ca_pem(mut self, pem: impl Into<Vec<u8>>) -> Self {
        self.config.extra_ca_pem.push(pem.into());
        self
    }

    /// Sets where the web app is, for links to runs; derived from the endpoint by default, as
    /// [`WebApp::of`](super::WebApp::of) tells.
    #[must_use]
    pub fn web_url(mut self, url: impl Into<String>) -> Self {
        self.config.web_url = Some(url.into());
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

    /// Sends every run to a second place as well, under the same ids.
    ///
    /// The lessons use it to send to the real service and to the stand-in that draws the figures. The
    /// second place gets its own queue, key and books; headers and certificates of the first are not
    /// shared with it.
    #[must_use]
    pub fn also_send_to(mut self, destination: Destination) -> Self {
        self.also.push(destination);
        self
    }

    /// Gives the runs to a sink of the caller's instead of sending them: LangSmith's "local" mode.
    #[must_use]
    pub fn sink(mut self, sink: Arc<dyn RunSink>) -> Self {
        self.sink = Some(sink);
        self
    }

    /// Makes the client and starts its exporters.
    ///
    /// # Errors
    /// If a setting cannot be used; the error says which, and what to do.
    pub fn build(self) -> Result<Client, ConfigError> {
        let config = self.config;
        let asking = Asking::new(&config);
        let mut exporters = Vec::new();
        if config.tracing {
            let mut destinations = self.also;
            if self.sink.is_none() {
                destinations.insert(0, config.destination());
            }
            for destination in destinations {
                let key = destination.api_key.as_ref().and_then(trimmed_key);
                if key.is_none() && is_hosted(&destination.endpoint) {
                    return Err(ConfigError::MissingApiKey);
                }
                let exporter = BatchExporter::start(&destination, config.batch.clone())?;
                exporters.push((destination.endpoint, exporter));
            }
        }
        let exporters = Arc::new(Exporters::new(exporters, config.batch.shutdown_timeout));
        let sink: Arc<dyn RunSink> = match self.sink {
            Some(sink) => Arc::new(TeeSink::new(sink, exporters.clone())),
            None => exporters.clone(),
        };
        let mut tracer = Tracer::builder(sink)
            .project(Some(config.project))
            .enabled(config.tracing);
        if let Some(clock) = self.clock {
            tracer = tracer.clock(clock);
        }
        if let Some(ids) = self.ids {
            tracer = tracer.ids(ids);
        }
        if let Some(service) = self.service {
            tracer = tracer.service(service);
        }
        if self.omit_runtime {
            tracer = tracer.omit_runtime();
        }
        Ok(Client::new(tracer.build(), exporters, asking))
    }
}
