//! Rows 1, 2, 3 and 5: the official Python SDK, with mistakes that only Python makes.
//!
//! `setup/python/peers/mistakes.py` makes them, where the workbook's Python is installed. What it sent is recorded as
//! well (`recorded/`, with langsmith 0.15.0 on Python 3.11), for everybody else.

use std::process::{Command, Stdio};
use std::time::Duration;

use super::broken::Broken;
use super::stage::{PROJECT, Played, SceneError, Stage, Way};
use crate::export::Destination;
use crate::lab::lesson::{STAND_IN_KEY, root};
use crate::lab::{PeerEnv, PeerError, PythonService};
use crate::model::{Run, TraceTree};

macro_rules! recorded {
    ($($row:literal: $broken:literal, $repaired:literal;)*) => {
        fn text_of(row: u8, way: Way) -> &'static str {
            match row {
                $($row => way.pick(
                    include_str!(concat!("recorded/", $broken)),
                    include_str!(concat!("recorded/", $repaired)),
                ),)*
                _ => "",
            }
        }
    };
}

recorded! {
    1: "01_broken.jsonl", "01_repaired.jsonl";
    2: "02_broken.jsonl", "02_repaired.jsonl";
    3: "03_broken.jsonl", "03_repaired.jsonl";
    5: "05_broken.jsonl", "05_repaired.jsonl";
}

/// How long the SDK may take to start, to make its mistake and to send it; it is a second or two.
const PYTHON_PATIENCE: Duration = Duration::from_secs(60);

/// Returns true if the SDK can be started here.
pub(super) fn is_installed() -> bool {
    PythonService::is_installed()
}

/// Returns what the SDK sent when it was recorded.
pub(super) fn recorded(row: u8, way: Way) -> Broken {
    let text = text_of(row, way);
    let run = |line: &str| {
        let line: serde_json::Value = serde_json::from_str(line).ok()?;
        serde_json::from_value::<Run>(line.get("run")?.clone()).ok()
    };
    let tree = TraceTree::build(text.lines().filter_map(run).collect::<Vec<_>>());
    Broken::new(text.to_owned(), tree)
}

/// Lets the SDK make the mistake of a row, in a process of its own.
pub(super) async fn mistake(stage: &Stage, way: Way, row: u8) -> Played {
    let root = root().ok_or(PeerError::NotInstalled)?;
    let python = PythonService::interpreter().ok_or(PeerError::NotInstalled)?;
    let to = Destination::new(stage.mock().url()).api_key(STAND_IN_KEY);
    let mut command = Command::new(python);
    PeerEnv::new(PROJECT, &[to]).apply(&mut command);
    command
        .arg(root.join("setup/python/peers/mistakes.py"))
        .args([row.to_string().as_str(), way.pick("broken", "repaired")])
        .stdin(Stdio::null());
    let mut command = tokio::process::Command::from(command);
    // A process that hangs ends with the scenario.
    let ended = tokio::time::timeout(PYTHON_PATIENCE, command.kill_on_drop(true).output()).await;
    let output = ended.map_err(SceneError::of)?.map_err(SceneError::of)?;
    if !output.status.success() {
        return Err(SceneError::Other(
            String::from_utf8_lossy(&output.stderr).into_owned(),
        ));
    }
    Ok(())
}
