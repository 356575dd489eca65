//! Spans of OpenTelemetry, as protobuf and as JSON.

use crate::{request, stand_in};

/// Sends the data, header lines and body, as spans. They become runs, wait for their parents or are
/// refused in words, and none is left once the window for parents is over.
pub fn otlp(data: &[u8]) {
    let request = request::read(data, "/otel/v1/traces");
    stand_in::send_to_both(&request);
    stand_in::both(|strict, _| {
        strict.handle(request);
        let waiting = strict.waiting_spans();
        let stored = strict.runs();
        assert_eq!(strict.expire_orphans(), waiting);
        assert_eq!(strict.waiting_spans(), 0);
        assert_eq!(strict.runs(), stored, "who waits is not stored yet");
        for run in stored {
            assert_eq!(run.dotted_order.trace_id(), run.trace_id);
            assert_eq!(run.dotted_order.parent_run_id(), run.parent_run_id);
        }
    });
}
