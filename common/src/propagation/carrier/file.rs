//! A file, for what is started by a scheduler, or by hand, long after.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};

use super::{Entries, stream};
use crate::propagation::limits::MAX_FILE_BYTES;

/// Writes the entries of a context into a file, whole or not at all: `{"trace_context":{…}}`.
///
/// Only this user can read it. What is there already is replaced, also when it is a symlink; what it
/// points at stays as it is.
///
/// ```
/// use common::propagation::{Entries, LangSmithPropagator, Propagator as _, TrustPolicy, carrier::file};
/// # use common::model::RunContext;
/// # let order = "20261122T100538926531Z01a202b7-f0ee-7646-9e7b-a245c1fc89c2";
/// # let context = RunContext::new(order.parse()?);
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("nightly.json");
///
/// let propagator = LangSmithPropagator::new().policy(TrustPolicy::Continue);
/// file::write(&path, &Entries::of(&propagator, &context))?;
///
/// // The nightly job. Without a file, or with a broken one, it starts a trace of its own.
/// let entries = file::read(&path).unwrap_or_default();
/// assert_eq!(propagator.extract(&entries).context, Some(context));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// When the folder is not there or not writable, or the disk is full. There is no file of half a context
/// then, but the old one if there was one.
pub fn write(path: &Path, entries: &Entries) -> io::Result<()> {
    let beside = beside(path)?;
    let mut options = OpenOptions::new();
    // A new file alone: nobody can have put a symlink of that name there.
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let written = options.open(&beside).and_then(|mut file| {
        file.write_all(stream::first_frame(entries).as_bytes())?;
        file.write_all(b"\n")?;
        file.sync_all()
    });
    let moved = written.and_then(|()| fs::rename(&beside, path));
    if moved.is_err() {
        // It may not be there; the first error is the one to tell.
        let _ = fs::remove_file(&beside);
    }
    moved
}

/// Returns a free name in the same folder, because only there a file can be moved as a whole.
fn beside(path: &Path) -> io::Result<PathBuf> {
    let name = path.file_name().ok_or(io::ErrorKind::InvalidInput)?;
    let mut beside = std::ffi::OsString::from(".");
    beside.push(name);
    beside.push(format!(".{:016x}", rand::random::<u64>()));
    Ok(path.with_file_name(beside))
}

/// Reads the entries of a context from a file.
///
/// It reads files only: a symlink, a folder, a pipe or a device is refused, and none of them is opened.
///
/// # Errors
/// See [`ReadFileError`]. A job goes on without a context whatever it is: `unwrap_or_default`.
pub fn read(path: &Path) -> Result<Entries, ReadFileError> {
    let seen = fs::symlink_metadata(path)?;
    if !seen.is_file() {
        return Err(ReadFileError::NotAFile);
    }
    let file = File::open(path)?;
    if !is_the_same(&seen, &file.metadata()?) {
        return Err(ReadFileError::NotAFile);
    }
    let mut text = String::new();
    let most = u64::try_from(MAX_FILE_BYTES).unwrap_or(u64::MAX);
    file.take(most.saturating_add(1))
        .read_to_string(&mut text)?;
    if text.len() > MAX_FILE_BYTES {
        return Err(ReadFileError::TooLong);
    }
    stream::read_wrapped(&text).map_err(ReadFileError::Malformed)
}

/// Says whether what was opened is what was looked at: somebody may have changed it in between.
#[cfg(unix)]
fn is_the_same(seen: &fs::Metadata, opened: &fs::Metadata) -> bool {
    use std::os::unix::fs::MetadataExt as _;
    opened.is_file() && (seen.dev(), seen.ino()) == (opened.dev(), opened.ino())
}

#[cfg(not(unix))]
fn is_the_same(_seen: &fs::Metadata, opened: &fs::Metadata) -> bool {
    opened.is_file()
}

/// Why a file gave no context.
#[derive(Debug, thiserror::Error)]
pub enum ReadFileError {
    /// It cannot be read: look at the path, and at who runs the job. A file that is not there is one of
    /// these, with [`io::ErrorKind::NotFound`]: nobody wrote a context.
    #[error("the file cannot be read: {0}")]
    Io(#[from] io::Error),
    /// It is a symlink, a folder, a pipe or a device: name the file itself.
    #[error("it is no file, and symlinks are not followed")]
    NotAFile,
    /// It is longer than [`MAX_FILE_BYTES`]: it is a file of somebody else.
    #[error("the file is longer than {MAX_FILE_BYTES} bytes")]
    TooLong,
    /// It is no JSON with a `trace_context`: it was not written by [`write()`].
    #[error("the file holds no trace context: {0}")]
    Malformed(serde_json::Error),
}
