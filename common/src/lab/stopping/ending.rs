//! The ways in which a process ends.

use std::fmt;

/// A way in which a process that traces ends. What becomes of its runs, [`stop`](super::stop) finds out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Ending {
    /// SIGTERM, and nobody listens for it: a deployment without preparation.
    Terminated,
    /// SIGTERM, and the client sends what it holds before the process dies
    /// ([`Client::flush_on_termination`](crate::client::Client::flush_on_termination)).
    TerminatedInGrace,
    /// The same while LangSmith answers 503: the deadline passes.
    TerminatedInOutage,
    /// The same with a spool, and the process is started again when LangSmith is back.
    TerminatedInOutageSpooled,
    /// A function of a serverless platform: frozen as soon as it has answered, thawed for the next request,
    /// and ended while it is frozen.
    Frozen,
    /// The same, and each request is flushed before it is answered.
    FrozenAfterFlush,
    /// A worker of a queue whose process ends without ceremony after its tasks, as pools of workers do.
    WorkerExits,
    /// The same, and each task is flushed before it is acknowledged.
    WorkerFlushesEachTask,
    /// SIGKILL, as by the out-of-memory killer, while LangSmith answers 503; then it is started again.
    Killed,
    /// The same with a durable spool: each operation is on disk before its call returns.
    KilledDurable,
    /// A server that is forked after its exporter was made, as under gunicorn with `--preload`; the exporter is
    /// written by hand, with a thread that a fork leaves behind.
    ForkedByHand,
    /// The same with a client of this crate.
    Forked,
}

impl Ending {
    /// All of them, in pairs.
    pub const ALL: [Self; 12] = [
        Self::Terminated,
        Self::TerminatedInGrace,
        Self::TerminatedInOutage,
        Self::TerminatedInOutageSpooled,
        Self::Frozen,
        Self::FrozenAfterFlush,
        Self::WorkerExits,
        Self::WorkerFlushesEachTask,
        Self::Killed,
        Self::KilledDurable,
        Self::ForkedByHand,
        Self::Forked,
    ];

    /// Returns what happens, in a few words.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Terminated => "SIGTERM, unheard",
            Self::TerminatedInGrace => "SIGTERM, flush in grace",
            Self::TerminatedInOutage => "SIGTERM, in an outage",
            Self::TerminatedInOutageSpooled => "SIGTERM, in an outage, spool",
            Self::Frozen => "frozen after each answer",
            Self::FrozenAfterFlush => "frozen, flush before each answer",
            Self::WorkerExits => "worker exits",
            Self::WorkerFlushesEachTask => "worker exits, flush each task",
            Self::Killed => "SIGKILL, in an outage",
            Self::KilledDurable => "SIGKILL, in an outage, durable",
            Self::ForkedByHand => "forked, exporter by hand",
            Self::Forked => "forked",
        }
    }

    /// Returns a word for it, short enough for a bar of a chart.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Terminated => "term",
            Self::TerminatedInGrace => "grace",
            Self::TerminatedInOutage => "outage",
            Self::TerminatedInOutageSpooled => "spool",
            Self::Frozen => "frozen",
            Self::FrozenAfterFlush => "flush",
            Self::WorkerExits => "exit",
            Self::WorkerFlushesEachTask => "task",
            Self::Killed => "kill",
            Self::KilledDurable => "disk",
            Self::ForkedByHand => "hand",
            Self::Forked => "fork",
        }
    }

    /// Returns how the program is started: which of its options make the difference.
    pub fn options(self) -> &'static [&'static str] {
        match self {
            Self::TerminatedInGrace | Self::TerminatedInOutage => &["--grace"],
            Self::TerminatedInOutageSpooled => &["--grace", "--spool"],
            Self::FrozenAfterFlush | Self::WorkerFlushesEachTask => &["--flush-each"],
            Self::KilledDurable => &["--spool", "--durable"],
            Self::ForkedByHand => &["--by-hand"],
            Self::Terminated | Self::Frozen | Self::WorkerExits | Self::Killed | Self::Forked => {
                &[]
            }
        }
    }

    /// Returns true if LangSmith answers 503 until the process has ended.
    pub fn is_in_outage(self) -> bool {
        matches!(
            self,
            Self::TerminatedInOutage
                | Self::TerminatedInOutageSpooled
                | Self::Killed
                | Self::KilledDurable
        )
    }

    /// Returns true if the process is started a second time, after the outage.
    pub fn lives_again(self) -> bool {
        matches!(
            self,
            Self::TerminatedInOutageSpooled | Self::Killed | Self::KilledDurable
        )
    }

    /// Returns where what was lost was, if the process had no time to say it.
    pub(super) fn held(self) -> &'static str {
        match self {
            Self::Frozen | Self::FrozenAfterFlush => "in memory of a frozen process",
            Self::ForkedByHand => "queued for a thread that stayed in the parent",
            _ => "in memory when the process ended",
        }
    }
}

impl fmt::Display for Ending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
