//! Programs of this crate that a lesson starts: the kernel's process cannot start itself.
//!
//! ```text
//! WORKBOOK_DOCS_TOOLS · its folder · beside the program that runs · target/debug ──► find("docs-tools")
//! ```
//!
//! Start at [`find`].

use std::path::{Path, PathBuf};

use super::lesson::root;

/// Names the program `docs-tools`; `cargo workbook` sets it for its kernels. The other programs of this crate
/// stand beside it. Without it they are looked for beside the program that runs, and in `target/debug`.
pub const TOOLS_VARIABLE: &str = "WORKBOOK_DOCS_TOOLS";

/// The program that the variable names; others stand beside it.
const NAMED: &str = "docs-tools";

/// Why a program of this crate cannot be started.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProgramError {
    /// It is not built: run the command that the text names.
    #[error(
        "the program `{program}` is not built; `cargo workbook open` builds it for the notebooks, \
         `cargo build -p common --no-default-features --features full --bin {program}` by itself"
    )]
    NotBuilt {
        /// Which program.
        program: &'static str,
    },
    /// The variable names a program that is not there: correct it, or take it away.
    #[error("{variable} names `{}`, which is no program that this process can see", .path.display())]
    NotThere {
        /// The variable.
        variable: &'static str,
        /// What it names.
        path: PathBuf,
    },
}

/// Finds a program among the binaries of this crate.
pub(super) fn find(program: &'static str) -> Result<PathBuf, ProgramError> {
    let told = std::env::var_os(TOOLS_VARIABLE).map(PathBuf::from);
    let running = std::env::current_exe().ok();
    find_in(program, told, running.as_deref(), root().as_deref())
}

/// Finds a program: where the variable says, beside the program that runs, in the workbook's own build.
fn find_in(
    program: &'static str,
    told: Option<PathBuf>,
    running: Option<&Path>,
    root: Option<&Path>,
) -> Result<PathBuf, ProgramError> {
    let file = format!("{program}{}", std::env::consts::EXE_SUFFIX);
    let mut beside_it = None;
    if let Some(path) = told {
        let variable = TOOLS_VARIABLE;
        match (path.is_file(), program == NAMED) {
            (true, true) => return Ok(path),
            (false, true) => return Err(ProgramError::NotThere { variable, path }),
            (_, false) => beside_it = path.parent().map(|folder| folder.join(&file)),
        }
    }
    // A test is one folder below the binaries.
    let beside = running
        .into_iter()
        .flat_map(|here| here.ancestors().skip(1).take(2))
        .map(|folder| folder.join(&file));
    let built = root.map(|root| root.join("target/debug").join(&file));
    let mut places = beside_it.into_iter().chain(beside).chain(built);
    let found = places.find(|path| path.is_file());
    found.ok_or(ProgramError::NotBuilt { program })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_that_is_nowhere_is_told_with_what_builds_it_and_one_that_is_named_with_its_name() {
        let folder = tempfile::tempdir().expect("a folder");
        let (here, file) = (
            folder.path(),
            format!("{NAMED}{}", std::env::consts::EXE_SUFFIX),
        );
        let running = here.join("deps/a_test");
        let found = |told| find_in(NAMED, told, Some(&running), Some(here));
        let error = found(None).expect_err("there is none").to_string();
        assert!(
            error.contains("cargo build -p common") && error.contains("--bin docs-tools"),
            "{error}"
        );
        let missing = here.join("missing");
        let error = found(Some(missing.clone())).expect_err("there is none");
        assert_eq!(
            error.to_string(),
            format!(
                "{TOOLS_VARIABLE} names `{}`, which is no program that this process can see",
                missing.display()
            )
        );
        let built = here.join(&file);
        std::fs::write(&built, "").expect("written");
        assert_eq!(found(None).expect("beside the folder of the test"), built);
        assert_eq!(found(Some(built.clone())).expect("named"), built);
    }

    #[test]
    fn another_program_stands_beside_the_one_that_is_named() {
        let folder = tempfile::tempdir().expect("a folder");
        let other = format!("other{}", std::env::consts::EXE_SUFFIX);
        let other = folder.path().join(other);
        std::fs::write(&other, "").expect("written");
        let named = folder.path().join(NAMED);
        assert_eq!(find_in("other", Some(named), None, None), Ok(other));
    }
}
