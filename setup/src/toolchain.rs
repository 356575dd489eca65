//! Which Rust there is, and which is wanted. Start at [`Toolchain::check`].

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

use crate::child;
use crate::problem::Problem;

/// Versions that the root manifest asks for, under `[workspace.metadata.workbook]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Wanted {
    /// The oldest Rust that the workbook is tested with.
    pub(crate) toolchain: String,
    /// The version of the notebook kernel.
    pub(crate) evcxr: String,
}

impl Wanted {
    /// Reads the root manifest.
    pub(crate) fn read(root: &Path) -> Result<Self> {
        let path = root.join("Cargo.toml");
        let text =
            fs::read_to_string(&path).with_context(|| format!("reading {}", path.display()))?;
        Self::parse(&text)
    }

    /// Picks two strings out of one table, without a TOML parser to compile.
    fn parse(manifest: &str) -> Result<Self> {
        let table = manifest
            .lines()
            .map(str::trim)
            .skip_while(|line| *line != "[workspace.metadata.workbook]")
            .skip(1)
            .take_while(|line| !line.starts_with('['));
        let find = |name: &str| {
            table
                .clone()
                .filter_map(|line| line.split_once('='))
                .find(|(key, _)| key.trim() == name)
                .map(|(_, value)| value.trim().trim_matches('"').to_owned())
                .with_context(|| format!("Cargo.toml: no `{name}` in workspace.metadata.workbook"))
        };
        Ok(Self {
            toolchain: find("toolchain")?,
            evcxr: find("evcxr")?,
        })
    }
}

/// The compiler that `cargo` would use in this repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Toolchain {
    /// For example `1.95.0`.
    pub(crate) release: String,
    /// For example `x86_64-unknown-linux-gnu`.
    pub(crate) host: String,
}

impl Toolchain {
    /// Asks `rustc` who it is.
    pub(crate) fn detect(root: &Path) -> Result<Self> {
        let output = child::command("rustc")
            .arg("-vV")
            .current_dir(root)
            .output();
        let text = match output {
            Ok(output) if output.status.success() => {
                String::from_utf8_lossy(&output.stdout).into_owned()
            }
            _ => {
                return Err(Problem::new(
                    "no Rust compiler answers: `rustc -vV` does not work",
                    "install Rust with rustup (see the site rustup.rs), open a new terminal, \
                     run the command again",
                )
                .into());
            }
        };
        Self::parse(&text).context("`rustc -vV` printed neither a release nor a host")
    }

    fn parse(text: &str) -> Option<Self> {
        let find = |name: &str| text.lines().find_map(|line| line.strip_prefix(name));
        Some(Self {
            release: find("release: ")?.to_owned(),
            host: find("host: ")?.to_owned(),
        })
    }

    /// Refuses a compiler that is older than the wanted one.
    pub(crate) fn check(&self, wanted: &Wanted) -> Result<(), Problem> {
        if version(&self.release) >= version(&wanted.toolchain) {
            return Ok(());
        }
        let name = &wanted.toolchain;
        Err(Problem::new(
            format!(
                "Rust {} is older than {name}, which the workbook needs",
                self.release
            ),
            format!("rustup toolchain install {name}\nthen: cargo +{name} workbook …"),
        ))
    }

    /// Finds the folder of this compiler.
    pub(crate) fn sysroot(&self, root: &Path) -> Result<PathBuf> {
        let output = child::command("rustc")
            .args(["--print", "sysroot"])
            .current_dir(root)
            .output()
            .context("running rustc --print sysroot")?;
        Ok(PathBuf::from(
            String::from_utf8_lossy(&output.stdout).trim(),
        ))
    }
}

/// Reads the numbers of a version; whatever follows `-` does not count.
fn version(text: &str) -> Vec<u32> {
    text.split('-')
        .next()
        .unwrap_or("")
        .split('.')
        .map(|part| part.parse().unwrap_or(0))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rust(release: &str) -> Toolchain {
        Toolchain {
            release: release.into(),
            host: "x86_64-unknown-linux-gnu".into(),
        }
    }

    #[test]
    fn wanted_versions_come_from_their_own_table() {
        let text = "[workspace]\ntoolchain = \"9\"\n\n[workspace.metadata.workbook]\n# why\n\
                    toolchain = \"1.95.0\"\nevcxr = \"0.22.0\"\n\n[other]\nevcxr = \"1\"\n";
        let wanted = Wanted {
            toolchain: "1.95.0".into(),
            evcxr: "0.22.0".into(),
        };
        assert_eq!(Wanted::parse(text).unwrap(), wanted);
    }

    #[test]
    fn an_older_toolchain_is_named_with_its_remedy() {
        let wanted = Wanted {
            toolchain: "1.95.0".into(),
            evcxr: String::new(),
        };
        let problem = rust("1.89.0").check(&wanted).unwrap_err();
        assert!(problem.what().contains("1.89.0 is older than 1.95.0"));
        assert!(problem.remedy().contains("rustup toolchain install 1.95.0"));
    }

    #[test]
    fn the_same_and_newer_toolchains_are_accepted() {
        let wanted = Wanted {
            toolchain: "1.95.0".into(),
            evcxr: String::new(),
        };
        for release in ["1.95.0", "1.95.1", "1.100.0", "1.97.0-nightly", "2.0.0"] {
            rust(release).check(&wanted).unwrap();
        }
    }
}
