//! What dead processes left behind is taken over.
//!
//! ```text
//! folder of the fingerprint ─► each writer's folder ─► lock free? ─► read_segment ─► records, less what
//!                                                        └─ no: its owner lives       is acknowledged
//! ```

use std::io::ErrorKind;
use std::path::Path;

use super::folder::{LOCK, UNFINISHED};
use super::forget::aside;
use super::segment::{FRAME_LEN, Header, NotASegment, read_acks, read_segment};
use super::store::{Folder, Place, Segment, Spool, State};

/// A file larger than this is not one of ours, and is not read.
const MAX_SEGMENT_BYTES: u64 = 1024 * 1024 * 1024;

/// What was taken over.
#[derive(Debug, Default)]
pub struct Adopted {
    /// How many operations wait there.
    pub ops: u64,
    segments: Vec<u32>,
}

impl Spool {
    /// Takes over the folders whose owners are gone, and reads all that is in them.
    pub fn adopt(&mut self) -> Adopted {
        let mut adopted = Adopted::default();
        self.look();
        while self.scan(&mut adopted) {}
        adopted
    }

    /// Takes over the folders whose owners are gone. What is in them is read by [`scan`](Self::scan).
    ///
    /// It also looks at how much all others have on disk, which counts against the same bound.
    pub fn look(&mut self) {
        let found = self.root().and_then(|root| {
            let found = self.files.list(&root)?;
            Ok((root, found))
        });
        let (root, found) = match found {
            Ok(found) => found,
            Err(error) => return self.trouble(&error),
        };
        self.sweep(&root);
        let folders = found.into_iter().filter(|entry| entry.is_folder);
        // One that is not finished has an owner that is just about to take its lock.
        for entry in folders.filter(|entry| !entry.name.starts_with(UNFINISHED)) {
            let path = root.join(&entry.name);
            let is_ours = |folder: &Folder| folder.lock.is_some() && folder.path == path;
            if self.folders.iter().any(is_ours) {
                continue;
            }
            // Without it the owner lives, or is just going.
            if let Ok(Some(lock)) = self.files.lock(&path.join(LOCK), false) {
                let at = self.place_for(&path);
                self.folders[at].lock = Some(lock);
                self.take_over(at, &path);
            }
        }
        self.leave_folders();
        self.measure();
    }

    /// Deletes the folders that somebody began to make and never finished, being killed. It takes an owner
    /// a moment, so one that is there at two looks, without a lock that is held, has none.
    fn sweep(&mut self, root: &Path) {
        let before = std::mem::take(&mut self.unfinished);
        for below in [&*self.config.dir.clone(), root] {
            let found = self.files.list(below).unwrap_or_default();
            let folders = found.into_iter().filter(|entry| entry.is_folder);
            for entry in folders.filter(|entry| entry.name.starts_with(UNFINISHED)) {
                let path = below.join(entry.name);
                if !before.contains(&path) {
                    self.unfinished.push(path);
                    continue;
                }
                let lock = self.files.lock(&path.join(LOCK), false);
                if !matches!(lock, Ok(None)) {
                    let _ = self.files.remove(&path.join(LOCK));
                    let _ = self.files.remove_folder(&path);
                }
            }
        }
    }

    /// Reads one file of those that were taken over; false if there is none left.
    ///
    /// One at a time, so that whoever waits for a write waits no longer than that.
    pub fn scan(&mut self, adopted: &mut Adopted) -> bool {
        let Some((folder, path, bytes)) = self.unread.pop_front() else {
            return false;
        };
        self.foreign_bytes = self.foreign_bytes.saturating_sub(bytes);
        self.take_segment(folder, &path, bytes, adopted);
        true
    }

    /// Returns the place of a folder: the one that it had when it was looked at before, or a new one.
    fn place_for(&mut self, path: &Path) -> usize {
        let known = self.folders.iter().position(|folder| folder.path == path);
        known.unwrap_or_else(|| {
            self.folders.push(Folder {
                path: path.to_owned(),
                lock: None,
            });
            self.folders.len() - 1
        })
    }

    /// Gives the records of what was taken over the caller's tag.
    pub fn tag(&mut self, adopted: &Adopted, tag: u32) {
        for number in &adopted.segments {
            if let Some(segment) = self.segments.get_mut(number) {
                segment.places.iter_mut().for_each(|place| place.tag = tag);
            }
        }
    }

