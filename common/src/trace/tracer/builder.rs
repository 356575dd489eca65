//! A tracer that is about to be made.

use std::sync::Arc;

use serde_json::Value;

use super::{Own, Recording, Shared, Tracer};
use crate::model::{Clock, IdGenerator, JsonMap, SystemClock, withhold_deep_in};
use crate::trace::redact::Redactor;
use crate::trace::sampler::{Sampler, Sampling, TailSampler};
use crate::trace::sink::RunSink;
use crate::trace::updates::{Throttle, Updates};

/// Configures a [`Tracer`].
#[derive(Debug)]
pub struct TracerBuilder {
    shared: Shared,
    sampler: Option<Sampler>,
    sampling: Sampling,
}

impl TracerBuilder {
    pub(super) fn new(sink: Arc<dyn RunSink>) -> Self {
        Self {
            shared: Shared {
                sink,
                clock: Arc::new(SystemClock),
                ids: None,
                handed_down: Arc::default(),
                service: None,
                own: Arc::new(Own {
                    runtime: Some(Arc::new(describe_sender())),
                    ..Own::default()
                }),
                recording: Recording::On,
                allow_unprocessed: false,
                throttle: None,
                tail: None,
            },
            sampler: None,
            sampling: Sampling::new(),
        }
    }

    fn own_mut(&mut self) -> &mut Own {
        Arc::make_mut(&mut self.shared.own)
    }

    /// Sets the clock; the default is [`SystemClock`].
    #[must_use]
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.shared.clock = clock;
        self
    }

    /// Sets the source of ids; the default is [`RandomIds`](crate::model::RandomIds).
    #[must_use]
    pub fn ids(mut self, ids: Arc<dyn IdGenerator>) -> Self {
        self.shared.ids = Some(ids);
        self
    }

    /// Sets the project that new traces go to; without one the server chooses.
    #[must_use]
    pub fn project(mut self, project: Option<String>) -> Self {
        Arc::make_mut(&mut self.shared.handed_down).project = project.map(Into::into);
        self
    }

    /// Names the service that the runs are of: each carries it as metadata under [`SERVICE`](super::SERVICE), also
    /// where it would inherit another service's name. Pictures label runs with it.
    #[must_use]
    pub fn service(mut self, service: impl Into<String>) -> Self {
        self.shared.service = Some(Value::from(service.into()));
        self
    }

    /// Switches recording on or off; off, runs are handles that do nothing. On by default.
    ///
    /// A [`Scope`](crate::trace::Scope) may say otherwise for its inside; see [`Tracer::never`].
    #[must_use]
    pub fn enabled(mut self, enabled: bool) -> Self {
        self.shared.recording = if enabled {
            Recording::On
        } else {
            Recording::Off
        };
        self
    }

    /// Records nothing, whatever a scope says: for a sink that could not take it.
    #[must_use]
    pub fn never(mut self) -> Self {
        self.shared.recording = Recording::Never;
        self
    }

    /// Lets a payload leave raw if its `process_inputs` or `process_outputs` hook fails; by default it is
    /// replaced by a marker.
    #[must_use]
    pub fn allow_unprocessed(mut self, allow: bool) -> Self {
        self.shared.allow_unprocessed = allow;
        self
    }

    /// Sets which traces are kept; all by default. One that [`sampling`](Self::sampling) names wins, whichever of the
    /// two is said first.
    #[must_use]
    pub fn sampler(mut self, sampler: Sampler) -> Self {
        self.sampler = Some(sampler);
        self
    }

    /// Sets which traces are kept, by rules, limits and how they end; all by default. Where it names no sampler, that
    /// of [`sampler`](Self::sampler) holds.
    #[must_use]
    pub fn sampling(mut self, sampling: Sampling) -> Self {
        self.sampling = sampling;
        self
    }

    /// Sets what is masked; nothing by default.
    #[must_use]
    pub fn redactor(mut self, redactor: Redactor) -> Self {
        self.own_mut().gate.redactor = redactor.masks().then_some(redactor);
        self
    }

    /// Leaves the description of SDK, language and platform out of `extra.runtime`.
    #[must_use]
    pub fn omit_runtime(mut self) -> Self {
        self.own_mut().runtime = None;
        self
    }

    /// Sets metadata that every run has, where the run has none of that key. Children do not inherit it,
    /// and it does not travel to other services.
    #[must_use]
    pub fn metadata(mut self, mut metadata: JsonMap) -> Self {
        withhold_deep_in(&mut metadata);
        self.own_mut().metadata = Arc::new(metadata);
        self
    }

    /// Sends the inputs again with each run's end. Off by default.
    #[must_use]
    pub fn inputs_on_patch(mut self, again: bool) -> Self {
        self.own_mut().inputs_on_patch = again;
        self
    }

    /// Sends what open runs have so far, from time to time; never by default. See [`Updates`].
    #[must_use]
    pub fn updates(mut self, updates: Updates) -> Self {
        self.shared.throttle = Some(Arc::new(Throttle::new(updates)));
        self
    }

    /// Finishes the configuration.
    pub fn build(mut self) -> Tracer {
        let mut sampling = std::mem::take(&mut self.sampling);
        if let Some(sampler) = self.sampler {
            sampling = sampling.or(sampler);
        }
        let (head, tail) = sampling.build(self.shared.clock.clone());
        let gate = &mut self.own_mut().gate;
        gate.head = head;
        gate.waits = tail.is_some();
        if let Some(buffer) = tail {
            let tail = Arc::new(TailSampler::new(buffer, self.shared.sink));
            self.shared.sink = tail.clone();
            self.shared.tail = Some(tail);
        }
        Tracer {
            shared: Arc::new(self.shared),
        }
    }
}

/// Describes this SDK the way the official ones describe themselves in `extra.runtime`.
fn describe_sender() -> JsonMap {
    let platform = format!("{}/{}", std::env::consts::OS, std::env::consts::ARCH);
    [
        ("sdk", "langsmith-rust"),
        ("sdk_version", env!("CARGO_PKG_VERSION")),
        ("library", "langsmith"),
        ("platform", &platform),
        ("runtime", "rust"),
    ]
    .into_iter()
    .map(|(key, value)| (key.to_owned(), Value::from(value)))
    .collect()
}
