//! The ingest log as steps of a film.

use super::store::{IngestOutcome, Told};
use crate::analysis::{FilmStep, StepEffect};

/// Returns an operation as a step.
pub(super) fn step(told: &Told) -> FilmStep {
    let (outcome, effect) = match told.entry.outcome {
        IngestOutcome::Created => ("created", StepEffect::Stored),
        IngestOutcome::Merged => ("merged", StepEffect::Stored),
        IngestOutcome::Repeated => ("repeated", StepEffect::Nothing),
        IngestOutcome::Rejected => ("rejected", StepEffect::Refused),
        IngestOutcome::Waiting => ("waiting", StepEffect::Nothing),
        IngestOutcome::Dropped => ("dropped", StepEffect::Gone),
    };
    FilmStep {
        operation: told.entry.kind.to_string(),
        outcome: outcome.to_owned(),
        effect,
        run: told.entry.id.clone(),
        request: Some(told.entry.request),
        at: told.at,
        after: told.after.clone(),
        problems: told.problems.clone(),
    }
}
