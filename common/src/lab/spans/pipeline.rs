//! Spans of a lesson: a pipeline for each service of the story that speaks OpenTelemetry.

use crate::client::Config;
use crate::lab::lesson::{Lesson, STAND_IN_KEY, Target};
use crate::otel::{LangSmithExporter, OtelError, Pipeline};

impl Lesson {
    /// Makes the pipeline of a service of the story that is traced by OpenTelemetry. Its spans go where the
    /// runs of [`client`](Self::client) go, and name the service as their resource.
    ///
    /// # Panics
    /// When `WORKBOOK_TARGET=langsmith` is set and the key or the endpoint cannot be used.
    #[allow(clippy::expect_used, reason = "lessons stop where they cannot go on")]
    pub fn pipeline(&self, service: &str) -> Pipeline {
        let pipeline = self.try_pipeline(service);
        pipeline.expect("WORKBOOK_TARGET=langsmith needs LANGSMITH_API_KEY")
    }

    fn try_pipeline(&self, service: &str) -> Result<Pipeline, OtelError> {
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

    /// Returns the configuration with which a program sends to the lesson's stand-in.
    pub fn stand_in_config(&self) -> Config {
        Config {
            tracing: true,
            endpoint: self.mock().url().to_owned(),
            api_key: Some(STAND_IN_KEY.to_owned().into()),
            project: self.project(),
            ..Config::default()
        }
    }
}
