//! A report for people, programs and code scanners.
//!
//! ```text
//! Report ─┬─ Display, to_text(colored)   terminals
//!         ├─ to_html, evcxr_display       notebooks
//!         ├─ to_json                      programs; docs/trace_doctor.md has the fields
//!         └─ to_sarif                     SARIF 2.1.0
//! faults ── catalogue                     the table of docs/troubleshooting.md
//! ```

mod catalogue;
mod html;
mod json;
mod sarif;
mod sections;
mod text;

pub use catalogue::catalogue;

use super::finding::{Report, Shown};

/// Writes a time to the millisecond; empty if it is not known.
fn time_of(shown: &Shown) -> String {
    let start = shown
        .start
        .map(|start| start.format("%Y-%m-%dT%H:%M:%S%.3fZ"));
    start.map(|start| start.to_string()).unwrap_or_default()
}

/// Says how much was looked at.
fn looked_at(report: &Report) -> String {
    use crate::analysis::label::count;
    let mut words = format!(
        "{} in {}",
        count(report.runs, "run"),
        count(report.traces, "trace")
    );
    if report.unreadable > 0 {
        words.push_str(&format!(
            "; {} entries could not be read",
            report.unreadable
        ));
    }
    words
}

/// Names the kinds of evidence that were not given.
fn not_given(report: &Report) -> String {
    let kinds: Vec<&str> = report.missing.iter().map(|kind| kind.as_str()).collect();
    kinds.join(", ")
}
