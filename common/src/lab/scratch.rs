//! A folder that a lesson leaves nothing behind in.

use std::path::{Path, PathBuf};

/// The name of a folder below the system's for such; removed at the end, with all that is in it by then.
#[derive(Debug)]
pub(super) struct Scratch(PathBuf);

impl Scratch {
    /// Names a folder that nobody has. Who writes into it makes it, with the permissions it needs.
    pub(super) fn new(what: &str) -> Self {
        let name = format!("workbook-{what}-{}", uuid::Uuid::now_v7());
        Self(std::env::temp_dir().join(name))
    }

    /// Returns its path.
    pub(super) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // It may never have been made.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
