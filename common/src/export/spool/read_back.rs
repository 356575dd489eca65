//! What waits on disk comes back to memory, oldest first.

use std::io::ErrorKind;

use bytes::Bytes;

use super::record;
use super::segment::{self, FRAME_LEN};
use super::store::{RecordId, Spool, State};
use crate::model::RunOp;

/// A record that was read back.
#[derive(Debug)]
pub struct Recovered {
    /// Its name.
    pub id: RecordId,
    /// How many operations it stands for.
    pub ops: u64,
    /// The caller's tag.
    pub tag: u32,
    /// What it holds; none if it is damaged, and then it is forgotten here.
    pub op: Option<RunOp>,
}

impl Spool {
    /// Says that memory holds these records no more, and that they are to be read back, with that tag.
    pub fn release(&mut self, ids: &[RecordId], tag: u32) {
        for id in ids {
            let Some(segment) = self.segments.get_mut(&id.segment) else {
                continue;
            };
            if let Some(place) = segment.places.get_mut(id.index as usize)
                && place.state == State::Held
            {
                place.state = State::OnDisk;
                place.tag = tag;
                segment.next = segment.next.min(id.index as usize);
            }
        }
    }

    /// Reads back the oldest records that wait on disk alone: at most so many operations and bytes, and
    /// at least one record. From now on memory holds them.
    pub fn read_back(&mut self, most_ops: u64, most_bytes: usize) -> Vec<Recovered> {
        let mut order: Vec<(u64, u32)> = (self.segments.iter())
            .filter(|(_, segment)| segment.next < segment.places.len())
            .map(|(number, segment)| (segment.header.made, *number))
            .collect();
        order.sort_unstable();
        let (mut found, mut ops, mut bytes) = (Vec::new(), 0, 0);
        for (_, number) in order {
            let Some(segment) = self.segments.get_mut(&number) else {
                continue;
            };
            while let Some(&place) = segment.places.get(segment.next) {
                if place.state != State::OnDisk {
                    segment.next += 1;
                    continue;
                }
                ops += u64::from(place.ops);
                bytes += place.length as usize;
                if (ops > most_ops || bytes > most_bytes) && !found.is_empty() {
                    return found;
                }
                let (from, most) = (u64::from(place.offset), u64::from(place.length));
                let read = match self.files.read(&segment.path, from, most) {
                    Ok(read) => Bytes::from(read),
                    // Somebody has deleted it, and waiting does not bring it back.
                    Err(error) if error.kind() == ErrorKind::NotFound => Bytes::new(),
                    Err(error) => {
                        self.trouble(&error);
                        // What is behind it may be readable.
                        break;
                    }
                };
                let op = match segment::is_record(&read, segment.header.mark) {
                    true => record::decode(read[24], read.slice(FRAME_LEN..)).ok(),
                    false => None,
                };
                let index = segment.next;
                segment.next += 1;
                segment.places[index].state = State::Held;
                if op.is_none() {
                    segment.places[index].state = State::Done;
                    segment.live -= 1;
                    segment.damaged = true;
                    self.stats.damaged += 1;
                }
                found.push(Recovered {
                    id: RecordId {
                        segment: number,
                        index: index as u32,
                    },
                    ops: u64::from(place.ops),
                    tag: place.tag,
                    op,
                });
            }
        }
        found
    }
}
