//! The spool's files: segments, payloads and acknowledgements, whole and damaged.

use std::ops::Range;

use bytes::Bytes;
use common::export::spool::{
    self, Contents, HEADER_LEN, Header, ack, is_record, read_acks, read_segment, write_record,
};
use common::model::RunOp;

use crate::{memory, runs};

const MARK: [u8; 8] = *b"\xffrecord\xfe";

/// Reads the data as a segment, as payloads and as acknowledgements; then makes a segment out of it,
/// damages that as the data says, and reads it. Every record that was not touched is found, and every
/// operation that was written comes back as it was.
pub fn spool(data: &[u8]) {
    let raw = read(data);
    let read_short = read(&data[..data.len() / 2]);
    assert!(read_short.len() <= raw.len() || raw.is_empty());
    for kind in 0..=4 {
        again(kind, data);
    }
    let acknowledged = read_acks(data, MARK);
    assert!(acknowledged.len() <= data.len() / 8);

    let (damage, body) = data.split_at(data.len().min(8));
    damaged(damage, body);
    for op in runs::of(body) {
        let mut payload = Vec::new();
        let kind = spool::encode(&op, &mut payload).expect("plain values");
        assert_eq!(spool::decode(kind, payload.into()), Ok(op));
    }
}

/// Reads bytes as a segment; returns the payloads of its records.
fn read(bytes: &[u8]) -> Vec<&[u8]> {
    let most = 64 * bytes.len() + 1024;
    let Ok(contents) = memory::within(most, "a segment", || read_segment(bytes)) else {
        return Vec::new();
    };
    check(bytes, &contents);
    let payloads = contents
        .frames
        .into_iter()
        .map(|frame| &bytes[frame.payload]);
    payloads.collect()
}

/// Panics unless the records are whole, in order, and apart from each other.
fn check(bytes: &[u8], contents: &Contents) {
    let mut at = HEADER_LEN;
    for frame in &contents.frames {
        let begin = frame.payload.start - spool::FRAME_LEN;
        assert!(begin >= at && frame.payload.end <= bytes.len());
        assert!(is_record(&bytes[begin..frame.payload.end], contents.mark));
        at = frame.payload.end;
    }
    let rest = bytes.len() > at;
    let explained = contents.torn || contents.damaged > 0;
    assert!(
        !rest || explained || bytes.len() <= HEADER_LEN,
        "a rest without a word"
    );
}

/// Reads a payload; what is read is written and read again without a change.
fn again(kind: u8, payload: &[u8]) {
    let most = 256 * payload.len() + 4096;
    let op: Result<RunOp, _> = memory::within(most, "a payload", || {
        spool::decode(kind, Bytes::copy_from_slice(payload))
    });
    let Ok(op) = op else { return };
    let mut written = Vec::new();
    let same = spool::encode(&op, &mut written).expect("it was read");
    assert_eq!(same, kind);
    assert_eq!(spool::decode(same, written.into()).as_ref(), Ok(&op));
}

/// Writes each line as a record, damages some bytes, and looks for the others.
fn damaged(damage: &[u8], body: &[u8]) {
    let header = Header {
        mark: MARK,
        fingerprint: [7; 16],
        made: 1,
    };
    let mut whole = header.bytes().to_vec();
    let mut records: Vec<Range<usize>> = Vec::new();
    for (number, line) in (0_u32..).zip(body.split(|byte| *byte == b'\n')) {
        let begin = whole.len();
        write_record(&mut whole, MARK, number, 1, 1, line);
        records.push(begin..whole.len());
    }
    assert_eq!(read(&whole).len(), records.len());
    let mut bytes = whole.clone();
    for change in damage.chunks_exact(3) {
        let at = usize::from(u16::from_le_bytes([change[0], change[1]])) % bytes.len();
        // The header is what tells the records of a segment from those of others.
        if at >= HEADER_LEN {
            bytes[at] ^= change[2];
        }
    }
    let cut = damage.last().map_or(0, |cut| usize::from(*cut));
    bytes.truncate(HEADER_LEN.max(bytes.len() - cut.min(bytes.len())));
    let found = read_segment(&bytes).expect("its header is whole");
    check(&bytes, &found);
    for (number, record) in (0_u32..).zip(records) {
        if bytes.get(record.clone()) == Some(&whole[record.clone()]) {
            let begins = record.start + spool::FRAME_LEN;
            let known = |frame: &&spool::Frame| frame.payload.start == begins;
            let frame = found.frames.iter().find(known);
            let frame =
                frame.unwrap_or_else(|| panic!("record {number} was whole, and is not found"));
            assert_eq!((frame.number, frame.payload.end), (number, record.end));
        }
    }
    let acks: Vec<u8> = (0..4).flat_map(|number| ack(MARK, number)).collect();
    assert_eq!(read_acks(&acks, MARK), [0, 1, 2, 3]);
}
