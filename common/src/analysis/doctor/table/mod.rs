//! The faults, in the order of their codes.

mod delivery;
mod passage;
mod performance;
mod place;
mod structure;
mod telling;

use super::code::{Cause, Chapter, EvidenceKind, Fault, Level};

/// All faults, by code.
pub(super) const ALL: &[&[Fault]] = &[
    structure::FAULTS,
    passage::FAULTS,
    place::FAULTS,
    delivery::FAULTS,
    telling::FAULTS,
    performance::FAULTS,
];

const fn fault(
    code: &'static str,
    name: &'static str,
    level: Level,
    shown_by: &'static [EvidenceKind],
    causes: &'static [Cause],
) -> Fault {
    Fault {
        code,
        name,
        level,
        shown_by,
        causes,
    }
}

const fn cause(
    row: u8,
    chapter: Chapter,
    symptom: &'static str,
    cause: &'static str,
    fix: &'static str,
) -> Cause {
    Cause {
        row,
        symptom,
        cause,
        fix,
        chapter,
    }
}
