//! One private folder per kernel: evcxr rewrites its crate there, so two kernels cannot share one.
//!
//! The kernel holds a lock in its folder for as long as it lives: a process number is given to
//! another program one day, a lock is not.

use std::env;
use std::fs::{self, DirBuilder, File};
use std::os::fd::IntoRawFd as _;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};
use std::process;

use anyhow::{Context as _, Result};
use rustix::fs::{FlockOperation, flock};
use rustix::io::{FdFlags, fcntl_setfd};
use rustix::process::{Pid, geteuid, test_kill_process};

use crate::fingerprint::Fingerprint;
use crate::places::Places;
use crate::problem::Problem;

/// The file in a slot that its kernel holds locked.
const HELD: &str = "held";

/// Names the folders in which slots of this clone may lie, the best one first.
///
/// evcxr separates words by blanks when it tells its process which cell to load, so a slot must
/// not lie at a path with a blank, wherever the clone does.
pub(crate) fn folders(places: &Places) -> [PathBuf; 3] {
    let clone = Fingerprint::new()
        .text(&places.root.to_string_lossy())
        .hex();
    let user = format!("langsmith-workbook-{}", geteuid().as_raw());
    [
        places.kernel().join("run"),
        places.cache.join("slots").join(&clone),
        env::temp_dir().join(user).join(&clone),
    ]
}

/// Picks the first folder whose real path has no blank.
fn choose(folders: &[PathBuf]) -> Result<&PathBuf> {
    let fits = |folder: &&PathBuf| {
        let real = folder
            .ancestors()
            .find_map(|above| above.canonicalize().ok());
        let has_blank = |path: &Path| path.to_string_lossy().contains(char::is_whitespace);
        !has_blank(folder) && !real.is_some_and(|real| has_blank(&real))
    };
    folders.iter().find(fits).ok_or_else(|| {
        Problem::new(
            "the kernel needs a folder whose path has no blank, and there is none",
            "set WORKBOOK_CACHE_DIR to such a folder and run the command again",
        )
        .into()
    })
}

/// Makes the folder of this process, which becomes the kernel.
pub(crate) fn make(places: &Places) -> Result<PathBuf> {
    let folders = folders(places);
    let run = choose(&folders)?;
    let making = || format!("making {}", run.display());
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(run)
        .with_context(making)?;
    if run.starts_with(env::temp_dir()) && !run.starts_with(&places.root) {
        check_owner(run)?;
    }
    remove_dead(run);
    // Under its final name a slot is always held, so nobody can take a new one for a dead one.
    let id = process::id();
    let (beside, slot) = (run.join(format!("new-{id}")), run.join(id.to_string()));
    for old in [&beside, &slot] {
        if old.exists() {
            fs::remove_dir_all(old).with_context(|| format!("removing {}", old.display()))?;
        }
    }
    fs::create_dir(&beside).with_context(making)?;
    let held = File::create(beside.join(HELD)).with_context(making)?;
    flock(&held, FlockOperation::NonBlockingLockExclusive).with_context(making)?;
    // This process becomes the kernel, and the lock goes along.
    fcntl_setfd(&held, FdFlags::empty()).with_context(making)?;
    let _open_for_good = held.into_raw_fd();
    fs::rename(&beside, &slot).with_context(making)?;
    // rust-analyzer compares paths as text and resolves links in some of them.
    slot.canonicalize()
        .with_context(|| format!("reading {}", slot.display()))
}

/// Refuses a folder, or one above it, that somebody else has made in a place open to all.
fn check_owner(run: &Path) -> Result<()> {
    let user = geteuid().as_raw();
    for folder in run.ancestors().take(2) {
        let owner = fs::symlink_metadata(folder)?.uid();
        if owner != user {
            return Err(Problem::new(
                format!("{} belongs to another user", folder.display()),
                "have it removed, or set WORKBOOK_CACHE_DIR to a folder of your own whose path \
                 has no blank",
            )
            .into());
        }
    }
    Ok(())
}

