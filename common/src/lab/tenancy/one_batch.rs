//! The exporter that many begin with when a second tenant comes: one queue, one batch, one key.

use std::sync::{Arc, Mutex, PoisonError};

use crate::export::{BatchConfig, BatchExporter, Destination, FlushError, StartError};
use crate::model::RunOp;
use crate::trace::{RunBuilder, RunSink, Tracer};

use super::share::PATIENCE;

/// What waits to be sent: of every run the destination of its tenant, and the operation.
type Waiting = Arc<Mutex<Vec<(Destination, RunOp)>>>;

/// A queue that all tenants share.
#[derive(Debug, Default)]
pub(super) struct OneBatch(Waiting);

#[derive(Debug)]
struct Into {
    to: Destination,
    waiting: Waiting,
}

impl RunSink for Into {
    fn submit(&self, op: RunOp) {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.push((self.to.clone(), op));
    }
}

impl OneBatch {
    /// Begins a run of a tenant.
    pub(super) fn run(&self, to: &Destination, name: &str) -> RunBuilder {
        let sink = Into {
            to: to.clone(),
            waiting: self.0.clone(),
        };
        Tracer::builder(Arc::new(sink)).build().run(name)
    }

    /// Sends what waits as one batch. It needs a key, so it takes that of the first run in it: this is the mistake.
    pub(super) fn send(&self) -> Result<(), SendError> {
        let waiting = std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        let Some((to, _)) = waiting.first() else {
            return Ok(());
        };
        let batch = BatchConfig {
            compress: false,
            ..BatchConfig::default()
        };
        let exporter = BatchExporter::start(to, batch)?;
        for (_, op) in waiting {
            exporter.submit(op);
        }
        Ok(exporter.shutdown(PATIENCE)?)
    }
}

/// Why the batch was not sent.
#[derive(Debug, thiserror::Error)]
pub(super) enum SendError {
    #[error(transparent)]
    Start(#[from] StartError),
    #[error(transparent)]
    Flush(#[from] FlushError),
}
