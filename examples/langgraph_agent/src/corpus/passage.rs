//! A piece of the documentation, and how it is cited.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A shelf of the documentation. Each has a retriever of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Source {
    /// `README.md`, `CONTRIBUTING.md` and `docs/`.
    Docs,
    /// The words of the notebooks.
    Notebooks,
    /// The README files of `common` and of the examples.
    Packages,
}

impl Source {
    /// Every source.
    pub const ALL: [Self; 3] = [Self::Docs, Self::Notebooks, Self::Packages];

    /// Returns its name, as the router writes it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Docs => "docs",
            Self::Notebooks => "notebooks",
            Self::Packages => "packages",
        }
    }

    /// Says what it holds, for whoever has to choose.
    pub fn holds(self) -> &'static str {
        match self {
            Self::Docs => {
                "reference: the client's capabilities, settings, collectors, OpenTelemetry, \
                 compatibility with the official SDKs, performance, contributing"
            }
            Self::Notebooks => {
                "lessons that explain and show: set-up, headers and services, spans, \
                 tasks, streams, queues, what goes wrong, exercises"
            }
            Self::Packages => {
                "the crate's map, modules and features; the example programs, how to run \
                 them and take them over"
            }
        }
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Where in its file a passage begins.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Place {
    /// At a line, counted from 1.
    Line(usize),
    /// In a cell of a notebook, counted from 1 with the cells of code.
    Cell(usize),
}

/// A section of the documentation, or a part of a long one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Passage {
    /// The shelf that it stands on.
    pub source: Source,
    /// Its file, from the repository's root, with `/` on every system.
    pub file: String,
    /// Where in the file it begins.
    pub place: Place,
    /// Its headings, the outermost first, without emoji and Markdown.
    pub headings: Vec<String>,
    /// What GitHub calls the section, in Markdown files. Pages of notebooks have no such addresses.
    pub anchor: Option<String>,
    /// Its text in Markdown, without the heading.
    pub text: String,
}

impl Passage {
    /// Returns where a reader finds it: `docs/client.md#files`, `notebooks/03….ipynb § Spot the bug`.
    pub fn citation(&self) -> String {
        match (&self.anchor, self.headings.last()) {
            (Some(anchor), _) => format!("{}#{anchor}", self.file),
            (None, Some(heading)) => format!("{} § {heading}", self.file),
            (None, None) => self.file.clone(),
        }
    }

    /// Returns its headings in one line.
    pub fn title(&self) -> String {
        self.headings.join(" › ")
    }
}
