//! A process that is told to end, by SIGTERM or Ctrl-C, sends what it holds, and ends in time.
#![cfg(all(feature = "client", unix))]

mod again;
mod exporting;
mod peer;

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::os::unix::process::ExitStatusExt as _;
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use again::{part, say, start, start_with};
use common::client::{Client, ClientBuilder, Replica, terminated};
use common::export::{Destination, SpoolConfig};
use common::model::RunOp;
use exporting::{KEY, PATIENCE, accept, ingest, one_run, patient};
use fork::{Fork, fork, waitpid};
use peer::{Peer, parts_of, silent_port, status};

const SPOOL: &str = "PROGRAM_SPOOL";
const INT: i32 = 2;
const TERM: i32 = 15;

/// Not a test by itself: what the programs of the tests below do.
#[test]
fn the_program() {
    let Some((part, url)) = part() else { return };
    let client = builder(&url).build().expect("a client");
    let runtime = || {
        tokio::runtime::Builder::new_multi_thread()
            .enable_all()
            .build()
    };
    match &*part {
        "plain" => {
            let _guard = client.flush_on_termination(PATIENCE).expect("watched");
            one_run(&client);
            wait_for_the_end();
        }
        "current-thread" => {
            let runtime = tokio::runtime::Builder::new_current_thread().build();
            runtime.expect("a runtime").block_on(async {
                let _guard = client.flush_on_termination(PATIENCE).expect("watched");
                one_run(&client);
                // It blocks the only thread that the runtime has.
                wait_for_the_end();
            });
        }
        "multi-thread" => runtime().expect("a runtime").block_on(async {
            let _guard = client.flush_on_termination(PATIENCE).expect("watched");
            one_run(&client);
            say("ready");
            std::future::pending::<()>().await;
        }),
        "two" => {
            let other = builder(&url).project("other").build().expect("a client");
            let _guard = client.flush_on_termination(PATIENCE).expect("watched");
            let _other = other.flush_on_termination(PATIENCE).expect("watched");
            one_run(&client);
            one_run(&other);
            wait_for_the_end();
        }
        "hung" => {
            let _guard = client.flush_on_termination(Duration::from_millis(300));
            one_run(&client);
            wait_for_the_end();
        }
        "twice" => {
            let _guard = client.flush_on_termination(PATIENCE * 60).expect("watched");
            one_run(&client);
            say("ready");
            // The first signal ends intake, and then there is nothing that would end the wait.
            while client.stats().total_refused() == 0 {
                client.run("r").start().end();
                std::thread::yield_now();
            }
            say("closed");
            loop {
                std::thread::park();
            }
        }
        "let go" => {
            drop(client.flush_on_termination(PATIENCE).expect("watched"));
            drop(terminated());
            wait_for_the_end();
        }
        "spooled" => {
            let client = builder(&url).spool(spool()).build().expect("a client");
            let _guard = client.flush_on_termination(Duration::from_secs(4));
            one_run(&client);
            wait_for_the_end();
        }
        "stubborn, spooled" => runtime().expect("a runtime").block_on(async {
            let client = builder(&url).spool(spool()).build().expect("a client");
            let _guard = client.flush_on_termination(Duration::from_secs(6));
            let text = "a page of the docs ".repeat(1_000);
            for _ in 0..PAGES {
                client.run("r").inputs(text.as_str()).start().end();
            }
            say("ready");
            terminated().await;
            std::future::pending::<()>().await;
        }),
        "stuck" => {
            let stuck = |ops: &mut [RunOp]| {
                let is_main = |op: &RunOp| {
                    op.run()
                        .is_some_and(|run| run.project.as_deref() == Some("test"))
                };
                while ops.iter().any(is_main) {
                    std::thread::park();
                }
            };
            let client = copied(&url).transform(stuck).build().expect("a client");
            let _guard = client.flush_on_termination(Duration::from_secs(4));
            one_run(&client);
            wait_for_the_end();
        }
        "finds the copy" => {
            let client = copied(&url).build().expect("a client");
            let found = || client.stats_by_destination()[1].1.recovered;
            while found() < 2 {
                let _ = client.flush(Duration::from_millis(10));
            }
        }
        "delivers" => {
            let client = builder(&url).spool(spool()).build().expect("a client");
            client.flush(PATIENCE).expect("delivered");
            say(client.stats().recovered);
        }
        "graceful" => runtime().expect("a runtime").block_on(graceful(&client)),
        "stubborn" => runtime().expect("a runtime").block_on(async {
            let _guard = client.flush_on_termination(Duration::from_secs(4));
            one_run(&client);
            say("ready");
            terminated().await;
            std::future::pending::<()>().await;
        }),
        "forked" => {
            let _guard = client.flush_on_termination(PATIENCE).expect("watched");
            match fork().expect("a child") {
                Fork::Child => {
                    one_run(&client);
                    say(std::process::id());
                    wait_for_the_end();
                }
                Fork::Parent(pid) => {
                    let status = waitpid(pid).expect("waited");
                    assert_eq!(
                        std::process::ExitStatus::from_raw(status).signal(),
                        Some(TERM)
                    );
                    one_run(&client);
                }
            }
        }
        other => panic!("no such part: {other}"),
    }
}

