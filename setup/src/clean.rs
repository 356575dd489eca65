//! Removes what was installed, and says what that was.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result};

use crate::kernel::slot;
use crate::lock::Lock;
use crate::places::Places;
use crate::problem::Problem;
use crate::progress::bytes;

/// Removes `.workbook`, and the user's cache on request.
pub(crate) fn clean(all: bool) -> Result<()> {
    let places = Places::find()?;
    let run = places.kernel().join("run");
    slot::remove_dead(&run);
    if fs::read_dir(&run).is_ok_and(|mut left| left.next().is_some()) {
        return Err(Problem::new(
            "a notebook kernel of this clone is running",
            "end Jupyter (Ctrl-C where `cargo workbook open` runs) and clean again",
        )
        .into());
    }
    if places.state.exists() {
        let _lock = Lock::take(&places.state)?;
        remove(&places.state, "environment, kernel configuration, logs")?;
    } else {
        println!("nothing in {}", places.state.display());
    }
    if all && places.cache.exists() {
        let _lock = Lock::take(&places.cache)?;
        remove(&places.cache, "the kernel's binary, for all clones")?;
    } else if places.cache.exists() {
        let size = bytes(size_of(&places.cache));
        let cache = places.cache.display();
        println!("kept     {size:>8}  {cache} (the kernel's binary; --all removes it)");
    }
    println!("cargo's own results are in target/: cargo clean removes them");
    Ok(())
}

fn remove(folder: &Path, what: &str) -> Result<()> {
    let size = bytes(size_of(folder));
    fs::remove_dir_all(folder).with_context(|| format!("removing {}", folder.display()))?;
    println!("removed  {size:>8}  {} ({what})", folder.display());
    Ok(())
}

/// Adds up the sizes of all files below a folder.
fn size_of(folder: &Path) -> u64 {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries
        .filter_map(|entry| {
            let kind = entry.file_type().ok()?;
            if kind.is_dir() {
                Some(size_of(&entry.path()))
            } else {
                Some(entry.metadata().ok()?.len())
            }
        })
        .sum()
}
