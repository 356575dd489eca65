//! The kernel's binary, compiled once for all clones of one user.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context as _, Result};

use super::{Step, Workshop};
use crate::child::{self, Logged};
use crate::fingerprint::Fingerprint;
use crate::lock::Lock;
use crate::progress::Meter;

/// How the kernel is compiled.
///
/// A third cheaper than the release profile and as fast at work: link-time optimisation gains it
/// nothing, and three crates of rust-analyzer's that only an editor calls need no optimisation.
/// Lower levels for the rest save little and nearly double the time of the first `let`.
const PROFILE: [&str; 8] = [
    "profile.release.opt-level=2",
    "profile.release.codegen-units=1",
    "profile.release.lto=\"off\"",
    "profile.release.debug=0",
    "profile.release.strip=true",
    "profile.release.package.ra_ap_ide_assists.opt-level=0",
    "profile.release.package.ra_ap_ide_diagnostics.opt-level=0",
    "profile.release.package.ra_ap_ide_ssr.opt-level=0",
];

/// Compiles the kernel into the user's cache.
pub(super) const STEP: Step = Step {
    id: "evcxr",
    name: "notebook kernel (evcxr)",
    cost: "8–15 minutes once per user, 25 MB kept, 1.5 GB while it compiles",
    takes: 1_600_000_000,
    place: |workshop| workshop.places.cache.clone(),
    inputs: |workshop| Ok(workshop.fingerprint().text(&folder_name(workshop))),
    made: |workshop| binary(workshop).is_file(),
    run,
};

/// Names the binary that belongs to the wanted version, the compiler and the profile.
pub(crate) fn binary(workshop: &Workshop) -> PathBuf {
    workshop
        .places
        .cache
        .join(folder_name(workshop))
        .join("bin/evcxr_jupyter")
}

fn folder_name(workshop: &Workshop) -> String {
    let profile = PROFILE
        .iter()
        .fold(Fingerprint::new(), |print, flag| print.text(flag))
        .hex();
    let rust = &workshop.toolchain;
    format!(
        "evcxr-{}-{}-{}-{}",
        workshop.wanted.evcxr,
        rust.release,
        rust.host,
        &profile[..8]
    )
}

fn run(workshop: &Workshop, meter: &Meter) -> Result<String> {
    let cache = &workshop.places.cache;
    let _lock = Lock::take(cache)?;
    if binary(workshop).is_file() {
        return Ok(format!("already in {}", cache.display()));
    }
    let name = folder_name(workshop);
    let kept = cache.join(&name);
    let (beside, build) = (
        cache.join(format!("{name}.new")),
        cache.join(format!("{name}.build")),
    );
    let mut command = child::command("cargo");
    command
        .args(["install", "--locked", "--no-track", "--force"])
        .arg(format!("evcxr_jupyter@{}", workshop.wanted.evcxr))
        .arg("--root")
        .arg(&beside)
        .env("CARGO_TARGET_DIR", &build)
        .current_dir(&workshop.places.root);
    for flag in PROFILE {
        command.args(["--config", flag]);
    }
    let mut crates = 0;
    Logged::new("cargo install evcxr_jupyter", workshop.places.log("evcxr")).run(
        &mut command,
        |line| {
            crates += usize::from(line.trim_start().starts_with("Compiling"));
            meter.say(&format!("{crates} crates · {}", line.trim()));
        },
    )?;
    if kept.exists() {
        fs::remove_dir_all(&kept).with_context(|| format!("removing {}", kept.display()))?;
    }
    fs::rename(&beside, &kept).with_context(|| format!("writing {}", kept.display()))?;
    // The build's leftovers have served: they are sixty times the size of the binary.
    let _ = fs::remove_dir_all(&build);
    Ok(format!("kept in {}", cache.display()))
}
