//! A folder for a cell, gone with its variable.

use std::path::{Path, PathBuf};

/// The name of a folder that nobody has, below the system's temporary one. Who writes into it makes it,
/// with the permissions that are needed; it is removed with all that is in it when this is dropped.
///
/// ```
/// use common::lab::ScratchFolder;
///
/// let folder = ScratchFolder::new("spool");
/// let path = folder.path().to_owned();
/// std::fs::create_dir(&path)?;
/// drop(folder);
/// assert!(!path.exists());
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug)]
pub struct ScratchFolder(PathBuf);

impl ScratchFolder {
    /// Names a folder. Two of the same name are two folders.
    pub fn new(name: &str) -> Self {
        let name = format!("workbook-{name}-{}", uuid::Uuid::now_v7());
        Self(std::env::temp_dir().join(name))
    }

    /// Returns the folder's path.
    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for ScratchFolder {
    fn drop(&mut self) {
        // It may never have been made, and what cannot be removed is the system's to tidy up.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
