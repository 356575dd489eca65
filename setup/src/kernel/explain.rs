//! The compiler's error for a variable that is not there, in a learner's words.
//!
//! ```text
//!   cargo ─► this program (RUSTC_WORKSPACE_WRAPPER) ─► rustc
//!                    ▲  diagnostics, one JSON a line  │
//!                    └── E0425 gets one sentence more ┘
//! ```
//!
//! An interrupted cell ends the process behind a notebook, and all variables, servers and peers with it.
//! The next cell then fails with "cannot find value `client` in this scope", which names no cause. The
//! kernel cannot say more, so the sentence is added where its errors come from.

use std::ffi::OsString;
use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Command, ExitCode, Stdio};

use serde_json::Value;

/// What is said behind the compiler's own words.
const SENTENCE: &str = "its cell has not run, or the process behind this notebook was restarted: an \
     interrupted or crashed cell loses all variables, services and peers. Run the cells again from the \
     first one down";

/// Runs the compiler named by the first argument with the rest, and explains on the way.
pub(crate) fn run_as_rustc(arguments: &[OsString]) -> ExitCode {
    match explain_errors_of(arguments) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("rustc: {error}");
            ExitCode::from(127)
        }
    }
}

fn explain_errors_of(arguments: &[OsString]) -> std::io::Result<ExitCode> {
    let Some((rustc, arguments)) = arguments.split_first() else {
        return Ok(ExitCode::from(2));
    };
    let mut child = Command::new(rustc)
        .args(arguments)
        .stderr(Stdio::piped())
        .spawn()?;
    if let Some(stderr) = child.stderr.take() {
        let mut out = std::io::stderr().lock();
        let mut said = false;
        for line in BufReader::new(stderr).lines() {
            let line = line?;
            // Once is enough for a cell that uses five lost variables.
            let explained = if said { None } else { explained(&line) };
            said |= explained.is_some();
            writeln!(out, "{}", explained.unwrap_or(line))?;
        }
    }
    let code = child
        .wait()?
        .code()
        .and_then(|code| u8::try_from(code).ok());
    Ok(ExitCode::from(code.unwrap_or(1)))
}

/// Returns the diagnostic with the sentence added, if it is about a missing variable.
///
/// A name that resembles another one is a slip of the pen, which the compiler explains itself.
fn explained(line: &str) -> Option<String> {
    // Most lines are artifact notices and warnings; parsing each would cost every cell.
    if !line.contains("E0425") {
        return None;
    }
    let mut diagnostic: Value = serde_json::from_str(line).ok()?;
    let message = diagnostic["message"].as_str()?;
    if !message.starts_with("cannot find value") || resembles_another(&diagnostic) {
        return None;
    }
    diagnostic["message"] = format!("{message}: {SENTENCE}").into();
    Some(diagnostic.to_string())
}

/// Says whether the compiler found a similar name: in the label of a span, here or in a child.
fn resembles_another(diagnostic: &Value) -> bool {
    let list = |value: &Value, name: &str| value[name].as_array().cloned().unwrap_or_default();
    let is_similar = |text: &Value| {
        text.as_str()
            .is_some_and(|text| text.contains("similar name exists"))
    };
    let mut all = list(diagnostic, "children");
    all.push(diagnostic.clone());
    all.iter().any(|part| {
        is_similar(&part["message"])
            || list(part, "spans")
                .iter()
                .any(|span| is_similar(&span["label"]))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_variable_is_explained_and_the_rest_is_kept() {
        let line = r#"{"message":"cannot find value `client` in this scope","code":{"code":"E0425"},"level":"error","spans":[1]}"#;
        let new: Value = serde_json::from_str(&explained(line).expect("explained")).expect("JSON");
        let message = new["message"].as_str().expect("text");
        assert!(
            message.contains("`client`") && message.contains("Run the cells again"),
            "{message}"
        );
        assert_eq!(new["spans"], serde_json::json!([1]));
    }

    #[test]
    fn a_slip_of_the_pen_is_left_to_the_compiler() {
        let line = r#"{"message":"cannot find value `cleint` in this scope","code":{"code":"E0425"},"spans":[],"children":[{"message":"a local variable with a similar name exists","spans":[]}]}"#;
        assert_eq!(explained(line), None);
        let line = r#"{"message":"cannot find value `cleint` in this scope","code":{"code":"E0425"},"spans":[{"label":"a static with a similar name exists"}],"children":[]}"#;
        assert_eq!(explained(line), None);
    }

    #[test]
    fn other_errors_and_other_lines_pass_unchanged() {
        for line in [
            r#"{"message":"cannot find function `f` in this scope","code":{"code":"E0425"}}"#,
            r#"{"message":"mismatched types","code":{"code":"E0308"}}"#,
            "warning: E0425 as plain text",
            "",
        ] {
            assert_eq!(explained(line), None, "{line}");
        }
    }
}
