//! The supervisor: services that do not start, its own end, and its death.
#![cfg(unix)]

mod told;

use std::io::{BufRead as _, BufReader};
use std::net::TcpStream;
use std::process::{Child, ChildStdout, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use multi_service_app::wire::{Event, Events, Question};

use self::told::program;

/// Far above what it takes; a bound, not a pause.
const PATIENCE: Duration = Duration::from_secs(60);

/// Everything, held open after the first question.
struct Kept {
    child: Child,
    // Read no further, and held open: the program may still say something.
    said: BufReader<ChildStdout>,
    page: String,
}

impl Kept {
    fn start(more: &[&str]) -> Self {
        let child = program()
            .args(["--keep", "--quiet", "--queue", "embedded"])
            .args(more)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn();
        let mut child = child.expect("it starts");
        let said = BufReader::new(child.stdout.take().expect("piped"));
        let mut kept = Self {
            child,
            said,
            page: String::new(),
        };
        let mut line = String::new();
        while kept.page.is_empty() {
            line.clear();
            let read = kept.said.read_line(&mut line).expect("text");
            assert_ne!(read, 0, "it ended too early");
            if let Some(page) = line.strip_prefix("The page:") {
                kept.page = page.trim().to_owned();
            }
        }
        kept
    }

    fn wait(&mut self) -> ExitStatus {
        self.child.wait().expect("waited for")
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        // It has ended, or a test has failed.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Waits until nobody listens there.
fn is_closed(page: &str) -> bool {
    let address: std::net::SocketAddr = page
        .strip_prefix("http://")
        .and_then(|rest| rest.parse().ok())
        .expect("an address");
    let deadline = Instant::now() + PATIENCE;
    while Instant::now() < deadline {
        if TcpStream::connect(address).is_err() {
            return true;
        }
        std::thread::yield_now();
    }
    false
}

#[test]
fn services_end_when_their_supervisor_is_killed() {
    let mut kept = Kept::start(&["--smoke"]);
    kept.child.kill().expect("killed");
    kept.wait();
    assert!(is_closed(&kept.page), "{} still answers", kept.page);
}

#[test]
fn a_signal_ends_everything_well() {
    let mut kept = Kept::start(&["--smoke"]);
    terminate(&kept.child);
    let ended = kept.wait();
    assert!(ended.success(), "{ended}");
    assert!(is_closed(&kept.page), "{} still answers", kept.page);
}

fn terminate(child: &Child) {
    let told = std::process::Command::new("kill")
        .args(["-TERM", &child.id().to_string()])
        .status();
    assert!(told.expect("kill").success());
}

#[tokio::test]
async fn an_answer_that_is_under_way_when_all_is_to_end_comes_to_its_end() {
    let mut kept = Kept::start(&[]);
    let question = multi_service_app::demo::QUESTION.to_owned();
    let asked = common::lab::http_client()
        .post(format!("{}/ask", kept.page))
        .json(&Question { question })
        .send();
    let mut answer = Events::of(asked.await.expect("an answer"));
    let first = answer.next().await.expect("a stream");
    assert!(
        matches!(first, Some(Event::Trace { url: Some(_), .. })),
        "{first:?}"
    );
    terminate(&kept.child);
    let mut last = None;
    while let Some(event) = answer.next().await.expect("no end in the middle") {
        last = Some(event);
    }
    assert!(matches!(last, Some(Event::Done { .. })), "{last:?}");
    assert!(kept.wait().success());
}

#[test]
fn an_interrupted_question_is_a_failure_and_leaves_nobody_behind() {
    let mut child = program()
        .args([
            "--scenario",
            "retriever-slow",
            "--quiet",
            "--queue",
            "embedded",
        ])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it starts");
    let mut said = BufReader::new(child.stdout.take().expect("piped")).lines();
    // The retriever does not answer for a second from here on.
    let asked = said.find(|line| line.as_ref().is_ok_and(|line| line.starts_with("? ")));
    asked.expect("a question").expect("text");
    terminate(&child);
    let output = child.wait_with_output().expect("waited for");
    assert_eq!(output.status.code(), Some(1));
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(errors.contains("interrupted"), "{errors}");
}

#[test]
fn a_service_that_does_not_start_ends_the_program_and_says_which() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = taken.local_addr().expect("bound").port().to_string();
    let output = program()
        .args(["--smoke", "--queue", "embedded", "--port", &port])
        .output()
        .expect("it runs");
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("the gateway does not start"), "{said}");
    assert!(
        said.contains("gateway      │ ✗"),
        "its own words are shown: {said}"
    );
}
