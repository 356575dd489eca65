//! One file of a spool, byte by byte.
//!
//! ```text
//! segment   header │ record │ record │ …                     append-only
//! header    magic 8 │ version 4 │ mark 8 │ fingerprint 16 │ made 8 │ crc 4
//! record    mark 8 │ length 4 │ crc 4 │ number 4 │ operations 4 │ kind 1 │ 0 0 0 │ payload
//! ack       number 4 │ crc 4                                 in a file of its own beside the segment
//! ```
//!
//! Numbers are little-endian. The mark is random and the same in all records of a segment: after a
//! damaged record the next one is found by it, and no bytes of a payload are taken for a record, not
//! even those of another segment. A checksum covers all of a record but itself. Start at
//! [`read_segment`].

use std::ops::Range;

/// What a segment begins with.
const MAGIC: [u8; 8] = *b"LSSPOOL\n";

/// The only version there is so far.
const VERSION: u32 = 1;

/// The bytes of a segment before its first record.
pub const HEADER_LEN: usize = 48;

/// The bytes of a record before its payload.
pub const FRAME_LEN: usize = 28;

/// The bytes of one acknowledgement.
pub const ACK_LEN: usize = 8;

/// No payload is longer: what says so is damaged, and nothing is allocated for it.
pub const MAX_PAYLOAD: usize = 512 * 1024 * 1024;

/// Tells the endpoint and workspace that a segment is for; made of neither key nor header.
pub type Fingerprint = [u8; 16];

/// What a segment says of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    /// What each of its records begins with.
    pub mark: [u8; 8],
    /// Whom its records are for.
    pub fingerprint: Fingerprint,
    /// When it was made, in milliseconds since 1970.
    pub made: u64,
}

impl Header {
    /// Writes the header.
    pub fn bytes(&self) -> [u8; HEADER_LEN] {
        let mut bytes = [0; HEADER_LEN];
        bytes[..8].copy_from_slice(&MAGIC);
        bytes[8..12].copy_from_slice(&VERSION.to_le_bytes());
        bytes[12..20].copy_from_slice(&self.mark);
        bytes[20..36].copy_from_slice(&self.fingerprint);
        bytes[36..44].copy_from_slice(&self.made.to_le_bytes());
        let crc = crc32fast::hash(&bytes[..44]);
        bytes[44..].copy_from_slice(&crc.to_le_bytes());
        bytes
    }
}

/// Where a record is, and what it says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    /// Where the payload is in the segment.
    pub payload: Range<usize>,
    /// Which record of its segment it is; acknowledgements name it.
    pub number: u32,
    /// How many operations it stands for.
    pub ops: u32,
    /// What the payload is.
    pub kind: u8,
}

/// Appends a record to bytes that follow others of the same segment.
pub fn write_record(
    out: &mut Vec<u8>,
    mark: [u8; 8],
    number: u32,
    ops: u32,
    kind: u8,
    payload: &[u8],
) {
    let begin = out.len();
    out.extend_from_slice(&mark);
    out.extend_from_slice(&(payload.len() as u32).to_le_bytes());
    out.extend_from_slice(&[0; 4]);
    out.extend_from_slice(&number.to_le_bytes());
    out.extend_from_slice(&ops.to_le_bytes());
    out.extend_from_slice(&[kind, 0, 0, 0]);
    out.extend_from_slice(payload);
    let crc = checksum(&out[begin..]);
    out[begin + 12..begin + 16].copy_from_slice(&crc.to_le_bytes());
}

/// Returns the checksum of a whole record, which leaves itself out.
fn checksum(record: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&record[..12]);
    hasher.update(&record[16..]);
    hasher.finalize()
}

/// How often the bytes of a damaged segment are read at most, in search of what is intact.
const READ_AGAIN: usize = 8;

