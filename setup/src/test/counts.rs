//! Reads how many tests passed from what test runners print.

/// How many tests did what.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    /// Did what they should.
    pub(crate) passed: usize,
    /// Did not.
    pub(crate) failed: usize,
    /// Were not run.
    pub(crate) skipped: usize,
}

impl Counts {
    /// Adds what one line tells; most lines tell nothing.
    pub(crate) fn read(&mut self, line: &str) {
        if let Some(result) = line.trim().strip_prefix("test result: ") {
            self.read_cargo(result);
        } else if let Some(result) = line.strip_prefix("compared: ") {
            self.read_parts(result.split(','));
        } else if let Some(ran) = line.strip_prefix("Ran ") {
            self.passed += first_number(ran);
        } else if line.starts_with("OK") || line.starts_with("FAILED (") {
            self.read_unittest(line);
        }
    }

    /// Adds other counts.
    pub(crate) fn add(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.skipped += other.skipped;
    }

    /// Writes the counts that are not zero.
    pub(crate) fn words(&self) -> String {
        let parts = [
            (self.passed, "passed"),
            (self.failed, "failed"),
            (self.skipped, "skipped"),
        ];
        let parts: Vec<String> = parts
            .iter()
            .filter(|(count, _)| *count > 0)
            .map(|(count, word)| format!("{count} {word}"))
            .collect();
        parts.join(", ")
    }

    /// Reads cargo's `ok. 12 passed; 0 failed; 1 ignored; …`.
    fn read_cargo(&mut self, result: &str) {
        let Some((_, counts)) = result.split_once(". ") else {
            return;
        };
        self.read_parts(counts.split(';'));
    }

    /// Reads parts like `12 passed`.
    fn read_parts<'a>(&mut self, parts: impl Iterator<Item = &'a str>) {
        for part in parts {
            let count = first_number(part);
            match part.trim().split(' ').nth(1) {
                Some("passed") => self.passed += count,
                Some("failed") => self.failed += count,
                Some("ignored") => self.skipped += count,
                _ => {}
            }
        }
    }

    /// Reads unittest's `OK (skipped=1)` or `FAILED (failures=1, errors=2)`, after `Ran 5 tests`.
    fn read_unittest(&mut self, line: &str) {
        let Some((_, inside)) = line.trim_end_matches(')').split_once('(') else {
            return;
        };
        for part in inside.split(',') {
            let Some((word, count)) = part.trim().split_once('=') else {
                continue;
            };
            let count = first_number(count);
            self.passed = self.passed.saturating_sub(count);
            match word {
                "skipped" => self.skipped += count,
                "failures" | "errors" | "unexpected successes" => self.failed += count,
                _ => self.passed += count,
            }
        }
    }
}

fn first_number(text: &str) -> usize {
    let digits: String = text
        .trim()
        .chars()
        .take_while(char::is_ascii_digit)
        .collect();
    digits.parse().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(lines: &[&str]) -> Counts {
        let mut counts = Counts::default();
        lines.iter().for_each(|line| counts.read(line));
        counts
    }

    #[test]
    fn counts_of_several_test_binaries_add_up() {
        let counts = read(&[
            "running 3 tests",
            "test result: ok. 3 passed; 0 failed; 0 ignored; 0 measured; 1 filtered out; finished",
            "test result: FAILED. 1 passed; 2 failed; 1 ignored; 0 measured; 0 filtered out",
        ]);
        assert_eq!(
            counts,
            Counts {
                passed: 4,
                failed: 2,
                skipped: 1
            }
        );
    }

    #[test]
    fn unittest_counts_what_is_left_as_passed() {
        let counts = read(&[
            "Ran 9 tests in 0.1s",
            "FAILED (failures=1, errors=2, skipped=1)",
        ]);
        assert_eq!(
            counts,
            Counts {
                passed: 5,
                failed: 3,
                skipped: 1
            }
        );
        assert_eq!(read(&["Ran 2 tests in 0.0s", "OK"]).passed, 2);
        let skipped = read(&["Ran 2 tests in 0.0s", "OK (skipped=2)"]);
        assert_eq!(
            skipped,
            Counts {
                passed: 0,
                failed: 0,
                skipped: 2
            }
        );
    }

    #[test]
    fn comparisons_count_as_tests() {
        let counts = read(&["compared: 29 passed, 3 failed [9.0 s]"]);
        assert_eq!((counts.passed, counts.failed), (29, 3));
    }

    #[test]
    fn other_lines_count_nothing() {
        assert_eq!(
            read(&["test a ... ok", "failed to run", "OKAY", ""]),
            Counts::default()
        );
        assert_eq!(
            Counts {
                passed: 2,
                failed: 0,
                skipped: 1
            }
            .words(),
            "2 passed, 1 skipped"
        );
    }
}
