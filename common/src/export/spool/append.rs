//! Records are written together, and the disk confirms them later.
//!
//! ```text
//! drafts ──► room: the open segment, or a new one ──► one write ──► sync, every so often ──► seal
//!              └─ none: full                              └─ half of it: cut back
//! ```

use std::io;

use super::folder;
use super::segment::{self, HEADER_LEN, Header};
use super::store::{Draft, Folder, Place, RecordId, Segment, Spool, State};

impl Spool {
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
