//! The faults that the doctor can name: one table, from which everything else is made.
//!
//! ```text
//! Fault (LT001 …) ──causes──► Cause   one row each: symptom, why, what to do, chapter
//! ```
//!
//! Codes are never used for something else, and never come back once they have gone. Start at [`fault`].

use std::fmt;

use super::table;

/// How bad a fault is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    /// Worth knowing; the trace is whole.
    Note,
    /// The trace is whole, and says something wrong, or will break under load.
    Warning,
    /// The trace is broken, or does not arrive.
    Error,
}

impl Level {
    /// All levels, the mildest first.
    pub const ALL: [Self; 3] = [Self::Note, Self::Warning, Self::Error];

    /// Returns the word for it, which is that of SARIF.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Note => "note",
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What shows a fault. Each kind has to be given; a rule whose kind is missing says nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum EvidenceKind {
    /// The runs themselves.
    Trace,
    /// What the endpoint was asked, what it answered, and what it objected to.
    IngestLog,
    /// The books of a client: what it took, sent, dropped and holds.
    Ledger,
    /// Variables of a process, and what the tracing library made of them.
    Environment,
    /// The headers of calls between services, as sent and as received.
    Headers,
}

impl EvidenceKind {
    /// All kinds.
    pub const ALL: [Self; 5] = [
        Self::Trace,
        Self::IngestLog,
        Self::Ledger,
        Self::Environment,
        Self::Headers,
    ];

    /// Returns the words for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Trace => "trace",
            Self::IngestLog => "ingest log",
            Self::Ledger => "ledger",
            Self::Environment => "environment",
            Self::Headers => "headers",
        }
    }
}

impl fmt::Display for EvidenceKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Where the workbook teaches it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Chapter {
    /// The set-up notebook.
    Setup,
    /// Two services and a header.
    CrossService,
    /// Spans and runs.
    OpenTelemetry,
    /// Tasks, threads, streams, queues.
    AsyncStreaming,
    /// Agents, tools, graphs.
    MultiAgent,
    /// Sampling, limits, shutdown.
    Production,
    /// Broken traces.
    Troubleshooting,
}

impl Chapter {
    /// Returns the notebook's number.
    pub fn number(self) -> &'static str {
        match self {
            Self::Setup => "00",
            Self::CrossService => "01",
            Self::OpenTelemetry => "02",
            Self::AsyncStreaming => "03",
            Self::MultiAgent => "04",
            Self::Production => "05",
            Self::Troubleshooting => "06",
        }
    }

    /// Returns the notebook's place in the repository.
    pub fn path(self) -> &'static str {
        match self {
            Self::Setup => "setup/environment_setup.ipynb",
            Self::CrossService => "notebooks/01_basic_cross_service_tracing.ipynb",
            Self::OpenTelemetry => "notebooks/02_opentelemetry_integration.ipynb",
            Self::AsyncStreaming => "notebooks/03_async_streaming_patterns.ipynb",
            Self::MultiAgent => "notebooks/04_multi_agent_workflows.ipynb",
            Self::Production => "notebooks/05_production_patterns.ipynb",
            Self::Troubleshooting => "notebooks/06_troubleshooting_edge_cases.ipynb",
        }
    }
}

/// One reason for a fault: a row of the catalogue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cause {
    /// Number of the row in the catalogue of users' problems (1 to 60); 0 if it is in none.
    pub row: u8,
    /// What a person sees.
    pub symptom: &'static str,
    /// Why it happens.
    pub cause: &'static str,
    /// What to do.
    pub fix: &'static str,
    /// Where the workbook teaches it.
    pub chapter: Chapter,
}

/// A kind of fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fault {
    /// `LT001` and on; stays the same between versions.
    pub code: &'static str,
    /// A short name in words with hyphens.
    pub name: &'static str,
    /// How bad it is.
    pub level: Level,
    /// What can show it; any one kind, or where a rule says so, several together.
    pub shown_by: &'static [EvidenceKind],
    /// Why it happens, the likeliest first if nothing more is known.
    pub causes: &'static [Cause],
}

impl Fault {
    /// Returns the cause of a row of the catalogue, if it is one of this fault's.
    pub fn of_row(&self, row: u8) -> Option<&'static Cause> {
        self.causes.iter().find(|cause| cause.row == row)
    }
}

/// Returns all faults, by code.
pub fn faults() -> impl Iterator<Item = &'static Fault> {
    table::ALL.iter().copied().flatten()
}

/// Returns the fault with a code such as `LT001`.
pub fn fault(code: &str) -> Option<&'static Fault> {
    faults().find(|fault| fault.code.eq_ignore_ascii_case(code))
}
