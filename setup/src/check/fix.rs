//! Formats the cells of notebooks in their files.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result};
use serde_json::{Value, json};

use super::format::formatted;
use super::page::Cell;
use super::program::is_rust;
use crate::fingerprint::{Fingerprint, write_whole};
use crate::notebooks::Notebook;
use crate::progress::tell;

/// Formats every cell that rustfmt can read. What a cell does stays the same, and so do its outputs.
pub(super) fn format_cells(root: &Path, notebooks: &[Notebook], rustfmt: &Path) -> Result<()> {
    for notebook in notebooks {
        let path = root.join(&notebook.path);
        let text =
            fs::read_to_string(&path).with_context(|| format!("reading {}", path.display()))?;
        let mut file: Value = serde_json::from_str(&text)
            .with_context(|| format!("{} is no notebook", path.display()))?;
        let count = format_all(&mut file, rustfmt)?;
        if count > 0 {
            write_whole(&path, &written(&file))?;
            tell(format_args!(
                "{}: {count} cells formatted",
                notebook.path.display()
            ));
        }
    }
    Ok(())
}

fn format_all(file: &mut Value, rustfmt: &Path) -> Result<usize> {
    let mut signed = Vec::new();
    for value in file["cells"].as_array_mut().into_iter().flatten() {
        let cell = Cell::of(value);
        if !cell.is_code || cell.source.trim().is_empty() || !is_rust(&cell) {
            continue;
        }
        let Ok(source) = formatted(&cell.source, rustfmt)? else {
            continue;
        };
        if source != cell.source {
            value["source"] = source.split_inclusive('\n').collect::<Vec<_>>().into();
            signed.push((cell, source));
        }
    }
    let made_from = &mut file["metadata"]["workbook"]["made_from"];
    for (cell, source) in &signed {
        let number = |text: &str| Fingerprint::new().text(text).hex();
        // Outputs that were stale before are stale after.
        if made_from[&cell.id] == number(&cell.source).as_str() {
            made_from[&cell.id] = json!(number(source));
        }
    }
    Ok(signed.len())
}

/// Writes a notebook as nbformat does: indented by one. No text in JSON has a line end of its own.
fn written(file: &Value) -> String {
    let indented_by_two = format!("{file:#}\n");
    let lines = indented_by_two.split_inclusive('\n').map(|line| {
        let blanks = line.len() - line.trim_start_matches(' ').len();
        &line[blanks / 2..]
    });
    lines.collect()
}
