//! The current run of a task or a thread.

use std::cell::RefCell;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use pin_project_lite::pin_project;

use super::run_tree::RunTree;

thread_local! {
    static CURRENT: RefCell<Vec<RunTree>> = const { RefCell::new(Vec::new()) };
}

/// Returns the current run: the one whose [`TraceFutureExt::in_run`] or [`with_run`] is being executed.
///
/// A spawned task or thread has none, until it is given one; nor has a thread whose thread-local values
/// are being dropped.
pub fn current() -> Option<RunTree> {
    // `with` would panic in the destructor of another thread-local, and abort the process.
    CURRENT
        .try_with(|stack| stack.borrow().last().cloned())
        .ok()
        .flatten()
}

/// Calls `work` with `run` as the current run of this thread.
pub fn with_run<T>(run: &RunTree, work: impl FnOnce() -> T) -> T {
    let _entered = Entered::new(run.clone());
    work()
}

/// Makes a run the current one while a future is polled.
pub trait TraceFutureExt: Future + Sized {
    /// Wraps the future: whatever it does, between its awaits and on any thread, has `run` as current.
    fn in_run(self, run: &RunTree) -> InRun<Self> {
        InRun {
            future: self,
            run: run.clone(),
        }
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
        let _entered = Entered::new(this.run.clone());
        this.future.poll(cx)
    }
}

/// Takes the run off the stack again, also when the work panics.
struct Entered;

impl Entered {
    fn new(run: RunTree) -> Self {
        // A stack that is gone stays gone, so `drop` finds none either.
        let _ = CURRENT.try_with(|stack| stack.borrow_mut().push(run));
        Self
    }
}

impl Drop for Entered {
    fn drop(&mut self) {
        // The run is dropped outside of the borrow: its end may look at the current run.
        let run = CURRENT.try_with(|stack| stack.borrow_mut().pop());
        drop(run);
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
