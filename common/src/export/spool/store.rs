//! The records of one exporter on disk: its own, and those of dead processes that it took over.

use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use super::config::SpoolConfig;
use super::files::{Files, Lock, Output};
use super::folder;
use super::record::{self, Unreadable};
use super::segment::{self, FRAME_LEN, Fingerprint, Header};
use crate::export::endpoint::StartError;
use crate::export::ledger::SpoolStats;
use crate::model::RunOp;

/// Names a record for as long as the process lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RecordId {
    pub(super) segment: u32,
    pub(super) index: u32,
}

/// An operation in the form in which it is written.
#[derive(Debug, Clone)]
pub struct Draft {
    pub(super) kind: u8,
    pub(super) ops: u32,
    pub(super) tag: u32,
    pub(super) payload: Vec<u8>,
}

impl Draft {
    /// Writes an operation that stands for `ops` of them. The tag is the caller's, and comes back with
    /// the record as long as the process lives.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn of(op: &RunOp, ops: u64, tag: u32) -> Result<Self, Unreadable> {
        let mut payload = Vec::new();
        let kind = record::encode(op, &mut payload)?;
        if payload.len() > segment::MAX_PAYLOAD {
            return Err(Unreadable);
        }
        Ok(Self {
            kind,
            ops: u32::try_from(ops).map_err(|_| Unreadable)?,
            tag,
            payload,
        })
    }

    /// Returns the bytes that it takes on disk.
    pub fn bytes(&self) -> usize {
        FRAME_LEN + self.payload.len()
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    /// It waits here alone.
    OnDisk,
    /// Memory holds the operation too, waiting or in flight.
    Held,
    /// It is delivered, or given up.
    Done,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Place {
    pub(super) offset: u32,
    pub(super) length: u32,
    pub(super) number: u32,
    pub(super) ops: u32,
    pub(super) tag: u32,
    pub(super) state: State,
}

pub(super) struct Segment {
    pub(super) folder: usize,
    pub(super) path: PathBuf,
    pub(super) header: Header,
    pub(super) places: Vec<Place>,
    // No record before this one waits on disk.
    pub(super) next: usize,
    pub(super) live: usize,
    pub(super) bytes: u64,
    pub(super) ack_bytes: u64,
    // Acknowledgements that the disk did not take yet.
    pub(super) acks: Vec<u8>,
    pub(super) damaged: bool,
    // There while records are appended.
    pub(super) output: Option<Box<dyn Output>>,
    pub(super) dirty: bool,
}

impl Segment {
    pub(super) fn ack_path(&self) -> PathBuf {
        self.path.with_extension("ack")
    }
}

/// A writer's folder whose lock is ours.
pub(super) struct Folder {
    pub(super) path: PathBuf,
    // None once the folder is gone.
    pub(super) lock: Option<Lock>,
}

/// The records of one exporter on disk. It belongs to one thread, and every call may take as long as
/// the disk does.
pub struct Spool {
    pub(super) files: Arc<dyn Files>,
    pub(super) config: SpoolConfig,
    pub(super) fingerprint: Fingerprint,
    // The folder of the fingerprint; none until the disk let us look at it.
    pub(super) root: Option<PathBuf>,
    // Never shortened: segments name their folder by its place here.
    pub(super) folders: Vec<Folder>,
    // Where in there this process writes; made with the first record.
    pub(super) own: Option<usize>,
    pub(super) segments: BTreeMap<u32, Segment>,
    pub(super) next_segment: u32,
    // The one that is appended to.
    pub(super) open: Option<u32>,
    // How many were made, for their names.
    pub(super) made: u32,
    // Files that were taken over and not read yet: folder, path, bytes.
    pub(super) unread: VecDeque<(usize, PathBuf, u64)>,
    // Folders that were not finished when they were last looked at.
    pub(super) unfinished: Vec<PathBuf>,
    // What others have in the same folder, when it was last looked at.
    pub(super) foreign_bytes: u64,
    pub(super) stats: SpoolStats,
    pub(super) failing: bool,
}

impl std::fmt::Debug for Spool {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "Spool({:?}, {} segments)",
            self.config.dir,
            self.segments.len()
        )
    }
}

impl Spool {
    /// Looks at the folder. What is in there is not read yet.
    ///
    /// # Errors
    /// If the folder must not be used. A disk that fails is no error: it is tried again.
    pub fn open(
        files: Arc<dyn Files>,
        config: SpoolConfig,
        fingerprint: Fingerprint,
    ) -> Result<Self, StartError> {
        let mut spool = Self {
            files,
            config,
            fingerprint,
            root: None,
            folders: Vec::new(),
            own: None,
            segments: BTreeMap::new(),
            next_segment: 0,
            open: None,
            made: 0,
            unread: VecDeque::new(),
            unfinished: Vec::new(),
            foreign_bytes: 0,
            stats: SpoolStats::default(),
            failing: false,
        };
        match folder::prepare(&spool.config.dir, fingerprint) {
            Ok(found) => spool.root = Some(found?),
            Err(error) => spool.trouble(&error),
        }
        Ok(spool)
    }

    /// Returns the folder of the fingerprint, which is looked at again if the disk failed before.
    pub(in crate::export) fn root(&mut self) -> io::Result<PathBuf> {
        if let Some(root) = &self.root {
            return Ok(root.clone());
        }
        let found = folder::prepare(&self.config.dir, self.fingerprint)?;
        let root = found.map_err(|why| io::Error::other(why.to_string()))?;
        self.root = Some(root.clone());
        Ok(root)
    }

    /// Returns the books of the spool itself.
    pub fn stats(&self) -> SpoolStats {
        SpoolStats {
            bytes: self.bytes(),
            ..self.stats
        }
    }

    pub(super) fn bytes(&self) -> u64 {
        let segments = self.segments.values();
        segments
            .map(|segment| segment.bytes + segment.ack_bytes)
            .sum()
    }

    /// Counts a failure of the disk, and logs the first of a row.
    pub(in crate::export) fn trouble(&mut self, error: &io::Error) {
        self.stats.disk_errors += 1;
        if !std::mem::replace(&mut self.failing, true) {
            tracing::warn!(
                "the spool cannot be written or read ({error}); memory serves meanwhile"
            );
        }
    }

    pub(super) fn insert(&mut self, segment: Segment) -> u32 {
        let number = self.next_segment;
        self.next_segment += 1;
        self.segments.insert(number, segment);
        number
    }

    /// Returns true if nothing is on disk that this process answers for.
    pub fn is_empty(&self) -> bool {
        self.segments.values().all(|segment| segment.live == 0)
    }
}
