//! The ledger with a spool, under random faults of endpoint and disk.
#![cfg(feature = "client")]

mod captured;
mod spooling;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use common::export::{
    BatchConfig, BatchExporter, Exchange, FlushError, HttpRequest, HttpResponse, RetryPolicy,
    SpoolConfig, Transport, TransportError,
};
use proptest::prelude::*;
use spooling::{Fault, Faulty, post};

/// Long enough for any machine; no test waits for it unless it fails.
const PATIENCE: Duration = Duration::from_secs(60);

/// Answers by a script, then always with success.
#[derive(Debug)]
struct Scripted {
    script: Vec<u16>,
    asked: AtomicUsize,
    is_mended: AtomicBool,
}

impl Transport for Scripted {
    fn exchange(&self, request: HttpRequest) -> Exchange<'_> {
        let status = match &*request.path {
            "/info" => 200,
            _ if self.is_mended.load(Ordering::SeqCst) => 202,
            _ => {
                let asked = self.asked.fetch_add(1, Ordering::SeqCst);
                self.script.get(asked).copied().unwrap_or(202)
            }
        };
        Box::pin(async move {
            match status {
                0 => Err(TransportError::Timeout),
                status => Ok(HttpResponse {
                    status,
                    ..HttpResponse::default()
                }),
            }
        })
    }
}

fn statuses() -> impl Strategy<Value = u16> {
    prop::sample::select(vec![0, 202, 202, 401, 404, 413, 422, 503, 307])
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn every_operation_is_accounted_for_whatever_fails(
        script in prop::collection::vec(statuses(), 0..12),
        fault in prop::option::of((1..60_usize, prop::sample::select(vec![
            Fault::Once, Fault::DiesBefore, Fault::DiesAfter, Fault::DiesWithin,
        ]))),
        is_durable: bool,
        count in 1..40_u128,
        queue_ops in 8..40_usize,
        ends_early: bool,
    ) {
        let folder = tempfile::tempdir().expect("a folder");
        let mut spool = SpoolConfig::new(folder.path().join("spool")).segment_bytes(3_000);
        if is_durable {
            spool = spool.durable();
        }
        let config = BatchConfig {
            spool: Some(spool),
            queue_ops,
            max_ops: Some(4),
            linger: Duration::from_millis(1),
            shutdown_timeout: Duration::ZERO,
            retry: RetryPolicy {
                base: Duration::from_millis(1),
                cap: Duration::from_millis(1),
                budget: Duration::from_millis(3),
            },
            ..BatchConfig::default()
        };
        let transport = Arc::new(Scripted {
            script,
            asked: AtomicUsize::new(0),
            is_mended: AtomicBool::new(false),
        });
        let files = Arc::new(Faulty::new(fault));
        let first = BatchExporter::with_files(transport.clone(), config.clone(), files);
        let first = first.expect("an exporter");
        for number in 0..count {
            first.submit(post(number));
            let stats = first.stats();
            prop_assert!(stats.balances(), "{stats}");
        }
        let stats = first.stats();
        prop_assert_eq!(u128::from(stats.accepted + stats.total_refused()), count, "{}", stats);
        if !ends_early {
            let flushed = first.flush(Duration::from_millis(200));
            let stats = first.stats();
            prop_assert!(stats.balances(), "{stats}");
            if flushed.is_ok() {
                prop_assert_eq!(stats.queued + stats.spooled, 0, "{}", stats);
            }
        }
        let ended = first.shutdown(Duration::from_millis(20));
        let stats = first.stats();
        prop_assert!(stats.balances(), "{stats}");
        prop_assert_eq!(stats.queued, 0, "{}", stats);
        if let Err(FlushError::Stored { spooled }) = ended {
            prop_assert_eq!(spooled, stats.spooled);
        }
        drop(first);

        transport.is_mended.store(true, Ordering::SeqCst);
        let second = BatchExporter::with_files(transport, config, Arc::new(Faulty::new(None)));
        let second = second.expect("an exporter");
        second.flush(PATIENCE).expect("all delivered");
        let after = second.stats();
        prop_assert!(after.balances(), "{after}");
        prop_assert!(after.recovered >= stats.spooled, "{stats}\n{after}");
        prop_assert_eq!(after.delivered, after.recovered, "{}", after);
    }
}