/// What was found in a segment.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Contents {
    /// What the segment says of itself; none if that is damaged, or was never written.
    pub header: Option<Header>,
    /// What its records begin with, also where the header is damaged.
    pub mark: [u8; 8],
    /// The records that can be read, in order.
    pub frames: Vec<Frame>,
    /// Stretches between records that cannot be read.
    pub damaged: u64,
    /// Whether the last record was cut off, as it is when a process dies while writing.
    pub torn: bool,
}

/// Why a file is no segment that this version reads. It is put aside.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotASegment {
    /// Something else wrote it, or nothing of it is left.
    #[error("not a segment of a spool")]
    Foreign,
    /// A later version of this crate wrote it.
    #[error("a segment of version {0}")]
    Version(u32),
}

/// Finds all records of a segment that are intact, whatever is between them.
///
/// # Errors
/// If the bytes are no segment that this version reads.
pub fn read_segment(bytes: &[u8]) -> Result<Contents, NotASegment> {
    let header = read_header(bytes);
    match header {
        Ok(Some(version)) if version.version != VERSION => {
            return Err(NotASegment::Version(version.version));
        }
        // Cut off while the header was written: there never was a record.
        Err(()) if is_torn_header(bytes) => {
            return Ok(Contents {
                torn: !bytes.is_empty(),
                ..Contents::default()
            });
        }
        Err(()) => return Err(NotASegment::Foreign),
        Ok(_) => {}
    }
    let header = header.ok().flatten().map(|known| known.header);
    // A header may be damaged too; then the first record's mark, or the header's own copy of it, may
    // still be right. A record proves it by its checksum.
    let marks = match &header {
        Some(header) => vec![header.mark],
        None => [HEADER_LEN, 12]
            .into_iter()
            .filter_map(|at| array(bytes, at))
            .collect(),
    };
    let found = marks.into_iter().map(|mark| scan(bytes, mark));
    let best = found.max_by_key(|contents| contents.frames.len());
    let mut contents = best.unwrap_or_default();
    if header.is_none() {
        if contents.frames.is_empty() {
            return Err(NotASegment::Foreign);
        }
        contents.damaged += 1;
    }
    contents.header = header;
    Ok(contents)
}

struct Versioned {
    version: u32,
    header: Header,
}

/// Reads the header: none if it is damaged, an error if the bytes are too few to hold one.
fn read_header(bytes: &[u8]) -> Result<Option<Versioned>, ()> {
    let header = bytes.get(..HEADER_LEN).ok_or(())?;
    let crc = u32_at(header, 44);
    if header[..8] != MAGIC || crc != Some(crc32fast::hash(&header[..44])) {
        return Ok(None);
    }
    let read = || {
        Some(Versioned {
            version: u32_at(header, 8)?,
            header: Header {
                mark: array(header, 12)?,
                fingerprint: array(header, 20)?,
                made: u64::from_le_bytes(array(header, 36)?),
            },
        })
    };
    Ok(read())
}

fn is_torn_header(bytes: &[u8]) -> bool {
    let length = bytes.len().min(MAGIC.len());
    bytes.len() < HEADER_LEN && bytes[..length] == MAGIC[..length]
}

/// Reads record after record; where one is damaged, goes on at the next mark.
fn scan(bytes: &[u8], mark: [u8; 8]) -> Contents {
    let mut contents = Contents {
        mark,
        ..Contents::default()
    };
    let mut at = HEADER_LEN;
    // For the whole file: a budget for each stretch would let many stretches cost its square.
    let mut budget = bytes.len().saturating_mul(READ_AGAIN);
    while at < bytes.len() {
        if let Some(frame) = read_frame(bytes, at, mark) {
            at = frame.payload.end;
            contents.frames.push(frame);
            continue;
        }
        let torn = claims_more(bytes, at, mark);
        let left = budget.checked_sub(checked(bytes, at));
        let next = left.and_then(|left| {
            budget = left;
            next_frame(bytes, at + 1, mark, &mut budget)
        });
        match next {
            Some(next) => {
                contents.damaged += 1;
                at = next;
            }
            None if torn => {
                contents.torn = true;
                break;
            }
            None => {
                contents.damaged += 1;
                break;
            }
        }
    }
    contents
}

