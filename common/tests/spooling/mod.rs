//! A disk that fails when told, and operations to put on it.
#![allow(dead_code, unreachable_pub, reason = "each test file uses its part")]

use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex};

use common::export::SpoolConfig;
use common::export::spool::{Disk, Draft, Entry, Files, Lock, Output, RecordId, Spool};
use common::model::RunOp;
use uuid::Uuid;

use crate::captured;

pub const FINGERPRINT: [u8; 16] = *b"a test's address";

/// How a call to the disk goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// This call fails, later ones work.
    Once,
    /// The process dies before the call.
    DiesBefore,
    /// The process dies after the call; it did what it should, or half of a write.
    DiesAfter,
    /// The process dies after half of what was to be written.
    DiesWithin,
}

/// The real disk below a temporary folder, with a fault at the call of a number.
#[derive(Debug, Clone)]
pub struct Faulty(Arc<Mutex<State>>);

#[derive(Debug)]
struct State {
    calls: usize,
    fault: Option<(usize, Fault)>,
    dead: bool,
    // Whether writes fail as on a full disk.
    full: bool,
    // Whether writes wait until they need not any more.
    hangs: bool,
    // How many locks are held.
    locks: usize,
}

impl Faulty {
    pub fn new(fault: Option<(usize, Fault)>) -> Self {
        Self(Arc::new(Mutex::new(State {
            calls: 0,
            fault,
            dead: false,
            full: false,
            hangs: false,
            locks: 0,
        })))
    }

    pub fn calls(&self) -> usize {
        self.0.lock().expect("state").calls
    }

    pub fn locks(&self) -> usize {
        self.0.lock().expect("state").locks
    }

    pub fn set_hanging(&self, hangs: bool) {
        self.0.lock().expect("state").hangs = hangs;
    }

    pub fn set_full(&self, full: bool) {
        self.0.lock().expect("state").full = full;
    }

    /// Carries out a call, or not; `part` is what a process that dies within it gets done.
    fn call<T>(
        &self,
        writes: bool,
        whole: impl FnOnce() -> io::Result<T>,
        part: impl FnOnce(),
    ) -> io::Result<T> {
        while writes && self.0.lock().expect("state").hangs {
            std::thread::yield_now();
        }
        let fault = {
            let mut state = self.0.lock().expect("state");
            if state.dead {
                return Err(io::Error::other("dead"));
            }
            if state.full && writes {
                return Err(io::ErrorKind::StorageFull.into());
            }
            state.calls += 1;
            let fault = state.fault.filter(|(at, _)| *at == state.calls);
            let fault = fault.map(|(_, fault)| fault);
            state.dead = fault.is_some_and(|fault| fault != Fault::Once);
            fault
        };
        match fault {
            None => whole(),
            Some(Fault::Once | Fault::DiesBefore) => Err(io::Error::other("told to fail")),
            Some(Fault::DiesAfter) => {
                let _ = whole();
                Err(io::Error::other("died after"))
            }
            Some(Fault::DiesWithin) => {
                part();
                Err(io::Error::other("died within"))
            }
        }
    }
}

struct Written {
    inner: Box<dyn Output>,
    faults: Faulty,
}

impl Output for Written {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        let inner = std::cell::RefCell::new(&mut self.inner);
        self.faults.call(
            true,
            || inner.borrow_mut().append(bytes),
            || {
                let _ = inner.borrow_mut().append(&bytes[..bytes.len() / 2]);
            },
        )
    }

    fn cut(&mut self, length: u64) -> io::Result<()> {
        let inner = &mut self.inner;
        self.faults.call(false, || inner.cut(length), || {})
    }

    fn sync(&mut self) -> io::Result<()> {
        self.faults.call(false, || Ok(()), || {})
    }
}

/// A lock that is counted, and given back with hesitation, so that a race is lost.
struct Counted {
    _inner: Lock,
    faults: Faulty,
}

impl Drop for Counted {
    fn drop(&mut self) {
        (0..100).for_each(|_| std::thread::yield_now());
        self.faults.0.lock().expect("state").locks -= 1;
    }
}

impl Files for Faulty {
    fn make_folder(&self, path: &Path) -> io::Result<()> {
        self.call(true, || Disk.make_folder(path), || {})
    }

    fn create(&self, path: &Path) -> io::Result<Box<dyn Output>> {
        let inner = self.call(true, || Disk.create(path), || {})?;
        let faults = self.clone();
        Ok(Box::new(Written { inner, faults }))
    }

    fn open(&self, path: &Path) -> io::Result<Box<dyn Output>> {
        let inner = self.call(true, || Disk.open(path), || {})?;
        let faults = self.clone();
        Ok(Box::new(Written { inner, faults }))
    }

    fn read(&self, path: &Path, from: u64, most: u64) -> io::Result<Vec<u8>> {
        self.call(false, || Disk.read(path, from, most), || {})
    }

    fn list(&self, path: &Path) -> io::Result<Vec<Entry>> {
        self.call(false, || Disk.list(path), || {})
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.call(false, || Disk.rename(from, to), || {})
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.call(false, || Disk.remove(path), || {})
    }

    fn remove_folder(&self, path: &Path) -> io::Result<()> {
        self.call(false, || Disk.remove_folder(path), || {})
    }

    fn sync_folder(&self, _path: &Path) -> io::Result<()> {
        self.call(false, || Ok(()), || {})
    }

    fn lock(&self, path: &Path, make: bool) -> io::Result<Option<Lock>> {
        let lock = self.call(make, || Disk.lock(path, make), || {})?;
        Ok(lock.map(|inner| {
            self.0.lock().expect("state").locks += 1;
            let faults = self.clone();
            Box::new(Counted {
                _inner: inner,
                faults,
            }) as Lock
        }))
    }
}

pub fn post(number: u128) -> RunOp {
    let run = captured::run(number, None, "r", "chain", 0, 5);
    RunOp::Post(Box::new(run))
}

pub fn id_of(number: u128) -> Uuid {
    captured::id(number).0
}

pub fn spool(files: impl Files + 'static, config: &SpoolConfig) -> Spool {
    Spool::open(Arc::new(files), config.clone(), FINGERPRINT).expect("a folder of our own")
}

pub fn append(spool: &mut Spool, ops: &[RunOp], held: bool) -> Vec<Option<RecordId>> {
    let drafts: Vec<Draft> = ops
        .iter()
        .map(|op| Draft::of(op, 1, 0).expect("a draft"))
        .collect();
    spool.append(&drafts.iter().collect::<Vec<_>>(), held)
}

/// Takes over what is there and reads all of it; says how often each operation was found.
pub fn all_of(config: &SpoolConfig) -> BTreeMap<Uuid, usize> {
    let mut spool = spool(Disk, config);
    spool.adopt();
    read_all(&mut spool)
}

pub fn read_all(spool: &mut Spool) -> BTreeMap<Uuid, usize> {
    let mut found = BTreeMap::new();
    loop {
        let read = spool.read_back(u64::MAX, usize::MAX);
        if read.is_empty() {
            return found;
        }
        for op in read.into_iter().filter_map(|it| it.op) {
            *found.entry(op.id()).or_default() += 1;
        }
    }
}
