//! When the run of a span starts, and where.

use serde_json::Value;
use tracing::Subscriber;
use tracing::span::Id;
use tracing_subscriber::layer::Context;
use tracing_subscriber::registry::LookupSpan;

use super::layer::RunLayer;
use super::reading::{Counts, Told};
#[cfg(feature = "otel")]
use crate::model::DottedOrder;
use crate::model::{RunContext, RunId, Timestamp};
use crate::trace::RunTree;

/// What is kept with a span.
pub(super) struct Spanned {
    // None until the run starts.
    pub(super) run: Option<RunTree>,
    // What it starts with.
    pub(super) pending: Option<Pending>,
    pub(super) usage: Counts,
    pub(super) failure: Option<String>,
}

pub(super) struct Pending {
    pub(super) name: &'static str,
    pub(super) told: Told,
    pub(super) above: Above,
    // When the span began, if its run starts later.
    pub(super) begun: Option<Timestamp>,
}

pub(super) enum Above {
    Run(RunTree),
    Place(RunContext),
    Current,
    Nothing,
}

impl RunLayer {
    pub(super) fn is_lazy(&self) -> bool {
        #[cfg(feature = "otel")]
        return self.identity.is_some();
        #[cfg(not(feature = "otel"))]
        false
    }

    /// Returns the run of a span, which starts now if it has not; none if the span is not recorded.
    pub(super) fn run_of<S>(&self, id: &Id, ctx: &Context<'_, S>) -> Option<RunTree>
    where
        S: Subscriber + for<'a> LookupSpan<'a>,
    {
        let span = ctx.span(id)?;
        let pending = {
            let mut extensions = span.extensions_mut();
            let spanned = extensions.get_mut::<Spanned>()?;
            match spanned.pending.take() {
                None => return spanned.run.clone(),
                Some(pending) => pending,
            }
        };
        // Code of others runs in here, such as masking functions, and may use this very span.
        let run = self.begin(id, pending);
        let mut extensions = span.extensions_mut();
        let spanned = extensions.get_mut::<Spanned>()?;
        spanned.run = Some(run.clone());
        Some(run)
    }

    fn begin(&self, id: &Id, pending: Pending) -> RunTree {
        let Pending {
            name,
            told,
            above,
            begun,
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
        let followed = self.followed(id);
        let mut builder = match (&followed, parent, above) {
            (Some((above, start, run)), ..) => {
                let builder = self.tracer.run(name).parent(above.clone());
                builder.start_time(*start).id(*run)
            }
            (None, Some(order), _) => self.tracer.run(name).parent(RunContext::new(order)),
            (None, None, Above::Run(run)) => run.child(name),
            (None, None, Above::Place(place)) => self.tracer.run(name).parent(place),
            (None, None, Above::Current) => self.tracer.run(name).parent_from_current(),
            (None, None, Above::Nothing) => self.tracer.run(name).parent(None),
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

    /// Returns the place that the span has in OpenTelemetry: what is above, when it started, its run id.
    #[cfg(feature = "otel")]
    fn followed(&self, id: &Id) -> Option<(Option<RunContext>, Timestamp, RunId)> {
        use opentelemetry::trace::TraceContextExt as _;
        let identity = self.identity.as_ref()?;
        let dispatch = self.dispatch.get()?.upgrade()?;
        let cx = tracing_opentelemetry::get_otel_context(id, &dispatch)?;
        let run = identity.of(cx.span().span_context())?;
        let order = run.dotted_order;
        let above = order.as_str().rsplit_once('.');
        let above = above.and_then(|(above, _)| above.parse::<DottedOrder>().ok());
        let above = above.map(|dotted_order| RunContext {
            dotted_order,
            baggage: run.baggage,
        });
        Some((above, order.start_time()?, order.run_id()))
    }

    #[cfg(not(feature = "otel"))]
    fn followed(&self, _id: &Id) -> Option<(Option<RunContext>, Timestamp, RunId)> {
        None
    }
}
