//! What must not leave, masked where everything leaves.
//!
//! ```text
//!  RunOp ──hide flag──► {} ──────────────────────────────────────────────────┐
//!     └────────────────► Anonymizer ──► hide function ──► masked field ──────┴──► RunOp ──► RunSink
//!                          │ rules: patterns · secrets · cards · functions
//!                          └ over its budget, or a function panics ──► marker in place of the field
//! ```
//!
//! The tracer masks each operation whole, before any sink sees it: the queue, the wire, the disk and a
//! sink of the user's get the same. What another service is told in headers is masked alike. Nothing is
//! let through because it is too much, too deep or too hard. Start at [`Redactor`].

mod anonymizer;
mod cards;
mod chunks;
mod glance;
mod hide;
mod marker;
mod masking;
mod path;
mod rules;
mod secrets;
mod sensitive;
mod walk;

use std::fmt;
use std::sync::Arc;

pub use anonymizer::{
    Anonymizer, AnonymizerBuilder, AnonymizerError, DEFAULT_MASKED_BYTES, REDACTED,
};
pub use path::{Field, PathPart, TextPath};
pub use secrets::SECRET_PLACEHOLDER;

use hide::Hide;
use masking::Masking;
pub(super) use masking::{Withheld, drop_tokens, is_masking};

use crate::model::{JsonMap, RunContext, RunOp, withhold_deep_in_shared};

/// Masks operations on their way out. A cheap clone; the default changes nothing but one thing.
///
/// That one thing: the values of `new_token` events are always dropped. They hold the streamed text,
/// past every other masking (advisory GHSA-rr7j-v2q5-chgv, CVE-2026-41182).
///
/// ```
/// use std::sync::Arc;
/// use common::trace::{Anonymizer, MemorySink, Redactor, Tracer};
/// use serde_json::json;
///
/// let redactor = Redactor::new().hide_outputs(true).anonymizer(Anonymizer::secrets());
/// let sink = Arc::new(MemorySink::new());
/// let tracer = Tracer::builder(sink.clone()).redactor(redactor).build();
/// let run = tracer.run("log in").inputs(json!({"password": "hunter22"})).start();
/// run.end_with(json!({"session": 7}));
///
/// let sent = &sink.runs()[0];
/// assert_eq!(sent.inputs.clone().map(Into::into), Some(json!({"password": "[SECRET_DETECTED]"})));
/// assert_eq!(sent.outputs.clone().map(Into::into), Some(json!({})));
/// ```
///
/// Left as they are: ids and times, the project, the description of the sender, and the content of
/// attachments.
#[derive(Clone, Default)]
pub struct Redactor {
    inputs: Hide,
    outputs: Hide,
    metadata: Hide,
    anonymizer: Option<Anonymizer>,
    allow_unprocessed: bool,
}

impl Redactor {
    /// Makes a redactor that masks nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sends `{}` in place of inputs: `LANGSMITH_HIDE_INPUTS=true`.
    #[must_use]
    pub fn hide_inputs(mut self, hide: bool) -> Self {
        self.inputs = hide.into();
        self
    }

    /// Sends `{}` in place of outputs: `LANGSMITH_HIDE_OUTPUTS=true`.
    #[must_use]
    pub fn hide_outputs(mut self, hide: bool) -> Self {
        self.outputs = hide.into();
        self
    }

    /// Sends `{}` in place of metadata: `LANGSMITH_HIDE_METADATA=true`. It leaves the `baggage` header too.
    #[must_use]
    pub fn hide_metadata(mut self, hide: bool) -> Self {
        self.metadata = hide.into();
        self
    }

    /// Sends what `mask` makes of inputs, after the anonymizer. If it panics, they are withheld.
    #[must_use]
    pub fn hide_inputs_with(
        mut self,
        mask: impl Fn(JsonMap) -> JsonMap + Send + Sync + 'static,
    ) -> Self {
        self.inputs = Hide::With(Arc::new(mask));
        self
    }