    fn take_over(&mut self, folder: usize, path: &Path) {
        let found = match self.files.list(path) {
            Ok(found) => found,
            Err(error) => {
                // Another process may have emptied and deleted it meanwhile.
                if error.kind() != ErrorKind::NotFound {
                    self.trouble(&error);
                }
                // Left to a later look: without the lock nobody is kept from it.
                self.folders[folder].lock = None;
                return;
            }
        };
        for entry in found {
            if entry.is_folder || !entry.name.ends_with(".seg") {
                continue;
            }
            let path = path.join(&entry.name);
            self.unread.push_back((folder, path, entry.bytes));
        }
    }

    fn take_segment(&mut self, folder: usize, path: &Path, bytes: u64, adopted: &mut Adopted) {
        let read = match bytes <= MAX_SEGMENT_BYTES {
            true => self.files.read(path, 0, bytes),
            false => return self.put_aside(path, "too large"),
        };
        let read = match read {
            Ok(read) => read,
            Err(error) => {
                self.trouble(&error);
                return;
            }
        };
        let contents = match read_segment(&read) {
            Ok(contents) => contents,
            Err(error @ (NotASegment::Foreign | NotASegment::Version(_))) => {
                return self.put_aside(path, &error.to_string());
            }
        };
        let header = match contents.header {
            Some(header) => header,
            // The folder says whom they are for, too.
            None if !contents.frames.is_empty() => Header {
                mark: contents.mark,
                fingerprint: self.fingerprint,
                made: 0,
            },
            None => {
                // Its writer died before the first record.
                if let Err(error) = self.files.remove(path) {
                    self.trouble(&error);
                }
                return;
            }
        };
        if header.fingerprint != self.fingerprint {
            return self.put_aside(path, "for another endpoint or workspace");
        }
        let acks = match self.files.read(&path.with_extension("ack"), 0, bytes) {
            Ok(acks) => acks,
            Err(error) if error.kind() == ErrorKind::NotFound => Vec::new(),
            Err(error) => {
                // Without them all of it would be sent again.
                self.trouble(&error);
                return;
            }
        };
        self.stats.damaged += contents.damaged + u64::from(contents.torn);
        let ack_bytes = acks.len() as u64;
        let mut acks = read_acks(&acks, header.mark);
        acks.sort_unstable();
        let places: Vec<Place> = (contents.frames.iter())
            .map(|frame| Place {
                offset: frame.payload.start.saturating_sub(FRAME_LEN) as u32,
                length: (frame.payload.len() + FRAME_LEN) as u32,
                number: frame.number,
                ops: frame.ops,
                tag: 0,
                state: match acks.binary_search(&frame.number) {
                    Ok(_) => State::Done,
                    Err(_) => State::OnDisk,
                },
            })
            .collect();
        let waiting = places.iter().filter(|place| place.state == State::OnDisk);
        let (live, ops) = waiting.fold((0, 0), |(live, ops), place| {
            (live + 1, ops + u64::from(place.ops))
        });
        let number = self.insert(Segment {
            folder,
            path: path.to_owned(),
            header,
            places,
            next: 0,
            live,
            bytes,
            ack_bytes,
            acks: Vec::new(),
            damaged: contents.damaged > 0,
            output: None,
            dirty: false,
        });
        self.clear_if_done(number);
        adopted.ops += ops;
        adopted.segments.push(number);
    }

    /// Gives a file that cannot be read another name, under which nobody looks at it again.
    fn put_aside(&mut self, path: &Path, why: &str) {
        tracing::warn!("a file in the spool's folder is put aside, it is {why}");
        match self.files.rename(path, &aside(path)) {
            Ok(()) => self.stats.set_aside += 1,
            Err(error) => self.trouble(&error),
        }
    }

    /// Adds up what all files in the spool's folder take, ours left out.
    fn measure(&mut self) {
        let mut total = 0;
        let dir = self.config.dir.clone();
        let mut open = vec![(dir, 0)];
        while let Some((path, depth)) = open.pop() {
            for entry in self.files.list(&path).unwrap_or_default() {
                total += entry.bytes * u64::from(!entry.is_folder);
                if entry.is_folder && depth < 2 {
                    open.push((path.join(&entry.name), depth + 1));
                }
            }
        }
        self.foreign_bytes = total.saturating_sub(self.stats().bytes);
    }
}
