//! What a handler gets to know about the trace it works in.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use http::{HeaderMap, HeaderValue};

use crate::model::RunContext;
use crate::propagation::{
    Extracted, IgnoredEntries, LangSmithPropagator, Outcome, Propagator as _,
};
use crate::trace::{RunBuilder, RunTree, Tracer};

/// The trace of a request, among the request's extensions. A cheap clone.
///
/// In an axum handler: `Extension(incoming): Extension<IncomingTrace>`.
#[derive(Clone)]
pub struct IncomingTrace(Arc<Inner>);

struct Inner {
    tracer: Tracer,
    extracted: OnceLock<Extracted>,
    // Where nothing is recorded, the headers are read once somebody asks for what they say.
    unread: Option<Unread>,
    run: Option<RunTree>,
    kept_open: AtomicBool,
}

/// The headers of a request, and who reads them.
struct Unread {
    propagator: LangSmithPropagator,
    headers: Vec<(&'static str, HeaderValue)>,
}

const NOT_READ: Extracted = Extracted {
    context: None,
    outcome: Outcome::NotRead,
    ignored: IgnoredEntries::NONE,
};

impl IncomingTrace {
    pub(super) fn new(tracer: Tracer, extracted: Extracted, run: Option<RunTree>) -> Self {
        Self(Arc::new(Inner {
            tracer,
            extracted: extracted.into(),
            unread: None,
            run,
            kept_open: AtomicBool::new(false),
        }))
    }

    /// Takes the headers of a request along, to be read when it is needed.
    pub(super) fn unread(
        tracer: Tracer,
        propagator: LangSmithPropagator,
        headers: &HeaderMap,
    ) -> Self {
        let of = |name: &'static str| {
            let values = headers.get_all(name).iter();
            values.map(move |value| (name, value.clone()))
        };
        let headers = propagator.fields().iter().copied().flat_map(of).collect();
        Self(Arc::new(Inner {
            tracer,
            extracted: OnceLock::new(),
            unread: Some(Unread {
                propagator,
                headers,
            }),
            run: None,
            kept_open: AtomicBool::new(false),
        }))
    }

    pub(super) fn left_out(tracer: Tracer) -> Self {
        Self::new(tracer, NOT_READ, None)
    }

    /// Begins a run below this request's run; else below the caller's; else a new trace.
    pub fn start(&self, name: impl Into<String>) -> RunBuilder {
        if let Some(run) = self.run() {
            return run.child(name);
        }
        let run = self.0.tracer.run(name);
        if run.is_off() {
            return run;
        }
        let mut run = run.parent(self.context().cloned());
        for (key, value) in self.extracted().unlinked_metadata().into_iter().flatten() {
            run = run.metadata(key, value);
        }
        run
    }

    /// Returns this request's run; none if the layer makes none, or left the request out.
    pub fn run(&self) -> Option<&RunTree> {
        self.0.run.as_ref()
    }

    /// Leaves the end of this request's run to you: for work that goes on after the response, or an end of
    /// your own making. A streamed body needs none of this. Without a run returns none.
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

    fn extracted(&self) -> &Extracted {
        self.0.extracted.get_or_init(|| match &self.0.unread {
            Some(unread) => unread.propagator.extract(&unread.headers),
            None => NOT_READ,
        })
    }

    /// Returns the caller's run, as far as the header was valid and its sender trusted.
    pub fn context(&self) -> Option<&RunContext> {
        self.extracted().context.as_ref()
    }

    /// Returns what became of the trace header.
    pub fn outcome(&self) -> Outcome {
        self.extracted().outcome
    }

    /// Returns how many entries of the baggage were ignored, by reason.
    pub fn ignored(&self) -> IgnoredEntries {
        self.extracted().ignored
    }
}

impl fmt::Debug for IncomingTrace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IncomingTrace")
            .field("outcome", &self.outcome())
            .field("run", &self.0.run)
            .finish_non_exhaustive()
    }
}
