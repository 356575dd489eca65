//! Spans of a lesson: the pipelines and the environments of those services of the story that speak OpenTelemetry.
//!
//! ```text
//! spans("retriever") ─► Pipeline ──spans──┬──────────────► stand-in, and LangSmith if runs go there
//! otel_env("scorer") ─► a Python peer ────┴─► SpanRelay ─► stand-in
//! ```
//!
//! Start at [`Lesson::spans`].

use super::lesson::{Lesson, STAND_IN_KEY};
use super::peer_env::PeerEnv;
use super::relay::SpanRelay;
use super::target::Target;
use crate::client::Config;
use crate::otel::{LangSmithExporter, OtelError, Pipeline, Relay};

impl Lesson {
    /// Makes the pipeline of a service of the story that is traced by OpenTelemetry. Its spans go where the
    /// runs of [`client`](Self::client) go, and say which runs they are.
    ///
    /// # Panics
    /// When `WORKBOOK_TARGET=langsmith` is set and the key or the endpoint cannot be used.
    #[allow(clippy::expect_used, reason = "lessons stop where they cannot go on")]
    pub fn spans(&self, service: &str) -> Pipeline {
        let pipeline = self.try_spans(service);
        pipeline.expect("WORKBOOK_TARGET=langsmith needs LANGSMITH_API_KEY")
    }

    fn try_spans(&self, service: &str) -> Result<Pipeline, OtelError> {
        let stand_in = self.stand_in_config();
        let builder = match self.target() {
            Target::StandIn => Pipeline::builder(stand_in),
            Target::LangSmith => {
                let config = Config {
                    tracing: true,
                    project: self.project(),
                    ..self.real_config()?
                };
                Pipeline::builder(config).also_export_to(LangSmithExporter::new(&stand_in)?)
            }
        };
        let pipeline = builder.service(service.to_owned()).build()?;
        self.pipelines().push(pipeline.clone());
        Ok(pipeline)
    }

    /// Makes a pipeline as [`spans`](Self::spans) does, whose spans pass `relay`.
    ///
    /// # Panics
    /// Never, unless the relay's own address is no URL.
    #[allow(clippy::expect_used, reason = "lessons stop where they cannot go on")]
    pub fn spans_through(&self, relay: &SpanRelay, service: &str) -> Pipeline {
        let config = Config {
            endpoint: relay.url(),
            ..self.stand_in_config()
        };
        let builder = Pipeline::builder(config).service(service.to_owned());
        builder.build().expect("the relay's address")
    }

    /// Starts a relay that puts the spans of services with OpenTelemetry alone into the trees that they belong
    /// to. It sends to the stand-in, wherever the lesson sends.
    ///
    /// # Panics
    /// When no port can be bound, or no thread started; a lesson cannot go on without.
    #[allow(clippy::expect_used, reason = "lessons stop where they cannot go on")]
    pub fn relay(&self) -> SpanRelay {
        let relay = Relay::builder(self.stand_in_config()).start();
        SpanRelay::serve(relay.expect("a thread"))
    }

    /// Returns the configuration with which a program of yours sends to the lesson's stand-in, wherever the
    /// lesson sends.
    pub fn stand_in_config(&self) -> Config {
        Config {
            tracing: true,
            endpoint: self.mock().url().to_owned(),
            api_key: Some(STAND_IN_KEY.to_owned().into()),
            project: self.project(),
            ..Config::default()
        }
    }

    /// Returns the environment that makes a service with OpenTelemetry alone, such as the peer `scorer`, send its
    /// spans to the stand-in, wherever the lesson sends.
    pub fn otel_env(&self, service: &str) -> PeerEnv {
        let endpoint = format!("{}/otel", self.mock().url());
        PeerEnv::spans(service, &endpoint, &self.project(), STAND_IN_KEY)
    }

    /// Returns the same, for spans that pass `relay`.
    pub fn otel_env_through(&self, relay: &SpanRelay, service: &str) -> PeerEnv {
        let endpoint = format!("{}/otel", relay.url());
        PeerEnv::spans(service, &endpoint, &self.project(), STAND_IN_KEY)
    }
}
