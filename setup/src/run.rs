//! Executes notebooks without a browser and shows how they go, cell by cell.
//!
//! The work is done by `workbook_jupyter.run`, which prints one JSON line per event; this side
//! draws them. Jupyter's own exit code would not do: a panic leaves a cell "ok".

use std::io::{BufRead as _, BufReader};
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use serde_json::Value;

use crate::doctor::check_service;
use crate::jupyter;
use crate::notebooks::{self, Notebook};
use crate::places::Places;
use crate::problem::{FAILED, OK};
use crate::progress::{Meter, seconds, tell};
use crate::steps::{self, Workshop};

/// Whether the files get the new outputs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    /// Leave them untouched.
    Check,
    /// Save what is new, or all of it.
    Save { force: bool },
    /// Leave them untouched, check the exercises, and compare the outputs.
    Exercises,
}

/// How many notebooks did what.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    /// Notebooks whose every cell did what it should.
    pub(crate) passed: usize,
    /// The others.
    pub(crate) failed: usize,
}

/// Runs the notebooks with these numbers.
pub(crate) fn run(numbers: &[String], timeout: Option<u32>, mode: Mode) -> Result<u8> {
    let places = Places::find()?;
    let notebooks = notebooks::select(&notebooks::all(&places.root), numbers)?;
    let workshop = Workshop::enter()?;
    check_service(&places)?;
    steps::ensure(&workshop)?;
    steps::javascript::offer(&workshop);
    steps::collector::offer(&workshop);
    let started = Instant::now();
    let tally = execute(&workshop.places, &notebooks, timeout, mode, |_| {})?;
    let took = seconds(started.elapsed());
    tell(format_args!(
        "{} passed, {} failed [{took}]",
        tally.passed, tally.failed
    ));
    Ok(if tally.failed == 0 { OK } else { FAILED })
}

/// Executes notebooks and draws their progress; `hear` gets every event.
pub(crate) fn execute(
    places: &Places,
    notebooks: &[Notebook],
    timeout: Option<u32>,
    mode: Mode,
    mut hear: impl FnMut(&Value),
) -> Result<Tally> {
    let mut command = jupyter::program(places, "python")?;
    command
        .args(["-m", "workbook_jupyter.run", "--root"])
        .arg(&places.root);
    command.args(match mode {
        Mode::Check => &[][..],
        Mode::Save { force: false } => &["--save"],
        Mode::Save { force: true } => &["--save", "--force"],
        Mode::Exercises => &["--exercises"],
    });
    if let Some(timeout) = timeout {
        command.args(["--timeout", &timeout.to_string()]);
    }
    let mut child = command
        .args(notebooks.iter().map(|notebook| &notebook.path))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .context("starting the notebook runner")?;
    let events = child.stdout.take().context("the runner has no output")?;
    let mut display = Display::default();
    for line in BufReader::new(events).lines() {
        let line = line.context("reading the runner's events")?;
        match serde_json::from_str::<Value>(&line) {
            Ok(event) => {
                display.show(&event);
                hear(&event);
            }
            Err(_) => eprintln!("{line}"),
        }
    }
    let status = child.wait().context("waiting for the runner")?;
    Ok(display.close(notebooks.len(), status.success()))
}

/// Draws one bar per notebook.
#[derive(Debug, Default)]
struct Display {
    meter: Option<Meter>,
    tally: Tally,
    ready: Option<f64>,
    cells: u64,
    saved: &'static str,
}

impl Display {
    fn show(&mut self, event: &Value) {
        let text = |name: &str| event[name].as_str().unwrap_or_default();
        match text("event") {
            "notebook" => {
                let cells = event["cells"].as_u64().unwrap_or(0);
                self.cells = 0;
                self.ready = None;
                self.saved = "";
                self.meter = Some(Meter::counted(text("path"), cells));
            }
            "kernel_ready" => {
                self.ready = event["seconds"].as_f64();
                self.say("kernel ready");
            }
            "cell" => {
                self.cells += 1;
                if let Some(meter) = &self.meter {
                    meter.at(self.cells);
                }
                let (index, took) = (&event["index"], event["seconds"].as_f64().unwrap_or(0.0));
                self.say(&format!("cell {index}: {} {took:.1} s", text("status")));
            }
            "saved" if event["changed"] == true => self.saved = ", new outputs saved",
            "saved" => self.saved = ", outputs as before",
            "failure" => self.keep(&failure(event)),
            "done" => self.done(event["ok"] == true, event["seconds"].as_f64()),
            _ => {}
        }
    }

