//! Processes that share a spool, and that are killed at any moment.
//!
//! The ordinary run kills ten. The long one, with the seed and the number of kills of one's own:
//!
//! ```text
//! KILLS=1000 SEED=1 cargo test -p common --test killed_at_any_moment -- --nocapture
//! ```
#![cfg(all(feature = "client", unix))]

mod captured;
mod exporting;
mod peer;
mod spooling;

use std::collections::{BTreeMap, BTreeSet};
use std::env;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use common::export::{BatchConfig, BatchExporter, Destination, SpoolConfig};
use exporting::{KEY, PATIENCE, fast};
use peer::{Peer, Received, parts_of, status};
use rand::rngs::SmallRng;
use rand::{RngExt as _, SeedableRng as _};
use spooling::{id_of, post};
use uuid::Uuid;

/// Where a child sends to, where its spool is, the first of its numbers, and how many there are.
const TASK: &str = "SPOOL_TEST_TASK";

fn config(spool: &Path) -> BatchConfig {
    BatchConfig {
        spool: Some(SpoolConfig::new(spool).durable()),
        ..fast()
    }
}

/// How many threads of a child submit at once.
const THREADS: usize = 4;

/// What a child does; as a test of its own it does nothing.
#[test]
fn a_child_stores_and_tells() {
    let Ok(task) = env::var(TASK) else {
        return;
    };
    let words: Vec<&str> = task.split(' ').collect();
    let [url, spool, first, count] = words[..] else {
        panic!("not a task: {task}");
    };
    let to = Destination::new(url).api_key(KEY);
    let exporter = BatchExporter::start(&to, config(Path::new(spool))).expect("an exporter");
    let first: u128 = first.parse().expect("a number");
    let count: u128 = count.parse().expect("a number");
    let next = AtomicU64::new(0);
    std::thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                loop {
                    let number = u128::from(next.fetch_add(1, Ordering::Relaxed));
                    if number >= count {
                        return;
                    }
                    exporter.submit(post(first + number));
                    println!("\nstored {}", first + number);
                }
            });
        }
    });
    assert_eq!(exporter.stats().spool.unstored, 0, "{}", exporter.stats());
    let mut out = std::io::stdout();
    if count < 1_000_000 {
        exporter.shutdown(PATIENCE).expect("all delivered");
        writeln!(out, "\ndone {}", exporter.stats().recovered).expect("a pipe");
    }
}

fn child(url: &str, spool: &Path, first: u128, count: u128) -> Child {
    Command::new(env::current_exe().expect("this test"))
        .args(["--exact", "a_child_stores_and_tells", "--nocapture"])
        .env(TASK, format!("{url} {} {first} {count}", spool.display()))
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("a child")
}

/// Reads what a child has stored, on a thread of its own.
fn listen(child: &mut Child) -> mpsc::Receiver<u128> {
    let out = BufReader::new(child.stdout.take().expect("piped"));
    let (tell, told) = mpsc::channel();
    std::thread::spawn(move || {
        for line in out.lines().map_while(Result::ok) {
            let number = line.strip_prefix("stored ").map(str::parse);
            if let Some(Ok(number)) = number
                && tell.send(number).is_err()
            {
                return;
            }
        }
    });
    told
}

fn arrived(peer: &Peer) -> BTreeMap<Uuid, usize> {
    let mut arrived = BTreeMap::new();
    for request in peer.to("/runs/multipart") {
        for part in parts_of(&request) {
            let id = part
                .name
                .strip_prefix("post.")
                .filter(|id| !id.contains('.'));
            if let Some(id) = id {
                *arrived.entry(id.parse().expect("an id")).or_default() += 1;
            }
        }
    }
    arrived
}

fn setting(name: &str, default: u64) -> u64 {
    let set = env::var(name).ok();
    set.map_or(default, |value| value.parse().expect("a number"))
}

#[test]
fn what_was_stored_before_a_kill_is_delivered_after_it() {
    let (kills, seed) = (setting("KILLS", 10), setting("SEED", 1));
    let folder = tempfile::tempdir().expect("a folder");
    let spool = folder.path().join("spool");
    // Now and then the endpoint fails, so that children die with batches in the air.
    let peer = Peer::start(|request: &Received, count| match &*request.path {
        "/info" => status(200),
        _ if count % 5 == 4 => status(503),
        _ => status(202),
    });
    let mut random = SmallRng::seed_from_u64(seed);
    let mut stored = BTreeSet::new();
    for kill in 0..kills {
        let first = u128::from(kill) << 32;
        let mut child = child(&peer.url, &spool, first, u128::from(u32::MAX));
        let told = listen(&mut child);
        stored.insert(told.recv().expect("a child that stores"));
        // Time is the subject here: the kill falls anywhere.
        let moment = Instant::now() + Duration::from_micros(random.random_range(0..40_000));
        while let Ok(number) = told.recv_timeout(moment.saturating_duration_since(Instant::now())) {
            stored.insert(number);
        }
        child.kill().expect("killed");
        child.wait().expect("gone");
        // What it had told before it died.
        stored.extend(told.iter());
    }
    let to = Destination::new(&peer.url).api_key(KEY);
    let last = BatchExporter::start(&to, config(&spool)).expect("an exporter");
    last.flush(PATIENCE).expect("all delivered");
    last.shutdown(PATIENCE).expect("nothing left");
    let arrived = arrived(&peer);
    let lost = stored
        .iter()
        .filter(|number| !arrived.contains_key(&id_of(**number)));
    let lost = lost.count();
    let twice = arrived.values().filter(|count| **count > 1).count();
    let mut out = std::io::stdout();
    let summary = format!(
        "kills {kills}, seed {seed}: stored {}, lost {lost}, duplicates {twice}",
        stored.len()
    );
    writeln!(out, "{summary}").expect("a terminal");
    assert_eq!(lost, 0, "{summary}");
    assert!(stored.len() as u64 >= kills, "{summary}");
}

#[test]
fn four_processes_share_a_folder_and_each_run_is_sent_once() {
    let folder = tempfile::tempdir().expect("a folder");
    let spool = folder.path().join("spool");
    let peer = Peer::start(|_, _| status(202));
    let children = (0..4_u128).map(|at| child(&peer.url, &spool, at << 32, 2_500));
    let children: Vec<Child> = children.collect();
    for child in children {
        let output = child.wait_with_output().expect("a child");
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success(), "{said}");
        assert!(
            said.contains("done 0"),
            "nothing was taken from a living process"
        );
    }
    let arrived = arrived(&peer);
    assert_eq!(arrived.len(), 10_000);
    assert!(arrived.values().all(|count| *count == 1));
}
