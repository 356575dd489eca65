//! Where inputs live, and which of them are worth keeping in the repository.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

use super::{build, folder};
use crate::child::{self, Logged};
use crate::progress::bytes;
use crate::steps::Workshop;

/// The inputs of the repository: few, and each reaches something that no other does.
pub(super) fn kept(workshop: &Workshop, target: &str) -> PathBuf {
    workshop.places.root.join("common/fuzz/corpus").join(target)
}

/// What this user's runs found on top.
pub(super) fn found(workshop: &Workshop, target: &str) -> Result<PathBuf> {
    folder(build::home(workshop).join("corpus").join(target))
}

/// An empty folder, for what a short run finds.
pub(super) fn scratch(workshop: &Workshop, target: &str) -> Result<PathBuf> {
    let scratch = folder(build::home(workshop).join("scratch").join(target))?;
    empty(&scratch)?;
    Ok(scratch)
}

/// Words of the format, for libFuzzer to put in.
pub(super) fn words(workshop: &Workshop, target: &str) -> PathBuf {
    let name = format!("common/fuzz/dictionaries/{target}.dict");
    workshop.places.root.join(name)
}

/// The longest input: headers are read up to 8 KiB, and one past it has to be refused.
pub(super) fn longest(target: &str) -> usize {
    match target {
        "headers" | "baggage" | "dotted_order" => 9 * 1024,
        "retry_after" => 128,
        "html" | "writer" | "filter" => 1024,
        _ => 4 * 1024,
    }
}

/// Puts the fewest inputs that reach all edges into the repository, in place of those that were chosen
/// before. What somebody named stays: it broke something once, whatever edges it reaches.
pub(super) fn keep(workshop: &Workshop, target: &str) -> Result<String> {
    let kept = kept(workshop, target);
    let found = found(workshop, target)?;
    let fewest = folder(build::home(workshop).join("fewest").join(target))?;
    empty(&fewest)?;
    let mut command = child::command(build::program(workshop, target));
    // Edges, not how often each was taken: that would keep ten times as many.
    command
        .args(["-set_cover_merge=1", "-use_counters=0"])
        .arg(format!("-max_len={}", longest(target)))
        .args([&fewest, &kept, &found]);
    let log = workshop.places.log(&format!("fuzz-keep-{target}"));
    Logged::new("choosing inputs", log).run(&mut command, |_| {})?;
    fs::create_dir_all(&kept)?;
    forget_generated(&kept)?;
    let (mut count, mut size) = (0, 0);
    for entry in fs::read_dir(&fewest)?.flatten() {
        size += fs::copy(entry.path(), kept.join(entry.file_name()))?;
        count += 1;
    }
    Ok(format!("{target}: {count} inputs kept, {}", bytes(size)))
}

fn empty(folder: &Path) -> Result<()> {
    let entries = fs::read_dir(folder).with_context(|| format!("reading {}", folder.display()))?;
    for entry in entries.flatten() {
        fs::remove_file(entry.path())?;
    }
    Ok(())
}

/// Removes the inputs that libFuzzer named: after the SHA-1 of what is in them.
fn forget_generated(folder: &Path) -> Result<()> {
    let is_sum = |name: &str| name.len() == 40 && name.bytes().all(|c| c.is_ascii_hexdigit());
    let entries = fs::read_dir(folder).with_context(|| format!("reading {}", folder.display()))?;
    for entry in entries.flatten() {
        if entry.file_name().to_str().is_some_and(is_sum) {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_somebody_named_is_kept() {
        let folder = std::env::temp_dir().join(format!("workbook-corpus-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let sum = "0acc8497e7b6e7b001322c421b93bffdf382bb2b";
        for name in [sum, "a_float_that_drifts", &format!("crash-{sum}")] {
            fs::write(folder.join(name), "").unwrap();
        }
        forget_generated(&folder).unwrap();
        let left = fs::read_dir(&folder).unwrap().flatten();
        let mut left: Vec<_> = left.map(|entry| entry.file_name()).collect();
        left.sort();
        fs::remove_dir_all(&folder).unwrap();
        assert_eq!(left, ["a_float_that_drifts", &format!("crash-{sum}")]);
    }
}
