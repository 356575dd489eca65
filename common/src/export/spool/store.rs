//! The records of one exporter on disk: its own, and those of dead processes that it took over.

use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use super::config::SpoolConfig;
use super::files::{Files, Lock, Output};
use super::folder;
use super::record::{self, Unreadable};
use super::segment::{self, FRAME_LEN, Fingerprint, HEADER_LEN, Header};
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
    kind: u8,
    ops: u32,
    tag: u32,
    payload: Vec<u8>,
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
    next_segment: u32,
    // The one that is appended to.
    pub(super) open: Option<u32>,
    // How many were made, for their names.
    made: u32,
    // Files that were taken over and not read yet: folder, path, bytes.
    pub(super) unread: VecDeque<(usize, PathBuf, u64)>,
    // What others have in the same folder, when it was last looked at.
    pub(super) foreign_bytes: u64,
    pub(super) stats: SpoolStats,
    failing: bool,
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

    fn bytes(&self) -> u64 {
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

    /// Writes records together; says for each under which name it is now on disk, or that it is not.
    ///
    /// `held` says that memory goes on holding the operations, so that they are not read back.
    pub fn append(&mut self, drafts: &[&Draft], held: bool) -> Vec<Option<RecordId>> {
        let mut ids = Vec::with_capacity(drafts.len());
        let mut rest = drafts;
        while let Some(first) = rest.first() {
            let room = self.room(first.bytes());
            let group = match &room {
                Ok(room) => fitting(rest, *room),
                Err(_) => 1,
            };
            let (group, later) = rest.split_at(group);
            let written = room.and_then(|_| self.write(group, held));
            match written {
                Ok(written) => ids.extend(written.map(Some)),
                Err(Refused::Full) => {
                    self.stats.full += 1;
                    ids.extend(group.iter().map(|_| None));
                }
                Err(Refused::Disk(error)) => {
                    self.trouble(&error);
                    // The rest would fail the same way, and somebody waits.
                    ids.resize(drafts.len(), None);
                    return ids;
                }
            }
            rest = later;
        }
        if self.config.sync_always && !drafts.is_empty() {
            self.sync();
        }
        ids
    }

    /// Sees to it that a segment is there with room for that much; returns how much room it has.
    fn room(&mut self, first: usize) -> Result<usize, Refused> {
        let total = self.bytes() + self.foreign_bytes;
        let left = self.config.max_bytes.saturating_sub(total);
        if (first + HEADER_LEN) as u64 > left {
            return Err(Refused::Full);
        }
        let most = self.config.segment_bytes.clamp(1, u64::from(u32::MAX / 4));
        let open = self.open.and_then(|open| self.segments.get(&open));
        let used = open.map_or(u64::MAX, |open| open.bytes);
        let fits = used.saturating_add(first as u64) <= most;
        let used = match fits {
            true => used,
            false => {
                self.seal();
                self.begin()?;
                HEADER_LEN as u64
            }
        };
        Ok(usize::try_from(most.saturating_sub(used).min(left)).unwrap_or(usize::MAX))
    }

    /// Makes a new segment.
    fn begin(&mut self) -> io::Result<()> {
        let root = self.root()?;
        let own = match self.own {
            Some(own) => own,
            None => {
                let (name, lock) = folder::make_writer(&*self.files, &root)?;
                self.folders.push(Folder {
                    path: root.join(name),
                    lock: Some(lock),
                });
                *self.own.insert(self.folders.len() - 1)
            }
        };
        let header = Header {
            mark: rand::random(),
            fingerprint: self.fingerprint,
            made: chrono::Utc::now()
                .timestamp_millis()
                .try_into()
                .unwrap_or_default(),
        };
        let path = self.folders[own].path.join(format!("{:08}.seg", self.made));
        self.made += 1;
        let mut output = self
            .files
            .create(&path)
            .inspect_err(|error| self.miss(error))?;
        if let Err(error) = output.append(&header.bytes()) {
            drop(output);
            // There is no record in it; if it stays, whoever reads it finds that out.
            let _ = self.files.remove(&path);
            return Err(error);
        }
        let segment = Segment {
            folder: own,
            path,
            header,
            places: Vec::new(),
            next: 0,
            live: 0,
            bytes: HEADER_LEN as u64,
            ack_bytes: 0,
            acks: Vec::new(),
            damaged: false,
            output: Some(output),
            dirty: true,
        };
        self.open = Some(self.insert(segment));
        Ok(())
    }

    pub(super) fn insert(&mut self, segment: Segment) -> u32 {
        let number = self.next_segment;
        self.next_segment += 1;
        self.segments.insert(number, segment);
        number
    }

    /// Writes records into the open segment with one write.
    fn write(
        &mut self,
        drafts: &[&Draft],
        held: bool,
    ) -> Result<impl Iterator<Item = RecordId> + use<>, Refused> {
        let missing = || Refused::Disk(io::Error::other("no open segment"));
        let number = self.open.ok_or_else(missing)?;
        let segment = self.segments.get_mut(&number).ok_or_else(missing)?;
        let mut bytes = Vec::with_capacity(drafts.iter().map(|draft| draft.bytes()).sum());
        let mut places = Vec::with_capacity(drafts.len());
        let first = segment.places.len() as u32;
        for (record, draft) in (first..).zip(drafts) {
            places.push(Place {
                offset: segment.bytes as u32 + bytes.len() as u32,
                length: draft.bytes() as u32,
                number: record,
                ops: draft.ops,
                tag: draft.tag,
                state: if held { State::Held } else { State::OnDisk },
            });
            let Draft {
                kind, ops, payload, ..
            } = draft;
            segment::write_record(
                &mut bytes,
                segment.header.mark,
                record,
                *ops,
                *kind,
                payload,
            );
        }
        let output = segment.output.as_mut().ok_or_else(missing)?;
        if let Err(error) = output.append(&bytes) {
            // What was half written would be in the way of the next record; if the disk does not even
            // take that back, the next one goes into another segment.
            if output.cut(segment.bytes).is_err() {
                segment.output = None;
                self.open = None;
            }
            return Err(Refused::Disk(error));
        }
        segment.dirty = true;
        segment.bytes += bytes.len() as u64;
        segment.live += places.len();
        segment.places.extend(places);
        if std::mem::take(&mut self.failing) {
            tracing::info!("the spool is written again");
        }
        let end = first + drafts.len() as u32;
        Ok((first..end).map(move |index| RecordId {
            segment: number,
            index,
        }))
    }

    /// Ends the segment that is appended to.
    pub(super) fn seal(&mut self) {
        let Some(number) = self.open.take() else {
            return;
        };
        let Some(segment) = self.segments.get_mut(&number) else {
            return;
        };
        let synced = segment
            .output
            .as_mut()
            .map_or(Ok(()), |output| output.sync());
        segment.output = None;
        segment.dirty = false;
        if let Err(error) = synced {
            self.trouble(&error);
        }
        self.clear_if_done(number);
    }

    /// Waits until the disk confirms what was written since the last time.
    pub fn sync(&mut self) {
        let open = self.open.and_then(|open| self.segments.get_mut(&open));
        let Some(segment) = open.filter(|segment| segment.dirty) else {
            return;
        };
        segment.dirty = false;
        let synced = segment
            .output
            .as_mut()
            .map_or(Ok(()), |output| output.sync());
        let folder = self.folders[segment.folder].path.clone();
        let synced = synced.and_then(|()| self.files.sync_folder(&folder));
        if let Err(error) = synced {
            self.miss(&error);
            self.trouble(&error);
        }
    }

    /// Begins anew if the folder is not there any more: somebody has deleted it.
    fn miss(&mut self, error: &io::Error) {
        if error.kind() != io::ErrorKind::NotFound {
            return;
        }
        let open = self.open.take();
        if let Some(segment) = open.and_then(|open| self.segments.get_mut(&open)) {
            segment.output = None;
        }
        self.own = None;
        self.root = None;
    }

    /// Returns true if nothing is on disk that this process answers for.
    pub fn is_empty(&self) -> bool {
        self.segments.values().all(|segment| segment.live == 0)
    }
}

/// Why records were not written.
enum Refused {
    Full,
    Disk(io::Error),
}

impl From<io::Error> for Refused {
    fn from(error: io::Error) -> Self {
        Self::Disk(error)
    }
}

/// Returns how many of the records fit, at least one.
fn fitting(drafts: &[&Draft], room: usize) -> usize {
    let sizes = drafts.iter().scan(0, |sum, draft| {
        *sum += draft.bytes();
        Some(*sum)
    });
    sizes.take_while(|sum| *sum <= room).count().max(1)
}
