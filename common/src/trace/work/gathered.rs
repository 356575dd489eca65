//! What is known of a stream while it is read.

use std::panic::{AssertUnwindSafe, catch_unwind};

use serde_json::{Value, json};

use super::reduce::Reduce;
use super::stream::{CHUNK_COUNT, Look};
use crate::model::RunType;
use crate::trace::RunTree;

/// The chunks of a stream as far as it was read, added up.
#[derive(Debug)]
pub(super) struct Gathered<R> {
    // None once it panicked: what it holds then is no output.
    reducer: Option<R>,
    chunks: u64,
    error: Option<String>,
}

impl<R> Gathered<R> {
    pub(super) fn new(reducer: R) -> Self {
        Self {
            reducer: Some(reducer),
            chunks: 0,
            error: None,
        }
    }

    /// Takes an item in, if anybody wants to know.
    pub(super) fn take<I, T>(&mut self, run: &RunTree, item: &I, look: Look<I, T>)
    where
        R: Reduce<T>,
    {
        if !run.is_recording() {
            return;
        }
        // The text of an error and the reducer are code of others.
        let taken = catch_unwind(AssertUnwindSafe(|| match look(item) {
            Ok(chunk) => {
                if let Some(reducer) = &mut self.reducer {
                    reducer.take(chunk);
                }
                None
            }
            Err(error) => Some(error),
        }));
        match taken {
            Ok(None) => self.count(run),
            // What follows from an error says less.
            Ok(error) => self.error = self.error.take().or(error),
            Err(_) => {
                self.reducer = None;
                self.count(run);
            }
        }
    }

    fn count<T>(&mut self, run: &RunTree)
    where
        R: Reduce<T>,
    {
        self.chunks += 1;
        if self.chunks == 1 && run.run_type() == RunType::Llm {
            run.new_token();
        }
        run.update_with(|| self.outputs());
    }

    fn outputs<T>(&self) -> Value
    where
        R: Reduce<T>,
    {
        let reducer = self.reducer.as_ref();
        let outputs = catch_unwind(AssertUnwindSafe(|| reducer.map(Reduce::outputs)));
        let failed = || json!({ "ls_error": "Reducing failed; outputs dropped" });
        outputs.ok().flatten().unwrap_or_else(failed)
    }

    /// Ends the run of a stream that has ended.
    pub(super) fn end<T>(&mut self, run: &RunTree)
    where
        R: Reduce<T>,
    {
        let outputs = self.describe(run);
        match (self.error.take(), outputs) {
            (None, Some(outputs)) => run.end_with(outputs),
            (None, None) => run.end(),
            (Some(error), outputs) => fail(run, outputs, &error),
        }
    }

    /// Ends the run of a stream that was dropped.
    pub(super) fn break_off<T>(&mut self, run: &RunTree, why: impl FnOnce() -> String)
    where
        R: Reduce<T>,
    {
        let is_whole = self.reducer.as_ref().is_some_and(Reduce::is_whole);
        if !is_whole && self.error.is_none() {
            self.error = Some(why());
        }
        self.end(run);
    }

    /// Ends the run of a stream that failed.
    pub(super) fn fail<T>(&mut self, run: &RunTree, error: &str)
    where
        R: Reduce<T>,
    {
        let outputs = self.describe(run);
        fail(run, outputs, error);
    }

    /// Says what is known besides the outputs, and returns those; nothing if nobody wants to know.
    fn describe<T>(&self, run: &RunTree) -> Option<Value>
    where
        R: Reduce<T>,
    {
        if !run.is_recording() {
            return None;
        }
        run.add_metadata(CHUNK_COUNT, self.chunks);
        let usage = || self.reducer.as_ref().and_then(Reduce::usage);
        if let Ok(Some(usage)) = catch_unwind(AssertUnwindSafe(usage)) {
            run.set_usage(usage);
        }
        Some(self.outputs())
    }
}

fn fail(run: &RunTree, outputs: Option<Value>, error: &str) {
    if let Some(outputs) = outputs {
        run.set_outputs(outputs);
    }
    run.fail(error);
}
