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
    Ok(Ok(taken_out(&text, source)))
}

/// Takes the cell out of the function around it. A line of a text of several lines is left as it is.
fn taken_out(function: &str, source: &str) -> String {
    let lines: Vec<&str> = function.trim_end().lines().collect();
    let inside = lines
        .get(1..lines.len().saturating_sub(1))
        .unwrap_or_default();
    let originals: Vec<&str> = source.lines().collect();
    let outdented = inside.iter().map(|line| match line.strip_prefix(INDENT) {
        Some(_) if is_within_text(line, &originals) => line,
        Some(rest) => rest,
        None => line,
    });
    outdented.collect::<Vec<_>>().join("\n")
}

fn is_within_text(line: &str, originals: &[&str]) -> bool {
    originals.contains(&line)
        && !originals.contains(&line.strip_prefix(INDENT).unwrap_or(line))
        && line.trim().starts_with('"')
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