    /// Sends what `mask` makes of outputs, after the anonymizer. If it panics, they are withheld.
    #[must_use]
    pub fn hide_outputs_with(
        mut self,
        mask: impl Fn(JsonMap) -> JsonMap + Send + Sync + 'static,
    ) -> Self {
        self.outputs = Hide::With(Arc::new(mask));
        self
    }

    /// Sends what `mask` makes of metadata, after the anonymizer, also in the `baggage` header. If it
    /// panics, they are withheld.
    #[must_use]
    pub fn hide_metadata_with(
        mut self,
        mask: impl Fn(JsonMap) -> JsonMap + Send + Sync + 'static,
    ) -> Self {
        self.metadata = Hide::With(Arc::new(mask));
        self
    }

    /// Masks every field by rules.
    #[must_use]
    pub fn anonymizer(mut self, anonymizer: Anonymizer) -> Self {
        self.anonymizer = Some(anonymizer);
        self
    }

    /// Sends a field without the function that panicked over it, instead of withholding it:
    /// `LANGSMITH_ALLOW_UNPROCESSED_PAYLOADS`. Patterns and flags still hold.
    #[must_use]
    pub fn allow_unprocessed(mut self, allow: bool) -> Self {
        self.allow_unprocessed = allow;
        self
    }

    /// Returns true if anything is to be masked.
    pub fn masks(&self) -> bool {
        let hides = [&self.inputs, &self.outputs, &self.metadata];
        self.anonymizer.is_some() || hides.iter().any(|hide| !matches!(hide, Hide::No))
    }

    /// Returns true if a field is sent although the function that masks it panicked.
    pub fn allows_unprocessed(&self) -> bool {
        self.allow_unprocessed
    }

    /// Returns what is sent of an operation.
    pub fn redact(&self, mut op: RunOp) -> RunOp {
        op.withhold_deep();
        self.redact_counted(&mut op);
        op
    }

    /// Returns what another process is told of a run's context: the ids as they are, metadata and tags
    /// masked.
    pub fn redact_context(&self, mut context: RunContext) -> RunContext {
        withhold_deep_in_shared(&mut context.baggage.metadata);
        self.redact_context_counted(&mut context);
        context
    }

    pub(super) fn redact_counted(&self, op: &mut RunOp) -> Withheld {
        let mut masking = Masking::new(self);
        match op {
            RunOp::Post(run) | RunOp::Patch(run) => masking.run(run),
            RunOp::Feedback(feedback) => masking.feedback(feedback),
        }
        masking.withheld
    }

    pub(super) fn redact_context_counted(&self, context: &mut RunContext) -> Withheld {
        let mut masking = Masking::new(self);
        masking.tags(&mut context.baggage.tags);
        masking.metadata(&mut context.baggage.metadata);
        masking.withheld
    }
}

impl fmt::Display for Redactor {
    /// Names the fields that are hidden and whether an anonymizer masks the rest; `none` if nothing is
    /// masked.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hidden = [
            ("inputs", &self.inputs),
            ("outputs", &self.outputs),
            ("metadata", &self.metadata),
        ];
        let mut separator = "hides ";
        for (name, hide) in hidden {
            if !matches!(hide, Hide::No) {
                write!(f, "{separator}{name}")?;
                separator = ", ";
            }
        }
        match (&self.anonymizer, self.masks()) {
            (Some(_), _) if separator == ", " => f.write_str(", anonymizer"),
            (Some(_), _) => f.write_str("anonymizer"),
            (None, false) => f.write_str("none"),
            (None, true) => Ok(()),
        }
    }
}

impl fmt::Debug for Redactor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Redactor")
            .field("hide_inputs", &self.inputs)
            .field("hide_outputs", &self.outputs)
            .field("hide_metadata", &self.metadata)
            .field("anonymizer", &self.anonymizer)
            .field("allow_unprocessed", &self.allow_unprocessed)
            .finish()
    }
}
