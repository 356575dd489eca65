//! A run that ends with a stream.

use std::fmt::Display;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures_core::Stream;
use pin_project_lite::pin_project;
use serde::Serialize;

use super::gathered::Gathered;
use super::lasting::{IntoRun, Lasting, why_dropped};
use super::reduce::{Items, Reduce};

/// The key of metadata under which the run of a stream says how many chunks came.
pub const CHUNK_COUNT: &str = "chunk_count";

/// Gives a stream a run that ends with it.
///
/// The run is current in the stream, whoever polls it. It ends
///
/// | when | with the outputs | and the error |
/// |---|---|---|
/// | the stream has ended | all chunks | that of the first item that is an error, if any |
/// | the stream is dropped before that, as when its client has gone | the chunks until then | `Cancelled: …`, or that of an item |
/// | the stream panics | the chunks until then | `Panicked: …` |
///
/// and says in its metadata how many chunks there were ([`CHUNK_COUNT`]). The first chunk of an `llm` run is
/// recorded as its event `new_token`. A [`RunBuilder`](crate::trace::RunBuilder) is started at the first
/// poll: a stream that nobody reads leaves no run.
///
/// All this is what the Python SDK 0.15 does with generators, which has `GeneratorExit()` for our
/// `Cancelled: …`, no count, and what a generator returns as one more chunk; it keeps the chunks until the
/// end, though, where this keeps what the [reducer](Reduce) does.
pub trait TraceStreamExt: Stream + Sized {
    /// Traces a stream of results. The run gives back the list of chunks, as far as [`Items`] keeps them.
    ///
    /// ```
    /// use std::convert::Infallible;
    /// use std::sync::Arc;
    /// use common::trace::{MemorySink, TraceStreamExt as _, Tracer};
    /// use futures_util::{FutureExt as _, StreamExt as _, stream};
    ///
    /// let sink = Arc::new(MemorySink::new());
    /// let tracer = Tracer::builder(sink.clone()).build();
    /// let run = tracer.run("generate").run_type("llm");
    /// let tokens = stream::iter(["Be", "cause"].map(Ok::<_, Infallible>)).traced(run);
    /// assert_eq!(tokens.count().now_or_never(), Some(2));
    /// assert_eq!(sink.runs()[0].outputs.as_ref().unwrap()["output"][1], "cause");
    /// ```
    fn traced<T, E>(self, run: impl IntoRun) -> TracedStream<Self, Items, T>
    where
        Self: Stream<Item = Result<T, E>>,
        T: Serialize,
        E: Display,
    {
        self.traced_by(run, Items::new())
    }

    /// Traces a stream of results. The run gives back what `reducer` makes of the chunks.
    fn traced_by<T, E, R>(self, run: impl IntoRun, reducer: R) -> TracedStream<Self, R, T>
    where
        Self: Stream<Item = Result<T, E>>,
        R: Reduce<T>,
        E: Display,
    {
        TracedStream::new(self, run, reducer, |item| {
            item.as_ref().map_err(|error| error.to_string())
        })
    }

    /// Traces a stream that cannot fail. The run gives back the list of chunks, as far as [`Items`] keeps
    /// them.
    fn traced_values(self, run: impl IntoRun) -> TracedStream<Self, Items, Self::Item>
    where
        Self::Item: Serialize,
    {
        self.traced_values_by(run, Items::new())
    }

    /// Traces a stream that cannot fail. The run gives back what `reducer` makes of the chunks.
    fn traced_values_by<R>(self, run: impl IntoRun, reducer: R) -> TracedStream<Self, R, Self::Item>
    where
        R: Reduce<Self::Item>,
    {
        TracedStream::new(self, run, reducer, whole_item)
    }
}

impl<S: Stream> TraceStreamExt for S {}

fn whole_item<T>(item: &T) -> Result<&T, String> {
    Ok(item)
}

/// Looks what an item is: a chunk, or an error with this text.
pub(super) type Look<I, T> = for<'a> fn(&'a I) -> Result<&'a T, String>;

pin_project! {
    /// A stream with a run that ends with it. Made by [`TraceStreamExt::traced`].
    #[must_use = "streams do nothing unless polled"]
    pub struct TracedStream<S: Stream, R: Reduce<T>, T> {
        // None once it is being dropped: what it holds ends before its run does.
        #[pin]
        stream: Option<S>,
        look: Look<S::Item, T>,
        lasting: Lasting,
        gathered: Gathered<R>,
    }

    impl<S: Stream, R: Reduce<T>, T> PinnedDrop for TracedStream<S, R, T> {
        fn drop(this: Pin<&mut Self>) {
            let mut this = this.project();
            let gathered = this.gathered;
            this.lasting.give_up(
                || this.stream.set(None),
                |run| gathered.break_off::<T>(run, || why_dropped("stream")),
            );
        }
    }
}

impl<S: Stream, R: Reduce<T>, T> TracedStream<S, R, T> {
    fn new(stream: S, run: impl IntoRun, reducer: R, look: Look<S::Item, T>) -> Self {
        Self {
            stream: Some(stream),
            look,
            lasting: Lasting::new(run),
            gathered: Gathered::new(reducer),
        }
    }
}

impl<S: Stream, R: Reduce<T>, T> Stream for TracedStream<S, R, T> {
    type Item = S::Item;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.project();
        // Only a pinned drop takes the stream out, and nobody polls after that.
        let Some(stream) = this.stream.as_pin_mut() else {
            return Poll::Ready(None);
        };
        let (lasting, gathered) = (this.lasting, this.gathered);
        let polled = lasting.call(
            || stream.poll_next(cx),
            |run| gathered.fail::<T>(run, "Panicked: the stream panicked before its end"),
        );
        match &polled {
            Poll::Ready(Some(item)) => {
                if let Some(run) = lasting.run() {
                    gathered.take(run, item, *this.look);
                }
            }
            Poll::Ready(None) => lasting.end(|run| gathered.end::<T>(run)),
            Poll::Pending => {}
        }
        polled
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let stream = self.stream.as_ref();
        stream.map_or((0, Some(0)), Stream::size_hint)
    }
}
