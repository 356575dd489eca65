//! What was saved, in whatever form, as evidence; entry by entry, so that size does not matter.
//!
//! ```text
//! bytes ─┬─ line by line ──────────┐          ┌ "run", or a run itself ──► run
//!        └─ one large document ────┴─► walk ──┼ "request" "ledger" … ────► beside
//!                                             └ "resourceSpans" ─────────► otlp
//! ```
//!
//! Start at [`Evidence::read`].

mod otlp;
mod run;
mod time;
mod walk;

use std::cell::Cell;
use std::io::{self, BufRead, BufReader, Read};
use std::rc::Rc;

use serde::de::DeserializeSeed as _;
use serde_json::{Deserializer, Value};

use super::code::EvidenceKind;
use super::evidence::Evidence;
use walk::Walk;

pub(super) use run::{behind, id_of};

/// Largest entry that is read, in bytes. LangSmith takes 20 MB in one request.
const ENTRY: u64 = 64 * 1024 * 1024;
/// As much of the beginning is looked at to tell lines from one document.
const GLANCE: usize = 64 * 1024;

/// Why evidence could not be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReadError {
    /// The source failed. Look at the path or the connection.
    #[error("reading failed: {0}")]
    Source(#[from] io::Error),
    /// It is no JSON, or stops being JSON. Save it again; a file that was cut is read as lines only.
    #[error("this is no JSON: {0}")]
    NotJson(String),
    /// There is not a letter in it. Look whether what wrote it has ended, and had anything to write.
    #[error("it is empty")]
    Empty,
    /// It is JSON, and nothing in it is a run, a span, or another kind of evidence. Give a capture of
    /// the stand-in, exported runs, or OTLP JSON.
    #[error(
        "nothing in it can be examined: neither runs, nor spans, nor a capture of the stand-in"
    )]
    Nothing,
}

impl Evidence {
    /// Reads a capture of the stand-in, exported runs (JSON or JSON lines, of the API or of an SDK), or
    /// OTLP JSON. What single entries say wrong is passed over and counted.
    ///
    /// ```
    /// use common::analysis::doctor::Evidence;
    ///
    /// let lines = br#"{"id":"01990000-0000-7000-8000-000000000001","name":"a","start_time":0}"#;
    /// assert_eq!(Evidence::read(&lines[..])?.len(), 1);
    /// # Ok::<(), common::analysis::doctor::ReadError>(())
    /// ```
    ///
    /// # Errors
    /// As [`ReadError`] lists.
    pub fn read(source: impl Read) -> Result<Self, ReadError> {
        let mut evidence = Self::new();
        evidence.read_more(source)?;
        Ok(evidence)
    }

    /// Reads more, beside what is there: the ledger of one process after the runs of another. An ingest log is
    /// to be in one source as a whole: each numbers its requests by itself.
    ///
    /// # Errors
    /// As [`ReadError`] lists.
    pub fn read_more(&mut self, source: impl Read) -> Result<(), ReadError> {
        let left = Rc::new(Cell::new(ENTRY));
        let source = Bounded {
            inner: source,
            left: left.clone(),
        };
        let mut source = BufReader::with_capacity(GLANCE, source);
        let beginning = source.fill_buf()?;
        if beginning.is_empty() {
            return Err(ReadError::Empty);
        }
        self.begin_source();
        let taken = self.taken_entries;
        if is_lines(beginning) {
            self.read_lines(source, &left)?;
        } else {
            self.read_document(source, &left)?;
        }
        if self.taken_entries == taken {
            return Err(ReadError::Nothing);
        }
        Ok(())
    }

    fn read_lines(&mut self, mut source: impl BufRead, left: &Cell<u64>) -> Result<(), ReadError> {
        let mut line = Vec::new();
        loop {
            line.clear();
            left.set(u64::MAX);
            let read = source.by_ref().take(ENTRY).read_until(b'\n', &mut line)?;
            if read == 0 {
                return Ok(());
            }
            if read as u64 == ENTRY && line.last() != Some(&b'\n') {
                source.skip_until(b'\n')?;
                self.unreadable += 1;
                continue;
            }
            if line.iter().all(u8::is_ascii_whitespace) {
                continue;
            }
            let taken = self.taken_entries;
            let mut json = Deserializer::from_slice(&line);
            let walked = Walk::new(self, None).deserialize(&mut json);
            // Of a line that breaks off, what came before counts.
            if walked.is_err() || json.end().is_err() || self.taken_entries == taken {
                self.unreadable += 1;
            }
        }
    }

    fn read_document(&mut self, source: impl Read, left: &Rc<Cell<u64>>) -> Result<(), ReadError> {
        let mut json = Deserializer::from_reader(source);
        loop {
            if json.end().is_ok() {
                return Ok(());
            }
            left.set(ENTRY);
            let walked = Walk::new(self, Some(left.clone())).deserialize(&mut json);
            if let Err(error) = walked {
                return Err(ReadError::NotJson(error.to_string()));
            }
        }
    }
}

/// Takes one value: a run, or a line of a capture.
pub(super) fn take_value(evidence: &mut Evidence, value: Value) {
    // What is no evidence is counted by who reads lines.
    let _ = walk::take(evidence, value);
}

/// Tells lines from one document by the first line: it is a whole value.
fn is_lines(beginning: &[u8]) -> bool {
    let start = beginning
        .iter()
        .position(|byte| !byte.is_ascii_whitespace());
    let Some(start) = start.filter(|start| beginning[*start] == b'{') else {
        // An array is walked through; anything else is told by the walk.
        return false;
    };
    let rest = &beginning[start..];
    let line = rest.split(|byte| *byte == b'\n').next().unwrap_or(rest);
    let whole = serde_json::from_slice::<serde::de::IgnoredAny>(line).is_ok();
    // A line that is longer than the glance: a wrapped list of runs looks the same, and is walked
    // through as a document.
    whole && (line.len() < rest.len() || beginning.len() < GLANCE)
}

/// A source that gives no more than is left for an entry.
struct Bounded<R> {
    inner: R,
    left: Rc<Cell<u64>>,
}

impl<R: Read> Read for Bounded<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = self.left.get();
        if left == 0 {
            let words = format!("an entry is longer than {ENTRY} bytes");
            return Err(io::Error::other(words));
        }
        let read = self.inner.read(buffer)?;
        self.left.set(left.saturating_sub(read as u64));
        Ok(read)
    }
}

/// Says that a kind of evidence was given.
fn kind_of(name: &str) -> Option<EvidenceKind> {
    let mut kinds = EvidenceKind::ALL.into_iter();
    kinds.find(|kind| kind.as_str() == name)
}
