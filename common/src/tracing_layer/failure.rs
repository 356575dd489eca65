//! Whether a span failed, and why: its fields may say the one before the other.

use serde_json::Value;

use super::reading::Told;

/// What is known of a span's failure so far.
#[derive(Debug, Default)]
pub(super) struct Failure {
    failed: bool,
    // The first description or event.
    why: Option<String>,
    // `error.type`, where nothing says more.
    kind: Option<String>,
}

impl Failure {
    /// Takes over what fields say of it.
    pub(super) fn absorb(&mut self, told: &mut Told) {
        self.failed |= told.failed;
        self.why = self.why.take().or(told.failure.take());
        if let Some(Value::String(kind)) = told.metadata.get("error.type") {
            self.kind.get_or_insert_with(|| kind.clone());
        }
    }

    /// Takes over what an event at the level of errors says.
    pub(super) fn by_event(&mut self, why: String) {
        self.failed = true;
        self.why.get_or_insert(why);
    }

    /// Returns why the span failed, if it did.
    pub(super) fn why(self) -> Option<String> {
        let why = self.why.or(self.kind);
        let why = why.unwrap_or_else(|| "the span's status is an error".to_owned());
        self.failed.then_some(why)
    }
}
