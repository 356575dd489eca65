//! What became of every operation.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

/// The books of one exporter at one moment.
///
/// A run is two operations: its post and its patch. The books balance at every moment, not only when
/// the exporter is idle: [`accepted`](Self::accepted) = [`delivered`](Self::delivered) +
/// [`dropped`](Self::dropped) + [`spooled`](Self::spooled) + [`queued`](Self::queued).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ExportStats {
    /// Operations taken in.
    pub accepted: u64,
    /// Operations that the server answered for.
    pub delivered: u64,
    /// Operations held in memory: queued or in flight.
    pub queued: u64,
    /// Bytes that these take, by estimate.
    pub queued_bytes: usize,
    /// How long what is held has been waiting; grows while nothing is settled, and is worth an alert above
    /// a minute. Zero if nothing is held.
    pub stalled: Duration,
    /// Operations kept on disk alone; what memory holds as well counts as queued.
    pub spooled: u64,
    /// Operations among the accepted ones that an earlier process had left on disk.
    pub recovered: u64,
    /// Operations that were taken in and given up, by reason.
    pub dropped: BTreeMap<DropReason, u64>,
    /// Operations that were never taken in, by reason.
    pub refused: BTreeMap<RefuseReason, u64>,
    /// Requests sent, the repeated ones among them.
    pub requests: u64,
    /// Requests that repeated an earlier one.
    pub retries: u64,
    /// Attachments that did not arrive although their run did, by reason. They are no operations, so
    /// they do not count in the balance.
    pub attachments_lost: BTreeMap<AttachmentLoss, u64>,
    /// Runs that arrived with something cut, because the server would not take them whole (413). In the
    /// place of what was cut stands how long it was and its hash, as `[truncated: 1048576 bytes, xxh3 …]`.
    pub truncated: u64,
    /// What became of the spool itself; all zero without one. It does not count in the balance.
    pub spool: SpoolStats,
}

/// The books of a spool at one moment.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SpoolStats {
    /// Bytes on disk that this exporter answers for: its own, and those it took over.
    pub bytes: u64,
    /// Operations that were to be on disk and are not: the disk failed, was full or too slow, or the spool
    /// has as many bytes as it may. In durable mode memory still holds them, as without a spool; of those
    /// that could not be sent either, [`ExportStats::dropped`] tells the reason.
    pub unstored: u64,
    /// Operations that the server rejected and that were written beside the spool, with the reason.
    pub rejected: u64,
    /// Records that could not be read: torn by a crash, or changed on disk.
    pub damaged: u64,
    /// Files that were not a spool's, or of a later version, and were put aside under another name.
    pub set_aside: u64,
    /// Writes that found the spool as large as it may be
    /// ([`SpoolConfig::max_bytes`](super::SpoolConfig::max_bytes)).
    pub full: u64,
    /// Reads and writes that failed.
    pub disk_errors: u64,
}

impl ExportStats {
    /// Returns true if every accepted operation is accounted for.
    pub fn balances(&self) -> bool {
        self.accepted == self.delivered + self.total_dropped() + self.spooled + self.queued
    }

    /// Returns the number of operations given up, for any reason.
    pub fn total_dropped(&self) -> u64 {
        self.dropped.values().sum()
    }

    /// Adds the books of another exporter. The sum has waited for as long as the one that has waited for longest.
    pub(crate) fn add(&mut self, other: &Self) {
        // Every field is named, so that a new one does not compile until somebody has decided on it.
        let Self {
            accepted,
            delivered,
            queued,
            queued_bytes,
            stalled,
            spooled,
            recovered,
            dropped,
            refused,
            requests,
            retries,
            attachments_lost,
            truncated,
            spool,
        } = other;
        self.accepted += accepted;
        self.delivered += delivered;
        self.queued += queued;
        self.queued_bytes += queued_bytes;
        self.stalled = self.stalled.max(*stalled);
        self.spooled += spooled;
        self.recovered += recovered;
        add_counts(&mut self.dropped, dropped);
        add_counts(&mut self.refused, refused);
        self.requests += requests;
        self.retries += retries;
        add_counts(&mut self.attachments_lost, attachments_lost);
        self.truncated += truncated;
        self.spool.add(spool);
    }

    /// Returns the number of operations never taken in, for any reason.
    pub fn total_refused(&self) -> u64 {
        self.refused.values().sum()
    }
}

impl SpoolStats {
    fn add(&mut self, other: &Self) {
        let Self {
            bytes,
            unstored,
            rejected,
            damaged,
            set_aside,
            full,
            disk_errors,
        } = other;
        self.bytes += bytes;
        self.unstored += unstored;
        self.rejected += rejected;
        self.damaged += damaged;
        self.set_aside += set_aside;
        self.full += full;
        self.disk_errors += disk_errors;
    }
}