/// Several batches; little for a disk that has a share of the grace, however slow the machine is.
const PAGES: u64 = 60;

/// The spool that the test has put into the environment.
fn spool() -> SpoolConfig {
    SpoolConfig::new(std::env::var_os(SPOOL).expect("a folder"))
}

fn builder(url: &str) -> ClientBuilder {
    Client::builder()
        .endpoint(url)
        .api_key(KEY)
        .project("test")
        .batch(patient())
        .on_drop(|reason, count| say(format_args!("{count} dropped: {reason}")))
}

/// A client whose runs go to one place, and their copies to another.
fn copied(url: &str) -> ClientBuilder {
    let second = Destination::new(url.replace("127.0.0.1", "localhost")).api_key(KEY);
    let replica = Replica::at(second).project("copies");
    builder(url).spool(spool()).replica(replica)
}

fn wait_for_the_end() -> ! {
    say("ready");
    loop {
        std::thread::park();
    }
}

/// A server that finishes the request it has when it is told to end.
async fn graceful(client: &Client) {
    let _guard = client.flush_on_termination(PATIENCE).expect("watched");
    let inside = client.clone();
    let work = move || async move {
        let run = inside.run("request").start();
        say("in request");
        terminated().await;
        inside.run("late").start().end();
        run.end();
        "finished"
    };
    let app = axum::Router::new().route("/", axum::routing::get(work));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
        .await
        .expect("loopback");
    say(listener.local_addr().expect("bound"));
    say("ready");
    let served = axum::serve(listener, app).with_graceful_shutdown(terminated());
    served.await.expect("served");
    say("ended by itself");
}

fn names(peer: &Peer) -> Vec<String> {
    let requests = peer.to("/runs/multipart");
    let parts = requests.iter().flat_map(parts_of);
    let mut names: Vec<String> = parts
        .filter_map(|part| Some(part.json.get("name")?.as_str()?.to_owned()))
        .collect();
    names.sort();
    names
}

#[test]
fn on_sigterm_what_is_held_is_sent_whatever_runtime_there_is() {
    for part in ["plain", "current-thread", "multi-thread"] {
        for (name, number) in [("TERM", TERM), ("INT", INT)] {
            let peer = accept();
            let mut program = start(part, &peer.url);
            program.wait_for("ready");
            program.signal(name);
            let (status, _) = program.wait(PATIENCE);
            assert_eq!(status.signal(), Some(number), "{part}");
            assert_eq!(names(&peer), ["r"], "{part}");
        }
    }
}

#[test]
fn the_process_ends_when_the_last_of_two_clients_is_done() {
    let peer = accept();
    let mut program = start("two", &peer.url);
    program.wait_for("ready");
    program.signal("TERM");
    let (status, _) = program.wait(PATIENCE);
    assert_eq!(status.signal(), Some(TERM));
    assert_eq!(names(&peer), ["r", "r"]);
}

#[test]
fn a_server_that_hangs_holds_up_no_end_and_what_is_lost_is_counted() {
    let (url, _listener) = silent_port();
    let mut program = start("hung", &url);
    program.wait_for("ready");
    program.signal("TERM");
    let (status, said) = program.wait(PATIENCE);
    assert_eq!(status.signal(), Some(TERM));
    assert!(
        said.len() == 1 && said[0].starts_with("2 dropped: "),
        "{said:?}"
    );
}

