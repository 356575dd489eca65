//! The queue with a spool: the keeper's own code on a disk in memory.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use shuttle::{future, thread};

use super::disk::Memory;
use super::{Ended, FOREVER, check_books, explore, hold, submit, work};
use crate::export::config::BatchConfig;
use crate::export::ledger::DropReason;
use crate::export::life::shuttled::{self, Timers};
use crate::export::queue::{Limits, Queue};
use crate::export::send::RetryPolicy;
use crate::export::spool::{Keeper, Spool, SpoolConfig};

const FINGERPRINT: [u8; 16] = [7; 16];

/// Two threads trace and flush, over a keeper and an endpoint that is away at times; then all of it ends.
fn keeps(spool: &SpoolConfig, fails: bool) {
    shuttled::begin(
        if fails {
            Timers::Anytime
        } else {
            Timers::Never
        },
        None,
    );
    let disk = Memory::new(fails);
    let mut config = BatchConfig {
        queue_ops: 4,
        linger: FOREVER,
        spool: Some(spool.clone()),
        ..BatchConfig::default()
    };
    config.retry = RetryPolicy {
        cap: Duration::ZERO,
        ..config.retry
    };
    let limits = Limits {
        ops: 2,
        bytes: 1 << 20,
    };
    let queue = Arc::new(Queue::new(&config, limits));
    let files = Arc::new(disk.clone());
    let keeper = Keeper::open(queue.clone(), files, &config, spool.clone(), FINGERPRINT);
    let keeper = keeper.expect("a folder of our own");
    let keeper = thread::spawn(move || keeper.run());
    let worker = work(queue.clone(), Ended::default());
    let over = Arc::new(AtomicBool::new(false));
    let clock = fails.then(|| time_passes(queue.clone(), over.clone()));

    let tracing = {
        let queue = queue.clone();
        thread::spawn(move || {
            hold(&queue, 1);
            hold(&queue, 2);
            let mark = queue.begin_flush();
            future::block_on(queue.wait_settled(&mark));
        })
    };
    submit(&queue, 3);
    let mark = queue.begin_flush();
    queue.wait_settled_blocking(&mark, FOREVER);
    tracing.join().expect("it flushes");
    // Whoever comes last need not wait: what is left at the end goes to disk.
    hold(&queue, 4);
    queue.close();
    queue.stop();
    assert!(queue.wait_gone_blocking(FOREVER));
    worker.join().expect("the worker ends");
    keeper.join().expect("the keeper ends");
    over.store(true, Ordering::Relaxed);
    if let Some(clock) = clock {
        clock.join().expect("time ends");
    }

    let stats = queue.stats();
    assert!(stats.balances() && stats.queued == 0, "{stats}");
    assert_eq!(stats.accepted + stats.total_refused(), 8, "{stats}");
    let found = on_disk(&disk, spool);
    assert!(
        found >= stats.spooled,
        "{found} of {} are on disk",
        stats.spooled
    );
    if !fails {
        assert_eq!(found, stats.spooled, "delivered, and still on disk");
        assert_eq!(stats.spool.unstored, 0, "{stats}");
    }
}

/// Wakes those who wait for a moment, as the system would.
fn time_passes(queue: Arc<Queue>, over: Arc<AtomicBool>) -> thread::JoinHandle<()> {
    thread::spawn(move || {
        while !over.load(Ordering::Relaxed) {
            shuttled::tick();
            queue.to_keep.notify_all();
            queue.stored.notify_all();
            thread::yield_now();
        }
    })
}

/// Counts what the next process finds.
fn on_disk(disk: &Memory, config: &SpoolConfig) -> u64 {
    let files = Arc::new(disk.mended());
    let mut spool = Spool::open(files, config.clone(), FINGERPRINT).expect("the folder");
    spool.adopt();
    let mut found = 0;
    loop {
        let read = spool.read_back(u64::MAX, usize::MAX);
        if read.is_empty() {
            return found;
        }
        found += read.iter().map(|record| record.ops).sum::<u64>();
    }
}

fn explored(few: usize, durable: bool, fails: bool) {
    let folder = tempfile::tempdir().expect("a folder");
    let spool = SpoolConfig::new(folder.path()).sync_interval(FOREVER);
    let spool = if durable { spool.durable() } else { spool };
    explore(few, move || keeps(&spool, fails));
}

#[test]
fn what_overflows_is_delivered_or_on_disk_and_never_both() {
    explored(600, false, false);
}

#[test]
fn what_is_kept_before_it_is_accepted_is_delivered_or_on_disk_and_never_both() {
    explored(600, true, false);
}

#[test]
fn a_disk_that_fails_at_times_loses_nothing_that_it_took() {
    explored(150, false, true);
    explored(150, true, true);
}

#[test]
fn what_is_left_is_booked_though_the_keeper_fails_just_then() {
    explore(600, || {
        shuttled::begin(Timers::Never, None);
        let config = BatchConfig {
            linger: FOREVER,
            spool: Some(SpoolConfig::new("never looked at")),
            ..BatchConfig::default()
        };
        let limits = Limits {
            ops: 2,
            bytes: 1 << 20,
        };
        let queue = Arc::new(Queue::new(&config, limits));
        hold(&queue, 1);
        submit(&queue, 2);
        let failing = {
            let queue = queue.clone();
            thread::spawn(move || queue.end_keeping())
        };
        queue.abandon(DropReason::Shutdown);
        failing.join().expect("it leaves");
        check_books(&queue, 4);
    });
}
