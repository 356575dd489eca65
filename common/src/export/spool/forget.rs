//! What is delivered or given up leaves the disk.
//!
//! ```text
//! acknowledge ─► ack file ─► all of a segment? ─► segment deleted ─► all of a folder? ─► folder deleted
//!                                  └─ something in it was unreadable: put aside
//! ```

use std::collections::btree_map::Entry as Slot;
use std::io;
use std::path::{Path, PathBuf};

use super::store::{RecordId, Spool, State};
use super::{folder, segment};

impl Spool {
    /// Forgets records: they are delivered, or given up. A segment without others is deleted.
    pub fn acknowledge(&mut self, ids: &[RecordId]) {
        let mut touched: Vec<u32> = Vec::new();
        for id in ids {
            let Some(segment) = self.segments.get_mut(&id.segment) else {
                continue;
            };
            let Some(place) = segment.places.get_mut(id.index as usize) else {
                continue;
            };
            if place.state == State::Done {
                continue;
            }
            place.state = State::Done;
            segment.live -= 1;
            let ack = segment::ack(segment.header.mark, place.number);
            segment.acks.extend_from_slice(&ack);
            if touched.last() != Some(&id.segment) {
                touched.push(id.segment);
            }
        }
        touched.sort_unstable();
        touched.dedup();
        for number in touched {
            if !self.clear_if_done(number) {
                self.write_acks(number);
            }
        }
    }

    fn write_acks(&mut self, number: u32) {
        let Some(segment) = self.segments.get_mut(&number) else {
            return;
        };
        if segment.acks.is_empty() {
            return;
        }
        let opened = self.files.open(&segment.ack_path());
        match opened.and_then(|mut output| output.append(&segment.acks)) {
            Ok(()) => {
                segment.ack_bytes += segment.acks.len() as u64;
                segment.acks.clear();
            }
            // Until they are written, a restart would deliver the records again, which is no loss.
            Err(error) => self.trouble(&error),
        }
    }

    /// Deletes a segment that nothing is waited for in; true if it is gone.
    pub(super) fn clear_if_done(&mut self, number: u32) -> bool {
        let Slot::Occupied(slot) = self.segments.entry(number) else {
            return true;
        };
        if slot.get().live > 0 || slot.get().output.is_some() {
            return false;
        }
        let segment = slot.get();
        let gone = match segment.damaged {
            // Somebody may want to look at what could not be read.
            true => self.files.rename(&segment.path, &aside(&segment.path)),
            false => self.files.remove(&segment.path),
        };
        if let Err(error) = gone {
            if error.kind() != io::ErrorKind::NotFound {
                self.trouble(&error);
                return false;
            }
        } else if segment.damaged {
            self.stats.set_aside += 1;
        }
        let segment = self.segments.remove(&number);
        if let Some(segment) = segment
            && (segment.ack_bytes > 0 || !segment.acks.is_empty())
        {
            // Acknowledgements of nothing do no harm if they stay.
            let _ = self.files.remove(&segment.ack_path());
        }
        true
    }

    /// Does what was left undone: writes acknowledgements, deletes what is delivered.
    pub fn tidy(&mut self) {
        let open = self.open.and_then(|open| self.segments.get(&open));
        if open.is_some_and(|open| open.live == 0) {
            self.seal();
        }
        let numbers: Vec<u32> = self.segments.keys().copied().collect();
        for number in numbers {
            if !self.clear_if_done(number) {
                self.write_acks(number);
            }
        }
        self.leave_folders();
    }

    /// Deletes the folders that hold nothing any more.
    pub(super) fn leave_folders(&mut self) {
        for at in 0..self.folders.len() {
            let used = self.segments.values().any(|segment| segment.folder == at)
                || self.unread.iter().any(|(folder, ..)| *folder == at);
            if used || self.folders[at].lock.is_none() || self.own == Some(at) {
                continue;
            }
            self.leave(at);
        }
    }

    fn leave(&mut self, at: usize) {
        let folder = &mut self.folders[at];
        let left = self.files.list(&folder.path).unwrap_or_default();
        if left.iter().any(|entry| entry.name.ends_with(".seg")) {
            // One that could not be read or deleted is left to a later look, with all that belongs to it.
            folder.lock = None;
            return;
        }
        let acks = left.iter().filter(|entry| entry.name.ends_with(".ack"));
        for entry in acks {
            let _ = self.files.remove(&folder.path.join(&entry.name));
        }
        // Whoever finds the folder without its lock finds it empty.
        let _ = self.files.remove(&folder.path.join(folder::LOCK));
        let _ = self.files.remove_folder(&folder.path);
        folder.lock = None;
    }

    /// Ends the work: the disk confirms what was written, and what holds nothing is deleted.
    pub fn close(&mut self) {
        self.sync();
        self.seal();
        self.own = None;
        self.tidy();
    }
}

impl Drop for Spool {
    fn drop(&mut self) {
        self.close();
    }
}

/// Returns the name under which a file is put aside.
pub(super) fn aside(path: &Path) -> PathBuf {
    path.with_extension("seg.bad")
}
