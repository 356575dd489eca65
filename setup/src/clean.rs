//! Removes what was installed, says what that was, and names what stays.

use std::fs::{self, File};
use std::path::Path;

use anyhow::{Context as _, Result};
use rustix::fs::{FlockOperation, flock};

use crate::doctor::target_folder;
use crate::kernel::slot;
use crate::lock::Lock;
use crate::places::Places;
use crate::problem::Problem;
use crate::progress::{bytes, tell};

/// Removes `.workbook` but the learner's progress; on request that and the user's cache as well.
pub(crate) fn clean(all: bool) -> Result<()> {
    let places = Places::find()?;
    let slots = slot::folders(&places);
    refuse_running(slots.iter().flat_map(|run| slot::remove_dead(run)))?;
    if all {
        refuse_running(slots_of_all(&places.cache))?;
    }
    if places.state.exists() {
        let _lock = Lock::take(&places.state)?;
        let progress = fs::read(places.progress()).ok().filter(|_| !all);
        remove(&places.state, "environment, kernel configuration, logs")?;
        if let Some(progress) = progress {
            keep_progress(&places, &progress)?;
        }
    } else {
        tell(format_args!("nothing in {}", places.state.display()));
    }
    for run in &slots {
        // Empty by now, as is the folder above unless other clones have slots in it.
        if fs::remove_dir(run).is_ok() {
            let _ = run.parent().map(fs::remove_dir);
        }
    }
    if all && places.cache.exists() {
        let _lock = Lock::take(&places.cache)?;
        clean_cache(&places.cache)?;
    } else if places.cache.exists() {
        let size = bytes(size_of(&places.cache));
        let cache = places.cache.display();
        tell(format_args!(
            "kept     {size:>8}  {cache} (the kernel's binary, builds for CI and fuzzing; --all removes them)"
        ));
    }
    tell_what_stays(&places);
    Ok(())
}

/// Puts back what the learner has done: nothing else can.
fn keep_progress(places: &Places, progress: &[u8]) -> Result<()> {
    let path = places.progress();
    fs::create_dir_all(&places.state)?;
    fs::write(&path, progress).with_context(|| format!("writing {}", path.display()))?;
    tell(format_args!(
        "kept     {:>8}  {} (the exercises you have passed; --all removes it)",
        bytes(progress.len() as u64),
        path.display()
    ));
    Ok(())
}

/// Stops when a kernel runs on what is to be removed.
fn refuse_running(kernels: impl Iterator<Item = i32>) -> Result<()> {
    let kernels: Vec<String> = kernels.map(|id| id.to_string()).collect();
    if kernels.is_empty() {
        return Ok(());
    }
    Err(Problem::new(
        format!(
            "notebook kernels are running: process {}",
            kernels.join(", ")
        ),
        "end Jupyter (Ctrl-C where `cargo workbook open` runs) and clean again",
    )
    .into())
}

/// Looks into the slots that all clones have in the cache.
fn slots_of_all(cache: &Path) -> impl Iterator<Item = i32> {
    let clones = fs::read_dir(cache.join("slots")).into_iter().flatten();
    clones.flatten().flat_map(|clone| {
        let living = slot::remove_dead(&clone.path());
        let _ = fs::remove_dir(clone.path());
        living
    })
}

/// Removes from the cache what this command makes there, and nothing else.
///
/// `WORKBOOK_CACHE_DIR` may name a folder in which its owner has other things.
fn clean_cache(cache: &Path) -> Result<()> {
    for entry in fs::read_dir(cache)?.flatten() {
        let name = entry.file_name();
        let name = name.to_string_lossy();
        let what = match &*name {
            "slots" => "folders of kernels",
            "target" => "build results of CI",
            "fuzz" => "builds for fuzzing, and the inputs that it found",
            name if name.starts_with("evcxr-") => "the kernel's binary, for all clones",
            _ => continue,
        };
        if name == "target" && is_in_use(&cache.join("target.lock")) {
            let folder = entry.path();
            tell(format_args!(
                "kept     {}: CI is using it",
                folder.display()
            ));
        } else if entry.file_type()?.is_dir() {
            remove(&entry.path(), what)?;
        }
    }
    if !cache.join("target").exists() {
        let _ = fs::remove_file(cache.join("target.lock"));
    }
    let _ = fs::remove_file(cache.join("lock"));
    if fs::remove_dir(cache).is_err() {
        let cache = cache.display();
        tell(format_args!(
            "kept     {cache}: there are other things in it"
        ));
    }
    Ok(())
}

/// Says whether somebody holds this lock.
fn is_in_use(lock: &Path) -> bool {
    File::open(lock).is_ok_and(|lock| flock(&lock, FlockOperation::NonBlockingLockShared).is_err())
}

/// Names what this command caused and other programs own.
fn tell_what_stays(places: &Places) {
    let target = target_folder(places);
    tell("not removed, as other programs own it:");
    for (what, remedy) in [
        (
            format!("{} (build results)", target.display()),
            "cargo clean",
        ),
        (
            "cargo's registry (sources of dependencies, for all projects)".into(),
            "in ~/.cargo/registry",
        ),
        (
            "sources of the standard library, in the toolchain".into(),
            "rustup component remove rust-src",
        ),
        (
            "pip's cache (packages, for all projects)".into(),
            "python3 -m pip cache purge",
        ),
    ] {
        tell(format_args!("  {what}: {remedy}"));
    }
}

fn remove(folder: &Path, what: &str) -> Result<()> {
    let size = bytes(size_of(folder));
    fs::remove_dir_all(folder).with_context(|| format!("removing {}", folder.display()))?;
    tell(format_args!(
        "removed  {size:>8}  {} ({what})",
        folder.display()
    ));
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
