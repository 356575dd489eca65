//! Where a text stands.

/// A part of what is sent. Also what an anonymizer can be told to leave as it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Field {
    /// The name of a run, its type if it is none of LangSmith's, and the key of feedback.
    Names,
    /// Tags.
    Tags,
    /// What the work was given.
    Inputs,
    /// What the work gave back.
    Outputs,
    /// Metadata, also on its way into the `baggage` header.
    Metadata,
    /// The other keys of `extra`, such as `invocation_params`.
    Extra,
    /// Why the work failed.
    Errors,
    /// Names, messages and values of events.
    Events,
    /// Names and media types of attachments. Their content is sent as it is.
    Attachments,
    /// Comment, value, correction, score and source of feedback.
    Feedback,
    /// The keys of maps, wherever they are.
    Keys,
}

impl Field {
    /// How many there are.
    pub(super) const COUNT: usize = 11;

    /// Returns the word for it in a marker.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Names => "name",
            Self::Tags => "tags",
            Self::Inputs => "inputs",
            Self::Outputs => "outputs",
            Self::Metadata => "metadata",
            Self::Extra => "extra",
            Self::Errors => "error",
            Self::Events => "events",
            Self::Attachments => "attachments",
            Self::Feedback => "feedback",
            Self::Keys => "keys",
        }
    }
}

/// Where a text stands: the field, and the way down from there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TextPath<'a> {
    /// The field.
    pub field: Field,
    /// The keys and positions from the field down to the text; empty where the field is the text. For
    /// a key they lead to its map.
    pub parts: &'a [PathPart],
}

/// One step of the way to a text. It is never joined to a string, so no key can pass for a way
/// (CVE-2026-40190).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum PathPart {
    /// The value of that key.
    Key(String),
    /// The item at that position, from zero.
    Index(usize),
}

/// The ways to the values that a walk has open. Each is kept as its last step and the way before.
#[derive(Debug)]
pub(super) struct Paths {
    steps: Option<Vec<(usize, PathPart)>>,
}

/// The way to the field itself.
pub(super) const HERE: usize = usize::MAX;

impl Paths {
    /// Keeps ways only if somebody will ask.
    pub(super) fn new(wanted: bool) -> Self {
        Self {
            steps: wanted.then(Vec::new),
        }
    }

    pub(super) fn step(&mut self, from: usize, part: impl FnOnce() -> PathPart) -> usize {
        match &mut self.steps {
            Some(steps) => {
                steps.push((from, part()));
                steps.len() - 1
            }
            None => HERE,
        }
    }

    pub(super) fn parts(&self, mut at: usize) -> Vec<PathPart> {
        let mut parts = Vec::new();
        while let Some((before, part)) = self.steps.as_ref().and_then(|steps| steps.get(at)) {
            parts.push(part.clone());
            at = *before;
        }
        parts.reverse();
        parts
    }
}
