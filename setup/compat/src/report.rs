//! What is shown: progress while it works, a table and the differences at the end.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::io::{IsTerminal as _, Write as _};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use serde_json::{Value, json};

use crate::sdk::Sdk;

/// Room for a name with its version, and for what is said below it.
const COLUMN: usize = 27;

/// Prints a line for whoever reads; one who has stopped reading is no failure.
pub(crate) fn tell(line: impl Display) {
    let _ = writeln!(std::io::stdout(), "{line}");
}

/// How a comparison ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Equal, but for what is listed.
    Same {
        /// How many entries of the list were seen.
        listed: usize,
    },
    /// Something differs that is not listed, or it did not run; each in a line.
    Failed(Vec<String>),
}

impl Verdict {
    fn words(&self) -> String {
        match self {
            Self::Same { listed: 0 } => "same".to_owned(),
            Self::Same { listed: 1 } => "1 listed difference".to_owned(),
            Self::Same { listed } => format!("{listed} listed differences"),
            Self::Failed(_) => "FAILED".to_owned(),
        }
    }
}

/// The results of a whole run.
#[derive(Debug)]
pub(crate) struct Report {
    sdks: Vec<(Sdk, String)>,
    // In the order in which they ran.
    names: Vec<String>,
    verdicts: BTreeMap<(String, Sdk), Verdict>,
    outdated: Vec<String>,
}

impl Report {
    /// Begins a report of these SDKs, each with its version.
    pub(crate) fn new(sdks: impl IntoIterator<Item = (Sdk, String)>) -> Self {
        Self {
            sdks: sdks.into_iter().collect(),
            names: Vec::new(),
            verdicts: BTreeMap::new(),
            outdated: Vec::new(),
        }
    }

    /// Adds a comparison.
    pub(crate) fn add(&mut self, name: &str, sdk: Sdk, verdict: Verdict) {
        if self.names.iter().all(|known| known != name) {
            self.names.push(name.to_owned());
        }
        self.verdicts.insert((name.to_owned(), sdk), verdict);
    }

    /// Adds a listed difference that no longer occurs.
    pub(crate) fn outdated(&mut self, sdk: Sdk, entry: &str) {
        self.outdated.push(format!("{sdk}: {entry}"));
    }

    /// Says whether anything is wrong.
    pub(crate) fn failed(&self) -> bool {
        self.count_failed() > 0
    }

    fn count_failed(&self) -> usize {
        let failed = |verdict: &&Verdict| matches!(verdict, Verdict::Failed(_));
        self.verdicts.values().filter(failed).count() + self.outdated.len()
    }

    /// Prints the table, every failure, and the closing line.
    pub(crate) fn print(&self, took: Duration) {
        let width = self.names.iter().map(|name| name.chars().count()).max();
        let width = width.unwrap_or(0).max("scenario".len());
        let mut head = format!("{:<width$}", "scenario");
        for (sdk, version) in &self.sdks {
            head.push_str(&format!("  {:<COLUMN$}", format!("{sdk} ({version})")));
        }
        tell(head.trim_end());
        for name in &self.names {
            let mut line = format!("{name:<width$}");
            for (sdk, _) in &self.sdks {
                let verdict = self.verdicts.get(&(name.clone(), *sdk));
                line.push_str(&format!(
                    "  {:<COLUMN$}",
                    verdict.map_or("".into(), Verdict::words)
                ));
            }
            tell(line.trim_end());
        }
        for name in &self.names {
            for (sdk, _) in &self.sdks {
                if let Some(Verdict::Failed(lines)) = self.verdicts.get(&(name.clone(), *sdk)) {
                    tell(format_args!("\n{name}, {sdk}:"));
                    for line in lines {
                        tell(format_args!("    {line}"));
                    }
                }
            }
        }
        if !self.outdated.is_empty() {
            tell("\nlisted in setup/compat/differences.toml, and no longer so:");
            for entry in &self.outdated {
                tell(format_args!("    {entry}"));
            }
        }
        let failed = self.count_failed();
        let passed = self.verdicts.len() + self.outdated.len() - failed;
        tell(format_args!(
            "\ncompared: {passed} passed, {failed} failed [{:.1} s]",
            took.as_secs_f64()
        ));
    }

    /// Returns the results for a program to read.
    pub(crate) fn to_json(&self) -> Value {
        let result = |((name, sdk), verdict): (&(String, Sdk), &Verdict)| match verdict {
            Verdict::Same { listed } => {
                json!({ "scenario": name, "sdk": sdk.to_string(), "same": true, "listed": listed })
            }
            Verdict::Failed(lines) => {
                json!({ "scenario": name, "sdk": sdk.to_string(), "same": false, "found": lines })
            }
        };
        let sdks = self
            .sdks
            .iter()
            .map(|(sdk, version)| (sdk.to_string(), json!(version)));
        json!({
            "sdks": Value::Object(sdks.collect()),
            "comparisons": self.verdicts.iter().map(result).collect::<Vec<_>>(),
            "outdated": self.outdated,
        })
    }
}

/// Shows on a terminal what runs at present.
#[derive(Debug)]
pub(crate) struct Progress(ProgressBar);

impl Progress {
    /// Starts a spinner; none where nobody watches.
    pub(crate) fn start() -> Self {
        let bar = if std::io::stderr().is_terminal() {
            ProgressBar::new_spinner()
        } else {
            ProgressBar::hidden()
        };
        let style =
            ProgressStyle::with_template("{spinner} comparing {elapsed:>4} {wide_msg:.dim}");
        let bar = bar.with_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()));
        bar.enable_steady_tick(Duration::from_millis(120));
        Self(bar)
    }

    /// Says what runs.
    pub(crate) fn say(&self, what: &str) {
        self.0.set_message(what.to_owned());
    }

    /// Clears the line.
    pub(crate) fn end(&self) {
        self.0.finish_and_clear();
    }
}
