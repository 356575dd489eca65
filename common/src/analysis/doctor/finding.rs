//! What the doctor found: each fault with its runs, its causes, and what to do.
//!
//! Start at [`examine`](super::examine).

use std::collections::{BTreeMap, HashSet};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use chrono::DateTime;
use uuid::Uuid;

use super::code::{Cause, EvidenceKind, Fault, Level, fault};
use super::evidence::{Evidence, NEVER, Seen};
use crate::analysis::label::fit;
use crate::model::Timestamp;

/// Runs that one finding names; the others are counted.
const RUNS: usize = 5;
/// Findings of one code that are kept, unless somebody wants all.
const KEPT: usize = 100;

/// A run that shows a fault.
#[derive(Debug, Clone, PartialEq)]
pub struct Shown {
    /// Its id.
    pub id: Uuid,
    /// The id of its trace.
    pub trace: Uuid,
    /// What it is called, made harmless.
    pub name: String,
    /// The service that it is of; empty if it does not say.
    pub service: String,
    /// When it began.
    pub start: Option<Timestamp>,
    /// When it ended.
    pub end: Option<Timestamp>,
}

/// One fault in one place.
#[derive(Debug, Clone)]
pub struct Finding {
    /// Which fault.
    pub fault: &'static Fault,
    /// What it is about: the id of a trace or call, or the name of a process or request.
    pub about: String,
    /// What is to be seen, in one sentence.
    pub words: String,
    /// The kinds of evidence that show it.
    pub shown_by: Vec<EvidenceKind>,
    /// Runs that show it, the most telling first.
    pub runs: Vec<Shown>,
    /// How many more runs show it.
    pub more_runs: usize,
    /// Why, the likeliest first.
    pub causes: Vec<&'static Cause>,
}

impl Finding {
    /// Returns the likeliest cause. Every fault has one.
    pub fn cause(&self) -> Option<&'static Cause> {
        self.causes.first().copied()
    }
}

/// All findings, the worst first.
#[derive(Debug, Clone)]
pub struct Report {
    /// What was found; of each code the first hundred, unless all were wanted.
    pub findings: Vec<Finding>,
    /// How often each code was found.
    pub counts: BTreeMap<&'static str, usize>,
    /// Kinds of evidence that were given.
    pub given: Vec<EvidenceKind>,
    /// Kinds that were not, so that their rules said nothing.
    pub missing: Vec<EvidenceKind>,
    /// Runs that were looked at.
    pub runs: usize,
    /// Traces that these are of.
    pub traces: usize,
    /// Entries that could not be read.
    pub unreadable: u64,
    /// What was not looked at although it is there, or was not read: each a sentence.
    pub limits: Vec<String>,
}

impl Report {
    /// Returns true if nothing was found.
    pub fn is_clean(&self) -> bool {
        self.counts.is_empty()
    }

    /// Returns how bad the worst finding is.
    pub fn worst(&self) -> Option<Level> {
        self.counts
            .keys()
            .filter_map(|code| Some(fault(code)?.level))
            .max()
    }

    /// Returns the findings with a code.
    pub fn with_code<'a>(&'a self, code: &'a str) -> impl Iterator<Item = &'a Finding> {
        self.findings
            .iter()
            .filter(move |finding| finding.fault.code == code)
    }

    /// Returns how many findings there are, those among them that are not listed.
    pub fn len(&self) -> usize {
        let counts = self.counts.values().copied();
        counts.fold(0, usize::saturating_add)
    }

    /// Returns true if nothing was found.
    pub fn is_empty(&self) -> bool {
        self.is_clean()
    }
}

/// What a rule says, before it is a finding.
pub(super) struct Said {
    code: &'static str,
    about: String,
    words: String,
    shown_by: Vec<EvidenceKind>,
    runs: Vec<u32>,
    rows: Vec<u8>,
}

impl Said {
    pub(super) fn new(
        code: &'static str,
        about: impl Into<String>,
        shown_by: &[EvidenceKind],
        words: impl Into<String>,
    ) -> Self {
        Self {
            code,
            about: about.into(),
            words: words.into(),
            shown_by: shown_by.to_vec(),
            runs: Vec::new(),
            rows: Vec::new(),
        }
    }

