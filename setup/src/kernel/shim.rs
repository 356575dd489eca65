//! Answers one question in cargo's place, and only inside a kernel's slot.
//!
//! rust-analyzer, linked into evcxr, asks `cargo metadata` for the crate graph, and looks for cargo
//! in `$CARGO_HOME/bin` first. A kernel's `CARGO_HOME` holds this command under the name `cargo`: it
//! hands out the prepared graph and passes every other call to the real cargo. Under the name
//! `rustup` it refuses to install components, which would make each start wait for the network.
//!
//! This is the fragile part of the kernel. `prove` tries it when it is written; if it fails,
//! kernels start without it, and cells state the types that come from `common`.

use std::env;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::os::unix::fs::symlink;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use anyhow::{Context as _, Result, bail};

/// Names the real cargo to the shim.
pub(crate) const CARGO_VARIABLE: &str = "WORKBOOK_REAL_CARGO";
/// Names the prepared graph to the shim.
pub(crate) const GRAPH_VARIABLE: &str = "WORKBOOK_CRATE_GRAPH";
/// Names the slot; evcxr's own variable.
pub(crate) const SLOT_VARIABLE: &str = "EVCXR_TMPDIR";

/// Under this name the command stands before the compiler.
pub(crate) const RUSTC_NAME: &str = "rustc-explained";

/// Which program this command was started as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    /// `cargo workbook` itself.
    Workbook,
    /// Stands in for cargo.
    Cargo,
    /// Stands in for rustup.
    Rustup,
    /// Stands before the compiler of cells: see [`super::explain`].
    Rustc,
}

/// Reads the role from the name that this command was started with.
pub(crate) fn role(started_as: Option<&OsStr>) -> Role {
    let name = started_as
        .map(Path::new)
        .and_then(Path::file_name)
        .and_then(OsStr::to_str);
    match name {
        Some("cargo") => Role::Cargo,
        Some("rustup") => Role::Rustup,
        Some(RUSTC_NAME) => Role::Rustc,
        _ => Role::Workbook,
    }
}

/// Hands out the graph, or becomes the real cargo.
pub(crate) fn run_as_cargo(arguments: &[OsString]) -> ExitCode {
    let variable = |name: &str| env::var_os(name).map(PathBuf::from);
    let graph = variable(SLOT_VARIABLE)
        .filter(|slot| asks_for_graph(arguments, slot))
        .zip(variable(GRAPH_VARIABLE))
        .and_then(|(slot, graph)| graph_for(&graph, &slot));
    if let Some(text) = graph {
        print!("{text}");
        return ExitCode::SUCCESS;
    }
    let cargo = variable(CARGO_VARIABLE).unwrap_or_else(|| "cargo".into());
    let error = Command::new(&cargo).args(arguments).exec();
    eprintln!("{}: {error}", cargo.display());
    ExitCode::from(127)
}

/// Refuses to install components; becomes the real rustup otherwise.
pub(crate) fn run_as_rustup(arguments: &[OsString]) -> ExitCode {
    if arguments.first().is_some_and(|first| first == "component") {
        eprintln!("components are installed by `cargo workbook open`, not by a kernel");
        return ExitCode::FAILURE;
    }
    // Past this one: the folder of a kernel's `cargo` must not be searched again.
    let own = env::current_exe()
        .ok()
        .and_then(|path| path.canonicalize().ok());
    let path = env::var_os("PATH").unwrap_or_default();
    let real = env::split_paths(&path)
        .map(|folder| folder.join("rustup"))
        .find(|candidate| candidate.is_file() && candidate.canonicalize().ok() != own);
    let Some(real) = real else {
        eprintln!("rustup is not installed");
        return ExitCode::from(127);
    };
    let error = Command::new(&real).args(arguments).exec();
    eprintln!("{}: {error}", real.display());
    ExitCode::from(127)
}

