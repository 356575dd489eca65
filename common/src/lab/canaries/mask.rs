//! The ways to mask.

use std::fmt;

use crate::client::ClientBuilder;
use crate::trace::{Anonymizer, REDACTED};

/// A way to mask, as a setting of the client.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Mask {
    /// Nothing is masked.
    None,
    /// `LANGSMITH_HIDE_INPUTS=true`.
    HideInputs,
    /// `LANGSMITH_HIDE_OUTPUTS=true`.
    HideOutputs,
    /// `LANGSMITH_HIDE_METADATA=true`.
    HideMetadata,
    /// The preset for credentials: [`Anonymizer::secrets`].
    Secrets,
    /// A function of the program's own: here it replaces every word of more than 24 characters.
    Function,
    /// A function of the program's own that panics.
    Failing,
    /// The preset, and all three flags.
    Everything,
}

impl Mask {
    /// All of them, from the weakest on.
    pub const ALL: [Self; 8] = [
        Self::None,
        Self::HideInputs,
        Self::HideOutputs,
        Self::HideMetadata,
        Self::Secrets,
        Self::Function,
        Self::Failing,
        Self::Everything,
    ];

    /// Returns its name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::HideInputs => "hide inputs",
            Self::HideOutputs => "hide outputs",
            Self::HideMetadata => "hide metadata",
            Self::Secrets => "secrets",
            Self::Function => "function",
            Self::Failing => "function panics",
            Self::Everything => "all",
        }
    }

    /// Sets a client up so.
    pub fn apply(self, client: ClientBuilder) -> ClientBuilder {
        match self {
            Self::None => client,
            Self::HideInputs => client.hide_inputs(true),
            Self::HideOutputs => client.hide_outputs(true),
            Self::HideMetadata => client.hide_metadata(true),
            Self::Secrets => client.anonymizer(Anonymizer::secrets()),
            Self::Function => client.anonymizer(asking(long_words)),
            Self::Failing => client.anonymizer(asking(|_| fails())),
            Self::Everything => client
                .anonymizer(Anonymizer::secrets())
                .hide_inputs(true)
                .hide_outputs(true)
                .hide_metadata(true),
        }
    }
}

impl fmt::Display for Mask {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

fn asking(mask: impl Fn(&str) -> String + Send + Sync + 'static) -> Anonymizer {
    let built = Anonymizer::builder()
        .with(move |text, _| mask(text))
        .build();
    // Without patterns there is none that cannot be used.
    built.unwrap_or_else(|_| Anonymizer::secrets())
}

/// What many write first: whatever is too long for a word is taken for a key.
fn long_words(text: &str) -> String {
    let words = text.split(' ').map(|word| match word.len() {
        ..=24 => word,
        _ => REDACTED,
    });
    words.collect::<Vec<_>>().join(" ")
}

/// Panics as a function with a bug does, without the report on standard error: it is on order.
fn fails() -> String {
    std::panic::resume_unwind(Box::new("a bug in a function that masks"))
}
