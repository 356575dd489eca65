//! Exporters with a spool, and a server whose answer the test sets.
#![allow(dead_code, unreachable_pub, reason = "each test file uses its part")]

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Duration;

use common::export::{
    BatchConfig, BatchExporter, Destination, ExportStats, ReqwestTransport, RetryPolicy,
    SpoolConfig,
};

use uuid::Uuid;

use crate::exporting::{KEY, PATIENCE, fast};
use crate::peer::{Peer, Received, parts_of, status};
use crate::spooling::Faulty;

/// A peer that answers what the test says at the moment.
pub struct Server {
    pub peer: Peer,
    pub answer: Arc<AtomicU16>,
}

impl Server {
    pub fn answering(first: u16) -> Self {
        let answer = Arc::new(AtomicU16::new(first));
        let says = answer.clone();
        let peer = Peer::start(move |request: &Received, _| match &*request.path {
            "/info" => status(200),
            _ => status(says.load(Ordering::SeqCst)),
        });
        Self { peer, answer }
    }

    pub fn answers(&self, status: u16) {
        self.answer.store(status, Ordering::SeqCst);
    }

    pub fn to(&self) -> Destination {
        Destination::new(&self.peer.url).api_key(KEY)
    }

    /// Returns how often each run arrived.
    pub fn arrived(&self) -> BTreeMap<Uuid, usize> {
        let mut arrived = BTreeMap::new();
        for request in self.peer.to("/runs/multipart") {
            for part in parts_of(&request) {
                if let [_, id] = part.name.split('.').collect::<Vec<_>>()[..] {
                    *arrived.entry(id.parse().expect("an id")).or_default() += 1;
                }
            }
        }
        arrived
    }
}

/// Gives up at the first answer that is none of success.
pub fn impatient(spool: SpoolConfig) -> BatchConfig {
    BatchConfig {
        spool: Some(spool),
        retry: RetryPolicy {
            budget: Duration::ZERO,
            base: Duration::from_millis(1),
            cap: Duration::from_millis(2),
        },
        ..fast()
    }
}

pub fn exporter(to: &Server, config: BatchConfig) -> BatchExporter {
    BatchExporter::start(&to.to(), config).expect("an exporter")
}

pub fn exporter_on(files: &Faulty, to: &Server, config: BatchConfig) -> BatchExporter {
    let transport = ReqwestTransport::new(&to.to()).expect("a transport");
    let exporter = BatchExporter::with_files(Arc::new(transport), config, Arc::new(files.clone()));
    exporter.expect("trouble with the disk is no error")
}

/// Waits until something is true of the books.
pub fn wait_for(exporter: &BatchExporter, done: impl Fn(&ExportStats) -> bool) -> ExportStats {
    let begun = std::time::Instant::now();
    loop {
        let stats = exporter.stats();
        assert!(stats.balances(), "{stats}");
        if done(&stats) {
            return stats;
        }
        assert!(begun.elapsed() < PATIENCE, "{stats}");
        std::thread::yield_now();
    }
}

/// Returns the bytes of all files below a folder.
pub fn all_bytes(folder: &Path) -> Vec<Vec<u8>> {
    let mut files = Vec::new();
    let mut open = vec![folder.to_owned()];
    while let Some(folder) = open.pop() {
        for entry in fs::read_dir(folder).into_iter().flatten() {
            let path = entry.expect("a readable entry").path();
            match path.is_dir() {
                true => open.push(path),
                false => files.extend(fs::read(path)),
            }
        }
    }
    files
}
