//! The way from `trace` to `export`: every destination of a client, under one deadline.

use std::time::{Duration, Instant};

use crate::export::{BatchExporter, FlushError};
use crate::model::RunOp;
use crate::trace::RunSink;

/// The exporters of a client. They live as long as its last handle or its last run.
///
/// Whatever takes time begins with all of them before it waits for any: a destination that is away
/// uses up the deadline, and meanwhile the others do their work.
#[derive(Debug)]
pub(super) struct Exporters {
    // The address as configured, for the books; the main destination is first.
    each: Vec<(String, BatchExporter)>,
    shutdown_timeout: Duration,
}

impl Exporters {
    pub(super) fn new(each: Vec<(String, BatchExporter)>, shutdown_timeout: Duration) -> Self {
        Self {
            each,
            shutdown_timeout,
        }
    }

    pub(super) fn main(&self) -> Option<&(String, BatchExporter)> {
        self.each.first()
    }

    pub(super) fn each(&self) -> &[(String, BatchExporter)] {
        &self.each
    }

    /// Flushes all within one deadline; the first problem is the result.
    pub(super) fn flush(&self, timeout: Duration) -> Result<(), FlushError> {
        let deadline = Deadline::after(timeout);
        let begun: Vec<_> = self.exporters().map(BatchExporter::begin_flush).collect();
        let ends = begun.into_iter().map(|flush| flush.wait(deadline.left()));
        ends.fold(Ok(()), Result::and)
    }

    pub(super) async fn flush_async(&self, timeout: Duration) -> Result<(), FlushError> {
        let deadline = Deadline::after(timeout);
        let begun: Vec<_> = self.exporters().map(BatchExporter::begin_flush).collect();
        let mut result = Ok(());
        for flush in begun {
            result = result.and(flush.wait_async(deadline.left()).await);
        }
        result
    }

    /// Shuts all down within one deadline; the first problem is the result.
    pub(super) fn shutdown(&self, timeout: Duration) -> Result<(), FlushError> {
        let deadline = Deadline::after(timeout);
        self.exporters().for_each(BatchExporter::close);
        let ends = self
            .exporters()
            .map(|exporter| exporter.shutdown(deadline.left()));
        ends.fold(Ok(()), Result::and)
    }

    pub(super) async fn shutdown_async(&self, timeout: Duration) -> Result<(), FlushError> {
        let deadline = Deadline::after(timeout);
        self.exporters().for_each(BatchExporter::close);
        let mut result = Ok(());
        for exporter in self.exporters() {
            result = result.and(exporter.shutdown_async(deadline.left()).await);
        }
        result
    }

    fn exporters(&self) -> impl Iterator<Item = &BatchExporter> {
        self.each.iter().map(|(_, exporter)| exporter)
    }
}

impl RunSink for Exporters {
    fn submit(&self, op: RunOp) {
        if let Some(((_, last), others)) = self.each.split_last() {
            for (_, exporter) in others {
                exporter.submit(op.clone());
            }
            last.submit(op);
        }
    }
}

impl Drop for Exporters {
    fn drop(&mut self) {
        let deadline = Deadline::after(self.shutdown_timeout);
        self.exporters().for_each(BatchExporter::close);
        for exporter in self.exporters() {
            // What was lost is told by the exporter itself, which is dropped next.
            exporter.end(deadline.left());
        }
    }
}

/// One span of time for several waits.
#[derive(Clone, Copy)]
struct Deadline {
    begun: Instant,
    timeout: Duration,
}

impl Deadline {
    fn after(timeout: Duration) -> Self {
        Self {
            begun: Instant::now(),
            timeout,
        }
    }

    fn left(&self) -> Duration {
        self.timeout.saturating_sub(self.begun.elapsed())
    }
}
