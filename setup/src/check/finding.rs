//! One thing that a notebook lacks: where, what, and what to do about it.

use std::fmt;

/// Names notebook, cell, fault and remedy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Finding {
    /// The notebook, relative to the root.
    pub(crate) page: String,
    /// The cell's id; none if it is about the page as a whole.
    pub(crate) cell: Option<String>,
    /// What is wrong.
    pub(crate) what: String,
    /// What to do.
    pub(crate) remedy: String,
}

impl Finding {
    /// Finds something in a cell.
    pub(crate) fn cell(
        page: &str,
        cell: &str,
        what: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Self {
        Self {
            cell: Some(cell.to_owned()),
            ..Self::page(page, what, remedy)
        }
    }

    /// Finds something about a page as a whole.
    pub(crate) fn page(page: &str, what: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self {
            page: page.to_owned(),
            cell: None,
            what: what.into(),
            remedy: remedy.into(),
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "✗ {}", self.page)?;
        if let Some(cell) = &self.cell {
            write!(f, " · cell `{cell}`")?;
        }
        let indented = |text: &str| text.trim_end().replace('\n', "\n    ");
        write!(
            f,
            "\n    {}\n  → {}",
            indented(&self.what),
            indented(&self.remedy)
        )
    }
}
