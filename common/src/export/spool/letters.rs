//! What the server rejected, kept beside the spool for people.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

use super::config::SpoolConfig;
use super::files::Files;
use super::record;
use crate::model::{RunOp, Timestamp};

const NAME: &str = "rejected.jsonl";
const OLDER: &str = "rejected.older.jsonl";

/// Most bytes of each of the two files. When the newer one is full it takes the place of the older.
const MAX_BYTES: u64 = 8 * 1024 * 1024;

/// An operation that takes more bytes than this is named, and not kept.
const MAX_LINE: usize = 1024 * 1024;

/// An operation that was given up because of what it says: one line of `rejected.jsonl`.
///
/// Read by [`SpoolConfig::rejected`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Rejected {
    /// When it was given up.
    pub time: Timestamp,
    /// Why, in words.
    pub reason: String,
    /// `post`, `patch` or `feedback`.
    pub kind: String,
    /// The id of the run, or of the feedback.
    pub id: Uuid,
    /// How many operations it stands for.
    pub ops: u64,
    /// What it says, without attachments, masked as it was sent; none if it is larger than 1 MiB, or
    /// may hold what a [`Transform`](crate::export::Transform) was to remove.
    pub operation: Option<Value>,
}

impl Rejected {
    /// Takes down an operation; what it says only if `whole`.
    pub(crate) fn new(op: &RunOp, ops: u64, reason: String, whole: bool) -> Self {
        let kind = match op {
            RunOp::Post(_) => "post",
            RunOp::Patch(_) => "patch",
            RunOp::Feedback(_) => "feedback",
        };
        let said = whole.then(|| record::json(op)).flatten();
        Self {
            time: chrono::Utc::now(),
            reason,
            kind: kind.to_owned(),
            id: op.id(),
            ops,
            operation: said
                .filter(|json| json.len() <= MAX_LINE)
                .and_then(|json| record::parse(&json)),
        }
    }
}

/// Where rejected operations of one endpoint are kept.
#[derive(Debug)]
pub(crate) struct Letters {
    files: Arc<dyn Files>,
}

impl Letters {
    pub(crate) fn new(files: Arc<dyn Files>) -> Self {
        Self { files }
    }

    /// Writes one line into a folder.
    ///
    /// # Errors
    /// If the disk does not take it.
    pub(crate) fn write(&self, folder: &Path, rejected: &Rejected) -> io::Result<()> {
        let mut line = serde_json::to_vec(rejected)?;
        line.push(b'\n');
        let path = folder.join(NAME);
        let known = self
            .files
            .list(folder)?
            .into_iter()
            .find(|it| it.name == NAME);
        if known.is_some_and(|known| known.bytes + line.len() as u64 > MAX_BYTES) {
            self.files.rename(&path, &folder.join(OLDER))?;
        }
        // In one write, so that lines of several processes do not mix.
        self.files.open(&path)?.append(&line)
    }
}

impl SpoolConfig {
    /// Reads the operations that servers rejected, the oldest of each endpoint first.
    ///
    /// There are at most two files of 8 MiB for each endpoint and workspace, `rejected.jsonl` and
    /// `rejected.older.jsonl`; delete them when they were looked at.
    ///
    /// ```
    /// use common::export::SpoolConfig;
    ///
    /// # let folder = tempfile::tempdir()?;
    /// let spool = SpoolConfig::new(folder.path().join("spool"));
    /// for rejected in spool.rejected()? {
    ///     println!("{} {}: {}", rejected.time, rejected.id, rejected.reason);
    /// }
    /// # Ok::<(), std::io::Error>(())
    /// ```
    ///
    /// # Errors
    /// If the folder cannot be read. One that is not there holds nothing.
    pub fn rejected(&self) -> io::Result<Vec<Rejected>> {
        let folders = match fs::read_dir(&self.dir) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            folders => folders?,
        };
        let folders: io::Result<Vec<PathBuf>> = folders.map(|entry| Ok(entry?.path())).collect();
        let mut folders = folders?;
        folders.sort();
        let mut rejected = Vec::new();
        for path in folders
            .iter()
            .flat_map(|folder| [OLDER, NAME].map(|name| folder.join(name)))
        {
            let text = match fs::read(&path) {
                Ok(text) => text,
                Err(_) => continue,
            };
            // A line that was cut off is left out.
            let lines = text.split(|byte| *byte == b'\n');
            rejected.extend(lines.filter_map(record::parse::<Rejected>));
        }
        Ok(rejected)
    }
}
