//! Cells in the form that rustfmt gives them.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result};

use super::finding::Finding;
use super::page::Page;
use super::program::is_rust;
use crate::child;

/// A cell is formatted within a function, so it is indented once; chains may fill a line, because a
/// page has little height.
const SETTINGS: &str = "max_width=104,use_small_heuristics=Max";
const INDENT: &str = "    ";

/// Compares every cell of a page with what rustfmt makes of it.
pub(super) fn findings(page: &Page, rustfmt: &Path) -> Result<Vec<Finding>> {
    let mut found = Vec::new();
    for cell in page.code().filter(|cell| is_rust(cell)) {
        let formatted = match formatted(&cell.source, rustfmt)? {
            Ok(formatted) => formatted,
            Err(error) => {
                let what = format!("rustfmt cannot read the cell:\n{error}");
                found.push(Finding::cell(
                    &page.path,
                    &cell.id,
                    what,
                    "mend what it names",
                ));
                continue;
            }
        };
        if formatted == cell.source.trim_end() {
            continue;
        }
        let lines = cell
            .source
            .lines()
            .zip(formatted.lines())
            .position(|(is, should)| is != should);
        let at =
            lines.unwrap_or_else(|| cell.source.lines().count().min(formatted.lines().count()));
        let should = formatted.lines().nth(at).unwrap_or("(the end of the cell)");
        let what = format!(
            "line {} is not as rustfmt writes it, which is:\n{should}",
            at + 1
        );
        let remedy = format!(
            "cargo workbook check {} --fix  formats the cells",
            page.number
        );
        found.push(Finding::cell(&page.path, &cell.id, what, remedy));
    }
    Ok(found)
}

/// Formats one cell; the inner error is rustfmt's about the source.
pub(super) fn formatted(source: &str, rustfmt: &Path) -> Result<Result<String, String>> {
    let mut child = Command::new(rustfmt)
        .args(["--edition", "2024", "--config", SETTINGS])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .with_context(|| format!("starting {}", rustfmt.display()))?;
    let mut stdin = child.stdin.take().context("rustfmt has no input")?;
    write!(stdin, "async fn cell() {{\n{}\n}}\n", source.trim_end())?;
    drop(stdin);
    let output = child.wait_with_output().context("waiting for rustfmt")?;
    if !output.status.success() {
        let words = String::from_utf8_lossy(&output.stderr);
        return Ok(Err(words.lines().take(6).collect::<Vec<_>>().join("\n")));
    }
    let text = String::from_utf8(output.stdout).context("rustfmt's output")?;
    let mut cell = taken_out(&text, source);
    // A cell that shows nothing may say so with a `;` that rustfmt finds redundant.
    if source.trim_end().ends_with("};") && cell.ends_with('}') {
        cell.push(';');
    }
    Ok(Ok(cell))
}

/// Takes the cell out of the function around it. A line that begins within a text is left as it is.
fn taken_out(function: &str, source: &str) -> String {
    let lines: Vec<&str> = function.trim_end().lines().collect();
    let inside = lines
        .get(1..lines.len().saturating_sub(1))
        .unwrap_or_default();
    let texts = within_texts(source);
    let outdented = inside.iter().map(|line| match line.strip_prefix(INDENT) {
        Some(rest) if !texts.contains(line) => rest,
        _ => line,
    });
    outdented.collect::<Vec<_>>().join("\n")
}

/// Returns the lines that begin within a text of several lines.
fn within_texts(source: &str) -> Vec<&str> {
    let mut found = Vec::new();
    // How the text ends that the place is in: a quote, and as many `#` as it began with.
    let mut end: Option<String> = None;
    for line in source.lines() {
        if end.is_some() {
            found.push(line);
        }
        let mut rest = line;
        while let Some(c) = rest.chars().next() {
            let skip = match &end {
                Some(words) if rest.starts_with(words.as_str()) => {
                    let length = words.len();
                    end = None;
                    length
                }
                Some(words) if c == '\\' && words.len() == 1 => 2,
                Some(_) => c.len_utf8(),
                None if rest.starts_with("//") => rest.len(),
                None if rest.starts_with("'\"'") => 3,
                None if c == '"' => {
                    end = Some("\"".to_owned());
                    1
                }
                None => match rest
                    .strip_prefix("r#")
                    .map(|hashes| hashes.trim_start_matches('#'))
                {
                    Some(text) if text.starts_with('"') => {
                        let hashes = rest.len() - text.len() - 1;
                        end = Some(format!("\"{}", "#".repeat(hashes)));
                        hashes + 2
                    }
                    _ => c.len_utf8(),
                },
            };
            rest = rest.get(skip.min(rest.len())..).unwrap_or_default();
        }
    }
    found
}

/// Finds the toolchain's own program.
pub(super) fn program(sysroot: &Path, name: &str) -> PathBuf {
    sysroot.join("bin").join(name)
}

/// Finds rustfmt without a look at the toolchain: rustup's, or the only one.
pub(super) fn default_rustfmt() -> PathBuf {
    let found = child::command("rustfmt");
    PathBuf::from(found.get_program())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn formatted_as(source: &str) -> String {
        formatted(source, &default_rustfmt()).unwrap().unwrap()
    }

    #[test]
    fn a_cell_is_formatted_as_it_stands() {
        assert_eq!(formatted_as("let a=1;\na"), "let a = 1;\na");
        assert_eq!(formatted_as("for a in 0..2 {\n};"), "for a in 0..2 {};");
        assert_eq!(
            formatted_as("pub fn a() {\n  b()\n}"),
            "pub fn a() {\n    b()\n}"
        );
        for text in [
            "let a = \"one\n    two\";",
            "let a = r#\"one \"\n    two\"#;\nb();",
        ] {
            assert_eq!(formatted_as(text), text);
        }
        assert_eq!(formatted_as("a(); // \"\n    b();"), "a(); // \"\nb();");
        assert!(formatted("let = ;", &default_rustfmt()).unwrap().is_err());
    }
}
