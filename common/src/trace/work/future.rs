//! A run that ends with a future.

use std::fmt::Display;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use pin_project_lite::pin_project;
use serde::Serialize;

use super::lasting::{IntoRun, Lasting, why_dropped};
use crate::trace::RunTree;

pin_project! {
    /// A future with a run that ends with it. Made by
    /// [`TraceFutureExt::traced`](crate::trace::TraceFutureExt::traced).
    #[must_use = "futures do nothing unless polled"]
    #[derive(Debug)]
    pub struct Traced<F, E> {
        // None once it is being dropped: what it holds ends before its run does.
        #[pin]
        future: Option<F>,
        lasting: Lasting,
        end: Option<E>,
    }

    impl<F, E> PinnedDrop for Traced<F, E> {
        fn drop(this: Pin<&mut Self>) {
            let mut this = this.project();
            this.lasting.give_up(
                || this.future.set(None),
                |run| run.fail(why_dropped("future")),
            );
        }
    }
}

impl<F, E> Traced<F, E> {
    pub(in crate::trace) fn new(future: F, run: impl IntoRun, end: E) -> Self {
        Self {
            future: Some(future),
            lasting: Lasting::new(run),
            end: Some(end),
        }
    }

    /// Ends the run with an error before its work is done.
    #[cfg(feature = "client")]
    pub(super) fn fail(self: Pin<&mut Self>, error: impl Display) {
        let mut this = self.project();
        this.lasting
            .give_up(|| this.future.set(None), |run| run.fail(error));
    }
}

impl<F, E> Future for Traced<F, E>
where
    F: Future,
    E: FnOnce(&RunTree, &F::Output),
{
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        // Only a pinned drop takes the future out, and nobody polls after that.
        let Some(future) = this.future.as_pin_mut() else {
            return Poll::Pending;
        };
        let polled = this.lasting.call(
            || future.poll(cx),
            |run| run.fail("Panicked: the future panicked before its end"),
        );
        let output = ready!(polled);
        if let Some(end) = this.end.take() {
            this.lasting.end(|run| end(run, &output));
        }
        Poll::Ready(output)
    }
}

/// Ends a run with what its work gave back.
pub type End<T> = fn(&RunTree, &T);

/// Ends a run with what a future gave back, or with its error.
pub(in crate::trace) fn end_with_result<T: Serialize, E: Display>(
    run: &RunTree,
    output: &Result<T, E>,
) {
    match output {
        Ok(value) => run.end_of(value),
        Err(error) => run.fail(error),
    }
}

/// Ends a run with what a future gave back.
pub(in crate::trace) fn end_with_value<T: Serialize>(run: &RunTree, output: &T) {
    run.end_of(output);
}
