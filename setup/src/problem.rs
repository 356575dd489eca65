//! What went wrong, in words, with what to do about it. Start at [`Problem`].

use std::error::Error;
use std::fmt;

/// Exit code of a run that worked.
pub(crate) const OK: u8 = 0;
/// Exit code of a run in which something failed.
pub(crate) const FAILED: u8 = 1;
/// Exit code of a command that was asked for something it does not have.
pub(crate) const USAGE: u8 = 2;

/// Says what is wrong and what the reader does next.
#[derive(Debug)]
pub(crate) struct Problem {
    what: String,
    remedy: String,
    code: u8,
}

impl Problem {
    /// Reports a failure that the remedy mends.
    pub(crate) fn new(what: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self {
            what: what.into(),
            remedy: remedy.into(),
            code: FAILED,
        }
    }

    /// Reports a request for something that is not there.
    pub(crate) fn usage(what: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self {
            what: what.into(),
            remedy: remedy.into(),
            code: USAGE,
        }
    }

    /// Returns what is wrong, without the remedy.
    pub(crate) fn what(&self) -> &str {
        &self.what
    }

    /// Returns what to do about it.
    pub(crate) fn remedy(&self) -> &str {
        &self.remedy
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}\n  → {}",
            self.what,
            self.remedy.replace('\n', "\n    ")
        )
    }
}

impl Error for Problem {}

/// Chooses the exit code that an error asks for.
pub(crate) fn exit_code(error: &anyhow::Error) -> u8 {
    error
        .downcast_ref::<Problem>()
        .map_or(FAILED, |problem| problem.code)
}
