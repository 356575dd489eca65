//! Builds the targets so that libFuzzer sees which code an input reaches.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result};

use super::folder;
use crate::child::{self, Logged};
use crate::progress::Meter;
use crate::steps::Workshop;

/// What `cargo fuzz` asks a nightly compiler for, said to a stable one: counters at each edge, a table of
/// the edges, and calls that tell libFuzzer what a comparison compares.
const FLAGS: [&str; 8] = [
    "-Cpasses=sancov-module",
    "-Cllvm-args=-sanitizer-coverage-level=4",
    "-Cllvm-args=-sanitizer-coverage-inline-8bit-counters",
    "-Cllvm-args=-sanitizer-coverage-pc-table",
    "-Cllvm-args=-sanitizer-coverage-trace-compares",
    "--cfg",
    "fuzzing",
    // A table and its counters belong together; the linker joins those of one unit only.
    "-Ccodegen-units=1",
];

/// The profile in the root manifest.
const PROFILE: &str = "fuzz";

/// Lists the targets: one file each.
pub(super) fn targets(root: &Path) -> Result<Vec<String>> {
    let folder = root.join("common/fuzz/fuzz_targets");
    let files = fs::read_dir(&folder).with_context(|| format!("reading {}", folder.display()))?;
    let mut names: Vec<String> = files
        .flatten()
        .filter_map(|file| Some(file.path().file_stem()?.to_str()?.to_owned()))
        .collect();
    names.sort();
    Ok(names)
}

/// Says in words why this machine cannot build for fuzzing; none if it can.
pub(crate) fn obstacle(workshop: &Workshop) -> Result<Option<String>> {
    let runs = |command: &mut Command| command.output().is_ok_and(|ended| ended.status.success());
    if !runs(child::command("c++").arg("--version")) {
        return Ok(Some(
            "libFuzzer is C++, and `c++` does not answer: install g++ or clang".to_owned(),
        ));
    }
    // The flags are LLVM's own: another back end or a later LLVM may not know them.
    let place = folder(home(workshop))?;
    let source = place.join("probe.rs");
    fs::write(&source, "pub fn probe(x: u8) -> bool { x == 7 }\n").context("writing a probe")?;
    let mut probe = child::command("rustc");
    probe
        .args(["--edition=2021", "--crate-type=rlib", "--out-dir"])
        .arg(&place)
        .args(FLAGS)
        .arg(&source);
    Ok((!runs(&mut probe)).then(|| {
        let Workshop { toolchain, .. } = workshop;
        format!(
            "Rust {} for {} does not take LLVM's flags for coverage",
            toolchain.release, toolchain.host
        )
    }))
}

/// What all clones of one user share: builds, and inputs that were found to be interesting.
pub(super) fn home(workshop: &Workshop) -> PathBuf {
    workshop.places.cache.join("fuzz")
}

/// The program of a target.
pub(super) fn program(workshop: &Workshop, target: &str) -> PathBuf {
    let host = &workshop.toolchain.host;
    home(workshop)
        .join("target")
        .join(host)
        .join(PROFILE)
        .join(target)
}

/// Builds the programs of these targets.
pub(super) fn build(workshop: &Workshop, targets: &[String]) -> Result<()> {
    let meter = Meter::start(
        "fuzz targets",
        "4–9 minutes and 1 GB the first time; one or two after an edit",
    );
    let mut command = child::command("cargo");
    command
        .args(["build", "--locked", "--package", "common-fuzz"])
        .args(["--profile", PROFILE, "--target", &workshop.toolchain.host])
        .args(targets.iter().flat_map(|target| ["--bin", target]))
        .current_dir(&workshop.places.root)
        .env("CARGO_TARGET_DIR", home(workshop).join("target"))
        .env("CARGO_ENCODED_RUSTFLAGS", FLAGS.join("\u{1f}"));
    let log = workshop.places.log("fuzz-build");
    let mut crates = 0;
    let built = Logged::new("cargo build", log).run(&mut command, |line| {
        crates += usize::from(line.trim_start().starts_with("Compiling"));
        meter.say(&format!("{crates} crates · {}", line.trim()));
    });
    match built {
        Ok(()) => meter.done(&match crates {
            0 => "up to date".to_owned(),
            _ => format!("{crates} crates compiled"),
        }),
        Err(error) => {
            meter.failed("");
            return Err(error);
        }
    };
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_target_has_a_program_a_corpus_and_a_place_in_the_list() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let fuzz = root.join("common/fuzz");
        let manifest = fs::read_to_string(fuzz.join("Cargo.toml")).unwrap();
        let list = fs::read_to_string(fuzz.join("src/lib.rs")).unwrap();
        let names = targets(&root).unwrap();
        assert!(names.len() >= 9, "{names:?}");
        for name in names {
            assert!(manifest.contains(&format!("name = \"{name}\"")), "{name}");
            assert!(list.contains(&format!("(\"{name}\", {name})")), "{name}");
            assert!(fuzz.join("corpus").join(&name).is_dir(), "{name}");
        }
    }
}
