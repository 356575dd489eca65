//! Where secrets are planted.

use std::fmt;

/// A field that can hold a secret. Each has a secret of its own, in the form of a key of LangSmith.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Plant {
    /// The run's name.
    Name,
    /// The run's type, of the user's own making.
    RunType,
    /// A tag.
    Tag,
    /// A text in inputs.
    Inputs,
    /// A key of a map in inputs.
    InputKey,
    /// A text in inputs, fifty levels down.
    DeepInput,
    /// A secret in inputs that a list holds in three pieces, as chunks of a stream are.
    SplitInput,
    /// The password of an address in inputs.
    UrlPassword,
    /// A text in outputs.
    Outputs,
    /// A value of metadata.
    Metadata,
    /// A value of metadata that runs below inherit, and that `baggage` carries.
    InheritedMetadata,
    /// The thread id.
    ThreadId,
    /// A parameter of a call of a model, under `invocation_params`.
    InvocationParams,
    /// The error.
    Error,
    /// The message of a panic.
    Panic,
    /// The message of an event.
    EventMessage,
    /// A value of an event.
    EventValue,
    /// A token in a `new_token` event, as the official tracers write them.
    Token,
    /// The name of an attachment.
    AttachmentName,
    /// The content of an attachment.
    AttachmentContent,
    /// A comment of feedback.
    FeedbackComment,
    /// A value of feedback.
    FeedbackValue,
    /// A correction in feedback.
    FeedbackCorrection,
    /// The project.
    Project,
    /// The client's own key. It belongs alone into `x-api-key` of a request to LangSmith, and nowhere else.
    ApiKey,
}

impl Plant {
    /// All of them, in the order of a run's fields.
    pub const ALL: [Self; 25] = [
        Self::Name,
        Self::RunType,
        Self::Tag,
        Self::Inputs,
        Self::InputKey,
        Self::DeepInput,
        Self::SplitInput,
        Self::UrlPassword,
        Self::Outputs,
        Self::Metadata,
        Self::InheritedMetadata,
        Self::ThreadId,
        Self::InvocationParams,
        Self::Error,
        Self::Panic,
        Self::EventMessage,
        Self::EventValue,
        Self::Token,
        Self::AttachmentName,
        Self::AttachmentContent,
        Self::FeedbackComment,
        Self::FeedbackValue,
        Self::FeedbackCorrection,
        Self::Project,
        Self::ApiKey,
    ];

    /// Returns the field's name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Name => "name",
            Self::RunType => "run type",
            Self::Tag => "tag",
            Self::Inputs => "inputs",
            Self::InputKey => "inputs: a key",
            Self::DeepInput => "inputs: 50 levels down",
            Self::SplitInput => "inputs: in three pieces",
            Self::UrlPassword => "inputs: password of a URL",
            Self::Outputs => "outputs",
            Self::Metadata => "metadata",
            Self::InheritedMetadata => "metadata, inherited",
            Self::ThreadId => "thread id",
            Self::InvocationParams => "invocation params",
            Self::Error => "error",
            Self::Panic => "panic",
            Self::EventMessage => "event: message",
            Self::EventValue => "event: value",
            Self::Token => "event: token",
            Self::AttachmentName => "attachment: name",
            Self::AttachmentContent => "attachment: content",
            Self::FeedbackComment => "feedback: comment",
            Self::FeedbackValue => "feedback: value",
            Self::FeedbackCorrection => "feedback: correction",
            Self::Project => "project",
            Self::ApiKey => "the client's key",
        }
    }

    /// Returns the part of the secret that no one else has and that no escape changes: 32 hexadecimal digits.
    pub(super) fn core(self) -> String {
        // Different in every digit, so that half a secret is no other's.
        let number = (self as u128 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835);
        format!("{:032x}", number ^ (number >> 64))
    }

    /// Returns the secret, in the form of a key of LangSmith.
    pub fn secret(self) -> String {
        // In pieces, so that nobody who looks for keys in sources finds this one.
        ["lsv2", "_pt_", &self.core(), "_", "0123456789"].concat()
    }

    /// Returns the harmless word that stands beside the secret.
    pub fn beside(self) -> String {
        format!("beside{:02}x", self as usize)
    }

    /// Returns what is planted: the word and the secret.
    pub(super) fn text(self) -> String {
        format!("{} {}", self.beside(), self.secret())
    }
}

impl fmt::Display for Plant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::trace::Anonymizer;

    #[test]
    fn every_field_has_a_secret_of_its_own_that_the_preset_takes_for_one() {
        let cores: BTreeSet<String> = Plant::ALL.iter().map(|plant| plant.core()).collect();
        assert_eq!(cores.len(), Plant::ALL.len());
        for plant in Plant::ALL {
            let masked = Anonymizer::secrets().mask_text(plant.text());
            assert!(!masked.contains(&plant.core()), "{masked}");
            assert!(masked.contains(&plant.beside()), "{masked}");
        }
    }
}
