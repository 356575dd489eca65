//! A notebook as `check` reads it.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result};
use serde_json::Value;

use crate::notebooks::Notebook;

/// A notebook with its cells.
#[derive(Debug, Clone)]
pub(crate) struct Page {
    /// Two digits; `00` sets up.
    pub(crate) number: String,
    /// Relative to the root.
    pub(crate) path: String,
    pub(crate) metadata: Value,
    pub(crate) cells: Vec<Cell>,
    /// Bytes of the file.
    pub(crate) size: usize,
}

/// A cell of a notebook.
#[derive(Debug, Clone)]
pub(crate) struct Cell {
    pub(crate) id: String,
    pub(crate) is_code: bool,
    pub(crate) source: String,
    pub(crate) metadata: Value,
    pub(crate) outputs: Vec<Value>,
}

impl Page {
    /// Reads a notebook of the repository at `root`.
    pub(crate) fn read(root: &Path, notebook: &Notebook) -> Result<Self> {
        let path = notebook.path.to_string_lossy().into_owned();
        let text =
            fs::read_to_string(root.join(&path)).with_context(|| format!("reading {path}"))?;
        Self::parse(&notebook.number, &path, &text)
    }

    /// Reads a notebook from its text.
    pub(crate) fn parse(number: &str, path: &str, text: &str) -> Result<Self> {
        let file: Value =
            serde_json::from_str(text).with_context(|| format!("{path} is no notebook"))?;
        let cells = file["cells"].as_array().into_iter().flatten();
        Ok(Self {
            number: number.to_owned(),
            path: path.to_owned(),
            metadata: file["metadata"].clone(),
            cells: cells.map(Cell::of).collect(),
            size: text.len(),
        })
    }

    /// Returns the cells with code in them.
    pub(crate) fn code(&self) -> impl Iterator<Item = &Cell> {
        self.cells
            .iter()
            .filter(|cell| cell.is_code && !cell.source.trim().is_empty())
    }

    /// Returns the cells with words.
    pub(crate) fn prose(&self) -> impl Iterator<Item = &Cell> {
        self.cells.iter().filter(|cell| !cell.is_code)
    }

    /// Returns true for a page that teaches; the set-up notebook has a form of its own.
    pub(crate) fn teaches(&self) -> bool {
        self.number != "00"
    }
}

impl Cell {
    pub(super) fn of(cell: &Value) -> Self {
        Self {
            id: cell["id"].as_str().unwrap_or_default().to_owned(),
            is_code: cell["cell_type"] == "code",
            source: joined(&cell["source"]),
            metadata: cell["metadata"].clone(),
            outputs: cell["outputs"].as_array().cloned().unwrap_or_default(),
        }
    }

    /// Returns what the cell says of itself under `workbook`, or nothing.
    pub(crate) fn declares(&self, what: &str) -> Option<&str> {
        self.metadata["workbook"][what].as_str()
    }

    /// Returns true if the cell has this tag.
    pub(crate) fn has_tag(&self, tag: &str) -> bool {
        let tags = self.metadata["tags"].as_array().into_iter().flatten();
        tags.into_iter().any(|own| own == tag)
    }

    /// Returns the texts of all outputs: what was printed, and each form of the results.
    pub(crate) fn output_texts(&self) -> Vec<String> {
        let texts = self.outputs.iter().flat_map(|output| {
            let data = output["data"]
                .as_object()
                .into_iter()
                .flat_map(|data| data.values());
            data.map(joined)
                .chain(["text", "evalue", "traceback"].map(|name| joined(&output[name])))
                .collect::<Vec<_>>()
        });
        texts.filter(|text| !text.is_empty()).collect()
    }
}

/// Joins a text that a notebook may hold as lines.
pub(crate) fn joined(text: &Value) -> String {
    match text {
        Value::String(text) => text.clone(),
        Value::Array(lines) => lines.iter().filter_map(Value::as_str).collect(),
        _ => String::new(),
    }
}
