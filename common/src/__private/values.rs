//! What a function takes and gives back, as it is recorded.

use std::fmt::{self, Write as _};
use std::panic::{AssertUnwindSafe, catch_unwind};

use serde::Serialize;
use serde_json::Value;

use crate::trace::serialized;

/// A value that can be recorded as an input.
#[diagnostic::on_unimplemented(
    message = "`#[traceable]` cannot record an argument of type `{Self}`",
    label = "this does not implement `serde::Serialize`",
    note = "leave the argument out with `#[traceable(skip(its_name))]`, all of them with `skip_all`, or \
            derive `serde::Serialize` for its type"
)]
pub trait RecordInput {
    fn record(&self) -> Value;
}

#[diagnostic::do_not_recommend]
impl<T: Serialize + ?Sized> RecordInput for T {
    fn record(&self) -> Value {
        serialized(self)
    }
}

/// A value that can be recorded as an output.
#[diagnostic::on_unimplemented(
    message = "`#[traceable]` cannot record a result of type `{Self}`",
    label = "this does not implement `serde::Serialize`",
    note = "leave the result out with `#[traceable(skip_output)]`, or derive `serde::Serialize` for its \
            type"
)]
pub trait RecordOutput {
    fn record(&self) -> Value;
}

#[diagnostic::do_not_recommend]
impl<T: Serialize + ?Sized> RecordOutput for T {
    fn record(&self) -> Value {
        serialized(self)
    }
}

/// An error that can be shown.
#[diagnostic::on_unimplemented(
    message = "`#[traceable]` cannot show an error of type `{Self}`",
    label = "its error does not implement `std::fmt::Display`",
    note = "show its `Debug` form with `#[traceable(err(Debug))]`, or implement `Display`"
)]
pub trait ShowError {
    fn show(&self) -> String;
}

#[diagnostic::do_not_recommend]
impl<E: fmt::Display + ?Sized> ShowError for E {
    fn show(&self) -> String {
        written(format_args!("{self}"))
    }
}

/// Writes what a `Display` gives before it fails, if it does.
fn written(text: fmt::Arguments<'_>) -> String {
    let mut shown = String::new();
    match catch_unwind(AssertUnwindSafe(|| write!(shown, "{text}"))) {
        Ok(_) => shown,
        Err(_) => "an error whose text could not be made".to_owned(),
    }
}

/// What a function returned. Of its two traits the compiler takes [`OfResult`] if it fits.
#[derive(Debug)]
pub struct Returned<'a, T>(pub &'a T);

pub trait OfResult {
    type Value;
    type Error;

    fn outputs(&self) -> Value
    where
        Self::Value: RecordOutput;
    fn error(&self) -> Option<String>
    where
        Self::Error: ShowError;
    fn error_debug(&self) -> Option<String>
    where
        Self::Error: fmt::Debug;
}

impl<T, E> OfResult for Returned<'_, Result<T, E>> {
    type Value = T;
    type Error = E;

    fn outputs(&self) -> Value
    where
        T: RecordOutput,
    {
        self.0.as_ref().map_or(Value::Null, RecordOutput::record)
    }

    fn error(&self) -> Option<String>
    where
        E: ShowError,
    {
        self.0.as_ref().err().map(ShowError::show)
    }

    fn error_debug(&self) -> Option<String>
    where
        E: fmt::Debug,
    {
        let error = self.0.as_ref().err()?;
        Some(written(format_args!("{error:?}")))
    }
}

pub trait OfValue {
    type Value;

    fn outputs(&self) -> Value
    where
        Self::Value: RecordOutput;

    fn error(&self) -> Option<String> {
        None
    }

    fn error_debug(&self) -> Option<String> {
        None
    }
}

impl<T> OfValue for &Returned<'_, T> {
    type Value = T;

    fn outputs(&self) -> Value
    where
        T: RecordOutput,
    {
        self.0.record()
    }
}
