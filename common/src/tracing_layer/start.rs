//! When the run of a span starts, and where.

use serde_json::Value;
use tracing::Subscriber;
use tracing::span::Id;
use tracing_subscriber::layer::Context;
use tracing_subscriber::registry::{ExtensionsMut, LookupSpan};

use super::failure::Failure;
use super::layer::RunLayer;
use super::reading::{Counts, Told};
#[cfg(feature = "otel")]
use crate::model::{DottedOrder, RunId};
use crate::model::{RunContext, Timestamp};
use crate::trace::RunTree;

/// What is kept with a span.
pub(super) struct Spanned {
    // The layer that makes the run.
    pub(super) layer: u64,
    // None until the run starts.
    pub(super) run: Option<RunTree>,
    // What it starts with.
    pub(super) pending: Option<Pending>,
    pub(super) usage: Counts,
    pub(super) failure: Failure,
}

pub(super) struct Pending {
    pub(super) name: &'static str,
    pub(super) told: Told,
    pub(super) above: Above,
    // When the span began, if its run starts later.
    pub(super) begun: Option<Timestamp>,
    // Its place in OpenTelemetry, if somebody has asked already: it cannot be asked for when the span closes.
    pub(super) followed: Option<Followed>,
}

pub(super) enum Above {
    Run(RunTree),
    Place(RunContext),
    Current,
    Nothing,
}

/// What OpenTelemetry made of a span.
pub(super) enum Followed {
    /// What is above, when it started, its run id.
    #[cfg(feature = "otel")]
    Place(Option<RunContext>, Timestamp, RunId),
    /// It is not in the sample.
    #[cfg(feature = "otel")]
    LeftOut,
}

impl RunLayer {
    pub(super) fn is_lazy(&self) -> bool {
        #[cfg(feature = "otel")]
        return self.identity.is_some();
        #[cfg(not(feature = "otel"))]
        false
    }

    /// Returns what this layer keeps with a span.
    pub(super) fn own<'a>(&self, kept: &'a mut ExtensionsMut<'_>) -> Option<&'a mut Spanned> {
        let spanned = kept.get_mut::<Spanned>()?;
        (spanned.layer == self.number).then_some(spanned)
    }

    /// Returns the run of a span, which starts now if it has not; none if the span is not recorded.
    pub(super) fn run_of<S>(&self, id: &Id, ctx: &Context<'_, S>) -> Option<RunTree>
    where
        S: Subscriber + for<'a> LookupSpan<'a>,
    {
        let span = ctx.span(id)?;
        let pending = {
            let mut extensions = span.extensions_mut();
            let spanned = self.own(&mut extensions)?;
            match spanned.pending.take() {
                None => return spanned.run.clone(),
                Some(pending) => pending,
            }
        };
        // Code of others runs in here, such as masking functions, and may use this very span.
        let run = self.begin(id, pending);
        let mut extensions = span.extensions_mut();
        let spanned = self.own(&mut extensions)?;
        spanned.run = Some(run.clone());
        Some(run)
    }

    fn begin(&self, id: &Id, pending: Pending) -> RunTree {
        let Pending {
            name,
            told,
            above,
            begun,
            followed,
        } = pending;
        let Told {
            name: given,
            run_type,
            parent,
            inputs,
            outputs,
            mut metadata,
            tags,
            parameters,
            ..
        } = told;
        let name = given.unwrap_or_else(|| name.to_owned());
        let followed = followed.or_else(|| self.followed(id));
        #[cfg(feature = "otel")]
        if let Some(Followed::LeftOut) = followed {
            return RunTree::unrecorded(&self.tracer);
        }
        let mut builder = match (&followed, parent, above) {
            #[cfg(feature = "otel")]
            (Some(Followed::Place(above, start, run)), ..) => {
                let builder = self.tracer.run(name).parent(above.clone());
                builder.start_time(*start).id(*run)
            }
            (_, Some(order), _) => self.tracer.run(name).parent(RunContext::new(order)),
            (_, None, Above::Run(run)) => run.child(name),
            (_, None, Above::Place(place)) => self.tracer.run(name).parent(place),
            (_, None, Above::Current) => self.tracer.run(name).parent_from_current(),
            (_, None, Above::Nothing) => self.tracer.run(name).parent(None),
        };
        if let (None, Some(begun)) = (&followed, begun) {
            builder = builder.start_time(begun);
        }
        if let Some(run_type) = run_type {
            builder = builder.run_type(run_type);
        }
        if !parameters.is_empty() {
            if let Some(Value::Number(temperature)) = parameters.get("temperature") {
                let temperature = Value::Number(temperature.clone());
                metadata.insert("ls_temperature".to_owned(), temperature);
            }
            builder = builder.extra("invocation_params", parameters);
        }
        if !inputs.is_empty() {
            builder = builder.inputs(inputs);
        }
        let run = builder.metadata_from(metadata).tags(tags).start();
        for (key, value) in outputs {
            run.add_output(key, value);
        }
        run
    }

    /// Returns the place that the span has in OpenTelemetry; none if it has none there.
    #[cfg(feature = "otel")]
    pub(super) fn followed(&self, id: &Id) -> Option<Followed> {
        use opentelemetry::trace::TraceContextExt as _;
        let identity = self.identity.as_ref()?;
        let dispatch = self.dispatch.get()?.upgrade()?;
        let cx = tracing_opentelemetry::get_otel_context(id, &dispatch)?;
        let span = cx.span().span_context().clone();
        if span.is_valid() && !span.is_sampled() {
            return Some(Followed::LeftOut);
        }
        let run = identity.of(&span)?;
        let order = run.dotted_order;
        let above = order.as_str().rsplit_once('.');
        let above = above.and_then(|(above, _)| above.parse::<DottedOrder>().ok());
        let above = above.map(|dotted_order| RunContext {
            dotted_order,
            baggage: run.baggage,
        });
        Some(Followed::Place(above, order.start_time()?, order.run_id()))
    }

    #[cfg(not(feature = "otel"))]
    pub(super) fn followed(&self, _id: &Id) -> Option<Followed> {
        None
    }
}
