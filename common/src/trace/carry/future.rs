//! Futures that have something current while they are polled.

use std::fmt::Display;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use pin_project_lite::pin_project;
use serde::Serialize;

use crate::trace::RunTree;
use crate::trace::current::{Entered, Layers};
use crate::trace::scope::{InScope, Scope};
use crate::trace::work::{End, IntoRun, Traced, end_with_result, end_with_value};

/// Gives a future what is current while it is polled, and runs that end with it.
pub trait TraceFutureExt: Future + Sized {
    /// Wraps the future: whatever it does, between its awaits, on any thread and when it is dropped, has
    /// `run` as current. The end of the run is left to you.
    fn in_run(self, run: &RunTree) -> InRun<Self> {
        InRun {
            future: Some(self),
            run: run.clone(),
        }
    }

    /// Wraps the future: whatever it does, between its awaits and on any thread, is inside of `scope`.
    fn in_scope(self, scope: &Scope) -> InScope<Self> {
        InScope::new(self, scope.clone())
    }

    /// Wraps the future: what holds here and now holds in it, wherever it is polled. What
    /// [`spawn`](crate::trace::spawn()) does, for other runtimes' `spawn`.
    fn in_current_run(self) -> Carried<Self> {
        Carried {
            future: Some(self),
            layers: Layers::here(),
        }
    }

    /// Wraps the future of a `Result` in a run that ends with it: with what it gives back, or with its
    /// error's text.
    ///
    /// The run is current in the future. Dropped before it is done, as by `select!` or a timeout, it ends
    /// the run with the error `Cancelled: …`; a panic, with `Panicked: …`. A [`RunBuilder`] is started at
    /// the first poll: a future that nobody polls leaves no run.
    ///
    /// ```
    /// use common::trace::{TraceFutureExt as _, child};
    ///
    /// # async fn search(_: &str) -> Result<Vec<String>, std::io::Error> { Ok(vec![]) }
    /// # async fn answer() -> Result<(), std::io::Error> {
    /// let found = search("why").traced(child("retrieve").run_type("retriever")).await?;
    /// # Ok(()) }
    /// ```
    ///
    /// [`RunBuilder`]: crate::trace::RunBuilder
    fn traced<T, E>(self, run: impl IntoRun) -> Traced<Self, End<Result<T, E>>>
    where
        Self: Future<Output = Result<T, E>>,
        T: Serialize,
        E: Display,
    {
        Traced::new(self, run, end_with_result)
    }

    /// Wraps the future in a run that ends with what it gives back, as [`traced`](Self::traced) does with a
    /// `Result`.
    fn traced_value(self, run: impl IntoRun) -> Traced<Self, End<Self::Output>>
    where
        Self::Output: Serialize,
    {
        Traced::new(self, run, end_with_value)
    }

    /// Wraps the future in a run that ends as `end` says, else when `end` returns: for what is no JSON, or
    /// what should not be sent. If `end` panics, the run says so, and what the work gave back is returned.
    ///
    /// ```
    /// use common::trace::{TraceFutureExt as _, child};
    ///
    /// # async fn load() -> Vec<u8> { vec![] }
    /// # async fn answer() {
    /// let file = load().traced_with(child("load"), |run, file| run.end_with(file.len())).await;
    /// # }
    /// ```
    fn traced_with<F>(self, run: impl IntoRun, end: F) -> Traced<Self, F>
    where
        F: FnOnce(&RunTree, &Self::Output),
    {
        Traced::new(self, run, end)
    }
}

impl<F: Future> TraceFutureExt for F {}

pin_project! {
    /// A future with a current run. Made by [`TraceFutureExt::in_run`].
    #[derive(Debug)]
    #[must_use = "futures do nothing unless polled"]
    pub struct InRun<F> {
        // None once it is being dropped: what it does then is done in the run as well.
        #[pin]
        future: Option<F>,
        run: RunTree,
    }

    impl<F> PinnedDrop for InRun<F> {
        fn drop(this: Pin<&mut Self>) {
            let mut this = this.project();
            let _entered = Entered::run(this.run.clone());
            this.future.set(None);
        }
    }
}

impl<F: Future> Future for InRun<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        // Only a pinned drop takes the future out, and nobody polls after that.
        let Some(future) = this.future.as_pin_mut() else {
            return Poll::Pending;
        };
        let _entered = Entered::run(this.run.clone());
        future.poll(cx)
    }
}

pin_project! {
    /// A future that has along what held where it was made. Made by [`TraceFutureExt::in_current_run`].
    #[derive(Debug)]
    #[must_use = "futures do nothing unless polled"]
    pub struct Carried<F> {
        // None once it is being dropped, wherever that is.
        #[pin]
        future: Option<F>,
        layers: Layers,
    }

    impl<F> PinnedDrop for Carried<F> {
        fn drop(this: Pin<&mut Self>) {
            let mut this = this.project();
            this.layers.within(|| this.future.set(None));
        }
    }
}

impl<F: Future> Future for Carried<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let Some(future) = this.future.as_pin_mut() else {
            return Poll::Pending;
        };
        this.layers.within(|| future.poll(cx))
    }
}
