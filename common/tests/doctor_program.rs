//! The trace doctor as a program.
#![cfg(feature = "doctor")]

use std::io::Write as _;
use std::process::{Command, Output, Stdio};

fn doctor(arguments: &[&str], given: &str) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_trace-doctor"))
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program");
    let mut stdin = child.stdin.take().expect("its input");
    // One that does not read its input may be gone already.
    let _ = stdin.write_all(given.as_bytes());
    drop(stdin);
    child.wait_with_output().expect("its end")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

const PENDING: &str = r#"{"id":"01a0f1ce-0000-4000-8000-000000000001","name":"work","start_time":"2026-10-01T00:00:00Z"}"#;
const ENDED: &str = r#"{"id":"01a0f1ce-0000-4000-8000-000000000001","name":"work","start_time":"2026-10-01T00:00:00Z","end_time":"2026-10-01T00:00:01Z"}"#;
const EARLY: &str =
    r#"{"ledger":{"process":"p","accepted":40,"delivered":40,"caller_micros":90000}}"#;

#[test]
fn exit_codes_tell_clean_from_faulty_from_unreadable() {
    let code = |arguments: &[&str], given| doctor(arguments, given).status.code();
    assert_eq!(code(&["-"], ENDED), Some(0));
    assert_eq!(code(&["-"], PENDING), Some(1));
    assert_eq!(code(&["-"], "no JSON"), Some(2));
    assert_eq!(code(&["no such file"], ""), Some(2));
    assert_eq!(code(&[], ""), Some(2));
    assert_eq!(code(&["--wrong"], ""), Some(2));
    // A warning passes where only errors count.
    assert_eq!(code(&["-"], EARLY), Some(1));
    assert_eq!(code(&["-", "--fail-on", "error"], EARLY), Some(0));
}

#[test]
fn what_cannot_be_examined_is_named_with_the_reason() {
    let folder = tempfile::tempdir().expect("a folder");
    let empty = folder.path().join("empty.json");
    std::fs::write(&empty, "").expect("written");
    let path = |path: &std::path::Path| path.to_str().expect("UTF-8").to_owned();
    for (source, reason) in [
        (path(folder.path()), "it is a folder; name the files in it"),
        (path(&empty), "it is empty"),
        ("/dev/null".to_owned(), "it is empty"),
    ] {
        let output = doctor(&[&source], "");
        let told = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{told}");
        assert!(
            told.contains(" cannot be read: ") && told.contains(reason),
            "{told}"
        );
    }
    let output = doctor(&["-"], "[1, 2]");
    assert!(text(&output.stderr).contains("nothing in it can be examined"));
}

#[cfg(feature = "client")]
#[test]
fn an_address_that_cannot_be_reached_is_named_without_its_password() {
    let output = doctor(&["http://ada:secret@127.0.0.1:1/?key=secret"], "");
    let told = text(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{told}");
    assert!(
        told.starts_with("✗ http://127.0.0.1:1/ cannot be read: "),
        "{told}"
    );
    assert!(!told.contains("secret"), "{told}");
}

/// Examines an endpoint that answers everything alike, with a key that is for another.
#[cfg(feature = "client")]
fn doctor_before(answer: &'static str) -> Output {
    use std::io::Read as _;

    let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    // It ends with the test.
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.expect("a connection");
            let (mut head, mut body) = (Vec::new(), [0; 4096]);
            while !head.windows(4).any(|end| end == b"\r\n\r\n") {
                let read = stream.read(&mut body).expect("a request");
                head.extend_from_slice(&body[..read]);
                if read == 0 {
                    break;
                }
            }
            let _ = stream.write_all(answer.as_bytes());
            let _ = stream.shutdown(std::net::Shutdown::Write);
            // What is left unread would make a reset of the answer.
            while stream.read(&mut body).is_ok_and(|read| read > 0) {}
        }
    });
    let mut command = Command::new(env!("CARGO_BIN_EXE_trace-doctor"));
    command
        .args([&url, "--project", "p"])
        .env("LANGSMITH_API_KEY", "lsv2_pt_key")
        .env(
            "LANGSMITH_ENDPOINT",
            "https://ada:secret@gateway.example/api?token=secret",
        );
    command.output().expect("the program")
}

#[cfg(feature = "client")]
#[test]
fn whose_key_it_is_is_said_without_the_password_of_its_address() {
    let output = doctor_before(
        "HTTP/1.1 401 Unauthorized\r\ncontent-length: 0\r\nconnection: close\r\n\r\n",
    );
    let told = text(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{told}");
    assert!(
        told.contains("the key is for https://gateway.example, and was not sent"),
        "{told}"
    );
    assert!(!told.contains("secret"), "{told}");
}

#[cfg(feature = "client")]
#[test]
fn a_page_is_no_capture_and_a_capture_is_read_as_it_arrives() {
    let page = doctor_before(
        "HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncontent-length: 6\r\nconnection: close\r\n\r\n<html>",
    );
    let told = text(&page.stderr);
    assert_eq!(page.status.code(), Some(2), "{told}");
    // The project was asked for instead.
    assert!(!told.contains("is no JSON"), "{told}");
    let capture = format!(
        "HTTP/1.1 200 OK\r\ncontent-type: application/jsonl\r\nconnection: close\r\n\r\n{ENDED}\n"
    );
    let read = doctor_before(capture.leak());
    assert_eq!(read.status.code(), Some(0), "{}", text(&read.stderr));
}

#[test]
fn output_into_a_pipe_has_no_color() {
    let output = doctor(&["-"], PENDING);
    let told = text(&output.stdout);
    assert!(told.starts_with("LT003 pending (error)\n"), "{told}");
    assert!(!told.contains('\u{1b}'));
}

#[test]
fn faults_that_are_composed_are_found_and_clean_requests_have_no_finding() {
    let output = doctor(&["--score", "--seed", "1", "--traces", "1500"], "");
    let told = text(&output.stdout);
    // Zero means: 95 % of every code found, and nothing in clean requests.
    assert_eq!(output.status.code(), Some(0), "{told}");
    assert!(told.ends_with("300 clean requests: 0 findings\n"), "{told}");
    let codes = told.lines().filter(|line| line.starts_with("LT")).count();
    assert_eq!(codes, 52, "{told}");
    let all = told
        .lines()
        .find(|line| line.starts_with("all"))
        .expect("a sum");
    let precision = all
        .split_whitespace()
        .rev()
        .nth(1)
        .and_then(|word| word.parse::<f64>().ok());
    assert!(precision.expect("a share") >= 95.0, "{all}");
}

#[test]
fn memory_does_not_grow_with_inputs_and_outputs() {
    if !cfg!(target_os = "linux") {
        return;
    }
    let large = "x".repeat(2_000_000);
    let lines: String = (0..100)
        .map(|n| {
            format!(
                "{{\"id\":\"01a0f1ce-0000-4000-8000-{n:012}\",\"start_time\":0,\"end_time\":1,\"inputs\":{{\"text\":\"{large}\"}}}}\n"
            )
        })
        .collect();
    let output = doctor(&["-", "--memory"], &lines);
    let told = text(&output.stderr);
    let peak = told.trim().strip_prefix("peak memory: ").expect("a figure");
    let peak: f64 = peak.trim_end_matches(" MB").parse().expect("a number");
    assert!(peak < 60.0, "{peak} MB for 200 MB of inputs");
}
