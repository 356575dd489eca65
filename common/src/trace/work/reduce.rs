//! Chunks into what the run says that its stream gave.

use std::fmt;

use serde::Serialize;
use serde_json::Value;

use super::budget::{Budget, CAPTURE_BYTES};
use crate::model::{MAX_VALUE_DEPTH, Usage, size_of, withhold_deep};
use crate::trace::builder::serialized;

/// Adds up the chunks of a stream to what its run gives back: `reduce_fn` of the official SDKs, but chunk
/// by chunk, so that the chunks need not be kept.
///
/// A reducer sees every chunk before the stream's user does, so it should be quick. If it panics, the run
/// says so in place of its outputs, and the stream goes on. `()` keeps nothing; [`fold`] makes one of a
/// closure.
pub trait Reduce<T: ?Sized> {
    /// Takes a chunk in.
    fn take(&mut self, chunk: &T);

    /// Returns what the chunks so far add up to. It is called at the end, and before it for each
    /// [update](crate::trace::Updates).
    fn outputs(&self) -> Value;

    /// Returns what a call of a language model used up, if a chunk said so.
    fn usage(&self) -> Option<Usage> {
        None
    }

    /// Returns true if nothing is missing from what came, though the stream has not ended: then dropping
    /// it is no error.
    fn is_whole(&self) -> bool {
        false
    }
}

/// Keeps nothing.
impl<T: ?Sized> Reduce<T> for () {
    fn take(&mut self, _chunk: &T) {}

    fn outputs(&self) -> Value {
        Value::Null
    }
}

/// Keeps the chunks as a list, what the Python SDK does without `reduce_fn`: at most
/// [`CAPTURE_BYTES`] of them, and then a marker.
#[derive(Debug, Clone)]
pub struct Items {
    items: Vec<Value>,
    budget: Budget,
}

impl Items {
    /// Makes an empty list.
    pub fn new() -> Self {
        Self::keep(CAPTURE_BYTES)
    }

    /// Makes an empty list that keeps so many bytes, by estimate of what they take in memory.
    pub fn keep(bytes: usize) -> Self {
        Self {
            items: Vec::new(),
            budget: Budget::new(bytes),
        }
    }
}

impl Default for Items {
    fn default() -> Self {
        Self::new()
    }
}

impl<T: Serialize> Reduce<T> for Items {
    fn take(&mut self, chunk: &T) {
        // What is not kept need not be read either.
        if self.budget.is_spent() {
            return self.budget.leave_out();
        }
        let mut item = serialized(chunk);
        withhold_deep(&mut item);
        // The list doubles its room when it grows.
        let inside = size_of(Some(&item), MAX_VALUE_DEPTH).unwrap_or(usize::MAX / 2);
        if self.budget.spend(inside + 2 * std::mem::size_of::<Value>()) {
            self.items.push(item);
        }
    }

    fn outputs(&self) -> Value {
        let marker = self.budget.marker().map(Value::from);
        self.items.iter().cloned().chain(marker).collect()
    }
}

/// Joins chunks of text: at most [`CAPTURE_BYTES`] of it, and then a marker.
#[derive(Debug, Clone)]
pub struct JoinedText {
    text: String,
    budget: Budget,
}

impl JoinedText {
    /// Makes an empty text.
    pub fn new() -> Self {
        Self::keep(CAPTURE_BYTES)
    }

    /// Makes an empty text that keeps so many bytes.
    pub fn keep(bytes: usize) -> Self {
        Self {
            text: String::new(),
            budget: Budget::new(bytes),
        }
    }
}

impl Default for JoinedText {
    fn default() -> Self {
        Self::new()
    }
}

impl<T: AsRef<str> + ?Sized> Reduce<T> for JoinedText {
    fn take(&mut self, chunk: &T) {
        self.budget.push(&mut self.text, chunk.as_ref());
    }

    fn outputs(&self) -> Value {
        match self.budget.marker() {
            Some(marker) => format!("{} {marker}", self.text).into(),
            None => self.text.as_str().into(),
        }
    }
}

/// Adds up chunks with a closure. Made by [`fold`].
#[derive(Clone)]
pub struct Fold<A, F> {
    sum: A,
    add: F,
}

/// Adds up chunks with a closure, beginning with `start`. How much it keeps is up to you.
///
/// ```
/// use std::sync::Arc;
/// use common::trace::{MemorySink, TraceStreamExt as _, Tracer, fold};
/// use futures_util::{FutureExt as _, StreamExt as _, stream};
///
/// let sink = Arc::new(MemorySink::new());
/// let tracer = Tracer::builder(sink.clone()).build();
/// let longest = fold(0, |longest, token: &&str| *longest = token.len().max(*longest));
/// let tokens = stream::iter(["a", "stream", "of", "tokens"]);
/// let tokens = tokens.traced_values_by(tracer.run("generate"), longest);
/// assert_eq!(tokens.count().now_or_never(), Some(4));
/// assert_eq!(sink.runs()[0].outputs.as_ref().unwrap()["output"], 6);
/// ```
pub fn fold<A, T, F: FnMut(&mut A, &T)>(start: A, add: F) -> Fold<A, F> {
    Fold { sum: start, add }
}

impl<A: Serialize, T, F: FnMut(&mut A, &T)> Reduce<T> for Fold<A, F> {
    fn take(&mut self, chunk: &T) {
        (self.add)(&mut self.sum, chunk);
    }

    fn outputs(&self) -> Value {
        serialized(&self.sum)
    }
}

impl<A: fmt::Debug, F> fmt::Debug for Fold<A, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fold").finish_non_exhaustive()
    }
}
