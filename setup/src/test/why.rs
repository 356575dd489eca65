//! Finds in what a failed stage said why it failed: which tests, and what each of them says itself.
//!
//! ```text
//! lines ──┬─► cargo      ---- name stdout ----      ┐
//!         ├─► unittest   ==== FAIL: name ----       ├─► names, then each one's own words
//!         └─► neither    (it does not compile, …)   ┘   the last lines
//! ```
//!
//! Start at [`why`].

/// Most lines that are shown of one test.
const OF_ONE: usize = 80;

/// Most tests that are shown in full; of the others the name.
const IN_FULL: usize = 25;

/// How many of the last lines are shown where no test says why.
const LAST: usize = 120;

/// What one failed test said.
#[derive(Debug, PartialEq, Eq)]
struct Failure<'a> {
    name: &'a str,
    lines: Vec<&'a str>,
}

/// Chooses what a reader of a failure needs: not the hundreds of lines of passing tests.
pub(super) fn why(said: &[String]) -> Vec<String> {
    let mut failures = of_cargo(said);
    failures.extend(of_unittest(said));
    let silent = silent(said, &failures);
    if failures.is_empty() && silent.is_empty() {
        return last(said);
    }
    let mut shown = vec![match failures.len() + silent.len() {
        1 => "1 test failed:".to_owned(),
        count => format!("{count} tests failed:"),
    }];
    let named = failures.iter().map(|failure| failure.name);
    shown.extend(named.map(|name| format!("  {name}")));
    shown.extend(
        silent
            .iter()
            .map(|name| format!("  {name} (it says nothing)")),
    );
    for failure in failures.iter().take(IN_FULL) {
        shown.push(String::new());
        shown.push(format!("---- {} ----", failure.name));
        shown.extend(bounded(&failure.lines));
    }
    shown.push(String::new());
    // Which programs they are of, and one that was ended by a signal.
    shown.extend(said.iter().skip_while(|line| !is_of_targets(line)).cloned());
    shown
}

/// Returns true for cargo's last words: the targets that failed.
fn is_of_targets(line: &str) -> bool {
    let is_count =
        |words: &str| words.ends_with("target failed:") || words.ends_with("targets failed:");
    line.strip_prefix("error: ").is_some_and(is_count)
}

/// Reads the sections between `---- name stdout ----` and the next one, or the list after them.
fn of_cargo(said: &[String]) -> Vec<Failure<'_>> {
    let mut failures = Vec::new();
    let mut open: Option<Failure<'_>> = None;
    for line in said {
        let head = line.strip_prefix("---- ");
        if let Some(name) = head.and_then(|head| head.strip_suffix(" stdout ----")) {
            failures.extend(open.take());
            open = Some(Failure {
                name,
                lines: Vec::new(),
            });
        } else if line == "failures:" || line.starts_with("test result: ") {
            failures.extend(open.take());
        } else if let Some(failure) = &mut open {
            failure.lines.push(line);
        }
    }
    failures.extend(open);
    failures
}

/// Reads the sections that begin with a line of `=` and the name of a test, up to the next one or the
/// count after them.
fn of_unittest(said: &[String]) -> Vec<Failure<'_>> {
    let is_rule = |line: &str, of: char| line.len() == 70 && line.chars().all(|it| it == of);
    let mut failures = Vec::new();
    let mut at = 0;
    while let Some([rule, head, ..]) = said.get(at..) {
        let name = ["FAIL: ", "ERROR: "]
            .iter()
            .find_map(|it| head.strip_prefix(it));
        let (Some(name), true) = (name, is_rule(rule, '=')) else {
            at += 1;
            continue;
        };
        let rest = &said[at + 2..];
        // The line of `-` below the name is part of it; the next one of either kind ends it.
        let body = &rest[usize::from(rest.first().is_some_and(|line| is_rule(line, '-')))..];
        let ends = |line: &String| is_rule(line, '=') || is_rule(line, '-');
        let length = body.iter().position(ends).unwrap_or(body.len());
        failures.push(Failure {
            name,
            lines: body[..length].iter().map(|line| &**line).collect(),
        });
        at = said.len() - (body.len() - length);
    }
    failures
}

/// Returns the tests that failed and have no section: their program ended before it could tell.
fn silent<'a>(said: &'a [String], told: &[Failure<'_>]) -> Vec<&'a str> {
    let failed = said.iter().filter_map(|line| {
        let name = line.strip_prefix("test ")?.strip_suffix(" ... FAILED")?;
        Some(name.trim_end_matches(" - should panic"))
    });
    // Of a documentation's example the list says after its name how far it came.
    let is_told = |name: &str, of: &str| {
        name.strip_prefix(of)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with(" - "))
    };
    let is_silent = |name: &&str| told.iter().all(|failure| !is_told(name, failure.name));
    failed.filter(is_silent).collect()
}

