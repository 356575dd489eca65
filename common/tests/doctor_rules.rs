//! Each code of the doctor: one case that has it, and one that only looks like it.
#![cfg(feature = "analysis")]
#![allow(
    clippy::needless_pass_by_value,
    reason = "cases are written as literals"
)]

#[path = "doctor_rules/bounds.rs"]
mod bounds;
#[path = "doctor_rules/cases.rs"]
mod cases;
#[path = "doctor_rules/delivery.rs"]
mod delivery;
#[path = "doctor_rules/passage.rs"]
mod passage;
#[path = "doctor_rules/performance.rs"]
mod performance;
#[path = "doctor_rules/place.rs"]
mod place;
#[path = "doctor_rules/settings.rs"]
mod settings;
#[path = "doctor_rules/structure.rs"]
mod structure;
#[path = "doctor_rules/telling.rs"]
mod telling;