/// Removes the folders of kernels that have ended; returns the process numbers of the others.
pub(crate) fn remove_dead(run: &Path) -> Vec<i32> {
    let mut living = Vec::new();
    for entry in fs::read_dir(run).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let name = name.to_string_lossy();
        let owner = name.trim_start_matches("new-").parse().unwrap_or(0);
        if is_held(&entry.path(), owner) {
            living.push(owner);
        } else {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
    living
}

/// Says whether a slot's kernel lives.
fn is_held(slot: &Path, owner: i32) -> bool {
    let is_new = slot
        .file_name()
        .is_some_and(|name| name.to_string_lossy().starts_with("new-"));
    match File::open(slot.join(HELD)) {
        Ok(held) if !is_new => flock(&held, FlockOperation::NonBlockingLockShared).is_err(),
        // Being made this very moment, or by a former version of this command.
        _ => is_alive(owner),
    }
}

/// Says whether a process with this number runs.
pub(crate) fn is_alive(id: i32) -> bool {
    Pid::from_raw(id).is_some_and(|id| test_kill_process(id).is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Above the largest number that a process can have on Linux.
    const NOBODY: i32 = 1 << 22 | 1;

    fn scratch(name: &str) -> PathBuf {
        let folder = env::temp_dir().join(format!("workbook-slots-{}-{name}", process::id()));
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder).unwrap();
        folder
    }

    #[test]
    fn a_reused_process_number_does_not_keep_a_dead_kernels_folder() {
        let run = scratch("reused");
        let own = i32::try_from(process::id()).unwrap();
        let slot = |name: String| {
            fs::create_dir_all(run.join(&name)).unwrap();
            File::create(run.join(name).join(HELD)).unwrap()
        };
        let reused = slot(own.to_string());
        drop(reused);
        let held = slot(NOBODY.to_string());
        flock(&held, FlockOperation::NonBlockingLockExclusive).unwrap();
        assert_eq!(remove_dead(&run), [NOBODY]);
        // Not by closing: a program that another test starts just now may have it open, too.
        flock(&held, FlockOperation::Unlock).unwrap();
        assert_eq!(remove_dead(&run), [0; 0]);
        assert_eq!(fs::read_dir(&run).unwrap().count(), 0);
        fs::remove_dir_all(&run).unwrap();
    }

    #[test]
    fn a_folder_without_a_lock_lives_as_long_as_its_process() {
        let run = scratch("former");
        let own = i32::try_from(process::id()).unwrap();
        for name in [own.to_string(), format!("new-{own}"), NOBODY.to_string()] {
            fs::create_dir_all(run.join(name)).unwrap();
        }
        assert_eq!(remove_dead(&run), [own, own]);
        fs::remove_dir_all(&run).unwrap();
    }

    #[test]
    fn slots_lie_where_no_blank_is_in_the_path() {
        let base = scratch("choice");
        let blank = base.join("my work");
        fs::create_dir_all(&blank).unwrap();
        std::os::unix::fs::symlink(&blank, base.join("link")).unwrap();
        let (clone, linked, cache) = (blank.join("run"), base.join("link/run"), base.join("c/d"));
        let folders = [clone.clone(), linked, cache.clone()];
        assert_eq!(choose(&folders).unwrap(), &cache);
        assert!(choose(&[clone]).is_err());
        fs::remove_dir_all(&base).unwrap();
    }

    #[test]
    fn two_clones_never_share_a_place_outside_of_them() {
        let of = |root: &str| {
            folders(&Places {
                root: root.into(),
                state: Path::new(root).join(".workbook"),
                cache: "/cache".into(),
            })
        };
        let (one, other) = (of("/a b"), of("/a c"));
        assert!(one.iter().zip(&other).all(|(one, other)| one != other));
    }
}