/// Cuts what is too long to be read; the panic, its place and what follows it stay.
fn bounded(lines: &[&str]) -> Vec<String> {
    let is_empty = |line: &&&str| line.trim().is_empty();
    let before = lines.iter().take_while(is_empty).count();
    let after = lines.iter().rev().take_while(is_empty).count();
    let lines = lines.get(before..lines.len() - after).unwrap_or_default();
    let all = |lines: &[&str]| -> Vec<String> { lines.iter().map(ToString::to_string).collect() };
    if lines.len() <= OF_ONE {
        return all(lines);
    }
    let panic = lines.iter().position(|line| line.contains(" panicked at "));
    let most = lines.len() - OF_ONE;
    let from = panic.unwrap_or(most).min(most);
    let left_out = |count: usize| (count > 0).then(|| format!("… {count} lines more"));
    let shown = all(&lines[from..from + OF_ONE]);
    let (above, below) = (left_out(from), left_out(most - from));
    above.into_iter().chain(shown).chain(below).collect()
}

/// Returns the last lines, without those of passing tests.
fn last(said: &[String]) -> Vec<String> {
    let telling = |line: &&String| {
        let line = line.trim();
        let passing = line.starts_with("test ") && line.ends_with("... ok");
        !passing && !line.starts_with("Compiling") && !line.is_empty()
    };
    let lines: Vec<&String> = said.iter().filter(telling).collect();
    let last = lines[lines.len().saturating_sub(LAST)..].iter();
    last.copied().cloned().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(log: &str) -> Vec<String> {
        log.lines().map(str::to_owned).collect()
    }

    #[test]
    fn of_a_failed_test_of_cargo_its_name_its_place_and_its_message_are_shown() {
        let shown = why(&lines(include_str!("logs/cargo.txt")));
        assert_eq!(shown[0], "2 tests failed:");
        assert_eq!(shown[1], "  an_unknown_command_is_a_usage_error");
        let text = shown.join("\n");
        for part in [
            "---- an_unknown_command_is_a_usage_error ----\nthread 'an_unknown_command",
            "panicked at setup/tests/bad_input.rs:125:5:\nassertion `left == right` failed",
            "  left: Some(1)\n right: Some(2)",
            "panicked at setup/tests/dependencies.rs:118:5:",
            "error: 2 targets failed:\n    `-p workbook --test bad_input`",
        ] {
            assert!(text.contains(part), "{part}\n\n{text}");
        }
        assert!(!text.contains("... ok"), "{text}");
    }

    #[test]
    fn of_a_failed_test_of_unittest_the_traceback_is_shown() {
        let shown = why(&lines(include_str!("logs/unittest.txt"))).join("\n");
        for part in [
            "2 tests failed:\n  test_reads (test_sums.Sums.test_reads)\n  test_adds",
            "---- test_adds (test_sums.Sums.test_adds) ----\nTraceback",
            "AssertionError: 3 != 4",
            "ValueError: invalid literal",
        ] {
            assert!(shown.contains(part), "{part}\n\n{shown}");
        }
    }

    #[test]
    fn a_test_whose_program_died_is_named() {
        let said =
            lines("test a ... FAILED\ntest b ... ok\nerror: 1 target failed:\n    `--test x`");
        let shown = why(&said).join("\n");
        let expected =
            "1 test failed:\n  a (it says nothing)\n\nerror: 1 target failed:\n    `--test x`";
        assert_eq!(shown, expected);
    }

    #[test]
    fn a_silent_test_is_named_also_if_its_name_begins_like_that_of_one_that_speaks() {
        let said = lines(
            "test a ... FAILED\ntest a_b ... FAILED\n\
             test c (line 3) - compile ... FAILED\n\
             ---- a stdout ----\nx\n---- c (line 3) stdout ----\ny\nfailures:",
        );
        let shown = why(&said).join("\n");
        assert!(shown.contains("a_b (it says nothing)"), "{shown}");
        assert_eq!(shown.matches("says nothing").count(), 1, "{shown}");
    }

    #[test]
    fn what_is_too_long_is_cut_around_the_panic() {
        let mut long = vec!["said before"; 100];
        long.push("thread 'a' (1) panicked at b.rs:1:1:");
        long.extend(vec!["said after"; 100]);
        let shown = bounded(&long);
        assert_eq!(shown.len(), OF_ONE + 2);
        assert_eq!(
            shown[..2],
            ["… 100 lines more", "thread 'a' (1) panicked at b.rs:1:1:"]
        );
        assert_eq!(shown[OF_ONE + 1], "… 21 lines more");
        assert_eq!(bounded(&vec!["x"; 90]).len(), OF_ONE + 1);
        assert!(bounded(&["", " "]).is_empty());
    }

    #[test]
    fn where_no_test_says_why_the_last_lines_are_shown() {
        let said = lines("test a ... ok\n   Compiling x\nerror[E0308]: mismatched types");
        assert_eq!(why(&said), ["error[E0308]: mismatched types"]);
    }
}
