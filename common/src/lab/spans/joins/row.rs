//! Who calls whom with which headers, and what came of it.

use std::fmt;

/// A service, by what it makes of its work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Rust, with this crate's client: runs.
    RustRuns,
    /// Rust, with [`Pipeline`](crate::otel::Pipeline): spans that say which runs they are.
    RustSpans,
    /// Python, with the official SDK: runs (`LANGSMITH_TRACING_MODE=langsmith`).
    PythonRuns,
    /// Python, with the official SDK: spans (`LANGSMITH_TRACING_MODE=otel`).
    PythonSpans,
    /// Python, with the official SDK: runs, and spans of the same (`LANGSMITH_TRACING_MODE=hybrid`).
    PythonBoth,
    /// Python, with OpenTelemetry alone.
    OtelOnly,
}

/// What a caller sends along.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Sends {
    /// `langsmith-trace`, with LangSmith's `baggage`.
    LangSmithTrace,
    /// `traceparent`, with W3C `baggage` if there is any.
    Traceparent,
    /// Both.
    Both,
    /// Both, and the run once more as a member of the baggage, for services between that forward nothing else.
    BothAndBaggage,
}

/// A row of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Row {
    /// The caller.
    pub from: Kind,
    /// What it sends.
    pub sends: Sends,
    /// A service with OpenTelemetry alone between the two, which forwards what it understands.
    pub between: bool,
    /// The callee.
    pub to: Kind,
}

/// What became of the callee's work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Join {
    /// It is below the caller's.
    Joined,
    /// It is in a trace of its own.
    Apart,
    /// It is there, and names a run above it that never came.
    Orphan,
    /// It was answered with 200 and dropped: its parent never came.
    Dropped,
}

/// What was measured of a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Met {
    /// The row.
    pub row: Row,
    /// What became of the callee's work, the native run first where there are both.
    pub join: Join,
    /// How many runs the caller's one piece of work became.
    pub caller_runs: usize,
    /// How many runs the callee's one piece of work became.
    pub callee_runs: usize,
    /// How many spans were dropped after their 200, of all services.
    pub dropped: usize,
    /// The traces, drawn by names.
    pub drawn: String,
}

impl Row {
    /// Makes a row without anybody between.
    pub fn new(from: Kind, sends: Sends, to: Kind) -> Self {
        Self {
            from,
            sends,
            between: false,
            to,
        }
    }

    /// Puts a service with OpenTelemetry alone between the two.
    #[must_use]
    pub fn through_otel_only(mut self) -> Self {
        self.between = true;
        self
    }

    /// Returns the rows of the table, those that join first.
    pub fn all() -> Vec<Self> {
        use Kind::{OtelOnly, PythonBoth, PythonRuns, PythonSpans, RustRuns, RustSpans};
        use Sends::{Both, BothAndBaggage, LangSmithTrace, Traceparent};
        let mut rows = Vec::new();
        for from in [PythonRuns, PythonSpans, PythonBoth] {
            rows.push(Self::new(from, LangSmithTrace, RustRuns));
            rows.push(Self::new(from, LangSmithTrace, RustSpans));
            if from != PythonRuns {
                rows.push(Self::new(from, Traceparent, RustSpans));
                rows.push(Self::new(from, Both, RustSpans));
            }
        }
        for to in [PythonRuns, PythonSpans, PythonBoth] {
            rows.push(Self::new(RustRuns, LangSmithTrace, to));
            rows.push(Self::new(RustSpans, Both, to));
        }
        rows.push(Self::new(RustSpans, Both, OtelOnly));
        rows.push(Self::new(RustSpans, Both, RustSpans).through_otel_only());
        rows.push(Self::new(RustSpans, BothAndBaggage, RustSpans).through_otel_only());
        rows.push(Self::new(OtelOnly, Traceparent, RustRuns));
        rows
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::RustRuns => "Rust, runs",
            Self::RustSpans => "Rust, spans",
            Self::PythonRuns => "Python SDK, runs",
            Self::PythonSpans => "Python SDK, spans (otel)",
            Self::PythonBoth => "Python SDK, both (hybrid)",
            Self::OtelOnly => "Python, OpenTelemetry alone",
        })
    }
}

impl fmt::Display for Sends {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::LangSmithTrace => "langsmith-trace",
            Self::Traceparent => "traceparent",
            Self::Both => "both",
            Self::BothAndBaggage => "both, and in baggage",
        })
    }
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let between = if self.between {
            "OpenTelemetry alone → "
        } else {
            ""
        };
        write!(f, "{} → {between}{}, {}", self.from, self.to, self.sends)
    }
}

impl fmt::Display for Join {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Joined => "joined",
            Self::Apart => "apart",
            Self::Orphan => "orphan",
            Self::Dropped => "dropped",
        })
    }
}

impl fmt::Display for Met {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.row, self.join)?;
        for (who, runs) in [("caller", self.caller_runs), ("callee", self.callee_runs)] {
            match runs {
                0 => write!(f, "; nothing of the {who}")?,
                1 => {}
                several => write!(f, "; the {who} {several} times")?,
            }
        }
        match self.dropped {
            0 => Ok(()),
            dropped => write!(f, "; {dropped} spans dropped"),
        }
    }
}
