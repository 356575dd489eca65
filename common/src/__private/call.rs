//! A call before it starts: whether it is recorded, and what is said of it.

use std::borrow::Borrow;

use super::hook::{Payload, process};
use super::traced::Traced;
use super::values::RecordInput;
use crate::model::{JsonMap, RunType};
use crate::trace::{Parent, RunBuilder, Scope, Tracer, tracer_here, with_scope};

/// Decides whether this call is recorded: a call to describe, or else what it then is.
pub fn begin<N: Into<String>>(
    name: impl FnOnce() -> N,
    tracer: Option<Tracer>,
    enabled: Option<bool>,
    parent: Option<Parent>,
) -> Result<Call, Traced> {
    let nothing = |scope| Err(Traced { run: None, scope });
    let scope = enabled.map(|enabled| Scope::new().enabled(enabled));
    if enabled == Some(false) {
        return nothing(scope);
    }
    let Some(tracer) = tracer.or_else(tracer_here) else {
        return nothing(None);
    };
    let run = inside(scope.as_ref(), || {
        if !tracer.records_below(parent.as_ref()) {
            return None;
        }
        let run = tracer.recorded_run(name());
        Some(match parent {
            Some(parent) => run.below_parent(&parent),
            None => run.parent_from_current(),
        })
    });
    match run {
        Some(run) => Ok(Call {
            sampled: run.may_be_sampled(),
            run,
            tracer,
            scope,
            inputs: JsonMap::new(),
        }),
        None => nothing(None),
    }
}

pub(super) fn inside<T>(scope: Option<&Scope>, work: impl FnOnce() -> T) -> T {
    match scope {
        Some(scope) => with_scope(scope, work),
        None => work(),
    }
}

/// Takes a tracer or a reference to one.
pub fn tracer(tracer: &impl Borrow<Tracer>) -> Tracer {
    tracer.borrow().clone()
}

/// A call that is recorded, before it starts.
#[derive(Debug)]
pub struct Call {
    run: RunBuilder,
    tracer: Tracer,
    scope: Option<Scope>,
    // False if the trace is known not to be in the sample: then nobody reads the inputs.
    sampled: bool,
    inputs: JsonMap,
}

impl Call {
    fn with(mut self, describe: impl FnOnce(RunBuilder) -> RunBuilder) -> Self {
        self.run = describe(self.run);
        self
    }

    #[must_use]
    pub fn run_type(self, run_type: impl Into<RunType>) -> Self {
        self.with(|run| run.run_type(run_type))
    }

    #[must_use]
    pub fn project(self, project: impl Into<String>) -> Self {
        self.with(|run| run.project(project))
    }

    #[must_use]
    pub fn tag(self, tag: impl Into<String>) -> Self {
        self.with(|run| run.tag(tag))
    }

    #[must_use]
    pub fn metadata(self, key: &'static str, value: &(impl RecordInput + ?Sized)) -> Self {
        self.with(|run| run.metadata(key, value.record()))
    }

    #[must_use]
    pub fn input(mut self, name: &'static str, value: &(impl RecordInput + ?Sized)) -> Self {
        if self.sampled {
            self.inputs.insert(name.to_owned(), value.record());
        }
        self
    }

    #[must_use]
    pub fn process_inputs<P: Payload>(mut self, hook: impl FnOnce(JsonMap) -> P) -> Self {
        if !self.sampled {
            return self;
        }
        let inputs = std::mem::take(&mut self.inputs);
        self.inputs = process(&self.tracer, "inputs", inputs, hook);
        self
    }

    pub fn start(self) -> Traced {
        let run = self.run.inputs(self.inputs);
        let run = inside(self.scope.as_ref(), || run.start());
        Traced {
            run: Some(run),
            scope: self.scope,
        }
    }
}
