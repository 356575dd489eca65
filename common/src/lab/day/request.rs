//! What is asked on a day, and what becomes of it.

use crate::analysis::{Asked, Failure};

/// What becomes of a question.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DayFate {
    /// It is answered, in less than a second.
    Answered,
    /// It is answered, but the model takes nine seconds.
    Slow,
    /// The search times out, and with it the question.
    Timeout,
    /// The model's provider answers 503, and so do we.
    Unavailable,
    /// The search times out, and the question is answered without: the root has no error.
    Partial,
}

impl DayFate {
    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::Answered,
        Self::Slow,
        Self::Timeout,
        Self::Unavailable,
        Self::Partial,
    ];

    /// Returns the name in reports.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Answered => "answered",
            Self::Slow => "slow",
            Self::Timeout => "timeout",
            Self::Unavailable => "unavailable",
            Self::Partial => "partial",
        }
    }

    /// Returns what becomes of the question with this number: of fifty, four are special.
    fn of(question: usize) -> Self {
        match question % 50 {
            7 => Self::Slow,
            13 => Self::Timeout,
            31 => Self::Unavailable,
            41 => Self::Partial,
            _ => Self::Answered,
        }
    }
}

/// One request of a [`Day`](super::Day).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DayRequest {
    /// Its id, as in the ledger: `q-013`, `h-002`.
    pub id: String,
    /// What becomes of it; none for a health check, of which nothing can become.
    pub fate: Option<DayFate>,
}

impl DayRequest {
    pub(super) fn question(number: usize) -> Self {
        Self {
            id: format!("q-{number:03}"),
            fate: Some(DayFate::of(number)),
        }
    }

    pub(super) fn health_check(number: usize) -> Self {
        Self {
            id: format!("h-{number:03}"),
            fate: None,
        }
    }

    /// Returns what its trace has to show.
    pub(super) fn asked(&self) -> Asked {
        let asked = Asked::new(&self.id);
        let Some(fate) = self.fate else {
            return asked.hop("gateway");
        };
        let asked = asked.call("gateway", "retriever");
        let whole = |asked: Asked| asked.call("gateway", "generator");
        match fate {
            DayFate::Answered | DayFate::Slow => whole(asked),
            DayFate::Timeout => asked.fails(Failure::new("timeout", "retriever").class("Timeout")),
            DayFate::Partial => {
                whole(asked).fails(Failure::new("partial", "retriever").class("Timeout"))
            }
            DayFate::Unavailable => {
                whole(asked).fails(Failure::new("unavailable", "generator").class("HTTP 503"))
            }
        }
    }
}