#[test]
fn with_a_spool_a_server_that_hangs_costs_nothing_either() {
    for (part, held) in [("spooled", 2), ("stubborn, spooled", 2 * PAGES)] {
        let folder = tempfile::tempdir().expect("a folder");
        let spool = [(SPOOL, folder.path().join("spool").into_os_string())];
        let mended = Arc::new((Mutex::new(false), Condvar::new()));
        let waiting = mended.clone();
        let peer = ingest(move |_| {
            let (mended, changed) = &*waiting;
            let guard = mended.lock().expect("lock");
            drop(changed.wait_while(guard, |mended| !*mended).expect("lock"));
            status(202)
        });
        let mut program = start_with(part, &peer.url, &spool);
        program.wait_for("ready");
        program.signal("TERM");
        let (ended, said) = program.wait(PATIENCE);
        assert_eq!((ended.signal(), said), (Some(TERM), Vec::new()), "{part}");
        *mended.0.lock().expect("lock") = true;
        mended.1.notify_all();
        let (ended, said) = start_with("delivers", &peer.url, &spool).wait(PATIENCE);
        assert!(ended.success(), "{part}");
        assert_eq!(said, [held.to_string()], "{part}");
        assert!(!names(&peer).is_empty());
    }
}

#[test]
fn a_destination_that_cannot_end_takes_no_time_from_the_disk_of_another() {
    let folder = tempfile::tempdir().expect("a folder");
    let spool = [(SPOOL, folder.path().join("spool").into_os_string())];
    let (url, _listener) = silent_port();
    let mut program = start_with("stuck", &url, &spool);
    program.wait_for("ready");
    program.signal("TERM");
    let (ended, _) = program.wait(PATIENCE);
    assert_eq!(ended.signal(), Some(TERM));
    let (ended, _) = start_with("finds the copy", &url, &spool).wait(PATIENCE);
    assert!(ended.success());
}

#[test]
fn a_second_signal_ends_the_process_at_once() {
    let (url, _listener) = silent_port();
    let mut program = start("twice", &url);
    program.wait_for("ready");
    program.signal("INT");
    program.wait_for("closed");
    program.signal("INT");
    let (status, _) = program.wait(PATIENCE);
    assert_eq!(status.signal(), Some(INT));
}

#[test]
fn without_a_guard_or_a_waiting_future_the_signal_does_what_it_always_does() {
    let peer = accept();
    let mut program = start("let go", &peer.url);
    program.wait_for("ready");
    program.signal("TERM");
    let (status, _) = program.wait(PATIENCE);
    assert_eq!(status.signal(), Some(TERM));
}

#[test]
fn a_server_that_waits_for_termination_finishes_its_requests_and_ends_by_itself() {
    let peer = accept();
    let mut program = start("graceful", &peer.url);
    let said = program.wait_for("ready");
    let mut stream = TcpStream::connect(&*said[0]).expect("it listens");
    let request = "GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";
    stream.write_all(request.as_bytes()).expect("sent");
    program.wait_for("in request");
    program.signal("TERM");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("answered");
    assert!(answer.ends_with("finished"), "{answer}");
    let (status, said) = program.wait(PATIENCE);
    assert!(status.success());
    assert_eq!(said, ["ended by itself"]);
    // The signal hurries what is held: the beginning may have left before the end.
    let mut names = names(&peer);
    names.dedup();
    assert_eq!(names, ["late", "request"]);
}

#[test]
fn a_program_that_does_not_end_by_itself_is_ended_after_its_grace() {
    let peer = accept();
    let mut program = start("stubborn", &peer.url);
    program.wait_for("ready");
    program.signal("TERM");
    let (status, _) = program.wait(PATIENCE);
    assert_eq!(status.signal(), Some(TERM));
    assert_eq!(names(&peer), ["r"]);
}

#[test]
fn a_forked_process_that_sends_runs_is_watched_as_its_parent_is() {
    let peer = accept();
    let mut program = start("forked", &peer.url);
    let said = program.wait_for("ready");
    let sent = std::process::Command::new("kill")
        .args(["-TERM", &said[0]])
        .status();
    assert!(sent.expect("kill").success());
    let (status, _) = program.wait(PATIENCE);
    assert!(status.success(), "the parent hears nothing of it");
    assert_eq!(names(&peer), ["r", "r"]);
}
