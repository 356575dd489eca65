//! Where a spool is, and when it is written.

use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

/// Most bytes on disk, in all files of a spool's folder: `LANGSMITH_SPOOL_MAX_BYTES`.
pub const DEFAULT_SPOOL_BYTES: u64 = 256 * 1024 * 1024;

/// Most bytes in one file of a spool. A file is deleted once all of it is delivered, so a larger one
/// frees the disk later, and a smaller one makes more files.
pub const DEFAULT_SPOOL_SEGMENT_BYTES: u64 = 8 * 1024 * 1024;

/// How long what was written may wait until the disk confirms it. Only a crash of the whole machine can
/// cost that much; a crash of the program costs nothing that was written.
pub const DEFAULT_SPOOL_SYNC_INTERVAL: Duration = Duration::from_millis(500);

/// How long a submit waits for the disk in durable mode.
pub const DEFAULT_STORE_TIMEOUT: Duration = Duration::from_secs(1);

/// How many operations a second are read back from disk at most.
pub(crate) const DEFAULT_REPLAY_RATE: u32 = 5_000;

/// When operations are written to disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum SpoolMode {
    /// What memory cannot hold or cannot send: when the queue is over half full, when sending fails for
    /// good, and at the end. A program that is killed loses what only memory held.
    #[default]
    Overflow,
    /// Every operation, before the call that submits it returns. A program that is killed loses nothing
    /// whose call had returned; each call waits for one write, a fraction of a millisecond on a local
    /// disk.
    Durable,
}

impl SpoolMode {
    /// Returns the name in `LANGSMITH_SPOOL_MODE`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Overflow => "overflow",
            Self::Durable => "durable",
        }
    }
}

impl FromStr for SpoolMode {
    type Err = UnknownSpoolMode;

    fn from_str(name: &str) -> Result<Self, UnknownSpoolMode> {
        let modes = [Self::Overflow, Self::Durable];
        let known = modes.into_iter().find(|mode| mode.as_str() == name);
        known.ok_or(UnknownSpoolMode)
    }
}

/// Why a text names no [`SpoolMode`]: it is neither `overflow` nor `durable`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("neither `overflow` nor `durable`")]
pub struct UnknownSpoolMode;

/// Keeps operations on disk when memory cannot hold them or the endpoint does not take them.
///
/// Give it to [`BatchConfig::spool`](crate::export::BatchConfig::spool), or set `LANGSMITH_SPOOL_DIR`.
/// What a process leaves behind is found and delivered by the next one with the same folder, endpoint
/// and workspace, also while others use the folder. It holds what would have been sent: masked, after
/// the [`Transform`](crate::export::Transform), and never a key.
///
/// The folder must be on a local disk, and belong to this user. Programs that send with different keys
/// to one endpoint, without naming their workspaces, need a folder each: what one of them left
/// would be delivered with the key of the other.
///
/// ```
/// use common::export::{BatchConfig, SpoolConfig};
///
/// let config = BatchConfig {
///     spool: Some(SpoolConfig::new("/var/lib/docs-assistant/spool").durable()),
///     ..BatchConfig::default()
/// };
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct SpoolConfig {
    pub(crate) dir: PathBuf,
    pub(crate) mode: SpoolMode,
    pub(crate) max_bytes: u64,
    pub(crate) segment_bytes: u64,
    pub(crate) sync_interval: Duration,
    pub(crate) sync_always: bool,
    pub(crate) store_timeout: Duration,
    pub(crate) replay_rate: u32,
}

impl SpoolConfig {
    /// Names the folder, `LANGSMITH_SPOOL_DIR`; it is made when it is not there. The mode is
    /// [`SpoolMode::Overflow`].
    pub fn new(dir: impl Into<PathBuf>) -> Self {
        Self {
            dir: dir.into(),
            mode: SpoolMode::default(),
            max_bytes: DEFAULT_SPOOL_BYTES,
            segment_bytes: DEFAULT_SPOOL_SEGMENT_BYTES,
            sync_interval: DEFAULT_SPOOL_SYNC_INTERVAL,
            sync_always: false,
            store_timeout: DEFAULT_STORE_TIMEOUT,
            replay_rate: DEFAULT_REPLAY_RATE,
        }
    }

    /// Writes every operation before the call that submits it returns: [`SpoolMode::Durable`].
    #[must_use]
    pub fn durable(self) -> Self {
        self.mode(SpoolMode::Durable)
    }

    /// Sets when operations are written: `LANGSMITH_SPOOL_MODE`.
    #[must_use]
    pub fn mode(mut self, mode: SpoolMode) -> Self {
        self.mode = mode;
        self
    }

    /// Sets how many bytes all files in the folder may have, those of other processes included;
    /// [`DEFAULT_SPOOL_BYTES`]. Beyond it nothing more is written: the newest stay in memory as long as
    /// there is room, and that is counted
    /// ([`SpoolStats::unstored`](crate::export::SpoolStats::unstored)).
    #[must_use]
    pub fn max_bytes(mut self, bytes: u64) -> Self {
        self.max_bytes = bytes;
        self
    }

    /// Sets how many bytes one file may have; [`DEFAULT_SPOOL_SEGMENT_BYTES`]. An operation larger than
    /// that gets a file of its own.
    #[must_use]
    pub fn segment_bytes(mut self, bytes: u64) -> Self {
        self.segment_bytes = bytes;
        self
    }

    /// Sets how long what was written may wait until the disk confirms it;
    /// [`DEFAULT_SPOOL_SYNC_INTERVAL`].
    #[must_use]
    pub fn sync_interval(mut self, interval: Duration) -> Self {
        self.sync_interval = interval;
        self
    }

    /// Lets the disk confirm every write before an operation counts as stored, for a machine that may
    /// lose its power. It makes durable mode as slow as the disk.
    #[must_use]
    pub fn sync_always(mut self) -> Self {
        self.sync_always = true;
        self
    }

    /// Sets how long a submit waits for the disk in durable mode; [`DEFAULT_STORE_TIMEOUT`]. After that
    /// the operation is accepted in memory, which is counted
    /// ([`SpoolStats::unstored`](crate::export::SpoolStats::unstored)).
    #[must_use]
    pub fn store_timeout(mut self, timeout: Duration) -> Self {
        self.store_timeout = timeout;
        self
    }

    /// Sets how many operations a second are read back from disk at most, so that a long outage is not
    /// followed by a storm; 5,000 by default.
    #[must_use]
    pub fn replay_rate(mut self, operations_a_second: u32) -> Self {
        self.replay_rate = operations_a_second;
        self
    }

    /// Names another folder.
    pub(crate) fn at(mut self, dir: PathBuf) -> Self {
        self.dir = dir;
        self
    }

    /// Returns the folder.
    pub fn folder(&self) -> &Path {
        &self.dir
    }

    /// Returns true if every operation is written before the call that submits it returns.
    pub fn is_durable(&self) -> bool {
        self.mode == SpoolMode::Durable
    }

    pub(crate) fn shown_mode(&self) -> String {
        self.mode.as_str().to_owned()
    }

    pub(crate) fn shown_bytes(&self) -> String {
        self.max_bytes.to_string()
    }
}
