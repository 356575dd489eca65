//! The current run of a task or a thread, and the scopes around it.

use std::cell::RefCell;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use pin_project_lite::pin_project;

use super::process::is_configured;
use super::run_tree::RunTree;
use super::scope::{InScope, Scope};
use super::surroundings::Surroundings;
#[cfg(feature = "macros")]
use super::tracer::Tracer;

/// Something that was entered and not left: a run or a scope.
#[derive(Debug, Clone)]
pub(super) enum Layer {
    Run(RunTree),
    Scope(Scope),
}

/// The layers of a thread, the outermost first.
struct Layers {
    layers: Vec<Layer>,
    // How many of them are scopes.
    scopes: usize,
}

thread_local! {
    static ENTERED: RefCell<Layers> = const {
        RefCell::new(Layers {
            layers: Vec::new(),
            scopes: 0,
        })
    };
}

/// Returns the current run: the one whose [`TraceFutureExt::in_run`] or [`with_run`] is being executed,
/// or that a [`Scope`] names as parent.
///
/// A spawned task or thread has none, until it is given one; nor has a scope that is off, nor a thread
/// whose thread-local values are being dropped.
pub fn current() -> Option<RunTree> {
    surroundings().current()
}

/// Returns true in a [`Scope`] that is off.
#[cfg(feature = "otel")]
pub(crate) fn is_switched_off() -> bool {
    surroundings().is_off()
}

/// Calls `work` with `run` as the current run of this thread.
pub fn with_run<T>(run: &RunTree, work: impl FnOnce() -> T) -> T {
    let _entered = Entered::run(run.clone());
    work()
}

/// Makes `run` the current one of this thread until the guard is dropped. Guards are dropped in the reverse
/// order of their making.
#[cfg(feature = "tracing_layer")]
pub(crate) fn enter(run: RunTree) -> Entered {
    Entered::run(run)
}

/// Adds one key of metadata to the current run; does nothing if there is none. Python's
/// `set_run_metadata`.
pub fn add_metadata(key: impl Into<String>, value: impl Into<serde_json::Value>) {
    if let Some(run) = current() {
        run.add_metadata(key, value);
    }
}

/// Returns the tracer that code uses here which was given none: that of the nearest run or scope, else
/// the process's default.
#[cfg(feature = "macros")]
pub(crate) fn tracer_here() -> Option<Tracer> {
    surroundings().tracer()
}

/// Reads what is around this place.
pub(super) fn surroundings() -> Surroundings {
    // `with` would panic in the destructor of another thread-local, and abort the process.
    ENTERED
        .try_with(|entered| {
            let entered = entered.borrow();
            Surroundings::of(&entered.layers, entered.scopes)
        })
        .unwrap_or_else(|_| Surroundings::of(&[], 0))
}

/// Returns true if neither a run nor a scope is around this place, and the process says nothing: then
/// only the tracer itself decides whether something is recorded.
#[inline]
pub(super) fn nothing_entered() -> bool {
    !is_configured() && ENTERED.try_with(|entered| entered.borrow().layers.is_empty()) != Ok(false)
}

/// Returns true if no scope is around this place: then a run does as the run above it.
#[inline]
pub(super) fn no_scope_entered() -> bool {
    ENTERED.try_with(|entered| entered.borrow().scopes == 0) != Ok(false)
}

/// Gives a future what is current while it is polled.
pub trait TraceFutureExt: Future + Sized {
    /// Wraps the future: whatever it does, between its awaits and on any thread, has `run` as current.
    fn in_run(self, run: &RunTree) -> InRun<Self> {
        InRun {
            future: self,
            run: run.clone(),
        }
    }

    /// Wraps the future: whatever it does, between its awaits and on any thread, is inside of `scope`.
    fn in_scope(self, scope: &Scope) -> InScope<Self> {
        InScope::new(self, scope.clone())
    }
}

impl<F: Future> TraceFutureExt for F {}

pin_project! {
    /// A future with a current run. Made by [`TraceFutureExt::in_run`].
    #[derive(Debug)]
    #[must_use = "futures do nothing unless polled"]
    pub struct InRun<F> {
        #[pin]
        future: F,
        run: RunTree,
    }
}

impl<F: Future> Future for InRun<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let _entered = Entered::run(this.run.clone());
        this.future.poll(cx)
    }
}

/// Takes a layer off again, also when the work panics.
pub(crate) struct Entered;

impl Entered {
    pub(super) fn run(run: RunTree) -> Self {
        Self::push(Layer::Run(run), 0)
    }

    pub(super) fn scope(scope: Scope) -> Self {
        Self::push(Layer::Scope(scope), 1)
    }

    fn push(layer: Layer, scopes: usize) -> Self {
        // Layers that are gone stay gone, so `drop` finds none either.
        let _ = ENTERED.try_with(|entered| {
            let mut entered = entered.borrow_mut();
            entered.layers.push(layer);
            entered.scopes += scopes;
        });
        Self
    }
}

impl Drop for Entered {
    fn drop(&mut self) {
        // The layer is dropped outside of the borrow: the end of a run may look at the current one.
        let layer = ENTERED.try_with(|entered| {
            let mut entered = entered.borrow_mut();
            let layer = entered.layers.pop();
            if matches!(layer, Some(Layer::Scope(_))) {
                entered.scopes -= 1;
            }
            layer
        });
        drop(layer);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::trace::{MemorySink, Tracer};

    #[test]
    fn runs_nest_and_leave_nothing_behind() {
        let tracer = Tracer::builder(Arc::new(MemorySink::new())).build();
        let (outer, inner) = (tracer.run("outer").start(), tracer.run("inner").start());
        with_run(&outer, || {
            with_run(&inner, || {
                assert_eq!(current().map(|run| run.name()), Some("inner".into()))
            });
            assert_eq!(current().map(|run| run.name()), Some("outer".into()));
        });
        assert!(current().is_none());
    }
}
