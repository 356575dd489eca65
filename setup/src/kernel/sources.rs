//! The part of the standard library's sources that rust-analyzer needs for inferring types.
//!
//! It reads all that it finds, of which the processor intrinsics alone are 27 MB. Shown only these
//! four crates it starts with 4.2 instead of 6.8 CPU seconds, and asks no registry for the rest.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

const CRATES: [&str; 4] = ["alloc", "core", "proc_macro", "std"];

/// Links the crates into a folder of their own and returns it.
pub(crate) fn write(kernel: &Path, library: &Path) -> Result<PathBuf> {
    let folder = kernel.join("rust-src");
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).with_context(|| format!("making {}", folder.display()))?;
    for name in CRATES {
        symlink(library.join(name), folder.join(name))
            .with_context(|| format!("linking {name} into {}", folder.display()))?;
    }
    Ok(folder)
}
