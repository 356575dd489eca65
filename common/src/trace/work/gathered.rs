//! What is known of a stream while it is read.

use std::panic::{AssertUnwindSafe, catch_unwind};

use serde_json::{Value, json};

use super::reduce::Reduce;
use super::stream::{CHUNK_COUNT, Look};
use crate::model::RunType;
use crate::trace::RunTree;

/// Stands for the text of an error that has none.
const NO_TEXT: &str = "Error: its text could not be written";

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
        let looked = catch_unwind(AssertUnwindSafe(|| look(item)));
        // Only an error is asked for its text.
        let looked = looked.unwrap_or_else(|_| Err(NO_TEXT.to_owned()));
        let chunk = match looked {
            Ok(chunk) => chunk,
            Err(error) => {
                // What follows from an error says less.
                self.error.get_or_insert(error);
                return;
            }
        };
        let taken = catch_unwind(AssertUnwindSafe(|| {
            if let Some(reducer) = &mut self.reducer {
                reducer.take(chunk);
            }
        }));
        if taken.is_err() {
            self.reducer = None;
        }
        self.count(run);
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
        // The stream is being dropped, maybe by a panic: another one would end the program.
        let is_whole = || self.reducer.as_ref().is_some_and(Reduce::is_whole);
        let is_whole = catch_unwind(AssertUnwindSafe(is_whole)).unwrap_or(false);
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
