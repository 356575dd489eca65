//! Hints, one at a time, remembered.

use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::analysis::rich_output;
use crate::lab::progress::Journal;

/// The hints of one exercise, and how many of them were asked for.
#[derive(Debug)]
pub(in crate::lab) struct HintBook {
    exercise: String,
    hints: Vec<String>,
    shown: AtomicUsize,
    journal: Journal,
}

impl HintBook {
    pub(in crate::lab) fn new(exercise: &str, hints: &[String], journal: Journal) -> Self {
        let shown = journal.standing().hints_of(exercise).min(hints.len());
        Self {
            exercise: exercise.to_owned(),
            hints: hints.to_vec(),
            shown: AtomicUsize::new(shown),
            journal,
        }
    }

    pub(super) fn next(&self) -> Hint {
        let all = self.hints.len();
        let step = |shown: usize| (shown < all).then_some(shown + 1);
        let before = self
            .shown
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, step);
        let shown = match before {
            Ok(before) => {
                self.journal.hinted(&self.exercise, before + 1);
                before + 1
            }
            Err(all) => all,
        };
        Hint {
            shown: self.hints[..shown].to_vec(),
            of: all,
        }
    }

    /// Says in one line what may still be asked for.
    pub(super) fn offer(&self) -> String {
        let (shown, all) = (self.shown.load(Ordering::Acquire), self.hints.len());
        match shown {
            _ if all == 0 => "There is no hint for this one.".to_owned(),
            0 => format!("Stuck? `check.hint()` gives the first of {all} hints."),
            _ if shown < all => {
                format!("Stuck? `check.hint()` gives hint {} of {all}.", shown + 1)
            }
            _ => format!("`check.hint()` shows all {all} hints again."),
        }
    }
}

/// The hints asked for so far, the newest last. Made by [`Check::hint`](super::Check::hint).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hint {
    shown: Vec<String>,
    of: usize,
}

impl Hint {
    /// Returns how many hints have been asked for.
    pub fn number(&self) -> usize {
        self.shown.len()
    }

    /// Shows the hints as the result of a notebook cell.
    pub fn evcxr_display(&self) {
        rich_output::show(&[("text/plain", &self.to_string())]);
    }
}

impl fmt::Display for Hint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.shown.is_empty() {
            writeln!(f, "There is no hint for this one.")?;
        }
        for (at, hint) in self.shown.iter().enumerate() {
            writeln!(f, "Hint {} of {}: {hint}", at + 1, self.of)?;
        }
        Ok(())
    }
}
