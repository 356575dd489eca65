//! The shared library that every cell links to: `common` and all below it, compiled once.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use serde_json::Value;

use super::{Step, Workshop};
use crate::child::{self, Logged};
use crate::doctor::target_folder;
use crate::fingerprint::{Fingerprint, read_mark, write_whole};
use crate::progress::Meter;

/// Builds `setup/kernel` with the workspace's own lock and target folder.
pub(super) const STEP: Step = Step {
    id: "facade",
    name: "library for notebook cells (`common` and its dependencies)",
    cost: "2–5 minutes the first time, 1.5 GB; seconds after an edit",
    takes: 1_800_000_000,
    place: |workshop| target_folder(&workshop.places),
    inputs,
    made: |workshop| library(workshop).is_some_and(|library| library.is_file()),
    run,
};

/// Finds the library of the last build.
pub(crate) fn library(workshop: &Workshop) -> Option<PathBuf> {
    read_mark(&record(workshop)).map(PathBuf::from)
}

/// The folder with the library and the metadata of what it was linked from.
pub(crate) fn dependencies(library: &Path) -> PathBuf {
    match library.parent() {
        Some(folder) if folder.ends_with("deps") => folder.to_path_buf(),
        Some(folder) => folder.join("deps"),
        None => PathBuf::new(),
    }
}

fn record(workshop: &Workshop) -> PathBuf {
    workshop.places.kernel().join("facade.path")
}

/// Names sources and result: cargo is asked only when one of them changed.
///
/// The result belongs to it because `cargo build --workspace` writes another one, linked
/// differently, to the same place.
fn inputs(workshop: &Workshop) -> Result<Fingerprint> {
    let root = &workshop.places.root;
    let mut print = workshop.fingerprint();
    let sources = [
        "Cargo.toml",
        "Cargo.lock",
        ".cargo/config.toml",
        "common",
        "setup/kernel",
    ];
    for source in sources {
        print = print.times(&root.join(source))?;
    }
    if let Some(library) = library(workshop) {
        print = print.times(&library)?;
        if let Some(name) = library.file_name() {
            print = print.times(&dependencies(&library).join(name))?;
        }
    }
    for name in ["RUSTFLAGS", "CARGO_ENCODED_RUSTFLAGS", "CARGO_TARGET_DIR"] {
        print = print.text(&std::env::var(name).unwrap_or_default());
    }
    Ok(print)
}

fn run(workshop: &Workshop, meter: &Meter) -> Result<String> {
    let mut command = child::command("cargo");
    command
        .args(["rustc", "--locked", "--package", "facade"])
        .args([
            "--message-format",
            "json-render-diagnostics",
            "--",
            "-Cprefer-dynamic",
        ])
        .current_dir(&workshop.places.root);
    let (mut library, mut crates) = (None, 0);
    let log = workshop.places.log("facade");
    Logged::new("compiling `common` for the notebooks", log).run(&mut command, |line| {
        if line.starts_with('{') {
            library = artifact(line).or(library.take());
        } else {
            crates += usize::from(line.trim_start().starts_with("Compiling"));
            meter.say(&format!("{crates} crates · {}", line.trim()));
        }
    })?;
    let library: PathBuf = library.context("cargo named no library for `facade`")?;
    fs::create_dir_all(workshop.places.kernel())?;
    write_whole(&record(workshop), &library.to_string_lossy())?;
    Ok(match crates {
        0 => "up to date".into(),
        _ => format!("{crates} crates compiled; restart kernels that are running"),
    })
}

/// Reads the library's path from one of cargo's messages.
fn artifact(line: &str) -> Option<PathBuf> {
    let message: Value = serde_json::from_str(line).ok()?;
    if message["reason"] != "compiler-artifact" || message["target"]["name"] != "facade" {
        return None;
    }
    let files = message["filenames"].as_array()?;
    let is_library = |name: &&str| name.ends_with(".so") || name.ends_with(".dylib");
    files
        .iter()
        .filter_map(Value::as_str)
        .find(is_library)
        .map(PathBuf::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_library_is_named_by_cargo_not_guessed() {
        let line = r#"{"reason":"compiler-artifact","target":{"name":"facade"},
            "filenames":["/t/debug/libfacade.rmeta","/t/debug/libfacade.so"]}"#;
        assert_eq!(
            artifact(&line.replace('\n', "")),
            Some("/t/debug/libfacade.so".into())
        );
        assert_eq!(
            artifact(r#"{"reason":"build-finished","success":true}"#),
            None
        );
    }

    #[test]
    fn dependencies_lie_beside_the_library_or_around_it() {
        assert_eq!(
            dependencies(Path::new("/t/debug/libfacade.so")),
            Path::new("/t/debug/deps")
        );
        let inside = Path::new("/t/debug/deps/libfacade.so");
        assert_eq!(dependencies(inside), Path::new("/t/debug/deps"));
    }
}
