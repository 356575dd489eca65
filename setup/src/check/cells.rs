//! The measure of cells: how long, how many without words, how many with something to see; their ids.

use std::collections::BTreeSet;

use super::finding::Finding;
use super::page::{Cell, Page};

/// Lines that no cell may pass.
const MOST_LINES: usize = 35;
/// Lines that nine in ten cells keep to.
const MOST_LINES_USUAL: usize = 22;
/// Lines that half of the cells keep to.
const MOST_LINES_HALF: usize = 10;
/// Code cells in a row without words between them.
const MOST_IN_A_ROW: usize = 3;
/// Code cells in a hundred that show something.
const LEAST_VISIBLE: usize = 75;
/// Bytes of a notebook's file.
const MOST_BYTES: usize = 600_000;

/// Looks at all cells.
pub(super) fn findings(page: &Page) -> Vec<Finding> {
    let mut found = kernel(page);
    found.extend(ids(page));
    found.extend(lengths(page));
    found.extend(in_a_row(page));
    found.extend(visible(page));
    if page.size > MOST_BYTES {
        found.push(Finding::page(
            &page.path,
            format!(
                "the file has {} kB, {} are the most",
                page.size / 1000,
                MOST_BYTES / 1000
            ),
            "show fewer or smaller figures",
        ));
    }
    found
}

fn kernel(page: &Page) -> Vec<Finding> {
    let is_rust = page.metadata["kernelspec"]["name"] == "rust"
        && page.metadata["language_info"]["name"] == "rust";
    let remedy = format!("cargo workbook refresh {}  writes it", page.number);
    let what = "the metadata does not name the kernel `rust`";
    if is_rust {
        Vec::new()
    } else {
        vec![Finding::page(&page.path, what, remedy)]
    }
}

fn ids(page: &Page) -> Vec<Finding> {
    let mut seen = BTreeSet::new();
    let mut found = Vec::new();
    let remedy =
        "give the cell an id in words, such as `repair-start`, which stays when its text changes";
    for (at, cell) in page.cells.iter().enumerate() {
        let what = match cell.id.as_str() {
            "" => format!("the cell at place {at} has no id"),
            id if !seen.insert(id) => format!("two cells have the id `{id}`"),
            id if is_made_up(id) => format!("the id `{id}` was made up by a program"),
            _ => continue,
        };
        found.push(Finding::cell(&page.path, &cell.id, what, remedy));
    }
    found
}

/// Recognizes the ids that Jupyter makes: eight hexadecimal digits, or a UUID.
fn is_made_up(id: &str) -> bool {
    let is_hex = |part: &str| part.bytes().all(|byte| byte.is_ascii_hexdigit());
    let digits = id.replace('-', "");
    matches!(digits.len(), 8 | 32)
        && is_hex(&digits)
        && digits.bytes().any(|byte| byte.is_ascii_digit())
}

fn lines(cell: &Cell) -> usize {
    cell.source.trim_end().lines().count()
}

fn lengths(page: &Page) -> Vec<Finding> {
    let remedy = "split the cell after a visible value, or move what is long into `common`";
    let mut found: Vec<Finding> = page
        .code()
        .filter(|cell| lines(cell) > MOST_LINES)
        .map(|cell| {
            let what = format!(
                "the cell has {} lines, {MOST_LINES} are the most",
                lines(cell)
            );
            Finding::cell(&page.path, &cell.id, what, remedy)
        })
        .collect();
    let mut all: Vec<usize> = page.code().map(lines).collect();
    all.sort_unstable();
    let at = |share: usize| {
        all.get((all.len() * share / 100).min(all.len().saturating_sub(1)))
            .copied()
            .unwrap_or(0)
    };
    for (share, most, words) in [
        (90, MOST_LINES_USUAL, "a tenth"),
        (50, MOST_LINES_HALF, "half"),
    ] {
        if at(share) > most {
            let what = format!(
                "{words} of the code cells have {} lines or more, {most} are usual",
                at(share)
            );
            found.push(Finding::page(&page.path, what, remedy));
        }
    }
    found
}

fn in_a_row(page: &Page) -> Vec<Finding> {
    let mut found = Vec::new();
    let mut row = 0;
    for cell in &page.cells {
        row = match (cell.is_code, cell.source.trim().is_empty()) {
            (_, true) => row,
            (true, false) => row + 1,
            (false, false) => 0,
        };
        if row == MOST_IN_A_ROW + 1 {
            let what = format!("this is the code cell number {row} without words between them");
            let remedy = "say before it what to look for, and what the cells above have shown";
            found.push(Finding::cell(&page.path, &cell.id, what, remedy));
        }
    }
    found
}

fn visible(page: &Page) -> Vec<Finding> {
    let all = page.code().count();
    let showing = page.code().filter(|cell| !cell.outputs.is_empty()).count();
    if showing * 100 >= all * LEAST_VISIBLE {
        return Vec::new();
    }
    let mut silent = page.code().filter(|cell| cell.outputs.is_empty());
    let first = silent.next().map_or("", |cell| cell.id.as_str());
    vec![Finding::cell(
        &page.path,
        first,
        format!(
            "{showing} of {all} code cells show something, {LEAST_VISIBLE} % should; this is the first that does not"
        ),
        "end cells in a visible value, or join them with the one that shows what they did",
    )]
}
