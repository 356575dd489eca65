//! Which files are read, and from where.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::passage::Source;

/// A file that only the root of this repository has beside a `docs/` folder.
const MARK: &str = "notebooks/01_basic_cross_service_tracing.ipynb";
/// Files of their own, by source.
const SINGLE: [(Source, &str); 3] = [
    (Source::Docs, "README.md"),
    (Source::Docs, "CONTRIBUTING.md"),
    (Source::Packages, "common/README.md"),
];
/// Folders of which every file with the extension is read.
const FOLDERS: [(Source, &str, &str); 3] = [
    (Source::Docs, "docs", "md"),
    (Source::Notebooks, "setup", "ipynb"),
    (Source::Notebooks, "notebooks", "ipynb"),
];

/// Why there is nothing to know.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CorpusError {
    /// The program was built elsewhere, and the current folder is in no copy of the repository.
    #[error(
        "the documentation is not here: neither {} nor {} is in the repository; run it from inside of the repository",
        .built.display(), .here.display()
    )]
    NoRepository {
        /// Where the program was built.
        built: PathBuf,
        /// Where it was started.
        here: PathBuf,
    },
    /// A file of the documentation is there and cannot be read.
    #[error("{} cannot be read", .file.display())]
    Unreadable {
        /// The file.
        file: PathBuf,
        /// The cause.
        #[source]
        error: io::Error,
    },
    /// A notebook is not what Jupyter writes; `git checkout` has a good one.
    #[error("{} is no notebook", .file.display())]
    NoNotebook {
        /// The file.
        file: PathBuf,
        /// The cause.
        #[source]
        error: serde_json::Error,
    },
    /// The folder has none of the files.
    #[error("{} has no documentation", .0.display())]
    Empty(PathBuf),
}

/// Finds the repository: where the program was built, else above the current folder.
///
/// # Errors
/// If neither is in it.
pub fn root() -> Result<PathBuf, CorpusError> {
    let built = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let here = std::env::current_dir().unwrap_or_default();
    match above(&built).or_else(|| above(&here)) {
        Some(root) => Ok(root.to_owned()),
        None => Err(CorpusError::NoRepository { built, here }),
    }
}

/// Finds the repository that a folder is in.
fn above(folder: &Path) -> Option<&Path> {
    let mut folders = folder.ancestors();
    folders.find(|folder| folder.join(MARK).is_file())
}

/// The page about this program. It tells how to try it, with questions that nothing answers: it is no documentation.
const OWN: &str = "examples/langgraph_agent/README.md";

/// Lists what there is to read, by source and then by name.
pub(super) fn documentation(root: &Path) -> Vec<(Source, String)> {
    let mut files: Vec<(Source, String)> =
        SINGLE.map(|(source, name)| (source, name.into())).into();
    for (source, folder, extension) in FOLDERS {
        let names = names_in(&root.join(folder)).into_iter();
        let wanted = names.filter(|name| {
            Path::new(name)
                .extension()
                .is_some_and(|it| it == extension)
        });
        files.extend(wanted.map(|name| (source, format!("{folder}/{name}"))));
    }
    let examples = names_in(&root.join("examples")).into_iter();
    files.extend(examples.map(|name| (Source::Packages, format!("examples/{name}/README.md"))));
    files.retain(|(_, name)| name != OWN && root.join(name).is_file());
    files.sort();
    files
}

/// Lists a folder; one that is not there has nothing.
fn names_in(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries
        .filter_map(|entry| entry.file_name().into_string().ok())
        .collect()
}

pub(super) fn read(root: &Path, name: &str) -> Result<String, CorpusError> {
    let file = root.join(name);
    fs::read_to_string(&file).map_err(|error| CorpusError::Unreadable { file, error })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_within_the_repository_leads_to_its_root_and_one_outside_to_none() {
        let root = root().expect("built in it");
        assert_eq!(
            above(&root.join("examples/langgraph_agent/src")),
            Some(&*root)
        );
        assert_eq!(above(Path::new("/")), None);
    }
}
