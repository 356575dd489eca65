//! What stands in place of a field that was not masked as it should have been.

use super::path::Field;
use crate::model::JsonMap;

/// The key under which the official SDKs say so.
const ERROR: &str = "ls_error";

/// Why a field is withheld. The kind of the problem only: what a panic says may quote what it was about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reason {
    /// A function of the user's panicked.
    Panicked,
    /// It is more than the anonymizer may read.
    OverBudget,
}

/// Returns the marker for a text, in the words of the Python SDK 0.15.
pub(super) fn text(field: Field, by: &str, reason: Reason) -> String {
    let field = field.word();
    let reason = match reason {
        Reason::Panicked => "Panic",
        Reason::OverBudget => "OverBudget",
    };
    format!("Processing failed; {field} dropped ({by}: {reason})")
}

/// Returns the marker for an object.
pub(super) fn map(field: Field, by: &str, reason: Reason) -> JsonMap {
    JsonMap::from_iter([(ERROR.to_owned(), text(field, by, reason).into())])
}
