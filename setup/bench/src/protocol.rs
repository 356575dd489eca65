//! What a driver is told, and what it tells: one line of JSON each way.
//!
//! ```text
//!   harness ─► {"url", "prose", "workload", …} ─► stdin ┐
//!                                                        driver ─► library ─► sink
//!   harness ◄─ {"trace_ns", "cpu_ns", …}      ◄─ stdout ┘
//! ```
//!
//! `python/driver.py` and `javascript/driver.mjs` speak the same.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::workload::Workload;

/// What a driver is asked to do.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Order {
    /// Where the sink listens.
    pub url: String,
    /// The file with the text.
    pub prose: PathBuf,
    /// How much.
    pub workload: Workload,
    /// Traces before those that are measured; they arrive and are counted like the others.
    #[serde(default)]
    pub warm_up: usize,
    /// Traces a second; as fast as it goes without it.
    #[serde(default)]
    pub rate: Option<f64>,
    /// How the process ends.
    #[serde(default)]
    pub ending: Ending,
    /// A folder for a spool, for the drivers that have one.
    #[serde(default)]
    pub spool: Option<PathBuf>,
    /// A trace whose first run is out of the ordinary.
    #[serde(default)]
    pub odd: Option<Odd>,
    /// Tells the ids of each trace's runs once its end calls have returned, a line for each trace.
    #[serde(default)]
    pub tells_ids: bool,
    /// Seconds that the flush at the end may take.
    #[serde(default = "default_patience")]
    pub patience: f64,
}

fn default_patience() -> f64 {
    60.0
}

/// How a driver ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ending {
    /// Flushes, reports, returns from `main`.
    #[default]
    Flush,
    /// Returns from `main` without a flush; what the library does by itself is all that happens.
    Return,
    /// Ends the process where it stands: `process::exit`, `os._exit`.
    Exit,
    /// Goes on until a signal ends it.
    Signal,
    /// As the last, with the library's own way to end on SIGTERM, if it has one.
    GracefulSignal,
    /// Half of the traces in this process, half in a forked child.
    Fork,
}

/// A run that the sink will not take as it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Odd {
    /// The trace, counted from zero.
    pub at: usize,
    /// What is odd.
    pub kind: Oddness,
}

/// What is odd about a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Oddness {
    /// It is named `bad`, which a sink may refuse.
    Bad,
    /// Its inputs are 64 KB.
    Huge,
}

/// What a driver measured.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Report {
    /// The library and its version.
    #[serde(default)]
    pub version: String,
    /// What the create and end calls of each trace took together, in nanoseconds.
    pub trace_ns: Vec<u64>,
    /// CPU of the calling thread in those calls.
    pub caller_cpu_ns: u64,
    /// CPU of the process from the first call until all was flushed.
    pub cpu_ns: u64,
    /// Time from the first call until all was flushed.
    pub wall_ns: u64,
    /// Memory before the first call, in kilobytes.
    #[serde(default)]
    pub before_kb: u64,
    /// Memory at its highest since.
    #[serde(default)]
    pub peak_kb: u64,
    /// What the library says about losses; ours tells its ledger.
    #[serde(default)]
    pub said: Option<String>,
}
