//! An exporter that works as it does in a service, and whose requests lead nowhere.
#![allow(unreachable_pub, reason = "each benchmark is a crate of its own")]

use std::sync::Arc;

use common::export::{BatchConfig, BatchExporter, Exchange, HttpRequest, HttpResponse, Transport};
use common::model::{Place, RunOp, Unwritten};
use common::trace::RunSink;

/// Says that everything arrived.
#[derive(Debug)]
struct Nowhere;

impl Transport for Nowhere {
    fn exchange(&self, _request: HttpRequest) -> Exchange<'_> {
        Box::pin(async {
            Ok(HttpResponse {
                status: 202,
                ..HttpResponse::default()
            })
        })
    }
}

/// Gives what it is given to an exporter.
#[derive(Debug)]
pub struct Exported(pub BatchExporter);

impl RunSink for Exported {
    fn submit(&self, op: RunOp) {
        self.0.submit(op);
    }

    fn begin(&self, run: Arc<dyn Unwritten>, bytes: usize) -> Option<Place> {
        self.0.begin_run(run, bytes)
    }

    fn end(&self, run: Arc<dyn Unwritten>, place: Option<Place>, bytes: usize) {
        self.0.end_run(run, place, bytes);
    }
}

/// Starts an exporter whose queue no benchmark fills.
pub fn exported() -> Arc<Exported> {
    let config = BatchConfig {
        queue_ops: 1_000_000,
        queue_bytes: 1 << 30,
        ..BatchConfig::default()
    };
    let exporter = BatchExporter::with_transport(Arc::new(Nowhere), config);
    Arc::new(Exported(exporter.expect("a thread")))
}
