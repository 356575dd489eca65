//! What tracing costs and what arrives when things go wrong, for `common` and its peers, side by side:
//! `cargo workbook bench`.
//!
//! ```text
//!   round ─► ours · Python · JavaScript · OpenTelemetry · fastrace ─► round ─► …        interleaved
//!              │ each a process of its own, each with a sink of its own
//!              ▼
//!   Order ─► driver ─► library ─► sink ─► Tally ┐
//!            └──────────► Report ───────────────┴─► Sample ─► medians, ratios ─► terminal · docs/performance.md
//! ```
//!
//! Figures of a shared machine move; what is compared is measured side by side, and the median of the
//! ratios of many rounds is what counts. Start at [`rounds::measure`].
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a command speaks to its user"
)]

pub mod clocks;
pub mod contestants;
pub mod drivers;
pub mod faults;
pub mod folders;
pub mod headers;
pub mod pages;
mod peers;
mod process;
pub mod protocol;
pub mod rounds;
pub mod sample;
pub mod sink;
pub mod soak;
pub mod table;
pub mod web;
pub mod workload;
