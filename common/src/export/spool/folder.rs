//! Which folder is whose.
//!
//! ```text
//! spool's folder ─► fingerprint of endpoint and workspace ─► writer: process id and chance
//!     0700              0700, and rejected.jsonl                 0700: lock, segments, acknowledgements
//! ```
//!
//! A writer's folder appears with its lock already taken: it is filled under another name first. So a
//! folder whose lock can be had belongs to nobody any more. Start at [`prepare`].

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use twox_hash::XxHash3_128;

use super::files::{Files, Lock};
use super::segment::Fingerprint;
use crate::export::config::Destination;
use crate::export::endpoint::{StartError, WORKSPACE};

/// The file whose lock says that a folder has an owner.
pub(super) const LOCK: &str = "lock";

/// What the names of folders begin with that are not writers' yet.
pub(super) const UNFINISHED: &str = ".new-";

impl Destination {
    /// Tells for whom operations are, on disk: by address and workspace, never by the key.
    pub(crate) fn fingerprint(&self) -> Fingerprint {
        let address = self.endpoint.trim().trim_end_matches('/');
        // A header of the user's may name the workspace too.
        let mut headers = self.headers.iter();
        let named = headers.find(|(name, _)| name.eq_ignore_ascii_case(WORKSPACE));
        let workspace = (self.workspace_id.as_deref()).or(named.map(|(_, value)| &**value));
        let workspace = workspace.unwrap_or_default();
        XxHash3_128::oneshot(format!("{address}\n{workspace}").as_bytes()).to_be_bytes()
    }
}

/// Returns the name of the folder for whom a fingerprint names.
pub(super) fn name_of(fingerprint: Fingerprint) -> String {
    fingerprint
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

/// Makes the spool's folder and the one of the fingerprint if they are not there, and looks whose they
/// are; returns the latter.
///
/// # Errors
/// An inner one if a folder must not be used, an outer one if the disk fails, which may pass.
pub(super) fn prepare(
    dir: &Path,
    fingerprint: Fingerprint,
) -> io::Result<Result<PathBuf, StartError>> {
    let refuse = |folder: &Path, why| {
        Ok(Err(StartError::SpoolFolder {
            folder: folder.display().to_string(),
            why,
        }))
    };
    make_all(dir)?;
    let owner = match look(dir, None)? {
        Ok(owner) => owner,
        Err(why) => return refuse(dir, why),
    };
    // What the parent is, its name being a symlink or not.
    let real = fs::canonicalize(dir)?;
    if let Some(parent) = real.parent()
        && is_open_to_all(&fs::metadata(parent)?)
    {
        return refuse(parent, "everybody may replace what is in there");
    }
    let ours = dir.join(name_of(fingerprint));
    make(&ours)?;
    match look(&ours, Some(owner))? {
        Ok(_) => Ok(Ok(ours)),
        Err(why) => refuse(&ours, why),
    }
}

fn make_all(path: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    match builder.create(path) {
        // Whatever is there instead is looked at next.
        Err(_) if fs::symlink_metadata(path).is_ok() => Ok(()),
        made => made,
    }
}

fn make(path: &Path) -> io::Result<()> {
    match super::files::Disk.make_folder(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        made => made,
    }
}

/// Looks whether a folder is one, and this user's own; returns the owner.
///
/// Nobody tells a program without C who it is, but a folder that it makes does.
fn look(path: &Path, owner: Option<u32>) -> io::Result<Result<u32, &'static str>> {
    let metadata = fs::symlink_metadata(path)?;
    if metadata.is_symlink() {
        return Ok(Err("it is a symlink"));
    }
    if !metadata.is_dir() {
        return Ok(Err("it is no folder"));
    }
    if is_open_to_all(&metadata) {
        return Ok(Err("everybody may replace what is in there"));
    }
    let me = match owner {
        Some(owner) => owner,
        None => {
            let probe = path.join(format!("{UNFINISHED}{:016x}", rand::random::<u64>()));
            super::files::Disk.make_folder(&probe)?;
            let made = fs::symlink_metadata(&probe);
            fs::remove_dir(&probe)?;
            owner_of(&made?)
        }
    };
    Ok(match owner_of(&metadata) == me {
        true => Ok(me),
        false => Err("it belongs to another user"),
    })
}

#[cfg(unix)]
fn owner_of(metadata: &fs::Metadata) -> u32 {
    std::os::unix::fs::MetadataExt::uid(metadata)
}

#[cfg(not(unix))]
fn owner_of(_metadata: &fs::Metadata) -> u32 {
    0
}

/// Returns true if anybody may exchange what is in a folder: writable by all, and not sticky.
#[cfg(unix)]
fn is_open_to_all(metadata: &fs::Metadata) -> bool {
    let mode = std::os::unix::fs::MetadataExt::mode(metadata);
    mode & 0o002 != 0 && mode & 0o1000 == 0
}

#[cfg(not(unix))]
fn is_open_to_all(_metadata: &fs::Metadata) -> bool {
    false
}

/// Makes a writer's folder below that of the fingerprint, and takes its lock.
///
/// # Errors
/// If the disk fails.
pub(super) fn make_writer(files: &dyn Files, below: &Path) -> io::Result<(String, Lock)> {
    let name = format!("{}-{:08x}", std::process::id(), rand::random::<u32>());
    let unfinished = below.join(format!("{UNFINISHED}{name}"));
    files.make_folder(&unfinished)?;
    let locked = files.lock(&unfinished.join(LOCK), true);
    let finished = locked.and_then(|lock| {
        let lock = lock.ok_or_else(|| io::Error::other("a new lock is taken"))?;
        files.rename(&unfinished, &below.join(&name))?;
        Ok(lock)
    });
    if finished.is_err() {
        // It is tried again with every record: nothing may pile up meanwhile.
        let _ = files.remove(&unfinished.join(LOCK));
        let _ = files.remove_folder(&unfinished);
    }
    Ok((name, finished?))
}
