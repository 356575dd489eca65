//! The official Python SDK drives the stand-in: what it writes, its own calls read back.
//!
//! Needs the workbook's Python environment (`WORKBOOK_PYTHON`, which `cargo workbook test` sets). Without
//! it a test says so and passes on a learner's machine; in CI it fails.
#![cfg(feature = "langsmith_mock")]
#![allow(clippy::print_stdout, clippy::unwrap_used, reason = "a test says why")]

use std::ffi::OsString;
use std::path::Path;
use std::process::Command;

use common::langsmith_mock::LangSmithMock;

fn python() -> Option<OsString> {
    let python = std::env::var_os("WORKBOOK_PYTHON");
    let required = std::env::var("CI").is_ok_and(|value| value == "true");
    assert!(
        python.is_some() || !required,
        "CI needs the Python peers: WORKBOOK_PYTHON is not set"
    );
    if python.is_none() {
        println!("skipped: WORKBOOK_PYTHON is not set; `cargo workbook test` sets it");
    }
    python
}

/// Runs the script against an endpoint; returns what it said.
fn drive(python: &OsString, endpoint: &str) -> String {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/peer/reads_back.py");
    let mut command = Command::new(python);
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        if text.starts_with("LANGSMITH_") || text.starts_with("LANGCHAIN_") {
            command.env_remove(&name);
        }
    }
    let output = command
        .arg(script)
        .env("LANGSMITH_ENDPOINT", endpoint)
        .env("LANGSMITH_API_KEY", "lsv2_pt_not-a-real-key_AAAAAA")
        .env("LANGSMITH_TRACING", "true")
        .output()
        .unwrap();
    format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_python_sdk_writes_its_own_calls_read_back() {
    let Some(python) = python() else { return };
    for prefix in ["", "/api/v1"] {
        let mock = LangSmithMock::serve(([127, 0, 0, 1], 0).into())
            .await
            .unwrap();
        let endpoint = format!("{}{prefix}", mock.url());
        let python = python.clone();
        let said = tokio::task::spawn_blocking(move || drive(&python, &endpoint))
            .await
            .unwrap();
        assert!(said.ends_with("ok\n"), "{prefix:?}: {said}");
        assert_eq!(mock.violations(), [], "{prefix:?}");
    }
}
