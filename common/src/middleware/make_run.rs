//! Request head → incoming trace and run.

use std::sync::Arc;

use http::request::Parts;
use serde_json::json;

use super::incoming::IncomingTrace;
use super::limit::ContinueLimit;
use crate::propagation::{
    Extracted, LangSmithPropagator, Propagator as _, TRACE_HEADER, TrustPolicy,
};
use crate::trace::{RunBuilder, RunTree, Tracer};

type Test = dyn Fn(&Parts) -> bool + Send + Sync;
type Name = dyn Fn(&Parts) -> String + Send + Sync;
type Describe = dyn Fn(RunBuilder, &Parts) -> RunBuilder + Send + Sync;

/// What a layer does with the head of a request.
#[derive(Clone)]
pub(super) struct MakeRun {
    tracer: Tracer,
    // For requests that are left out: their handlers may call `start`, and nothing must come of it.
    off: Tracer,
    pub(super) propagator: LangSmithPropagator,
    pub(super) trust_request: Option<Arc<Test>>,
    pub(super) limit: Option<ContinueLimit>,
    pub(super) filter: Option<Arc<Test>>,
    pub(super) name: Option<Arc<Name>>,
    pub(super) describe: Option<Arc<Describe>>,
    pub(super) propagate_only: bool,
    // In bytes.
    pub(super) record_body: usize,
}

impl MakeRun {
    pub(super) fn new(tracer: Tracer) -> Self {
        Self {
            tracer,
            off: Tracer::never(),
            propagator: LangSmithPropagator::new(),
            trust_request: None,
            limit: None,
            filter: None,
            name: None,
            describe: None,
            propagate_only: false,
            record_body: 0,
        }
    }

    /// Returns what the handlers get to see, and the run to make current, if any.
    pub(super) fn receive(&self, request: &Parts) -> (IncomingTrace, Option<RunTree>) {
        if self.filter.as_ref().is_some_and(|keep| !keep(request)) {
            return (IncomingTrace::left_out(self.off.clone()), None);
        }
        if !self.tracer.is_enabled() {
            return (self.receive_unrecorded(request), None);
        }
        let extracted = self.extract(request);
        let run = if self.propagate_only {
            let parent = extracted.context.clone();
            parent.map(|context| self.tracer.remote(context))
        } else {
            Some(self.start(request, &extracted))
        };
        let own = (!self.propagate_only).then(|| run.clone()).flatten();
        (IncomingTrace::new(self.tracer.clone(), extracted, own), run)
    }

    /// Returns what the handlers get to see where nothing is recorded. The header is read if one of them
    /// asks for it, unless whether it counts is decided by more than the header.
    fn receive_unrecorded(&self, request: &Parts) -> IncomingTrace {
        let headers = &request.headers;
        let may_wait = self.trust_request.is_none()
            && self.limit.is_none()
            && self.propagator.reads_its_own_only()
            && headers.contains_key(TRACE_HEADER);
        if may_wait {
            IncomingTrace::unread(self.tracer.clone(), self.propagator.clone(), headers)
        } else {
            IncomingTrace::new(self.tracer.clone(), self.extract(request), None)
        }
    }

    fn extract(&self, request: &Parts) -> Extracted {
        let past_the_limit = self.limit.as_ref().is_some_and(|limit| {
            request.headers.contains_key(TRACE_HEADER) && !limit.take(request)
        });
        if past_the_limit {
            return self
                .propagator
                .extract_under(&TrustPolicy::Restart, &request.headers);
        }
        match &self.trust_request {
            None => self.propagator.extract(&request.headers),
            Some(test) => {
                let policy = if test(request) {
                    TrustPolicy::Continue
                } else {
                    TrustPolicy::Restart
                };
                self.propagator.extract_under(&policy, &request.headers)
            }
        }
    }

    fn start(&self, request: &Parts, extracted: &Extracted) -> RunTree {
        let (method, path) = (request.method.as_str(), request.uri.path());
        let name = match &self.name {
            Some(name) => name(request),
            None => [method, " ", path].concat(),
        };
        let mut run = self
            .tracer
            .run(name)
            .parent(extracted.context.clone())
            .inputs(json!({ "method": method, "path": path }));
        for (key, value) in extracted.unlinked_metadata().into_iter().flatten() {
            run = run.metadata(key, value);
        }
        if let Some(describe) = &self.describe {
            run = describe(run, request);
        }
        run.start()
    }
}
