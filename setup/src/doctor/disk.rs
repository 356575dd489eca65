//! Whether what is to be written has a place: room on each disk, and leave to write there.

use std::env;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use rustix::fs::{Access, access, statvfs};

use crate::places::{CACHE_VARIABLE, Places};
use crate::problem::Problem;
use crate::progress::bytes;
use crate::steps::{STEPS, Workshop};

/// Says in words that there is room, or where there is too little.
pub(super) fn check_disks(workshop: &Workshop) -> Result<String> {
    let missing = STEPS.iter().filter(|step| !(step.made)(workshop));
    let needs = missing.map(|step| ((step.place)(workshop), step.takes));
    let mut disks: Vec<Disk> = Vec::new();
    for (folder, takes) in needs {
        let there = existing(&folder);
        let device = there
            .metadata()
            .with_context(|| format!("reading {}", there.display()))?
            .dev();
        match disks.iter_mut().find(|disk| disk.device == device) {
            Some(disk) => disk.takes += takes,
            None => disks.push(Disk {
                device,
                takes,
                free: free(&there)?,
                folder,
            }),
        }
    }
    judge(&disks)
}

/// A file system, and what is to be written there.
#[derive(Debug)]
struct Disk {
    device: u64,
    /// The first folder on it that something goes to.
    folder: PathBuf,
    free: u64,
    takes: u64,
}

fn judge(disks: &[Disk]) -> Result<String> {
    let words = |disk: &Disk| {
        let (free, takes) = (bytes(disk.free), bytes(disk.takes));
        let folder = disk.folder.display();
        format!("{free} free on the disk of {folder}, {takes} needed")
    };
    match disks.iter().find(|disk| disk.free < disk.takes) {
        Some(disk) => Err(Problem::new(
            words(disk),
            format!(
                "make room there; or move the kernel's binary with {CACHE_VARIABLE}, build \
                 results with CARGO_TARGET_DIR"
            ),
        )
        .into()),
        None if disks.is_empty() => Ok("disk: nothing large is left to install".into()),
        None => Ok(disks.iter().map(words).collect::<Vec<_>>().join("; ")),
    }
}

fn free(folder: &Path) -> Result<u64> {
    let disk = statvfs(folder).with_context(|| format!("reading {}", folder.display()))?;
    Ok(disk.f_bavail.saturating_mul(disk.f_frsize))
}

/// Fails when the clone's own folder or the cache cannot be written.
pub(super) fn check_writable(places: &Places) -> Result<()> {
    let mend = |folder: &Path| format!("make {} yours, and writable", folder.display());
    if let Err(there) = writable(&places.state) {
        return Err(Problem::new(
            format!("{} cannot be written", places.state.display()),
            format!("{}; or clone the repository elsewhere", mend(&there)),
        )
        .into());
    }
    if let Err(there) = writable(&places.cache) {
        return Err(Problem::new(
            format!("the cache {} cannot be written", places.cache.display()),
            format!(
                "{}; or set {CACHE_VARIABLE} to a folder of your own",
                mend(&there)
            ),
        )
        .into());
    }
    Ok(())
}

/// Says whether a folder can be made and written; if not, names what is in the way.
fn writable(folder: &Path) -> Result<(), PathBuf> {
    let there = existing(folder);
    if there.is_dir() && access(&there, Access::WRITE_OK | Access::EXEC_OK).is_ok() {
        return Ok(());
    }
    Err(there)
}

/// Finds the nearest folder above that is there, or the folder itself.
fn existing(folder: &Path) -> PathBuf {
    let mut above = folder.ancestors();
    above
        .find(|folder| folder.symlink_metadata().is_ok())
        .unwrap_or(Path::new("/"))
        .to_path_buf()
}

/// Names the folder of cargo's results, as far as the environment says.
pub(crate) fn target_folder(places: &Places) -> PathBuf {
    ["CARGO_TARGET_DIR", "CARGO_BUILD_TARGET_DIR"]
        .iter()
        .find_map(|name| env::var_os(name).filter(|value| !value.is_empty()))
        .map_or_else(|| places.root.join("target"), |name| places.root.join(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn disk(folder: &str, free: u64, takes: u64) -> Disk {
        Disk {
            device: 0,
            folder: folder.into(),
            free,
            takes,
        }
    }

    #[test]
    fn each_disk_must_have_what_it_gets() {
        let (clone, cache) = (
            disk("/clone", 5_000_000, 4_000_000),
            disk("/home", 1, 2_000_000),
        );
        let error = judge(&[clone, cache]).unwrap_err().to_string();
        assert!(
            error.contains("/home") && !error.contains("/clone"),
            "{error}"
        );
        judge(&[disk("/clone", 4, 4)]).unwrap();
    }

    #[test]
    fn a_full_disk_is_enough_when_nothing_is_missing() {
        assert!(judge(&[]).unwrap().contains("nothing large"));
    }

    #[test]
    fn a_folder_below_a_file_cannot_be_written() {
        let file = env::temp_dir().join(format!("workbook-disk-{}", std::process::id()));
        std::fs::write(&file, "").unwrap();
        assert_eq!(writable(&file.join("a/b")), Err(file.clone()));
        writable(&env::temp_dir().join("workbook-not-there/a")).unwrap();
        std::fs::remove_file(file).unwrap();
    }
}
