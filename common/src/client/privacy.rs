//! What a client keeps to itself: which traces it sends, and what of them.

use super::builder::ClientBuilder;
use super::config::ConfigError;
use crate::model::JsonMap;
use crate::trace::{Anonymizer, Redactor, Sampler, SamplingRate};

/// Returns the sampler of a configured rate.
pub(crate) fn sampler(rate: Option<f64>) -> Result<Sampler, ConfigError> {
    let rate = rate.map(SamplingRate::new).transpose();
    let rate = rate.map_err(|_| ConfigError::InvalidSamplingRate {
        setting: "the sampling rate".to_owned(),
    })?;
    Ok(rate.map_or(Sampler::AlwaysOn, Sampler::TraceIdRatio))
}

impl ClientBuilder {
    /// Sets the part of all traces that is kept, from 0 to 1: `LANGSMITH_TRACING_SAMPLING_RATE`.
    ///
    /// The trace id decides, as in the official SDKs: services with the same rate keep the same traces.
    /// [`build`](Self::build) refuses any other number.
    #[must_use]
    pub fn sampling_rate(mut self, rate: f64) -> Self {
        self.config.sampling_rate = Some(rate);
        self
    }

    /// Sends `{}` in place of inputs: `LANGSMITH_HIDE_INPUTS=true`.
    #[must_use]
    pub fn hide_inputs(self, hide: bool) -> Self {
        self.redacting(|redactor| redactor.hide_inputs(hide))
    }

    /// Sends `{}` in place of outputs: `LANGSMITH_HIDE_OUTPUTS=true`.
    #[must_use]
    pub fn hide_outputs(self, hide: bool) -> Self {
        self.redacting(|redactor| redactor.hide_outputs(hide))
    }

    /// Sends `{}` in place of metadata, also in headers: `LANGSMITH_HIDE_METADATA=true`.
    #[must_use]
    pub fn hide_metadata(self, hide: bool) -> Self {
        self.redacting(|redactor| redactor.hide_metadata(hide))
    }

    /// Sends what `mask` makes of inputs, after the anonymizer.
    #[must_use]
    pub fn hide_inputs_with(
        self,
        mask: impl Fn(JsonMap) -> JsonMap + Send + Sync + 'static,
    ) -> Self {
        self.redacting(|redactor| redactor.hide_inputs_with(mask))
    }

    /// Sends what `mask` makes of outputs, after the anonymizer.
    #[must_use]
    pub fn hide_outputs_with(
        self,
        mask: impl Fn(JsonMap) -> JsonMap + Send + Sync + 'static,
    ) -> Self {
        self.redacting(|redactor| redactor.hide_outputs_with(mask))
    }

    /// Sends what `mask` makes of metadata, after the anonymizer, also in headers.
    #[must_use]
    pub fn hide_metadata_with(
        self,
        mask: impl Fn(JsonMap) -> JsonMap + Send + Sync + 'static,
    ) -> Self {
        self.redacting(|redactor| redactor.hide_metadata_with(mask))
    }

    /// Masks every field of every run by rules, before anything else sees it.
    ///
    /// ```
    /// use common::client::Client;
    /// use common::trace::Anonymizer;
    ///
    /// let client = Client::builder()
    ///     .endpoint("http://127.0.0.1:1984")
    ///     .anonymizer(Anonymizer::secrets())
    ///     .sampling_rate(0.1)
    ///     .build()?;
    /// # Ok::<(), common::client::ConfigError>(())
    /// ```
    #[must_use]
    pub fn anonymizer(self, anonymizer: Anonymizer) -> Self {
        self.redacting(|redactor| redactor.anonymizer(anonymizer))
    }

    /// Sends a field without the function that panicked over it, instead of withholding it:
    /// `LANGSMITH_ALLOW_UNPROCESSED_PAYLOADS`. For emergencies.
    #[must_use]
    pub fn allow_unprocessed_payloads(self, allow: bool) -> Self {
        self.redacting(|redactor| redactor.allow_unprocessed(allow))
    }

    fn redacting(mut self, change: impl FnOnce(Redactor) -> Redactor) -> Self {
        self.config.redactor = change(self.config.redactor);
        self
    }
}
