//! A process that is forked off starts clean, and costs the parent nothing.
#![cfg(all(feature = "client", unix))]

mod again;
mod exporting;
mod peer;

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use again::{part, say, start, start_with};
use common::client::{Client, ClientBuilder};
use common::export::{
    BatchExporter, Exchange, ExportStats, HttpRequest, HttpResponse, SpoolConfig, Transport,
};
use common::model::{Clock as _, IdGenerator as _, RandomIds, SystemClock};
use common::trace::Tracer;
use exporting::{KEY, PATIENCE, To, accept, ingest, one_run, patient};
use fork::{Fork, fork, waitpid};
use peer::{Received, parts_of, status};

/// Forks; the child does its work and leaves, the parent waits for it and hears whether all went well.
fn in_child(work: impl FnOnce()) {
    match fork().expect("a child") {
        Fork::Child => {
            work();
            std::process::exit(0);
        }
        Fork::Parent(pid) => assert_eq!(waitpid(pid).expect("waited"), 0, "the child failed"),
    }
}

/// Not a test by itself: what the programs of the tests below do.
#[test]
fn the_program() {
    let Some((part, url)) = part() else { return };
    if let Some(folder) = std::env::var_os(SPOOL) {
        return spooled(&part, &url, &SpoolConfig::new(folder));
    }
    let client = Client::builder()
        .endpoint(&url)
        .api_key(KEY)
        .project("test");
    let client = client.batch(patient()).build().expect("a client");
    match &*part {
        "clean" => clean(&client),
        "below" => below(&client),
        "idle" => {
            one_run(&client);
            in_child(|| {
                client.flush(Duration::ZERO).expect("nothing is held here");
                assert_eq!(client.stats(), ExportStats::default());
                client
                    .shutdown(Duration::ZERO)
                    .expect("nor is anything to end");
                one_run(&client);
                assert_eq!(client.stats().total_refused(), 2);
            });
            client.flush(PATIENCE).expect("delivered");
        }
        "busy" => busy(&client),
        "shared" => shared(&client),
        "ids" => ids(),
        "renewed" => renewed(),
        other => panic!("no such part: {other}"),
    }
}

fn clean(client: &Client) {
    client.run("before").start().end();
    // There is a connection that waits for the next request now.
    client.flush(PATIENCE).expect("delivered");
    client.run("held").start().end();
    in_child(|| {
        client.run("child").start().end();
        client
            .flush(PATIENCE)
            .expect("the child's own is delivered");
        let stats = client.stats();
        assert_eq!((stats.accepted, stats.delivered), (2, 2), "{stats}");
        in_child(|| {
            client.run("grandchild").start().end();
            client.flush(PATIENCE).expect("delivered");
            assert_eq!(client.stats().accepted, 2);
        });
    });
    client.run("after").start().end();
    client.flush(PATIENCE).expect("delivered");
    let stats = client.stats();
    assert_eq!((stats.accepted, stats.delivered), (6, 6), "{stats}");
}

fn names(requests: &[Received]) -> Vec<String> {
    let parts = requests.iter().flat_map(parts_of);
    let posts =
        parts.filter(|part| part.name.starts_with("post.") && part.name.matches('.').count() == 1);
    let mut names: Vec<String> = posts
        .map(|part| part.json["name"].as_str().unwrap_or_default().to_owned())
        .collect();
    names.sort();
    names
}

#[test]
fn a_child_sends_what_is_its_own_and_the_parent_what_it_held() {
    let peer = accept();
    let (status, _) = start("clean", &peer.url).wait(PATIENCE);
    assert!(status.success());
    let names = names(&peer.to("/runs/multipart"));
    assert_eq!(names, ["after", "before", "child", "grandchild", "held"]);
}

fn below(client: &Client) {
    let parent = client.run("parent").start();
    match fork().expect("a child") {
        Fork::Child => {
            parent.child("below").start().end();
            client.flush(PATIENCE).expect("delivered");
            // Its copy of the run goes, the run does not.
            drop(parent);
            client.flush(PATIENCE).expect("delivered");
            assert_eq!(client.stats().accepted, 2);
            std::process::exit(0);
        }
        Fork::Parent(pid) => assert_eq!(waitpid(pid).expect("waited"), 0),
    }
    parent.end();
    client.flush(PATIENCE).expect("delivered");
}

