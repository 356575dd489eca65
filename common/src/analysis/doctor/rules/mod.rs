//! The rules: each looks at the evidence, and says which faults it shows.
//!
//! A rule that lacks its kind of evidence says nothing. One rule may name several faults that look
//! alike, so that one thing is not told twice. A new rule goes into [`RULES`].

mod books;
mod headers;
mod ingest;
mod performance;
mod place;
mod settings;
mod shape;
mod telling;
mod together;
mod twice;

use super::evidence::{Index, Name, Seen};
use super::finding::Findings;

/// A rule.
pub(super) type Rule = fn(&Index<'_>, &mut Findings<'_>);

/// All rules.
pub(super) const RULES: &[Rule] = &[
    shape::parents,
    shape::pending,
    shape::parent_ended_first,
    together::roots,
    together::mixed,
    together::projects,
    twice::duplicates,
    twice::counted_twice,
    place::places,
    place::skew,
    place::sizes,
    telling::calls,
    telling::conversations,
    headers::passage,
    headers::arrival,
    ingest::answers,
    ingest::objections,
    books::ledgers,
    settings::environments,
    settings::against_runs,
    performance::times,
];

/// Returns true for variables of a process that a rule looks at.
pub(super) fn reads_variable(name: &str) -> bool {
    settings::reads(name)
}

/// Writes a run's name as words show it.
fn named(index: &Index<'_>, run: &Seen) -> String {
    let name = index.evidence.text(run.name);
    match index.evidence.text(run.service) {
        "" => format!("{name:?}"),
        service => format!("{name:?} of {service}"),
    }
}

/// Tells whether two words are known, and differ.
fn differ(one: Name, other: Name) -> bool {
    one.is_some() && other.is_some() && one != other
}

/// Writes a number of microseconds.
fn span(micros: i64) -> String {
    match micros {
        n if n < 1_000 => format!("{n} µs"),
        n if n < 1_000_000 => format!("{:.1} ms", n as f64 / 1e3),
        n => format!("{:.1} s", n as f64 / 1e6),
    }
}
