//! What a handler gets to know about the trace it works in.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::model::RunContext;
use crate::propagation::{Extracted, IgnoredEntries, Outcome};
use crate::trace::{RunBuilder, RunTree, Tracer};

/// The trace of a request, among the request's extensions. A cheap clone.
///
/// In an axum handler: `Extension(incoming): Extension<IncomingTrace>`.
#[derive(Clone)]
pub struct IncomingTrace(Arc<Inner>);

struct Inner {
    tracer: Tracer,
    extracted: Extracted,
    run: Option<RunTree>,
    kept_open: AtomicBool,
}

impl IncomingTrace {
    pub(super) fn new(tracer: Tracer, extracted: Extracted, run: Option<RunTree>) -> Self {
        Self(Arc::new(Inner {
            tracer,
            extracted,
            run,
            kept_open: AtomicBool::new(false),
        }))
    }

    pub(super) fn left_out(tracer: Tracer) -> Self {
        let extracted = Extracted {
            context: None,
            outcome: Outcome::NotRead,
            ignored: IgnoredEntries::default(),
        };
        Self::new(tracer, extracted, None)
    }

    /// Begins a run below this request's run; else below the caller's; else a new trace.
    pub fn start(&self, name: impl Into<String>) -> RunBuilder {
        if let Some(run) = self.run() {
            return run.child(name);
        }
        let mut run = self.0.tracer.run(name).parent(self.context().cloned());
        for (key, value) in self.0.extracted.unlinked_metadata().into_iter().flatten() {
            run = run.metadata(key, value);
        }
        run
    }

    /// Returns this request's run; none if the layer makes none, or left the request out.
    pub fn run(&self) -> Option<&RunTree> {
        self.0.run.as_ref()
    }

    /// Leaves the end of this request's run to you: for a body that is streamed after the handler has
    /// returned. Without a run returns none.
    ///
    /// The layer then ends the run only if the request comes to no good answer. If you never end it, it
    /// ends with an error when its last handle is dropped, as when the caller stops reading.
    #[must_use = "the run is yours to end"]
    pub fn keep_open(&self) -> Option<RunTree> {
        self.0.kept_open.store(true, Ordering::Release);
        self.0.run.clone()
    }

    pub(super) fn is_kept_open(&self) -> bool {
        self.0.kept_open.load(Ordering::Acquire)
    }

    /// Returns the caller's run, as far as the header was valid and its sender trusted.
    pub fn context(&self) -> Option<&RunContext> {
        self.0.extracted.context.as_ref()
    }

    /// Returns what became of the trace header.
    pub fn outcome(&self) -> Outcome {
        self.0.extracted.outcome
    }

    /// Returns how many entries of the baggage were ignored, by reason.
    pub fn ignored(&self) -> IgnoredEntries {
        self.0.extracted.ignored
    }
}

impl fmt::Debug for IncomingTrace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IncomingTrace")
            .field("outcome", &self.0.extracted.outcome)
            .field("run", &self.0.run)
            .finish_non_exhaustive()
    }
}
