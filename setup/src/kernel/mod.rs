//! Starts evcxr so that a cell links in half a second and statics live across cells.
//!
//! ```text
//!   kernel.json ─► launch ─► slot (private folder, seeded from template) ─► exec evcxr_jupyter
//!                                                                             │ builds cells with
//!                                                                             ▼ --extern facade
//!   recipe: evcxr.toml · init.evcxr · prelude.rs           cargo-home/bin/cargo = shim ─► graph
//! ```
//!
//! The recipe comes from measuring: evcxr links every cell statically, which gives each cell its own
//! copy of every static, and its rust-analyzer reads the whole dependency graph. One prebuilt
//! shared library answers the first, a pruned graph the second. Start at `launch`.

pub(crate) mod explain;
pub(crate) mod graph;
pub(crate) mod launch;
pub(crate) mod recipe;
pub(crate) mod shim;
pub(crate) mod slot;
pub(crate) mod sources;
pub(crate) mod template;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use serde_json::{Value, json};

use crate::fingerprint::write_whole;

/// What setting up found out and a starting kernel needs to know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Settings {
    /// The kernel's binary.
    pub(crate) evcxr: PathBuf,
    /// The cargo of the compiler that built the facade, not rustup's proxy.
    pub(crate) cargo: PathBuf,
    /// The folder of that compiler.
    pub(crate) sysroot: PathBuf,
    /// The folder with the standard library's shared form.
    pub(crate) standard: PathBuf,
    /// What rust-analyzer reads of the standard library, when its sources are installed.
    pub(crate) sources: Option<PathBuf>,
    /// The pruned crate graph, when the shim was seen to work.
    pub(crate) graph: Option<PathBuf>,
}

impl Settings {
    /// Names the file below the kernel's folder.
    pub(crate) fn path(kernel: &Path) -> PathBuf {
        kernel.join("launch.json")
    }

    /// Writes the file.
    pub(crate) fn write(&self, kernel: &Path) -> Result<()> {
        let value = json!({
            "evcxr": self.evcxr, "cargo": self.cargo, "sysroot": self.sysroot,
            "standard": self.standard,
            "sources": self.sources, "graph": self.graph,
        });
        write_whole(&Self::path(kernel), &format!("{value:#}\n"))
    }

    /// Reads the file.
    pub(crate) fn read(kernel: &Path) -> Result<Self> {
        let path = Self::path(kernel);
        let text = fs::read_to_string(&path).with_context(|| {
            format!(
                "{} is missing: run `cargo workbook open` once",
                path.display()
            )
        })?;
        let value: Value = serde_json::from_str(&text)?;
        let path = |name: &str| value[name].as_str().map(PathBuf::from);
        let needed = |name: &str| path(name).with_context(|| format!("launch.json: no {name}"));
        Ok(Self {
            evcxr: needed("evcxr")?,
            cargo: needed("cargo")?,
            sysroot: needed("sysroot")?,
            standard: needed("standard")?,
            sources: path("sources"),
            graph: path("graph"),
        })
    }
}
