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

/// Whose lock one has to have who moves the two.
const TURN: &str = "rejected.lock";

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
    /// Takes down which operation it was; what it says is added when it is written.
    fn new(op: &RunOp, ops: u64, reason: String) -> Self {
        let kind = match op {
            RunOp::Post(_) => "post",
            RunOp::Patch(_) => "patch",
            RunOp::Feedback(_) => "feedback",
        };
        Self {
            time: chrono::Utc::now(),
            reason,
            kind: kind.to_owned(),
            id: op.id(),
            ops,
            operation: None,
        }
    }

    /// Writes one line; what the operation says is JSON already, and stands last.
    fn line(&self, operation: Option<&[u8]>) -> io::Result<Vec<u8>> {
        let mut line = serde_json::to_vec(self)?;
        if let Some(operation) = operation {
            line.truncate(line.len() - "null}".len());
            line.extend_from_slice(operation);
            line.push(b'}');
        }
        line.push(b'\n');
        Ok(line)
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

    /// Writes an operation down in a folder; what it says only if `whole`.
    ///
    /// # Errors
    /// If the disk does not take it.
    pub(crate) fn write(
        &self,
        folder: &Path,
        (op, ops): (&RunOp, u64),
        reason: String,
        whole: bool,
    ) -> io::Result<()> {
        let said = whole.then(|| record::json(op)).flatten();
        let said = said.filter(|json| json.len() <= MAX_LINE);
        let line = Rejected::new(op, ops, reason).line(said.as_deref())?;
        let path = folder.join(NAME);
        if self.is_full(folder, line.len())? {
            self.turn_over(folder, line.len())?;
        }
        // In one write, so that lines of several processes do not mix.
        self.files.open(&path)?.append(&line)
    }
}

impl Letters {
    /// Returns true if the newer file has no room for that much.
    fn is_full(&self, folder: &Path, more: usize) -> io::Result<bool> {
        let found = self.files.list(folder)?;
        let known = found.into_iter().find(|it| it.name == NAME);
        Ok(known.is_some_and(|known| known.bytes + more as u64 > MAX_BYTES))
    }

    /// Lets the newer file take the place of the older. Of several processes one does it: done twice, it
    /// would cost the older letters.
    fn turn_over(&self, folder: &Path, more: usize) -> io::Result<()> {
        let Some(_turn) = self.files.lock(&folder.join(TURN), true)? else {
            return Ok(());
        };
        match self.is_full(folder, more)? {
            true => self.files.rename(&folder.join(NAME), &folder.join(OLDER)),
            // Another has just done it.
            false => Ok(()),
        }
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