/// Reads the record that begins there; none if it is not intact.
fn read_frame(bytes: &[u8], at: usize, mark: [u8; 8]) -> Option<Frame> {
    let head = bytes.get(at..at.checked_add(FRAME_LEN)?)?;
    if head[..8] != mark {
        return None;
    }
    let length = u32_at(head, 8)? as usize;
    if length > MAX_PAYLOAD {
        return None;
    }
    let begin = at + FRAME_LEN;
    let payload = begin..begin.checked_add(length)?;
    let record = bytes.get(at..payload.end)?;
    if checksum(record) != u32_at(head, 12)? {
        return None;
    }
    Some(Frame {
        payload,
        number: u32_at(head, 16)?,
        ops: u32_at(head, 20)?,
        kind: head[24],
    })
}

/// Looks whether bytes are one intact record and nothing else.
pub fn is_record(bytes: &[u8], mark: [u8; 8]) -> bool {
    read_frame(bytes, 0, mark).is_some_and(|frame| frame.payload.end == bytes.len())
}

/// Finds where the next intact record begins.
///
/// A damaged length may name the rest of the file again and again, so the bytes that checksums are
/// computed over are counted: bytes made to be slow end the search.
fn next_frame(bytes: &[u8], from: usize, mark: [u8; 8], budget: &mut usize) -> Option<usize> {
    let mut at = from;
    while let Some(window) = bytes.get(at..) {
        let found = window.windows(mark.len()).position(|it| it == mark)?;
        at += found;
        if read_frame(bytes, at, mark).is_some() {
            return Some(at);
        }
        *budget = budget.checked_sub(checked(bytes, at))?;
        at += 1;
    }
    None
}

/// Returns over how many bytes a checksum is computed for the record that may begin there.
fn checked(bytes: &[u8], at: usize) -> usize {
    let claimed = u32_at(bytes, at + 8).unwrap_or_default() as usize;
    match claimed <= MAX_PAYLOAD && claimed <= bytes.len() - at {
        true => claimed,
        // It is seen by its length that it is none.
        false => 0,
    }
}

/// Returns true if what is there may be the beginning of a record that goes on past the end.
fn claims_more(bytes: &[u8], at: usize, mark: [u8; 8]) -> bool {
    let rest = &bytes[at..];
    let known = rest.len().min(mark.len());
    if rest[..known] != mark[..known] {
        return false;
    }
    let length = u32_at(rest, 8).map(|length| length as usize);
    length.is_none_or(|length| rest.len() < FRAME_LEN + length)
}

/// Writes the acknowledgement of a record.
pub fn ack(mark: [u8; 8], number: u32) -> [u8; ACK_LEN] {
    let mut bytes = [0; ACK_LEN];
    bytes[..4].copy_from_slice(&number.to_le_bytes());
    bytes[4..].copy_from_slice(&ack_check(mark, number).to_le_bytes());
    bytes
}

fn ack_check(mark: [u8; 8], number: u32) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&mark);
    hasher.update(&number.to_le_bytes());
    hasher.finalize()
}

/// Reads the acknowledgements of a segment; what is torn or damaged acknowledges nothing.
pub fn read_acks(bytes: &[u8], mark: [u8; 8]) -> Vec<u32> {
    let mut numbers = Vec::with_capacity(bytes.len() / ACK_LEN);
    let mut at = 0;
    while let (Some(number), Some(check)) = (u32_at(bytes, at), u32_at(bytes, at + 4)) {
        if check == ack_check(mark, number) {
            numbers.push(number);
            at += ACK_LEN;
        } else {
            // A write that was cut off shifts what follows it.
            at += 1;
        }
    }
    numbers
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    array(bytes, at).map(u32::from_le_bytes)
}

fn array<const N: usize>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
    bytes.get(at..at.checked_add(N)?)?.try_into().ok()
}
