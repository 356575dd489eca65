//! Lets one `cargo workbook` at a time change a folder.

use std::fs::{self, File};
use std::path::Path;

use anyhow::{Context as _, Result};
use rustix::fs::{FlockOperation, flock};

/// Holds the lock until it is dropped or the process ends, however it ends.
#[derive(Debug)]
#[must_use = "the lock is given back when this is dropped"]
pub(crate) struct Lock(#[allow(dead_code, reason = "held open for its lock")] File);

impl Lock {
    /// Takes the lock of `folder`; says so when another command holds it.
    pub(crate) fn take(folder: &Path) -> Result<Self> {
        fs::create_dir_all(folder).with_context(|| format!("making {}", folder.display()))?;
        let path = folder.join("lock");
        let file = File::create(&path).with_context(|| format!("writing {}", path.display()))?;
        if flock(&file, FlockOperation::NonBlockingLockExclusive).is_err() {
            eprintln!("waiting for another `cargo workbook` that is setting up …");
            flock(&file, FlockOperation::LockExclusive).context("waiting for the lock")?;
        }
        Ok(Self(file))
    }
}
