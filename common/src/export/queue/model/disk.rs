//! A disk in memory, which fails by lot.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use shuttle::rand::{Rng as _, thread_rng};

use crate::export::spool::{Entry, Files, Lock, Output};

type Contents = BTreeMap<PathBuf, Option<Vec<u8>>>;

/// Files by path; a folder has no content. A clone is the same disk.
#[derive(Debug, Clone)]
pub(super) struct Memory {
    files: Arc<Mutex<Contents>>,
    fails: bool,
}

impl Memory {
    pub(super) fn new(fails: bool) -> Self {
        Self {
            files: Arc::default(),
            fails,
        }
    }

    /// Returns the same disk, working.
    pub(super) fn mended(&self) -> Self {
        Self {
            fails: false,
            ..self.clone()
        }
    }

    fn files(&self) -> MutexGuard<'_, Contents> {
        self.files.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn trouble(&self) -> io::Result<()> {
        match self.fails && thread_rng().gen_ratio(1, 6) {
            true => Err(io::ErrorKind::StorageFull.into()),
            false => Ok(()),
        }
    }

    fn add(&self, path: &Path, content: Option<Vec<u8>>) -> io::Result<()> {
        self.trouble()?;
        match self.files().insert(path.to_owned(), content) {
            None => Ok(()),
            Some(_) => Err(io::ErrorKind::AlreadyExists.into()),
        }
    }

    fn output(&self, path: &Path) -> Box<dyn Output> {
        Box::new(Written(self.clone(), path.to_owned()))
    }
}

struct Written(Memory, PathBuf);

impl Output for Written {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        let part = match self.0.trouble() {
            Ok(()) => bytes.len(),
            Err(_) => thread_rng().gen_range(0..bytes.len().max(1)),
        };
        let mut files = self.0.files();
        let content = files.get_mut(&self.1).and_then(Option::as_mut);
        content
            .ok_or(io::ErrorKind::NotFound)?
            .extend_from_slice(&bytes[..part]);
        match part == bytes.len() {
            true => Ok(()),
            false => Err(io::ErrorKind::StorageFull.into()),
        }
    }

    fn cut(&mut self, length: u64) -> io::Result<()> {
        self.0.trouble()?;
        let mut files = self.0.files();
        let content = files.get_mut(&self.1).and_then(Option::as_mut);
        let content = content.ok_or(io::ErrorKind::NotFound)?;
        content.truncate(usize::try_from(length).unwrap_or(usize::MAX));
        Ok(())
    }

    fn sync(&mut self) -> io::Result<()> {
        self.0.trouble()
    }
}

impl Files for Memory {
    fn make_folder(&self, path: &Path) -> io::Result<()> {
        self.add(path, None)
    }

    fn create(&self, path: &Path) -> io::Result<Box<dyn Output>> {
        self.add(path, Some(Vec::new()))?;
        Ok(self.output(path))
    }

    fn open(&self, path: &Path) -> io::Result<Box<dyn Output>> {
        self.trouble()?;
        let mut files = self.files();
        files.entry(path.to_owned()).or_insert(Some(Vec::new()));
        Ok(self.output(path))
    }

    fn read(&self, path: &Path, from: u64, most: u64) -> io::Result<Vec<u8>> {
        self.trouble()?;
        let files = self.files();
        let content = files.get(path).and_then(Option::as_ref);
        let content = content.ok_or(io::ErrorKind::NotFound)?;
        let size = |bytes: u64| usize::try_from(bytes).unwrap_or(usize::MAX);
        let rest = content.get(size(from)..).unwrap_or_default();
        Ok(rest[..rest.len().min(size(most))].to_vec())
    }

    fn list(&self, path: &Path) -> io::Result<Vec<Entry>> {
        self.trouble()?;
        let files = self.files();
        let inside = files.iter().filter(|(file, _)| file.parent() == Some(path));
        let entry = |(file, content): (&PathBuf, &Option<Vec<u8>>)| Entry {
            name: file
                .file_name()
                .unwrap_or_default()
                .to_string_lossy()
                .into_owned(),
            is_folder: content.is_none(),
            bytes: content.as_ref().map_or(0, |content| content.len() as u64),
        };
        Ok(inside.map(entry).collect())
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.trouble()?;
        let mut files = self.files();
        let moved: Vec<PathBuf> = files
            .keys()
            .filter(|file| file.starts_with(from))
            .cloned()
            .collect();
        for file in moved {
            let below = file.strip_prefix(from).map_err(io::Error::other)?;
            let name = if below.as_os_str().is_empty() {
                to.to_owned()
            } else {
                to.join(below)
            };
            if let Some(content) = files.remove(&file) {
                files.insert(name, content);
            }
        }
        Ok(())
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.trouble()?;
        self.files()
            .remove(path)
            .map(drop)
            .ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn remove_folder(&self, path: &Path) -> io::Result<()> {
        if self.files().keys().any(|file| file.parent() == Some(path)) {
            return Err(io::ErrorKind::DirectoryNotEmpty.into());
        }
        self.remove(path)
    }

    fn sync_folder(&self, _path: &Path) -> io::Result<()> {
        self.trouble()
    }

    fn lock(&self, path: &Path, make: bool) -> io::Result<Option<Lock>> {
        self.trouble()?;
        let mut files = self.files();
        if make {
            files.entry(path.to_owned()).or_insert(Some(Vec::new()));
        }
        match files.contains_key(path) {
            true => Ok(Some(Box::new(()))),
            false => Err(io::ErrorKind::NotFound.into()),
        }
    }
}