/// Says whether this is rust-analyzer's question about the crate in the slot.
fn asks_for_graph(arguments: &[OsString], slot: &Path) -> bool {
    let manifest = arguments
        .iter()
        .position(|argument| argument == "--manifest-path")
        .and_then(|at| arguments.get(at + 1));
    arguments.iter().any(|argument| argument == "metadata")
        && !arguments.iter().any(|argument| argument == "--no-deps")
        && manifest.is_some_and(|manifest| Path::new(manifest).starts_with(slot))
}

/// Reads the graph with the slot in the place of the folder that it was prepared in.
fn graph_for(graph: &Path, slot: &Path) -> Option<String> {
    let prepared_in = graph.parent()?.to_str()?;
    Some(
        fs::read_to_string(graph)
            .ok()?
            .replace(prepared_in, slot.to_str()?),
    )
}

/// Names the folder that a kernel takes for cargo's home.
pub(crate) fn cargo_home(kernel: &Path) -> PathBuf {
    kernel.join("cargo-home")
}

/// Writes a cargo home that has the user's registry and our programs.
pub(crate) fn write_cargo_home(kernel: &Path, launcher: &Path) -> Result<()> {
    let home = cargo_home(kernel);
    let _ = fs::remove_dir_all(&home);
    fs::create_dir_all(home.join("bin")).with_context(|| format!("making {}", home.display()))?;
    for name in ["cargo", "rustup", RUSTC_NAME] {
        symlink(launcher, home.join("bin").join(name))?;
    }
    let users = env::var_os("CARGO_HOME")
        .map(PathBuf::from)
        .or_else(|| env::var_os("HOME").map(|home| Path::new(&home).join(".cargo")))
        .context("neither CARGO_HOME nor HOME is set")?;
    // Not the credentials: a kernel publishes nothing.
    for name in ["registry", "git", "config.toml", "config"] {
        let there = users.join(name);
        if there.exists() {
            symlink(&there, home.join(name))?;
        }
    }
    Ok(())
}

/// Asks the shim what rust-analyzer will ask, and reads the answer.
pub(crate) fn prove(kernel: &Path, cargo: &Path, graph: &Path) -> Result<()> {
    let slot = kernel.join("run/proof");
    let output = crate::child::command(cargo_home(kernel).join("bin/cargo"))
        .args(["metadata", "--format-version", "1", "--manifest-path"])
        .arg(slot.join("Cargo.toml"))
        .env(SLOT_VARIABLE, &slot)
        .env(GRAPH_VARIABLE, graph)
        .env(CARGO_VARIABLE, cargo)
        .output()
        .context("the stand-in for cargo does not start")?;
    let answer: serde_json::Value =
        serde_json::from_slice(&output.stdout).context("the stand-in for cargo gave no graph")?;
    let names = answer["packages"].as_array().into_iter().flatten();
    if !names.clone().any(|package| package["name"] == "facade") {
        bail!("the stand-in's graph has no facade in it");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<OsString> {
        text.split(' ').map(OsString::from).collect()
    }

    #[test]
    fn the_name_decides_the_role() {
        assert_eq!(
            role(Some(OsStr::new("/clone/.workbook/cargo-home/bin/cargo"))),
            Role::Cargo
        );
        assert_eq!(role(Some(OsStr::new("rustup"))), Role::Rustup);
        assert_eq!(
            role(Some(OsStr::new("target/debug/workbook"))),
            Role::Workbook
        );
        assert_eq!(role(Some(OsStr::new("cargo-workbook"))), Role::Workbook);
        assert_eq!(role(None), Role::Workbook);
    }

    #[test]
    fn only_the_graph_of_the_slot_is_answered() {
        let slot = Path::new("/slot/1");
        let asks = |text: &str| asks_for_graph(&words(text), slot);
        assert!(asks(
            "metadata --format-version 1 --manifest-path /slot/1/Cargo.toml"
        ));
        assert!(!asks(
            "metadata --no-deps --manifest-path /slot/1/Cargo.toml"
        ));
        assert!(!asks("metadata --manifest-path /slot/10/Cargo.toml"));
        assert!(!asks("metadata --format-version 1"));
        assert!(!asks("build --manifest-path /slot/1/Cargo.toml"));
    }
}
