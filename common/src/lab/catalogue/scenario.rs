//! A row of the catalogue that can be played.

use std::fmt;

use futures_util::future::BoxFuture;

use super::broken::Broken;
use super::stage::{Played, Stage, Way};
use super::{python, stage};
use crate::analysis::doctor::{Cause, Chapter, EvidenceKind, fault};
use crate::langsmith_mock::MockBuilder;

/// What moves when a scenario is played.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Parts {
    /// This crate, used as the row says.
    Ours,
    /// A client as one writes it in an afternoon, with the mistake that is common.
    FromScratch,
    /// The official Python SDK, where it is installed; else what it sent when it was recorded.
    Python,
    /// What a real server sent when it was recorded; no lesson can start it.
    Recorded,
}

impl fmt::Display for Parts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Ours => "this crate, misused",
            Self::FromScratch => "a client from scratch",
            Self::Python => "the Python SDK, or its recording",
            Self::Recorded => "a recording",
        })
    }
}

pub(super) type Play = for<'a> fn(&'a Stage, Way) -> BoxFuture<'a, Played>;

/// One problem that users have: broken, and repaired. See [`scenario`](super::scenario).
#[derive(Clone, Copy)]
pub struct Scenario {
    number: u8,
    name: &'static str,
    code: &'static str,
    shown_by: &'static [EvidenceKind],
    parts: Parts,
    play: Play,
    endpoint: fn(MockBuilder) -> MockBuilder,
}

impl Scenario {
    pub(super) const fn new(
        number: u8,
        name: &'static str,
        code: &'static str,
        shown_by: &'static [EvidenceKind],
        parts: Parts,
        play: Play,
    ) -> Self {
        Self {
            number,
            name,
            code,
            shown_by,
            parts,
            play,
            endpoint: |mock| mock,
        }
    }

    /// Sets what is special about the endpoint, broken or not: its limits, its keys.
    pub(super) const fn at(mut self, endpoint: fn(MockBuilder) -> MockBuilder) -> Self {
        self.endpoint = endpoint;
        self
    }

    /// Returns its row in the catalogue.
    pub fn number(&self) -> u8 {
        self.number
    }

    /// Returns its name in words with hyphens.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// Returns the doctor's code for it.
    pub fn code(&self) -> &'static str {
        self.code
    }

    /// Returns the evidence that shows it.
    pub fn shown_by(&self) -> &'static [EvidenceKind] {
        self.shown_by
    }

    /// Returns what moves when it is played.
    pub fn parts(&self) -> Parts {
        self.parts
    }

    /// Returns the doctor's row on it: symptom, cause, fix, chapter. Every scenario has one.
    pub fn cause(&self) -> Option<&'static Cause> {
        fault(self.code)?.of_row(self.number)
    }

    /// Returns what a person sees.
    pub fn symptom(&self) -> &'static str {
        self.cause().map_or("", |cause| cause.symptom)
    }

    /// Returns where the workbook teaches it.
    pub fn chapter(&self) -> Chapter {
        self.cause()
            .map_or(Chapter::Troubleshooting, |cause| cause.chapter)
    }

    /// Plays it as users meet it.
    ///
    /// # Panics
    /// When a step fails that has nothing to do with the mistake: no port, no memory.
    pub async fn run(&self) -> Broken {
        self.played(Way::Broken, true).await
    }

    /// Plays the same work repaired: the doctor finds nothing in it.
    ///
    /// # Panics
    /// As [`run`](Self::run) does.
    pub async fn repaired(&self) -> Broken {
        self.played(Way::Repaired, true).await
    }

    /// Plays it as [`run`](Self::run) does, and starts no other language: what was recorded takes its place.
    ///
    /// # Panics
    /// As [`run`](Self::run) does.
    pub async fn run_here(&self) -> Broken {
        self.played(Way::Broken, false).await
    }

    /// Plays it as [`repaired`](Self::repaired) does, and starts no other language.
    ///
    /// # Panics
    /// As [`run`](Self::run) does.
    pub async fn repaired_here(&self) -> Broken {
        self.played(Way::Repaired, false).await
    }

    #[allow(clippy::expect_used, reason = "lessons stop where they cannot go on")]
    async fn played(&self, way: Way, abroad: bool) -> Broken {
        if self.parts == Parts::Python && !(abroad && python::is_installed()) {
            return python::recorded(self.number, way);
        }
        let stage = stage::set(self.endpoint).await;
        let played = (self.play)(&stage, way).await;
        played.expect("a scenario whose steps can be taken");
        stage.over().await
    }
}

impl fmt::Debug for Scenario {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Scenario({self})")
    }
}

impl fmt::Display for Scenario {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}: {}", self.number, self.name, self.symptom())
    }
}
