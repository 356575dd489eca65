//! The folders and processes of a measurement, which go with it: at its end, and when it is interrupted.
//!
//! A temporary folder deletes itself when it is dropped, and nothing is dropped when a signal comes. So
//! their names begin with this process's number, and whoever hears the signal knows which ones they are.

use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use anyhow::{Context as _, Result};
use rustix::process::{Pid, Signal, kill_process_group};
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use tempfile::TempDir;

/// The processes that are to end with this one; each leads a group of its own.
static CHILDREN: Mutex<Vec<Pid>> = Mutex::new(Vec::new());

/// Makes a folder.
///
/// # Errors
/// If the system does not.
pub fn make() -> Result<TempDir> {
    let made = tempfile::Builder::new().prefix(&prefix()).tempdir();
    made.context("making a folder")
}

/// Ends with this process what belongs to it, when Ctrl-C or SIGTERM comes.
///
/// # Errors
/// If the signals cannot be watched.
pub fn leave_nothing_when_interrupted() -> Result<()> {
    let mut signals = Signals::new([SIGINT, SIGTERM]).context("watching for Ctrl-C")?;
    std::thread::spawn(move || {
        if let Some(signal) = signals.forever().next() {
            // What is going on meanwhile may begin nothing new: the lock is never given back.
            let children = children();
            for child in children.iter() {
                let _ = kill_process_group(*child, Signal::KILL);
            }
            clear(&std::env::temp_dir());
            std::process::exit(128 + signal);
        }
    });
    Ok(())
}

/// Notes a process that is to end with this one.
pub(crate) fn note(child: u32) {
    children().extend(pid(child));
}

/// Ends a process that was noted, and what it has forked; once, for its number may be given to another.
pub(crate) fn end(child: u32) {
    let mut children = children();
    if let Some(at) = children.iter().position(|it| Some(*it) == pid(child)) {
        let _ = kill_process_group(children.swap_remove(at), Signal::KILL);
    }
}

fn children() -> MutexGuard<'static, Vec<Pid>> {
    CHILDREN.lock().unwrap_or_else(PoisonError::into_inner)
}

fn pid(child: u32) -> Option<Pid> {
    i32::try_from(child).ok().and_then(Pid::from_raw)
}

fn prefix() -> String {
    format!("workbook-bench-{}-", std::process::id())
}

fn clear(below: &Path) {
    for entry in std::fs::read_dir(below).into_iter().flatten().flatten() {
        if entry.file_name().to_string_lossy().starts_with(&prefix()) {
            let _ = std::fs::remove_dir_all(entry.path());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_made_is_found_again_and_nothing_else() {
        let below = tempfile::tempdir().expect("a folder");
        let ours = below.path().join(format!("{}x", prefix()));
        let other = below.path().join("workbook-bench-0-x");
        for path in [&ours, &other] {
            std::fs::create_dir_all(path.join("inside")).expect("a folder");
        }
        clear(below.path());
        assert!(!ours.exists() && other.exists());
        let made = make().expect("a folder");
        let name = made.path().file_name().expect("a name").to_string_lossy();
        assert!(name.starts_with(&prefix()), "{name}");
    }
}