    /// Names the runs that show it, by their positions.
    pub(super) fn runs(mut self, runs: impl IntoIterator<Item = u32>) -> Self {
        self.runs.extend(runs);
        self
    }

    /// Puts the causes of these rows of the catalogue first. Row 0 is the first that is in none.
    pub(super) fn likely(mut self, rows: &[u8]) -> Self {
        self.rows.extend(rows);
        self
    }
}

/// Gathers what rules say.
pub(super) struct Findings<'a> {
    evidence: &'a Evidence,
    kept: usize,
    findings: Vec<Finding>,
    counts: BTreeMap<&'static str, usize>,
    /// Hashes of code and what it is about: there may be millions.
    told: HashSet<u64>,
    limits: Vec<String>,
}

impl<'a> Findings<'a> {
    pub(super) fn new(evidence: &'a Evidence, all: bool) -> Self {
        Self {
            evidence,
            kept: if all { usize::MAX } else { KEPT },
            findings: Vec::new(),
            counts: BTreeMap::new(),
            told: HashSet::new(),
            limits: Vec::new(),
        }
    }

    /// Says what a rule did not look at.
    pub(super) fn limit(&mut self, words: String) {
        self.limits.push(words);
    }

    /// Counts findings that are known by their number only.
    pub(super) fn count_more(&mut self, code: &'static str, more: u64) {
        let count = self.counts.entry(code).or_default();
        *count = count.saturating_add(usize::try_from(more).unwrap_or(usize::MAX));
    }

    /// Adds what a rule says; the same fault about the same thing counts once.
    pub(super) fn add(&mut self, said: Said) {
        let Some(fault) = fault(said.code) else {
            return;
        };
        let count = self.counts.get(fault.code).copied().unwrap_or(0);
        let mut hasher = DefaultHasher::new();
        (fault.code, &said.about).hash(&mut hasher);
        if !self.told.insert(hasher.finish()) {
            return;
        }
        self.counts.insert(fault.code, count + 1);
        if count >= self.kept {
            return;
        }
        let mut causes: Vec<&'static Cause> = Vec::new();
        let likely = said.rows.iter().filter_map(|row| fault.of_row(*row));
        for cause in likely.chain(fault.causes) {
            if !causes.contains(&cause) {
                causes.push(cause);
            }
        }
        let runs = said.runs.iter().take(RUNS).map(|at| self.show(*at));
        self.findings.push(Finding {
            fault,
            about: fit(&said.about, 120),
            words: fit(&said.words, 400),
            shown_by: said.shown_by,
            runs: runs.collect(),
            more_runs: said.runs.len().saturating_sub(RUNS),
            causes,
        });
    }

    fn show(&self, at: u32) -> Shown {
        let run: &Seen = &self.evidence.runs[at as usize];
        let time = |micros: i64| {
            let known = (micros != NEVER).then_some(micros)?;
            DateTime::from_timestamp_micros(known)
        };
        Shown {
            id: Uuid::from_u128(run.id),
            trace: Uuid::from_u128(run.trace),
            name: fit(self.evidence.text(run.name), 60),
            service: fit(self.evidence.text(run.service), 40),
            start: time(run.start),
            end: time(run.end),
        }
    }

    pub(super) fn finish(mut self, traces: usize) -> Report {
        self.findings
            .sort_by(|a, b| (b.fault.level, a.fault.code).cmp(&(a.fault.level, b.fault.code)));
        let evidence = self.evidence;
        let (given, missing) = EvidenceKind::ALL
            .into_iter()
            .partition(|kind| evidence.has(*kind));
        let mut limits = evidence.limits.words();
        if evidence.names.is_full {
            limits.push(
                "there are more different names than are kept: some are not shown".to_owned(),
            );
        }
        limits.append(&mut self.limits);
        Report {
            findings: self.findings,
            counts: self.counts,
            given,
            missing,
            runs: evidence.len(),
            traces,
            unreadable: evidence.unreadable(),
            limits,
        }
    }
}

/// Writes the id of a trace.
pub(super) fn trace_id(run: &Seen) -> String {
    Uuid::from_u128(run.trace).to_string()
}
