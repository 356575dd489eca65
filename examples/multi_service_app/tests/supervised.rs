//! The supervisor: services that do not start, its own end, and its death.
#![cfg(unix)]

mod told;

use std::io::{BufRead as _, BufReader};
use std::net::TcpStream;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use self::told::program;

/// Far above what it takes; a bound, not a pause.
const PATIENCE: Duration = Duration::from_secs(60);

/// Starts everything, and returns where the page is once the question was answered.
fn kept() -> (Child, BufReader<std::process::ChildStdout>, String) {
    let mut child = program()
        .args(["--keep", "--smoke", "--quiet", "--queue", "embedded"])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("it starts");
    let mut said = BufReader::new(child.stdout.take().expect("piped"));
    let mut line = String::new();
    loop {
        line.clear();
        assert_ne!(
            said.read_line(&mut line).expect("text"),
            0,
            "it ended too early"
        );
        if let Some(page) = line.strip_prefix("The page:") {
            let page = page.trim().to_owned();
            return (child, said, page);
        }
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
    let (mut child, _said, page) = kept();
    child.kill().expect("killed");
    child.wait().expect("waited for");
    assert!(is_closed(&page), "{page} still answers");
}

#[test]
fn a_signal_ends_everything_well() {
    let (mut child, _said, page) = kept();
    let told = std::process::Command::new("kill")
        .args(["-TERM", &child.id().to_string()])
        .status();
    assert!(told.expect("kill").success());
    let ended = child.wait().expect("waited for");
    assert!(ended.success(), "{ended}");
    assert!(is_closed(&page), "{page} still answers");
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
