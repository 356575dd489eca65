//! Where everything lives: the repository, its `.workbook` folder, the user's cache.
//!
//! Nothing is written anywhere else, so that `cargo workbook clean` can name it all.

use std::env;
use std::path::{Path, PathBuf, absolute};

use anyhow::{Context as _, Result};

use crate::problem::Problem;

/// Moves the per-user cache somewhere else, for CI or a small home disk.
pub(crate) const CACHE_VARIABLE: &str = "WORKBOOK_CACHE_DIR";

/// Knows the folders of one clone of the repository.
#[derive(Debug, Clone)]
pub(crate) struct Places {
    /// The root of the repository.
    pub(crate) root: PathBuf,
    /// Everything that this clone owns and git ignores.
    pub(crate) state: PathBuf,
    /// What all clones of one user share: the kernel's binary.
    pub(crate) cache: PathBuf,
}

impl Places {
    /// Finds the repository that this command belongs to.
    pub(crate) fn find() -> Result<Self> {
        let root = find_root().ok_or_else(|| {
            Problem::usage(
                "this is not inside the workbook's repository",
                "change into your clone of it and run the command again",
            )
        })?;
        Self::of(&root)
    }

    /// Names the folders of the repository at `root`.
    pub(crate) fn of(root: &Path) -> Result<Self> {
        let root = root
            .canonicalize()
            .with_context(|| format!("reading {}", root.display()))?;
        Ok(Self {
            state: root.join(".workbook"),
            cache: cache_home()?,
            root,
        })
    }

    /// The Python environment with Jupyter in it.
    pub(crate) fn venv(&self) -> PathBuf {
        self.state.join("python")
    }

    /// The interpreter of that environment.
    pub(crate) fn python(&self) -> PathBuf {
        self.venv().join("bin/python")
    }

    /// The folder with the JavaScript SDK in its `node_modules`.
    pub(crate) fn javascript(&self) -> PathBuf {
        self.state.join("javascript")
    }

    /// The folder with the collector that lessons about OpenTelemetry send through.
    pub(crate) fn collector(&self) -> PathBuf {
        self.state.join("collector")
    }

    /// What builds the site of the docs, and the site.
    pub(crate) fn site(&self) -> PathBuf {
        self.state.join("site")
    }

    /// What the kernel reads: its configuration, its stand-in cargo home, its run slots.
    pub(crate) fn kernel(&self) -> PathBuf {
        self.state.join("kernel")
    }

    /// The copy of this command that starts kernels, so that cargo may rebuild the original.
    pub(crate) fn launcher(&self) -> PathBuf {
        self.state.join("bin/workbook")
    }

    /// Jupyter's own data, configuration and run-time files.
    pub(crate) fn jupyter(&self) -> PathBuf {
        self.state.join("jupyter")
    }

    /// What the learner has done: a line of JSON for each check and each hint.
    pub(crate) fn progress(&self) -> PathBuf {
        self.state.join("progress.jsonl")
    }

    /// What each step printed.
    pub(crate) fn log(&self, name: &str) -> PathBuf {
        self.state.join("logs").join(format!("{name}.log"))
    }

    /// The file that says with which inputs a step was finished.
    pub(crate) fn mark(&self, step: &str) -> PathBuf {
        self.state.join("steps").join(step)
    }
}

fn find_root() -> Option<PathBuf> {
    // `cargo run` names the package's folder; the launcher's copy lies in `.workbook/bin`.
    let from_cargo = env::var_os("CARGO_MANIFEST_DIR").map(PathBuf::from);
    let from_binary = env::current_exe().ok();
    let from_here = env::current_dir().ok();
    [from_cargo, from_binary, from_here]
        .into_iter()
        .flatten()
        .find_map(|start| {
            start
                .ancestors()
                .find(|folder| is_root(folder))
                .map(Path::to_path_buf)
        })
}

fn is_root(folder: &Path) -> bool {
    folder.join("setup/Cargo.toml").is_file() && folder.join("Cargo.lock").is_file()
}

fn cache_home() -> Result<PathBuf> {
    if let Some(chosen) = env::var_os(CACHE_VARIABLE).filter(|value| !value.is_empty()) {
        // Kernels start in other folders, where a relative path would mean another place.
        return absolute(chosen).context("the current folder has gone");
    }
    let home = || {
        env::var_os("HOME").map(PathBuf::from).ok_or_else(|| {
            Problem::new(
                "no home folder is known, so there is no place for the kernel's binary",
                format!("set {CACHE_VARIABLE} to a folder you own and run the command again"),
            )
        })
    };
    let base = if cfg!(target_os = "macos") {
        home()?.join("Library/Caches")
    } else {
        match env::var_os("XDG_CACHE_HOME").filter(|value| !value.is_empty()) {
            Some(folder) => PathBuf::from(folder),
            None => home()?.join(".cache"),
        }
    };
    Ok(base.join("langsmith-workbook"))
}
