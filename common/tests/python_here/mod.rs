//! Whether there is a Python environment for tests that start peers.
#![allow(
    clippy::print_stdout,
    unreachable_pub,
    reason = "a skipped test says so"
)]

/// Returns true if Python peers can be started. Without them a learner's machine skips the test in words, and
/// CI fails it.
pub fn python_is_here() -> bool {
    let here = std::env::var_os("WORKBOOK_PYTHON").is_some();
    let required = std::env::var("CI").is_ok_and(|value| value == "true");
    assert!(
        here || !required,
        "CI needs the Python peers: WORKBOOK_PYTHON is not set"
    );
    if !here {
        println!("skipped: WORKBOOK_PYTHON is not set; `cargo workbook test` sets it");
    }
    here
}
