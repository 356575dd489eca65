//! What a learner has done, in one small file on this machine.
//!
//! ```text
//! check · hint ──one line of JSON each──► progress.jsonl ──fold──► Standing ──► card, hints, `progress`
//! ```
//!
//! The file is only ever added to, so that two notebooks can write to it at once, and a line that cannot
//! be read costs that line only. Nothing of it is sent anywhere. Start at [`Journal::from_env`].

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{Read as _, Write as _};
use std::path::PathBuf;

use serde_json::{Value, json};

/// The environment variable with the file's path. Without it nothing is remembered.
pub const PROGRESS_VARIABLE: &str = "WORKBOOK_PROGRESS";

/// Most bytes of the file that are read: about 40,000 checks.
const MOST: u64 = 8 * 1024 * 1024;

/// Where progress is written, if anywhere. A cheap clone.
#[derive(Debug, Clone, Default)]
pub(super) struct Journal(Option<PathBuf>);

impl Journal {
    /// Takes the path from the environment.
    pub(super) fn from_env() -> Self {
        let path = std::env::var_os(PROGRESS_VARIABLE).filter(|path| !path.is_empty());
        Self(path.map(PathBuf::from))
    }

    #[cfg(test)]
    pub(super) fn at(path: PathBuf) -> Self {
        Self(Some(path))
    }

    /// Writes down how a check went, and what the exercise brings along.
    pub(super) fn checked(&self, entry: &Value) {
        self.add(entry);
    }

    /// Writes down that so many hints have been shown.
    pub(super) fn hinted(&self, exercise: &str, number: usize) {
        self.add(&json!({"event": "hint", "exercise": exercise, "number": number}));
    }

    /// Adds a line in one write. A lesson goes on without its journal: what cannot be written is lost.
    fn add(&self, entry: &Value) {
        let Some(path) = &self.0 else { return };
        let added = File::options()
            .append(true)
            .create(true)
            .open(path)
            .and_then(|mut file| file.write_all(format!("{entry}\n").as_bytes()));
        if let Err(error) = added {
            tracing::warn!(%error, "progress cannot be written");
        }
    }

    /// Reads how the learner stands.
    pub(super) fn standing(&self) -> Standing {
        let mut text = String::new();
        if let Some(file) = self.0.as_ref().and_then(|path| File::open(path).ok()) {
            // Half a file is better than none; what is no text ends it.
            let _ = file.take(MOST).read_to_string(&mut text);
        }
        Standing::fold(&text)
    }
}

/// What is passed and which hints were shown.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Standing {
    passed: BTreeSet<String>,
    hints: BTreeMap<String, usize>,
}

impl Standing {
    /// Once passed is passed: a later failure is an experiment.
    fn fold(text: &str) -> Self {
        let mut standing = Self::default();
        let entries = text
            .lines()
            .filter_map(|line| serde_json::from_str(line).ok());
        for entry in entries.collect::<Vec<Value>>() {
            let Some(exercise) = entry["exercise"].as_str().map(str::to_owned) else {
                continue;
            };
            if entry["event"] == "hint" {
                let number = entry["number"].as_u64().unwrap_or(0);
                let shown = standing.hints.entry(exercise).or_default();
                *shown = (*shown).max(usize::try_from(number).unwrap_or(usize::MAX));
            } else if entry["passed"] == true {
                standing.passed.insert(exercise);
            }
        }
        standing
    }

    pub(super) fn has_passed(&self, exercise: &str) -> bool {
        self.passed.contains(exercise)
    }

    pub(super) fn hints_of(&self, exercise: &str) -> usize {
        self.hints.get(exercise).copied().unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn once_passed_is_passed_and_broken_lines_cost_only_themselves() {
        let standing = Standing::fold(
            "{\"event\":\"check\",\"exercise\":\"01.repair\",\"passed\":true}\nhalf a li\n\
             {\"event\":\"check\",\"exercise\":\"01.repair\",\"passed\":false}\n\
             {\"event\":\"hint\",\"exercise\":\"01.extend\",\"number\":2}\n{\"passed\":true}\n",
        );
        assert!(standing.has_passed("01.repair") && !standing.has_passed("01.extend"));
        assert_eq!(standing.hints_of("01.extend"), 2);
    }

    #[test]
    fn without_a_file_nothing_is_remembered_and_nothing_fails() {
        let nowhere = Journal::default();
        nowhere.hinted("01.repair", 1);
        assert_eq!(nowhere.standing(), Standing::default());
        let gone = Journal::at("/no/such/folder/progress.jsonl".into());
        gone.hinted("01.repair", 1);
        assert_eq!(gone.standing(), Standing::default());
    }
}
