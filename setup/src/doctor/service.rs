//! Asks the service whether it is there and takes the key. Start at [`check_service`].

use std::process::Stdio;

use anyhow::{Context as _, Result};
use serde_json::Value;

use super::find_python;
use super::target::{is_service, no_key, setting};
use super::variables::Variables;
use crate::child;
use crate::places::Places;
use crate::problem::Problem;

/// Makes sure that runs can go where they are to go; costs nothing when that is the stand-in.
///
/// Returns what the service said, if it was asked.
pub(crate) fn check_service(places: &Places) -> Result<Option<String>> {
    let variables = Variables::load(&places.root);
    let given = |name: &str| variables.get(name);
    if !is_service(given) {
        return Ok(None);
    }
    let plain = |name: &str| {
        let (_, value) = setting(given, name)?;
        // Blanks and quotes that a copied line brings along, as the client drops them.
        let value = value.trim().trim_matches(['"', '\'']).trim().to_owned();
        (!value.is_empty()).then_some(value)
    };
    let key = plain("API_KEY").ok_or_else(no_key)?;
    // The system's Python: it is needed anyhow, and this is asked before anything is installed.
    let output = child::command(find_python()?.path)
        .args(["-I", "-S"])
        .arg(
            places
                .root
                .join("setup/python/workbook_jupyter/preflight.py"),
        )
        .env("LANGSMITH_API_KEY", key)
        .env("LANGSMITH_ENDPOINT", plain("ENDPOINT").unwrap_or_default())
        .env(
            "LANGSMITH_WORKSPACE_ID",
            plain("WORKSPACE_ID").unwrap_or_default(),
        )
        .stdin(Stdio::null())
        .output()
        .context("asking the service")?;
    read(&output.stdout).map(Some)
}

/// Reads the one line that the program prints.
fn read(line: &[u8]) -> Result<String> {
    let told: Value = serde_json::from_slice(line).map_err(|_| {
        // What it printed instead is not quoted: it may hold what it was given.
        Problem::new(
            "the program that asks the service did not answer",
            "check that setup/python/workbook_jupyter/preflight.py is there and unchanged",
        )
    })?;
    let text = |name: &str| told[name].as_str().unwrap_or_default().to_owned();
    if told["ok"] == true {
        return Ok(text("words"));
    }
    Err(Problem::new(text("words"), text("remedy")).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrong_and_its_remedy_are_handed_on() {
        let line = br#"{"ok": false, "kind": "refused", "words": "nobody", "remedy": "start it"}"#;
        let error = read(line).unwrap_err();
        let problem = error.downcast_ref::<Problem>().unwrap();
        assert_eq!((problem.what(), problem.remedy()), ("nobody", "start it"));
        assert_eq!(read(br#"{"ok": true, "words": "there"}"#).unwrap(), "there");
    }

    #[test]
    fn what_is_no_answer_is_not_quoted() {
        let error = read(b"Traceback: lsv2_secret").unwrap_err().to_string();
        assert!(!error.contains("lsv2"), "{error}");
    }
}
