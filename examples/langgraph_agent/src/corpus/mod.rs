//! What the assistant knows: this repository's documentation, cut into passages.
//!
//! ```text
//! README.md · docs/*.md · …/README.md ──┐
//! notebooks/*.ipynb (markdown cells) ───┴─► lines, each with its place ──headings──► sections ──size──► Passage
//! ```
//!
//! It is read when the program starts: what is written today is found today. Start at [`Corpus::of_repository`].

mod anchor;
mod files;
mod passage;
mod section;

use std::path::Path;

pub use self::anchor::{anchor, without_emoji, without_links};
pub use self::files::{CorpusError, root};
pub use self::passage::{Passage, Place, Source};
pub use self::section::{MOST_CHARACTERS, markdown, notebook};

/// All passages, in the order of files and lines.
#[derive(Debug, Clone, PartialEq)]
pub struct Corpus {
    /// The passages.
    pub passages: Vec<Passage>,
}

impl Corpus {
    /// Reads the documentation of the repository that this program was built in, or that the current folder is in.
    ///
    /// # Errors
    /// If there is no such repository, or a file of it cannot be read.
    pub fn of_repository() -> Result<Self, CorpusError> {
        Self::below(&root()?)
    }

    /// Reads the documentation below a repository's root.
    ///
    /// # Errors
    /// If a file cannot be read, a notebook is no notebook, or there is no documentation at all.
    pub fn below(root: &Path) -> Result<Self, CorpusError> {
        let mut passages = Vec::new();
        for (source, name) in files::documentation(root) {
            let text = files::read(root, &name)?;
            passages.extend(match name.ends_with(".ipynb") {
                true => notebook(&name, &text).map_err(|error| CorpusError::NoNotebook {
                    file: root.join(&name),
                    error,
                })?,
                false => markdown(source, &name, &text),
            });
        }
        match passages.is_empty() {
            true => Err(CorpusError::Empty(root.to_owned())),
            false => Ok(Self { passages }),
        }
    }
}
