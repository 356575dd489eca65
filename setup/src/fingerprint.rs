//! Numbers that change when their inputs do: how a step knows that it is done.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use anyhow::{Context as _, Result};

/// Collects inputs into one number (FNV-1a, the same in every release of Rust).
#[derive(Debug, Clone)]
pub(crate) struct Fingerprint(u64);

impl Fingerprint {
    /// Starts with no input.
    pub(crate) fn new() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }

    /// Adds a text; its length keeps neighbours apart.
    pub(crate) fn text(mut self, text: &str) -> Self {
        self.bytes(text.as_bytes());
        self
    }

    /// Adds the contents of all files below `folder`, with their names.
    pub(crate) fn contents(mut self, folder: &Path) -> Result<Self> {
        for path in files_below(folder)? {
            self.bytes(
                path.strip_prefix(folder)
                    .unwrap_or(&path)
                    .as_os_str()
                    .as_encoded_bytes(),
            );
            let bytes = fs::read(&path).with_context(|| format!("reading {}", path.display()))?;
            self.bytes(&bytes);
        }
        Ok(self)
    }

    /// Adds names, sizes and times of all files below `folder`, which may be one file or missing.
    ///
    /// Cheaper than the contents and enough where a needless repetition costs little.
    pub(crate) fn times(mut self, folder: &Path) -> Result<Self> {
        for path in files_below(folder)? {
            self.bytes(path.as_os_str().as_encoded_bytes());
            let meta = fs::metadata(&path)?;
            let time = meta
                .modified()?
                .duration_since(UNIX_EPOCH)
                .unwrap_or_default();
            self.bytes(&time.as_nanos().to_le_bytes());
            self.bytes(&meta.len().to_le_bytes());
        }
        Ok(self)
    }

    /// Writes the number as 16 hexadecimal digits.
    pub(crate) fn hex(&self) -> String {
        format!("{:016x}", self.0)
    }

    fn bytes(&mut self, bytes: &[u8]) {
        let length = (bytes.len() as u64).to_le_bytes();
        for byte in length.iter().chain(bytes) {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
    }
}

/// Lists the files below a folder, sorted, without what tools leave there.
fn files_below(folder: &Path) -> Result<Vec<PathBuf>> {
    if folder.is_file() {
        return Ok(vec![folder.to_path_buf()]);
    }
    let mut found = Vec::new();
    let mut folders = vec![folder.to_path_buf()];
    while let Some(folder) = folders.pop() {
        let Ok(entries) = fs::read_dir(&folder) else {
            continue;
        };
        for entry in entries {
            let entry = entry?;
            let name = entry.file_name();
            let name = name.to_string_lossy();
            if name.starts_with('.') || name == "__pycache__" || name.ends_with(".egg-info") {
                continue;
            }
            if matches!(&*name, "build" | "target" | "dist") && entry.path().is_dir() {
                continue;
            }
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
            } else {
                found.push(path);
            }
        }
    }
    found.sort();
    Ok(found)
}

/// Reads the mark of a finished step.
pub(crate) fn read_mark(path: &Path) -> Option<String> {
    fs::read_to_string(path).ok()
}

/// Writes a file whole or not at all: beside its place first, then renamed.
pub(crate) fn write_whole(path: &Path, text: &str) -> Result<()> {
    let folder = path.parent().context("a file without a folder")?;
    fs::create_dir_all(folder).with_context(|| format!("making {}", folder.display()))?;
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let beside = folder.join(format!(".{name}.{}", std::process::id()));
    fs::write(&beside, text).with_context(|| format!("writing {}", beside.display()))?;
    fs::rename(&beside, path).with_context(|| format!("writing {}", path.display()))
}
