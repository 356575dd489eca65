//! A run that fails when its work takes too long.

use std::future::Future;
use std::pin::{Pin, pin};
use std::task::{Context, Poll};
use std::time::Duration;

use pin_project_lite::pin_project;
use tokio::task::coop::unconstrained;
use tokio::time::{Sleep, sleep};

use super::future::Traced;
use crate::trace::RunTree;

/// The work was not done in time. Give it longer, or look at what of it took so long.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("Timeout: not done after {0:?}")]
pub struct TimedOut(
    /// How long it had.
    pub Duration,
);

impl<F, E> Traced<F, E> {
    /// Gives the work so long, from now; beyond it the work is dropped, and the run ends with the error
    /// `Timeout: not done after …`.
    ///
    /// With `tokio::time::timeout` around the traced future the run would only know that it was cancelled.
    ///
    /// ```
    /// use std::time::Duration;
    /// use common::trace::{TraceFutureExt as _, child};
    ///
    /// # async fn ask() -> Result<String, std::io::Error> { Ok(String::new()) }
    /// # async fn answer() {
    /// match ask().traced(child("ask")).timeout(Duration::from_secs(30)).await {
    ///     Ok(answer) => { /* what `ask` gave back */ }
    ///     Err(timed_out) => { /* … */ }
    /// }
    /// # }
    /// ```
    ///
    /// # Panics
    /// Outside of a Tokio runtime with a timer, as `tokio::time::sleep` does.
    pub fn timeout(self, after: Duration) -> WithTimeout<F, E> {
        WithTimeout {
            traced: self,
            sleep: sleep(after),
            after,
        }
    }
}

pin_project! {
    /// A traced future that has to be done in time. Made by [`Traced::timeout`].
    #[must_use = "futures do nothing unless polled"]
    #[derive(Debug)]
    pub struct WithTimeout<F, E> {
        #[pin]
        traced: Traced<F, E>,
        #[pin]
        sleep: Sleep,
        after: Duration,
    }
}

impl<F, E> Future for WithTimeout<F, E>
where
    F: Future,
    E: FnOnce(&RunTree, &F::Output),
{
    type Output = Result<F::Output, TimedOut>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        if let Poll::Ready(output) = this.traced.as_mut().poll(cx) {
            return Poll::Ready(Ok(output));
        }
        // Work that is always ready uses up its task's turn, and its time passes all the same.
        if pin!(unconstrained(this.sleep)).poll(cx).is_pending() {
            return Poll::Pending;
        }
        let error = TimedOut(*this.after);
        this.traced.fail(error);
        Poll::Ready(Err(error))
    }
}
