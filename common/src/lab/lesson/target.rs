//! Where a lesson's runs go.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

/// The environment of a lesson: the process's variables, then those of the file `.env` at the root.
#[derive(Clone, Default)]
pub(in crate::lab) struct Environment(HashMap<String, String>);

impl std::fmt::Debug for Environment {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Environment({} variables from .env)", self.0.len())
    }
}

impl Environment {
    /// Reads the file `.env`, if there is one. An unreadable line is skipped.
    pub(in crate::lab) fn load() -> Self {
        let file = root().map(|root| root.join(".env"));
        let pairs = file.and_then(|path| dotenvy::from_path_iter(path).ok());
        Self(pairs.into_iter().flatten().filter_map(Result::ok).collect())
    }

    /// Looks a variable up; one that is blank counts as unset.
    pub(in crate::lab) fn get(&self, name: &str) -> Option<String> {
        let value = std::env::var(name)
            .ok()
            .or_else(|| self.0.get(name).cloned())?;
        (!value.trim().is_empty()).then_some(value)
    }
}

/// Returns the root of the repository: `WORKBOOK_ROOT`, else the nearest folder above with `notebooks/`, else
/// where this crate was compiled: an example is also started from elsewhere.
pub(in crate::lab) fn root() -> Option<PathBuf> {
    if let Some(root) = std::env::var_os("WORKBOOK_ROOT") {
        return Some(root.into());
    }
    let here = std::env::current_dir().unwrap_or_default();
    let compiled = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.ancestors()
        .chain(compiled.parent())
        .find(|folder| folder.join("notebooks").is_dir())
        .map(PathBuf::from)
}

/// Where a lesson's runs go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    /// To the stand-in only. The default, also when a key is exported.
    StandIn,
    /// To LangSmith, and to the stand-in as well: `WORKBOOK_TARGET=langsmith` and a key.
    LangSmith,
}

impl Target {
    pub(super) fn from_env(env: &Environment) -> Self {
        match env.get("WORKBOOK_TARGET").as_deref().map(str::trim) {
            Some("langsmith") => Self::LangSmith,
            _ => Self::StandIn,
        }
    }
}
