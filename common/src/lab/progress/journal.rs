//! What a learner has done, in one small file on this machine.
//!
//! ```text
//! check · hint ──one line of JSON each──► progress.jsonl ──fold──► Standing ──► card, hints, `progress`
//! ```
//!
//! The file is only ever added to, so that two notebooks can write to it at once, and a line that cannot
//! be read costs that line only. Nothing of it is sent anywhere. What goes wrong is told in a sentence where the
//! learner looks, and stops nothing. Start at [`Journal::from_env`].

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{ErrorKind, Read as _, Result, Seek as _, SeekFrom, Write as _};
use std::path::PathBuf;

use serde_json::{Value, json};

/// The environment variable with the file's path. Without it nothing is remembered.
pub const PROGRESS_VARIABLE: &str = "WORKBOOK_PROGRESS";

/// Most bytes of the file that are read: about 40,000 checks.
const MOST: u64 = 8 * 1024 * 1024;

/// Where progress is written, if anywhere. A cheap clone.
#[derive(Debug, Clone, Default)]
pub(in crate::lab) struct Journal(Option<PathBuf>);

impl Journal {
    /// Takes the path from the environment.
    pub(in crate::lab) fn from_env() -> Self {
        let path = std::env::var_os(PROGRESS_VARIABLE).filter(|path| !path.is_empty());
        Self(path.map(PathBuf::from))
    }

    /// Writes to this file, whatever the environment says.
    pub(in crate::lab) fn at(path: PathBuf) -> Self {
        Self(Some(path))
    }

    /// Writes down how a check went, and what the exercise brings along. Says what hinders it.
    pub(in crate::lab) fn checked(&self, entry: &Value) -> Option<String> {
        let error = self.add(entry).err()?;
        Some(format!(
            "This is not remembered: the progress file cannot be written ({}).",
            error.kind()
        ))
    }

    /// Writes down that so many hints have been shown. The next check tells if it cannot.
    pub(in crate::lab) fn hinted(&self, exercise: &str, number: usize) {
        let entry = json!({"event": "hint", "exercise": exercise, "number": number});
        if let Err(error) = self.add(&entry) {
            tracing::warn!(%error, "progress cannot be written");
        }
    }

    /// Writes down an answer of a drill. Says what hinders it.
    pub(in crate::lab) fn drilled(&self, entry: &Value) -> Option<String> {
        self.checked(entry)
    }

    /// Returns all answers of drills, the oldest first. What cannot be read is told by [`standing`](Self::standing).
    pub(in crate::lab) fn drills(&self) -> Vec<Value> {
        let (text, _) = self.read();
        let entries = text
            .lines()
            .filter_map(|line| serde_json::from_str(line).ok());
        entries
            .filter(|entry: &Value| entry["event"] == "drill")
            .collect()
    }

    /// Adds a line in one write.
    fn add(&self, entry: &Value) -> Result<()> {
        let Some(path) = &self.0 else { return Ok(()) };
        let options = File::options().append(true).read(true).create(true).clone();
        let mut file = options.open(path)?;
        // Whoever was killed while writing has left half a line; this one must not end up in it.
        let begun = match ends_in_line(&mut file)? {
            true => "",
            false => "\n",
        };
        file.write_all(format!("{begun}{entry}\n").as_bytes())
    }

    /// Reads how the learner stands.
    pub(in crate::lab) fn standing(&self) -> Standing {
        let (text, unread) = self.read();
        let mut standing = Standing::fold(&text);
        standing.unread = unread;
        standing
    }

    /// Returns the file's text, and why not all of it could be read. Half a file is better than none.
    fn read(&self) -> (String, Option<ErrorKind>) {
        let Some(path) = &self.0 else {
            return (String::new(), None);
        };
        let mut bytes = Vec::new();
        let read = File::open(path).and_then(|file| file.take(MOST).read_to_end(&mut bytes));
        let unread = read.err().map(|error| error.kind());
        let unread = unread.filter(|kind| *kind != ErrorKind::NotFound);
        (String::from_utf8_lossy(&bytes).into_owned(), unread)
    }
}

fn ends_in_line(file: &mut File) -> Result<bool> {
    if file.metadata()?.len() == 0 {
        return Ok(true);
    }
    let mut last = [0];
    file.seek(SeekFrom::End(-1))?;
    file.read_exact(&mut last)?;
    Ok(last == *b"\n")
}

/// What is passed and which hints were shown.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(in crate::lab) struct Standing {
    passed: BTreeSet<String>,
    hints: BTreeMap<String, usize>,
    /// Lines that say nothing.
    damaged: usize,
    /// Why the file could not be read.
    unread: Option<ErrorKind>,
}

impl Standing {
    /// Once passed is passed: a later failure is an experiment.
    fn fold(text: &str) -> Self {
        let mut standing = Self::default();
        for line in text.lines().filter(|line| !line.trim().is_empty()) {
            let entry: Value = serde_json::from_str(line).unwrap_or_default();
            let Some(exercise) = entry["exercise"].as_str().map(str::to_owned) else {
                standing.damaged += 1;
                continue;
            };
            if entry["event"] == "drill" {
                continue;
            }
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

    pub(in crate::lab) fn has_passed(&self, exercise: &str) -> bool {
        self.passed.contains(exercise)
    }

    pub(in crate::lab) fn hints_of(&self, exercise: &str) -> usize {
        self.hints.get(exercise).copied().unwrap_or(0)
    }

    /// Says in a sentence what could not be read; nothing if all could.
    pub(in crate::lab) fn damage(&self) -> Option<String> {
        if let Some(why) = self.unread {
            return Some(format!("The progress file cannot be read ({why})."));
        }
        match self.damaged {
            0 => None,
            1 => Some("One line of the progress file cannot be read, and does not count.".into()),
            many => Some(format!(
                "{many} lines of the progress file cannot be read, and do not count."
            )),
        }
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
        let told = standing.damage().expect("two lines are no entries");
        assert!(told.starts_with("2 lines of the progress file"), "{told}");
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

    #[test]
    fn two_kernels_that_write_at_once_spoil_no_line() {
        let file = tempfile::NamedTempFile::new().expect("a file");
        let path = file.path();
        let write = move |kernel: usize| {
            let journal = Journal::at(path.to_owned());
            (1..=50).for_each(|number| journal.hinted(&format!("01.{kernel}"), number));
        };
        std::thread::scope(|scope| {
            (0..4).for_each(|kernel| drop(scope.spawn(move || write(kernel))));
        });
        let standing = Journal::at(file.path().to_owned()).standing();
        assert_eq!(standing.damaged, 0);
        assert!((0..4).all(|kernel| standing.hints_of(&format!("01.{kernel}")) == 50));
    }

    #[test]
    fn a_line_behind_half_a_line_is_a_line_of_its_own() {
        let file = tempfile::NamedTempFile::new().expect("a file");
        let journal = Journal::at(file.path().to_owned());
        std::fs::write(file.path(), b"{\"exercise\": \"01.\xff").expect("written");
        journal.checked(&json!({"exercise": "01.repair", "passed": true}));
        journal.hinted("01.repair", 2);
        let standing = journal.standing();
        assert!(standing.has_passed("01.repair"));
        assert_eq!((standing.hints_of("01.repair"), standing.damaged), (2, 1));
    }
}