fn add_counts<R: Ord + Copy>(sum: &mut BTreeMap<R, u64>, other: &BTreeMap<R, u64>) {
    for (reason, count) in other {
        *sum.entry(*reason).or_default() += count;
    }
}

impl fmt::Display for ExportStats {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "accepted {} = delivered {} + dropped {} + spooled {} + queued {}",
            self.accepted,
            self.delivered,
            self.total_dropped(),
            self.spooled,
            self.queued
        )?;
        for (reason, count) in &self.dropped {
            write!(f, "; dropped, {reason}: {count}")?;
        }
        for (reason, count) in &self.refused {
            write!(f, "; refused, {reason}: {count}")?;
        }
        for (reason, count) in &self.attachments_lost {
            write!(f, "; attachments lost, {reason}: {count}")?;
        }
        if self.truncated > 0 {
            write!(f, "; truncated: {}", self.truncated)?;
        }
        let spool = &self.spool;
        for (what, count) in [
            ("recovered", self.recovered),
            ("not stored", spool.unstored),
            ("rejected and kept beside the spool", spool.rejected),
            ("damaged records", spool.damaged),
            ("files put aside", spool.set_aside),
            ("writes beyond the spool's bound", spool.full),
            ("disk errors", spool.disk_errors),
        ] {
            if count > 0 {
                write!(f, "; {what}: {count}")?;
            }
        }
        write!(f, "; {} requests, {} again", self.requests, self.retries)
    }
}

/// Why an operation that was taken in was given up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, thiserror::Error)]
pub enum DropReason {
    /// 401 or 403. Check the key, the workspace and the region of the endpoint.
    #[error("the key was refused")]
    KeyRefused,
    /// 403, because the key is for a whole organization. Name the workspace.
    #[error("the key is for a whole organization; set LANGSMITH_WORKSPACE_ID")]
    WorkspaceNeeded,
    /// 404 on both ingest paths. Check the endpoint; a self-hosted one often ends in `/api/v1`.
    #[error("the endpoint has no ingest path")]
    NotFound,
    /// 3xx. Redirects are never followed, because the key would go along; configure the address that
    /// the server points to.
    #[error("the endpoint redirects elsewhere")]
    Redirected,
    /// 413 to a single run of which everything long is cut; or to a judgement. Raise the server's limit.
    #[error("too large for the server")]
    TooLarge,
    /// Another 4xx: the server does not accept what was sent. Also a 404 to feedback, or to an update
    /// sent by itself: there is no such run.
    #[error("rejected by the server")]
    Rejected,
    /// No connection, or no answer: held for that when the end came. Check the address and the network;
    /// `Client::check` says more.
    #[error("the endpoint does not answer")]
    Unreachable,
    /// 5xx, 429 or the like: held for that when the end came. See to the server, or try again later.
    #[error("the endpoint fails, or wants to be left alone for a while")]
    Unavailable,
    /// Tried again for as long as [`RetryPolicy::budget`](super::RetryPolicy::budget) allows.
    #[error("no success within the retry budget")]
    RetriesExhausted,
    /// The program's own [`Transform`](super::Transform) panicked, or changed what it must not: an id, a
    /// place in a trace, the order. The batch it was given is lost, because what it was to remove may
    /// still be in there. Mend the function.
    #[error("the transform failed")]
    TransformFailed,
    /// Still held when the deadline of a shutdown passed. Give it more time, or flush before.
    #[error("not sent before shutdown")]
    Shutdown,
    /// It lay on disk, and could not be read again. Look at the disk, and at the files that were put
    /// aside in the spool's folder.
    #[error("damaged on disk")]
    Damaged,
    /// A fault of this crate, counted so that the books balance. Please report it.
    #[error("the exporter failed")]
    ExporterFailed,
}

impl DropReason {
    /// All of them, in order.
    #[cfg(feature = "prometheus")]
    pub(crate) const ALL: [Self; 13] = [
        Self::KeyRefused,
        Self::WorkspaceNeeded,
        Self::NotFound,
        Self::Redirected,
        Self::TooLarge,
        Self::Rejected,
        Self::Unreachable,
        Self::Unavailable,
        Self::RetriesExhausted,
        Self::TransformFailed,
        Self::Shutdown,
        Self::Damaged,
        Self::ExporterFailed,
    ];

    /// Returns true if nothing is wrong with the operation: another attempt, later or elsewhere, may
    /// succeed. False if the same would be refused again, or must not be sent.
    ///
    /// ```
    /// use common::export::DropReason;
    ///
    /// assert!(DropReason::KeyRefused.is_of_endpoint());
    /// assert!(!DropReason::Rejected.is_of_endpoint());
    /// ```
    pub fn is_of_endpoint(self) -> bool {
        match self {
            Self::KeyRefused
            | Self::WorkspaceNeeded
            | Self::NotFound
            | Self::Redirected
            | Self::Unreachable
            | Self::Unavailable
            | Self::RetriesExhausted
            | Self::Shutdown => true,
            // What a transform has not seen to must not be kept either.
            Self::TooLarge
            | Self::Rejected
            | Self::TransformFailed
            | Self::Damaged
            | Self::ExporterFailed => false,
        }
    }

