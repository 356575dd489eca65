//! For programs. `docs/trace_doctor.md` describes the fields.

use serde_json::{Value, json};

use crate::analysis::doctor::code::Cause;
use crate::analysis::doctor::finding::{Finding, Report, Shown};

/// Version of the form; a field may be added within one.
const VERSION: u32 = 1;

impl Report {
    /// Returns the report as one JSON value.
    pub fn to_json(&self) -> Value {
        json!({
            "version": VERSION,
            "clean": self.is_clean(),
            "worst": self.worst().map(|level| level.as_str()),
            "runs": self.runs,
            "traces": self.traces,
            "unreadable": self.unreadable,
            "limits": self.limits,
            "evidence": {
                "given": self.given.iter().map(|kind| kind.as_str()).collect::<Vec<_>>(),
                "missing": self.missing.iter().map(|kind| kind.as_str()).collect::<Vec<_>>(),
            },
            "counts": self.counts,
            "findings": self.findings.iter().map(finding).collect::<Vec<_>>(),
        })
    }
}

fn finding(finding: &Finding) -> Value {
    json!({
        "code": finding.fault.code,
        "name": finding.fault.name,
        "level": finding.fault.level.as_str(),
        "about": finding.about,
        "message": finding.words,
        "shown_by": finding.shown_by.iter().map(|kind| kind.as_str()).collect::<Vec<_>>(),
        "runs": finding.runs.iter().map(run).collect::<Vec<_>>(),
        "more_runs": finding.more_runs,
        "causes": finding.causes.iter().map(|of| cause(of)).collect::<Vec<_>>(),
    })
}

fn run(run: &Shown) -> Value {
    json!({
        "id": run.id,
        "trace_id": run.trace,
        "name": run.name,
        "service": run.service,
        "start_time": run.start,
        "end_time": run.end,
    })
}

fn cause(cause: &Cause) -> Value {
    json!({
        "row": cause.row,
        "symptom": cause.symptom,
        "cause": cause.cause,
        "fix": cause.fix,
        "chapter": cause.chapter.path(),
    })
}
