//! Where a lesson sends: to the stand-in alone, or over TLS to the real service as well.
//!
//! The "real service" is a second stand-in behind TLS. A lesson reads the process's environment, so each
//! lesson here runs in a process of its own: this very test binary, told to run one test.
#![cfg(feature = "lab")]

mod peer;
mod secure;

use std::process::{Command, Output};
use std::sync::Arc;

use common::langsmith_mock::{LangSmithMock, MockRequest};
use common::prelude::*;
use http::{HeaderName, HeaderValue, Method};
use peer::{Answer, Peer, Received};

const KEY: &str = "a-key-that-must-not-show-0001";

/// A LangSmith behind TLS, the file with its certificate authority, and what it captured.
fn real_service() -> (Peer, tempfile::NamedTempFile, Arc<LangSmithMock>) {
    let mock = Arc::new(LangSmithMock::builder().keys([KEY]).unmounted());
    let (authority, config) = secure::certified("localhost");
    let behind = mock.clone();
    let peer = Peer::start_tls(config, move |request, _| answer(&behind, request));
    let file = tempfile::NamedTempFile::new().expect("a temporary file");
    std::fs::write(file.path(), authority).expect("written");
    (peer, file, mock)
}

fn answer(mock: &LangSmithMock, request: &Received) -> Answer {
    let method = Method::from_bytes(request.method.as_bytes()).expect("a method");
    let mut passed = MockRequest::new(method, &request.path, request.body.clone());
    for (name, value) in &request.headers {
        let name = HeaderName::from_bytes(name.as_bytes()).expect("a name");
        passed
            .headers
            .append(name, HeaderValue::from_str(value).expect("a value"));
    }
    let response = mock.handle(passed);
    let body = String::from_utf8_lossy(&response.body).into_owned();
    (response.status.as_u16(), Vec::new(), body)
}

/// Runs the lesson below with these variables, beside an exported key.
fn lesson_with(variables: &[(&str, &str)]) -> Output {
    Command::new(std::env::current_exe().expect("this binary"))
        .args(["--exact", "a_lesson", "--ignored", "--nocapture"])
        .env_remove("WORKBOOK_TARGET")
        .env("LANGSMITH_API_KEY", KEY)
        .envs(variables.iter().copied())
        .output()
        .expect("the lesson runs")
}

/// Not a test of its own: what the processes of the tests below do.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "run by the other tests, in a process of its own"]
async fn a_lesson() {
    let lesson = Lesson::start("target").await;
    let apart = lesson.apart();
    apart.client("crowd").run("of a crowd").start().end();
    assert_eq!(apart.tree(1).await.len(), 1, "the stand-in gets it");
    assert_eq!(apart.target(), common::lab::Target::StandIn);
    lesson.clear();
    let root = lesson.client("gateway").run("root").start();
    root.child("leaf").start().end();
    root.end();
    let tree = lesson.tree(2).await;
    assert!(
        tree.is_whole() && tree.len() == 2,
        "the stand-in always gets the runs"
    );
    println!("{lesson}\n{}", lesson.preflight().await);
    println!("{lesson:?}{:?}", lesson.client("other"));
    lesson.finish();
}

#[test]
fn asked_for_and_with_a_key_runs_go_to_the_real_service_too_over_tls() {
    let (peer, authority, real) = real_service();
    let authority = authority.path().to_str().expect("a path");
    let output = lesson_with(&[
        ("WORKBOOK_TARGET", "langsmith"),
        ("LANGSMITH_ENDPOINT", &peer.url),
        ("SSL_CERT_FILE", authority),
    ]);
    let said = format!("{}{}", utf8(&output.stdout), utf8(&output.stderr));
    assert!(output.status.success(), "{said}");
    let tree = real.tree();
    assert!(tree.is_whole() && tree.len() == 2, "{said}");
    assert_eq!(real.violations(), []);
    assert!(
        said.contains("Runs go to LangSmith, project `workbook-target`"),
        "{said}"
    );
    let endpoint = format!("✓ endpoint         {} answers and takes the key", peer.url);
    assert!(said.contains(&endpoint), "{said}");
    assert!(!said.contains(KEY), "a key was shown");
}

#[test]
fn a_key_that_happens_to_be_exported_changes_nothing() {
    let (peer, authority, real) = real_service();
    let authority = authority.path().to_str().expect("a path");
    let output = lesson_with(&[
        ("LANGSMITH_ENDPOINT", &peer.url),
        ("SSL_CERT_FILE", authority),
    ]);
    assert!(output.status.success(), "{}", utf8(&output.stdout));
    assert!(real.runs().is_empty() && peer.requests().is_empty());
    assert!(utf8(&output.stdout).contains("and nowhere else"));
    assert!(!format!("{}{}", utf8(&output.stdout), utf8(&output.stderr)).contains(KEY));
}

#[test]
fn an_authority_that_nobody_vouches_for_is_said_in_words() {
    let (peer, _, real) = real_service();
    let (_, stranger, _) = real_service();
    let stranger = stranger.path().to_str().expect("a path");
    let output = lesson_with(&[
        ("WORKBOOK_TARGET", "langsmith"),
        ("LANGSMITH_ENDPOINT", &peer.url),
        ("SSL_CERT_FILE", stranger),
    ]);
    let said = format!("{}{}", utf8(&output.stdout), utf8(&output.stderr));
    assert!(said.contains("certificate"), "{said}");
    assert!(real.runs().is_empty());
    assert!(!said.contains(KEY), "a key was shown");
}

fn utf8(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
