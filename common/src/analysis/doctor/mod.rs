//! The trace doctor: names what is wrong with captured traces, why, and what to do.
//!
//! ```text
//! read ──► Evidence ──► rules ──► Findings ──► print: text · JSON · SARIF · notebook
//!  capture · runs · OTLP   └─ each fault is a row of `code`'s table
//! ```
//!
//! A rule that lacks its kind of evidence says nothing, and the report tells which kinds were not given.
//! Start at [`examine`].
//!
//! ```
//! use common::analysis::doctor::{Evidence, examine};
//!
//! let lines = r#"{"id":"01990000-0000-7000-8000-000000000002","name":"retrieve",
//!     "trace_id":"01990000-0000-7000-8000-000000000001",
//!     "parent_run_id":"01990000-0000-7000-8000-000000000001",
//!     "start_time":"2025-09-01T00:00:00Z","end_time":"2025-09-01T00:00:01Z"}"#;
//! let report = examine(&Evidence::read(lines.as_bytes())?);
//! assert_eq!(report.with_code("LT001").count(), 1);
//! # Ok::<(), common::analysis::doctor::ReadError>(())
//! ```

mod code;
mod evidence;
mod finding;
mod print;
mod read;
mod rules;
mod table;

pub use code::{Cause, Chapter, EvidenceKind, Fault, Level, fault, faults};
pub use evidence::{Books, Evidence, Hop, Objection, Operation, Process, Request};
pub use finding::{Finding, Report, Shown};
pub use print::catalogue;
pub use read::ReadError;

use evidence::Index;
use finding::Findings;

/// Looks for every fault of the table, and returns what it found, the worst first.
pub fn examine(evidence: &Evidence) -> Report {
    examined(evidence, false)
}

/// Examines as [`examine`] does, and keeps every finding, however many there are of a code.
pub fn examine_all(evidence: &Evidence) -> Report {
    examined(evidence, true)
}

fn examined(evidence: &Evidence, all: bool) -> Report {
    let index = Index::new(evidence);
    let mut findings = Findings::new(evidence, all);
    for rule in rules::RULES {
        rule(&index, &mut findings);
    }
    let traces = index.traces().count();
    findings.finish(traces)
}
