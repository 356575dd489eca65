//! The sources of the standard library, which the kernel reads to infer the types of variables.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Result;

use super::{Step, Workshop};
use crate::child::{self, Logged};
use crate::progress::Meter;

/// How long to wait for a download of 4 MB before going on without it.
const LIMIT: Duration = Duration::from_secs(120);

/// Installs the component, or goes on without it and says so.
pub(super) const STEP: Step = Step {
    id: "rust-src",
    name: "sources of the standard library",
    cost: "some seconds, 50 MB",
    takes: 50_000_000,
    place: |workshop| workshop.places.state.clone(),
    inputs: |workshop| Ok(workshop.fingerprint()),
    made: |_| true,
    run,
};

/// Finds the sources that belong to the compiler, if they are installed.
pub(crate) fn library(workshop: &Workshop) -> Result<Option<PathBuf>> {
    let sysroot = workshop.toolchain.sysroot(&workshop.places.root)?;
    let library = sysroot.join("lib/rustlib/src/rust/library");
    Ok(library.join("core/src/lib.rs").is_file().then_some(library))
}

fn run(workshop: &Workshop, meter: &Meter) -> Result<String> {
    if library(workshop)?.is_some() {
        return Ok("already there".into());
    }
    let mut command = child::command("rustup");
    command
        .args(["component", "add", "rust-src"])
        .current_dir(&workshop.places.root);
    let added = Logged::new(
        "rustup component add rust-src",
        workshop.places.log("rust-src"),
    )
    .limit(LIMIT)
    .run(&mut command, |line| meter.say(line));
    if added.is_ok() && library(workshop)?.is_some() {
        return Ok(String::new());
    }
    // The kernel asks rustup for the component again at each start, and would wait for it.
    fs::create_dir_all(workshop.places.kernel())?;
    Ok(
        "not to be had: the notebooks work on, as their variables state their types; in cells of \
        your own write `let x: Type = …`. Later: rustup component add rust-src && cargo \
        workbook clean"
            .into(),
    )
}
