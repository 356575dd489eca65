//! Lets one `cargo workbook` at a time change a folder.

use std::fs::{self, File};
use std::io::{Read as _, Write as _};
use std::path::Path;
use std::process;

use anyhow::{Context as _, Result};
use rustix::fs::{FlockOperation, flock};
use rustix::io::{FdFlags, fcntl_setfd};

use crate::kernel::slot::is_alive;
use crate::problem::Problem;

/// Holds the lock until it is dropped.
///
/// Programs started meanwhile hold it, too: when this process alone is killed, its `cargo` or `pip`
/// still works on the folder, and the next command waits for that.
#[derive(Debug)]
#[must_use = "the lock is given back when this is dropped"]
pub(crate) struct Lock(File);

impl Lock {
    /// Takes the lock of `folder`; says so when another command holds it.
    pub(crate) fn take(folder: &Path) -> Result<Self> {
        let unwritable = |error| {
            Problem::new(
                format!("{} cannot be written: {error}", folder.display()),
                "cargo workbook doctor  says what to do about it",
            )
        };
        fs::create_dir_all(folder).map_err(unwritable)?;
        let mut file = File::options()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(folder.join("lock"))
            .map_err(unwritable)?;
        if flock(&file, FlockOperation::NonBlockingLockExclusive).is_err() {
            let mut holder = String::new();
            let _ = file.read_to_string(&mut holder);
            eprintln!("{}", waiting_for(holder.trim()));
            flock(&file, FlockOperation::LockExclusive).context("waiting for the lock")?;
        }
        file.set_len(0)?;
        std::io::Seek::rewind(&mut file)?;
        write!(file, "{}", process::id()).context("writing the lock")?;
        fcntl_setfd(&file, FdFlags::empty()).context("sharing the lock with children")?;
        Ok(Self(file))
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        // Closing would not do: a child that lives on, such as a compiler cache, has it open.
        let _ = flock(&self.0, FlockOperation::Unlock);
    }
}

/// Says who holds the lock.
fn waiting_for(holder: &str) -> String {
    match holder.parse() {
        Ok(id) if is_alive(id) => {
            format!("waiting for another `cargo workbook` that is setting up (process {id}) …")
        }
        Ok(id) => format!(
            "waiting for what a former `cargo workbook` started (process {id}, which was ended) …"
        ),
        Err(_) => "waiting for another `cargo workbook` that is setting up …".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::{Command, Stdio};

    fn is_free(folder: &Path) -> bool {
        let file = File::open(folder.join("lock")).unwrap();
        flock(&file, FlockOperation::NonBlockingLockExclusive).is_ok()
    }

    #[test]
    fn a_command_that_ended_well_frees_the_lock_whoever_still_has_it_open() {
        let folder = std::env::temp_dir().join(format!("workbook-lock-{}", process::id()));
        let lock = Lock::take(&folder).unwrap();
        let mut child = Command::new("cat").stdin(Stdio::piped()).spawn().unwrap();
        assert!(!is_free(&folder));
        drop(lock);
        assert!(is_free(&folder));
        drop(child.stdin.take());
        child.wait().unwrap();
        fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn the_holder_is_named() {
        assert!(waiting_for(&process::id().to_string()).contains("setting up (process"));
        assert!(waiting_for("4194305").contains("which was ended"));
    }
}