    fn done(&mut self, ok: bool, seconds: Option<f64>) {
        let Some(meter) = self.meter.take() else {
            return;
        };
        let mut words = format!("{} cells", self.cells);
        if let Some(ready) = self.ready {
            words.push_str(&format!(", kernel ready after {ready:.1} s"));
        }
        if let Some(took) = seconds {
            words.push_str(&format!(
                ", {}",
                self::seconds(Duration::from_secs_f64(took.max(0.0)))
            ));
        }
        words.push_str(self.saved);
        if ok {
            self.tally.passed += 1;
            meter.done(&words);
        } else {
            self.tally.failed += 1;
            meter.failed(&words);
        }
    }

    fn say(&self, words: &str) {
        if let Some(meter) = &self.meter {
            meter.say(words);
        }
    }

    fn keep(&self, words: &str) {
        match &self.meter {
            Some(meter) => meter.keep(words),
            None => eprintln!("{words}"),
        }
    }

    /// Counts notebooks that the runner said nothing of as failed.
    fn close(mut self, asked: usize, success: bool) -> Tally {
        if self.meter.is_some() {
            self.keep("✗ the notebook runner ended in the middle of this notebook");
            self.done(false, None);
        }
        let told = self.tally.passed + self.tally.failed;
        self.tally.failed += asked.saturating_sub(told);
        if !success && self.tally.failed == 0 {
            eprintln!("✗ the notebook runner failed without naming a notebook");
            self.tally.failed = 1;
        }
        self.tally
    }
}

/// Writes a failure: notebook, cell, source, error.
fn failure(event: &Value) -> String {
    let text = |name: &str| event[name].as_str().unwrap_or_default();
    let indent = |text: &str| {
        text.trim_end()
            .lines()
            .map(|line| format!("    {line}\n"))
            .collect::<String>()
    };
    // A notebook that cannot be read, or a kernel that does not start, fails without a cell.
    let cell = event["index"]
        .as_u64()
        .map(|index| format!(" · cell {index}"))
        .unwrap_or_default();
    format!(
        "✗ {}{cell}\n{}  error:\n{}",
        text("path"),
        indent(text("source")),
        indent(text("error"))
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_failure_names_notebook_cell_source_and_error() {
        let event = json!({"event": "failure", "path": "notebooks/01_a.ipynb", "index": 7,
            "source": "let x = 1;\nboom()", "error": "cannot find function `boom`"});
        let text = failure(&event);
        for part in [
            "notebooks/01_a.ipynb · cell 7",
            "    boom()",
            "cannot find function",
        ] {
            assert!(text.contains(part), "{part} is missing in {text}");
        }
    }

    #[test]
    fn a_failure_without_a_cell_names_none() {
        let event = json!({"event": "failure", "path": "a", "index": null, "error": "no kernel"});
        assert_eq!(failure(&event), "✗ a\n  error:\n    no kernel\n");
    }

    #[test]
    fn a_runner_that_breaks_off_fails_what_it_did_not_finish() {
        let mut display = Display::default();
        display.show(&json!({"event": "notebook", "path": "a", "cells": 2}));
        display.show(&json!({"event": "done", "path": "a", "ok": true, "seconds": 1.0}));
        display.show(&json!({"event": "notebook", "path": "b", "cells": 2}));
        assert_eq!(
            display.close(3, false),
            Tally {
                passed: 1,
                failed: 2
            }
        );
    }

    #[test]
    fn a_failing_exit_code_is_never_a_success() {
        assert_eq!(Display::default().close(0, false).failed, 1);
    }
}
