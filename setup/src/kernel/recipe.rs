//! The files that tell evcxr what a cell may use and how it links. Start at [`Recipe::write`].

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result};

use crate::fingerprint::write_whole;

/// The crates whose macros expand to paths that begin with their own name.
///
/// Cells depend on these stubs, which hand on what is linked into the facade. Without the one for
/// `tokio`, evcxr would add the real one at the first `.await`.
pub(crate) const STUBS: [&str; 4] = ["tokio", "tracing", "serde", "serde_json"];

/// Where the parts of the recipe lie.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Recipe<'a> {
    /// The facade's shared library.
    pub(crate) library: &'a Path,
    /// The folder with the metadata of all crates that it was linked from.
    pub(crate) dependencies: &'a Path,
    /// `setup/kernel`: the stubs and the prelude.
    pub(crate) source: &'a Path,
}

impl Recipe<'_> {
    /// Writes evcxr's configuration below the kernel's folder.
    pub(crate) fn write(&self, kernel: &Path) -> Result<()> {
        let folder = kernel.join("conf");
        // A `[dependencies]` table here would make evcxr ignore init.evcxr.
        write_whole(
            &folder.join("evcxr.toml"),
            "[evcxr]\nopt_level = \"0\"\noffline_mode = true\n",
        )?;
        let mut init = String::from(":linker system\n");
        // The encoded form bears blanks in paths, and nothing in the user's environment beats it.
        let flags = self.rustc_flags().join("\u{1f}");
        init.push_str(&format!(":build_env CARGO_ENCODED_RUSTFLAGS={flags}\n"));
        for (name, value) in self.dependencies_of_cells() {
            init.push_str(&format!(":dep {name} = {value}\n"));
        }
        write_whole(&folder.join("init.evcxr"), &init)?;
        let prelude = self.source.join("prelude.rs");
        let prelude = fs::read_to_string(&prelude)
            .with_context(|| format!("reading {}", prelude.display()))?;
        write_whole(&folder.join("prelude.rs"), &prelude)
    }

    /// Lists the flags with which cells and stubs are compiled.
    pub(crate) fn rustc_flags(&self) -> Vec<String> {
        let library = self.library.display();
        vec![
            "-Cprefer-dynamic".into(),
            "--extern".into(),
            format!("facade={library}"),
            // What `#[traceable]` writes names the crate by its own name.
            "--extern".into(),
            format!("common={library}"),
            format!("-Ldependency={}", self.dependencies.display()),
            format!("-Clink-arg=-Wl,-rpath,{}", self.dependencies.display()),
        ]
    }

    /// Lists the dependencies of a cell, as lines of a manifest.
    pub(crate) fn dependencies_of_cells(&self) -> impl Iterator<Item = (&'static str, String)> {
        let stubs = self.source.join("stubs");
        STUBS.into_iter().map(move |name| {
            (
                name,
                format!("{{ path = \"{}\" }}", stubs.join(name).display()),
            )
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_bear_blanks_in_paths() {
        let recipe = Recipe {
            library: Path::new("/my work/libfacade.so"),
            dependencies: Path::new("/my work/deps"),
            source: Path::new("/my work/setup/kernel"),
        };
        let flags = recipe.rustc_flags();
        assert_eq!(flags[2], "facade=/my work/libfacade.so");
        let (name, value) = recipe.dependencies_of_cells().next().unwrap();
        assert_eq!(name, "tokio");
        assert_eq!(value, "{ path = \"/my work/setup/kernel/stubs/tokio\" }");
    }
}
