//! One private folder per kernel: evcxr rewrites its crate there, so two kernels cannot share one.

use std::fs;
use std::path::{Path, PathBuf};
use std::process;

use anyhow::{Context as _, Result};
use rustix::process::{Pid, test_kill_process};

/// Makes the folder of this process, which becomes the kernel.
pub(crate) fn make(kernel: &Path) -> Result<PathBuf> {
    let run = kernel.join("run");
    remove_dead(&run);
    let slot = run.join(process::id().to_string());
    if slot.exists() {
        fs::remove_dir_all(&slot).with_context(|| format!("removing {}", slot.display()))?;
    }
    fs::create_dir_all(&slot).with_context(|| format!("making {}", slot.display()))?;
    // rust-analyzer compares paths as text and resolves links in some of them.
    slot.canonicalize()
        .with_context(|| format!("reading {}", slot.display()))
}

/// Removes the folders of kernels that have ended; returns how many there were.
pub(crate) fn remove_dead(run: &Path) -> usize {
    let Ok(entries) = fs::read_dir(run) else {
        return 0;
    };
    let mut removed = 0;
    for entry in entries.flatten() {
        let owner = entry
            .file_name()
            .to_str()
            .and_then(|name| name.parse().ok());
        if !owner.is_some_and(is_alive) && fs::remove_dir_all(entry.path()).is_ok() {
            removed += 1;
        }
    }
    removed
}

/// Says whether a process with this number runs.
pub(crate) fn is_alive(id: i32) -> bool {
    Pid::from_raw(id).is_some_and(|id| test_kill_process(id).is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_of_dead_kernels_are_removed_and_live_ones_kept() {
        let run = std::env::temp_dir().join(format!("workbook-slots-{}", process::id()));
        let own = run.join(process::id().to_string());
        // Above the largest number that a process can have on Linux.
        let dead = run.join((1 << 22 | 1).to_string());
        for folder in [&own, &dead] {
            fs::create_dir_all(folder).unwrap();
        }
        assert_eq!(remove_dead(&run), 1);
        assert!(own.exists() && !dead.exists());
        fs::remove_dir_all(&run).unwrap();
    }
}