#[test]
fn a_child_continues_a_trace_and_its_copy_of_an_open_run_ends_nothing() {
    let peer = accept();
    let (status, _) = start("below", &peer.url).wait(PATIENCE);
    assert!(status.success());
    let requests = peer.to("/runs/multipart");
    assert_eq!(names(&requests), ["below", "parent"]);
    let parts: Vec<_> = requests.iter().flat_map(parts_of).collect();
    let patches = parts.iter().filter(|part| part.name.starts_with("patch."));
    assert_eq!(patches.count(), 0, "each run is told of once, by its owner");
}

#[test]
fn a_child_that_sends_nothing_gets_no_thread_and_has_nothing_to_wait_for() {
    let peer = accept();
    let (status, _) = start("idle", &peer.url).wait(PATIENCE);
    assert!(status.success());
    assert_eq!(names(&peer.to("/runs/multipart")), ["r"]);
}

const SPOOL: &str = "PROGRAM_SPOOL";

/// What cannot be sent is put on disk by whoever held it, and read back by a later process.
fn spooled(part: &str, url: &str, spool: &SpoolConfig) {
    let builder = Client::builder().endpoint(url).api_key(KEY).project("test");
    if part == "flushes" {
        return flushes(builder.batch(patient()).spool(spool.clone().durable()));
    }
    let builder = builder.batch(patient()).spool(spool.clone());
    let client = builder.build().expect("a client");
    if part == "finds nothing" {
        client.flush(PATIENCE).expect("nothing to deliver");
        assert_eq!(client.stats().recovered, 0);
        return;
    }
    if part == "later" {
        client.flush(PATIENCE).expect("delivered");
        assert_eq!(client.stats().recovered, 4);
        return;
    }
    client.run("parent").start().end();
    in_child(|| {
        client.run("child").start().end();
        let _ = client.shutdown(Duration::ZERO);
        let stats = client.stats();
        assert_eq!((stats.accepted, stats.spooled), (2, 2), "{stats}");
    });
    let _ = client.shutdown(Duration::ZERO);
    let stats = client.stats();
    assert_eq!((stats.accepted, stats.spooled), (2, 2), "{stats}");
}

/// Both processes flush, and end without another word to the client.
fn flushes(builder: ClientBuilder) {
    let client = builder.build().expect("a client");
    let runs = || {
        for _ in 0..100 {
            client.run("r").start().end();
        }
        client.flush(PATIENCE).expect("delivered");
    };
    client.run("parent").start().end();
    in_child(runs);
    runs();
    std::process::exit(0);
}

#[test]
fn what_was_flushed_is_not_sent_again_though_the_process_ends_at_once() {
    let folder = tempfile::tempdir().expect("a folder");
    let spool = [(SPOOL, folder.path().join("spool").into_os_string())];
    let peer = accept();
    for part in ["flushes", "finds nothing"] {
        let (ended, _) = start_with(part, &peer.url, &spool).wait(PATIENCE);
        assert!(ended.success(), "{part}");
    }
    let parts: Vec<_> = peer
        .to("/runs/multipart")
        .iter()
        .flat_map(parts_of)
        .collect();
    let posts = parts.iter().filter(|part| part.json.get("name").is_some());
    assert_eq!(posts.count(), 201, "each once");
}

#[test]
fn a_child_keeps_what_it_cannot_send_in_a_spool_of_its_own() {
    let folder = tempfile::tempdir().expect("a folder");
    let spool = [(SPOOL, folder.path().join("spool").into_os_string())];
    let mended = Arc::new(AtomicBool::new(false));
    let works = mended.clone();
    let peer = ingest(move |_| {
        status(if works.load(Ordering::SeqCst) {
            202
        } else {
            503
        })
    });
    let (ended, _) = start_with("down", &peer.url, &spool).wait(PATIENCE);
    assert!(ended.success());
    let before = peer.to("/runs/multipart").len();
    mended.store(true, Ordering::SeqCst);
    let (ended, _) = start_with("later", &peer.url, &spool).wait(PATIENCE);
    assert!(ended.success());
    assert_eq!(
        names(&peer.to("/runs/multipart")[before..]),
        ["child", "parent"]
    );
}

const CHILDREN: usize = 40;

