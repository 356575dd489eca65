//! The few things a spool does with a disk, so that a test can put a failing one in its place.

use std::any::Any;
use std::fmt;
use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::Path;

/// A name in a folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The name.
    pub name: String,
    /// Whether it is a folder. A symlink is neither a folder nor a file, and is not listed.
    pub is_folder: bool,
    /// How many bytes the file has.
    pub bytes: u64,
}

/// A lock on a folder; dropping it gives it back.
pub type Lock = Box<dyn Any + Send>;

/// A file that grows.
pub trait Output: Send {
    /// Appends bytes.
    ///
    /// # Errors
    /// If not all of them are written; some may be.
    fn append(&mut self, bytes: &[u8]) -> io::Result<()>;

    /// Cuts the file to a length that it had before.
    ///
    /// # Errors
    /// If the disk does not.
    fn cut(&mut self, length: u64) -> io::Result<()>;

    /// Waits until the disk confirms what was written.
    ///
    /// # Errors
    /// If the disk does not.
    fn sync(&mut self) -> io::Result<()>;
}

/// What a spool does with a disk.
pub trait Files: Send + Sync + fmt::Debug {
    /// Makes a folder that only this user enters; an error if it is there.
    ///
    /// # Errors
    /// If the disk does not.
    fn make_folder(&self, path: &Path) -> io::Result<()>;

    /// Makes a file that only this user reads; an error if it is there.
    ///
    /// # Errors
    /// If the disk does not.
    fn create(&self, path: &Path) -> io::Result<Box<dyn Output>>;

    /// Opens a file to append to, or makes one that only this user reads.
    ///
    /// # Errors
    /// If the disk does not, or it is a symlink.
    fn open(&self, path: &Path) -> io::Result<Box<dyn Output>>;

    /// Reads a part of a file, less at its end.
    ///
    /// # Errors
    /// If the disk does not, or it is a symlink.
    fn read(&self, path: &Path, from: u64, most: u64) -> io::Result<Vec<u8>>;

    /// Lists a folder.
    ///
    /// # Errors
    /// If the disk does not.
    fn list(&self, path: &Path) -> io::Result<Vec<Entry>>;

    /// Gives a file or a folder another name.
    ///
    /// # Errors
    /// If the disk does not.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;

    /// Deletes a file.
    ///
    /// # Errors
    /// If the disk does not.
    fn remove(&self, path: &Path) -> io::Result<()>;

    /// Deletes an empty folder.
    ///
    /// # Errors
    /// If the disk does not.
    fn remove_folder(&self, path: &Path) -> io::Result<()>;

    /// Waits until the disk confirms which names a folder holds.
    ///
    /// # Errors
    /// If the disk does not.
    fn sync_folder(&self, path: &Path) -> io::Result<()>;

    /// Locks a file, which is made if `make` says so; none if another has the lock.
    ///
    /// # Errors
    /// If the disk does not, or there is no such file.
    fn lock(&self, path: &Path, make: bool) -> io::Result<Option<Lock>>;
}

/// The disk.
#[derive(Debug, Clone, Copy)]
pub struct Disk;

impl Output for File {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.write_all(bytes)
    }

    fn cut(&mut self, length: u64) -> io::Result<()> {
        self.set_len(length)?;
        self.seek(SeekFrom::Start(length)).map(|_| ())
    }

    fn sync(&mut self) -> io::Result<()> {
        self.sync_data()
    }
}

/// Returns options that make a file as nobody else may read it, from the first moment.
fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

/// Refuses what is not a file of its own. The folder belongs to this user alone, so nobody puts a
/// symlink there between the question and the opening.
fn check_file(path: &Path) -> io::Result<()> {
    match fs::symlink_metadata(path)?.is_file() {
        true => Ok(()),
        false => Err(io::Error::other("not a file")),
    }
}

impl Files for Disk {
    fn make_folder(&self, path: &Path) -> io::Result<()> {
        let mut builder = DirBuilder::new();
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.create(path)
    }

    fn create(&self, path: &Path) -> io::Result<Box<dyn Output>> {
        let file = private().write(true).create_new(true).open(path)?;
        Ok(Box::new(file))
    }

    fn open(&self, path: &Path) -> io::Result<Box<dyn Output>> {
        match private().append(true).create_new(true).open(path) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                check_file(path)?;
                Ok(Box::new(OpenOptions::new().append(true).open(path)?))
            }
            made => Ok(Box::new(made?)),
        }
    }

    fn read(&self, path: &Path, from: u64, most: u64) -> io::Result<Vec<u8>> {
        check_file(path)?;
        let mut file = File::open(path)?;
        let length = file.metadata()?.len().saturating_sub(from).min(most);
        file.seek(SeekFrom::Start(from))?;
        let mut bytes = Vec::with_capacity(usize::try_from(length).unwrap_or_default());
        file.take(length).read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    fn list(&self, path: &Path) -> io::Result<Vec<Entry>> {
        let mut entries = Vec::new();
        for entry in fs::read_dir(path)? {
            let entry = entry?;
            // Another process may have deleted it meanwhile.
            let Ok(metadata) = entry.metadata() else {
                continue;
            };
            let Ok(name) = entry.file_name().into_string() else {
                continue;
            };
            if metadata.is_dir() || metadata.is_file() {
                entries.push(Entry {
                    name,
                    is_folder: metadata.is_dir(),
                    bytes: metadata.len(),
                });
            }
        }
        entries.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(entries)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        fs::remove_file(path)
    }

    fn remove_folder(&self, path: &Path) -> io::Result<()> {
        fs::remove_dir(path)
    }

    fn sync_folder(&self, path: &Path) -> io::Result<()> {
        // Elsewhere a folder cannot be opened, and names are safe with the file.
        match cfg!(unix) {
            true => File::open(path)?.sync_all(),
            false => Ok(()),
        }
    }

    fn lock(&self, path: &Path, make: bool) -> io::Result<Option<Lock>> {
        let made = match make {
            true => private().write(true).create_new(true).open(path).map(Some),
            false => Ok(None),
        };
        let file = match made {
            Ok(Some(file)) => file,
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
            _ => {
                check_file(path)?;
                OpenOptions::new().write(true).open(path)?
            }
        };
        match file.try_lock() {
            Ok(()) => Ok(Some(Box::new(file))),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }
}
