//! The way from `trace` to `export`.

use std::sync::Arc;

use crate::export::BatchExporter;
use crate::model::RunOp;
use crate::trace::RunSink;

/// Gives a tracer's operations to an exporter.
#[derive(Debug)]
pub(super) struct ExporterSink(pub(super) Arc<BatchExporter>);

impl RunSink for ExporterSink {
    fn submit(&self, op: RunOp) {
        self.0.submit(op);
    }
}