fn busy(client: &Client) {
    let done = Arc::new(AtomicBool::new(false));
    let others: Vec<_> = (0..3)
        .map(|_| {
            let (client, done) = (client.clone(), done.clone());
            std::thread::spawn(move || {
                // Some of the forks happen while one of these holds the lock of the queue.
                while !done.load(Ordering::Relaxed) {
                    client.run("busy").start().end();
                    let _ = client.stats();
                }
            })
        })
        .collect();
    for _ in 0..CHILDREN {
        in_child(|| {
            client.run("child").start().end();
            client.flush(PATIENCE).expect("delivered");
        });
    }
    done.store(true, Ordering::Relaxed);
    for other in others {
        other.join().expect("no panic");
    }
    assert!(client.stats().balances());
}

#[test]
fn a_child_hangs_on_no_lock_that_another_thread_of_the_parent_held() {
    let peer = accept();
    let (status, _) = start("busy", &peer.url).wait(PATIENCE);
    assert!(status.success());
    let names = names(&peer.to("/runs/multipart"));
    assert_eq!(
        names.iter().filter(|name| *name == "child").count(),
        CHILDREN
    );
}

/// Other threads use the very run that the child continues; one of them has its lock nearly always.
fn shared(client: &Client) {
    let tags = (0..20_000).map(|number| format!("tag {number}"));
    let root = client.run("root").tags(tags).start();
    let done = Arc::new(AtomicBool::new(false));
    let other = {
        let (root, done) = (root.clone(), done.clone());
        std::thread::spawn(move || {
            while !done.load(Ordering::Relaxed) {
                let _ = root.context();
            }
        })
    };
    for _ in 0..CHILDREN {
        in_child(|| {
            root.child("child").start().end();
            client.flush(PATIENCE).expect("delivered");
        });
    }
    done.store(true, Ordering::Relaxed);
    other.join().expect("no panic");
}

#[test]
fn a_child_hangs_on_no_run_that_another_thread_of_the_parent_used() {
    let peer = accept();
    let (status, _) = start("shared", &peer.url).wait(PATIENCE);
    assert!(status.success());
    let names = names(&peer.to("/runs/multipart"));
    assert_eq!(
        names.iter().filter(|name| *name == "child").count(),
        CHILDREN
    );
}

fn ids() {
    let tell = || {
        for _ in 0..100 {
            say(RandomIds.run_id(SystemClock.now()));
        }
    };
    // The thread has a generator before it forks.
    tell();
    in_child(tell);
    in_child(tell);
    tell();
}

#[test]
fn no_two_processes_make_the_same_ids() {
    let (status, said) = start("ids", "http://127.0.0.1:9").wait(PATIENCE);
    assert!(status.success());
    assert_eq!(said.len(), 400);
    // The time in front would hide that the random part repeats.
    let random: HashSet<&str> = said.iter().map(|id| &id[13..]).collect();
    assert_eq!(random.len(), 400);
}

/// Serves only the process that it was made in.
#[derive(Debug)]
struct Local(u32);

impl Transport for Local {
    fn exchange(&self, _: HttpRequest) -> Exchange<'_> {
        assert_eq!(
            self.0,
            std::process::id(),
            "a connection of another process"
        );
        let answer = HttpResponse {
            status: 202,
            ..HttpResponse::default()
        };
        Box::pin(std::future::ready(Ok(answer)))
    }

    fn renew(&self) -> Option<Arc<dyn Transport>> {
        Some(Arc::new(Self(std::process::id())))
    }
}

fn renewed() {
    let transport = Arc::new(Local(std::process::id()));
    let exporter = BatchExporter::with_transport(transport, patient()).expect("an exporter");
    let exporter = Arc::new(exporter);
    let tracer = Tracer::builder(Arc::new(To(exporter.clone()))).build();
    tracer.run("r").start().end();
    in_child(|| {
        tracer.run("r").start().end();
        exporter.flush(PATIENCE).expect("delivered");
        assert_eq!(exporter.stats().delivered, 2);
    });
    exporter.flush(PATIENCE).expect("delivered");
}

#[test]
fn a_child_has_a_transport_of_its_own() {
    let (status, _) = start("renewed", "http://127.0.0.1:9").wait(PATIENCE);
    assert!(status.success());
}