    /// Returns true if another key or workspace would help.
    pub(super) fn is_of_key(self) -> bool {
        matches!(self, Self::KeyRefused | Self::WorkspaceNeeded)
    }
}

/// Why an attachment did not arrive although its run did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, thiserror::Error)]
pub enum AttachmentLoss {
    /// Its name is empty, or has a `.`, a quote, a backslash or a control character. Rename it; the
    /// official SDKs leave out names with a `.` too.
    #[error("a name that cannot travel")]
    Name,
    /// The server has no `/runs/multipart`, or runs are sent unbatched; JSON has no place for files.
    #[error("no multipart")]
    NoMultipart,
    /// The server answered 413 to the run alone; without its attachments it was taken. Send smaller
    /// files.
    #[error("too large for the server")]
    TooLarge,
}

/// Why an operation was not taken in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, thiserror::Error)]
pub enum RefuseReason {
    /// The queue holds as many operations or bytes as it may. Raise the bound, or send less.
    #[error("the queue is full")]
    QueueFull,
    /// The operation alone is larger than all that the queue may hold, so no waiting helps. Raise
    /// [`BatchConfig::queue_bytes`](super::BatchConfig::queue_bytes), or send smaller inputs and
    /// outputs.
    #[error(
        "larger than the whole queue may be; raise queue_bytes (LANGSMITH_MAX_INGEST_MEMORY_BYTES), or send smaller inputs and outputs"
    )]
    TooLarge,
    /// The exporter was shut down.
    #[error("the exporter is shut down")]
    Closed,
}

#[cfg(feature = "prometheus")]
impl AttachmentLoss {
    /// All of them, in order.
    pub(crate) const ALL: [Self; 3] = [Self::Name, Self::NoMultipart, Self::TooLarge];
}

#[cfg(feature = "prometheus")]
impl RefuseReason {
    /// All of them, in order.
    pub(crate) const ALL: [Self; 3] = [Self::QueueFull, Self::TooLarge, Self::Closed];
}

/// What a flush could not do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FlushError {
    /// Time ran out. They are still held and will be sent; wait longer, or see to what keeps them
    /// (`Client::check` says more).
    #[error("time ran out with {left} operations unsent{}", why(.because))]
    Timeout {
        /// Operations still held.
        left: u64,
        /// What keeps them; none if no request has failed lately.
        because: Option<DropReason>,
    },
    /// Time ran out, and what is not delivered is safe on disk: it is sent later, by this process or
    /// the next one with the same spool. See whether the endpoint answers (`Client::check`).
    #[error("time ran out with {spooled} operations kept on disk")]
    Stored {
        /// Operations on disk.
        spooled: u64,
    },
    /// Operations were given up since the last flush; the reason says what to do.
    #[error("{dropped} operations were dropped: {reason}")]
    Dropped {
        /// Operations given up.
        dropped: u64,
        /// The latest reason; [`ExportStats`] has them all.
        reason: DropReason,
    },
    /// Everything that was taken in is delivered, and operations were not taken in since the last
    /// flush; the reason says what to do.
    #[error("{refused} operations were refused: {reason}")]
    Refused {
        /// Operations not taken in.
        refused: u64,
        /// The latest reason; [`ExportStats`] has them all.
        reason: RefuseReason,
    },
    /// It happened at one of several destinations; what to do is said by the error within.
    #[error("{destination}: {error}")]
    At {
        /// Its address, as in `Client::stats_by_destination`.
        destination: String,
        /// What happened there.
        error: Box<FlushError>,
    },
}

impl FlushError {
    /// Returns what happened, wherever it was.
    pub fn what(&self) -> &Self {
        match self {
            Self::At { error, .. } => error.what(),
            here => here,
        }
    }

    /// Says where it was.
    pub(crate) fn at(self, destination: &str) -> Self {
        Self::At {
            destination: destination.to_owned(),
            error: Box::new(self),
        }
    }
}

fn why(because: &Option<DropReason>) -> String {
    because.map_or_else(String::new, |reason| format!(": {reason}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_display_is_the_equation() {
        let stats = ExportStats {
            accepted: 7,
            delivered: 4,
            queued: 1,
            dropped: BTreeMap::from([(DropReason::KeyRefused, 2)]),
            requests: 2,
            ..ExportStats::default()
        };
        assert!(stats.balances());
        assert_eq!(
            stats.to_string(),
            "accepted 7 = delivered 4 + dropped 2 + spooled 0 + queued 1; \
             dropped, the key was refused: 2; 2 requests, 0 again"
        );
    }
}
