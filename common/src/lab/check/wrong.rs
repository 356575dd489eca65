//! What is told when a fact does not hold, and where to look.

use crate::analysis::Outline;

/// A fact that does not hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Wrong {
    pub(super) sentence: String,
    /// The run to look at, in both pictures, and what is to be said there.
    place: Option<(String, &'static str, String)>,
}

impl Wrong {
    pub(super) fn of(sentence: impl Into<String>) -> Self {
        Self {
            sentence: sentence.into(),
            place: None,
        }
    }

    pub(super) fn at(
        run: &str,
        note: &'static str,
        goal: impl Into<String>,
        sentence: String,
    ) -> Self {
        Self {
            sentence,
            place: Some((run.to_owned(), note, goal.into())),
        }
    }

    /// Marks what is wrong in the tree as it is.
    pub(super) fn mark_in(&self, outline: Outline) -> Outline {
        match &self.place {
            Some((run, note, _)) => match outline.find(run) {
                Some(at) => outline.mark(at, note),
                None => outline,
            },
            None => outline,
        }
    }

    /// Marks the same run in the tree as it should be.
    pub(super) fn mark_goal_in(&self, outline: Outline) -> Outline {
        match &self.place {
            Some((run, _, goal)) => match outline.find(run) {
                Some(at) => outline.mark(at, goal),
                None => outline,
            },
            None => outline,
        }
    }
}
