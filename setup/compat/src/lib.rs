//! The proof that `common` and the official SDKs send the same: `cargo workbook compat`.
//!
//! ```text
//!   scenario ─┬─► official SDK (its own process) ─► a stand-in ─► normal ─► capture ─┐
//!             └─► `common` (src/scenarios)       ─► a stand-in ─► normal ─► capture ─┴─► compare ─► differences
//! ```
//!
//! A scenario is the same few lines in `python/scenarios.py`, `javascript/scenarios.mjs` and
//! `src/scenarios/`. Each difference is listed with its reason in `differences.toml`; one that is not
//! listed, and a listed one that no longer occurs, is a failure. `docs/compatibility.md` is rendered from
//! that file, from `headers.toml` and from `features.toml`. Start at [`run`].
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a command speaks to its user"
)]

mod compare;
mod crossing;
mod differences;
mod features;
mod headers;
mod normal;
pub mod pages;
mod peer;
mod report;
mod run;
mod scenarios;
mod sdk;

pub use run::{Request, run};
pub use scenarios::names;
pub use sdk::Sdk;
