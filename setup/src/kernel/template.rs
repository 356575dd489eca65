//! Compiled stubs for a new kernel to start from, instead of compiling them itself.

use std::fs::{self, File, FileTimes};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};

use super::Settings;
use super::recipe::Recipe;

/// The profile that evcxr writes into each slot. Should it change one day, cargo compiles the stubs
/// again in each slot, which costs a second and breaks nothing.
const PROFILE: &str = "[profile.dev]\nopt-level = 0\ndebug = false\nstrip = \"debuginfo\"\n\
    rpath = true\nlto = false\ndebug-assertions = true\ncodegen-units = 16\npanic = 'unwind'\n\
    incremental = true\noverflow-checks = true\n";

/// Names the folder with the compiled stubs.
pub(crate) fn folder(kernel: &Path) -> PathBuf {
    kernel.join("template")
}

/// Compiles the stubs the way evcxr would.
pub(crate) fn build(
    kernel: &Path,
    settings: &Settings,
    host: &str,
    recipe: &Recipe<'_>,
) -> Result<()> {
    let (kept, beside) = (folder(kernel), kernel.join("template.new"));
    for old in [&beside, &kept] {
        if old.exists() {
            fs::remove_dir_all(old).with_context(|| format!("removing {}", old.display()))?;
        }
    }
    fs::create_dir_all(beside.join("src"))?;
    fs::write(beside.join("src/lib.rs"), "")?;
    let mut manifest = String::from(
        "[package]\nname = \"ctx\"\nversion = \"1.0.0\"\nedition = \"2024\"\n\n\
         [lib]\ncrate-type = [\"cdylib\"]\n\n[dependencies]\n",
    );
    for (name, value) in recipe.dependencies_of_cells() {
        manifest.push_str(&format!("{name} = {value}\n"));
    }
    manifest.push_str(PROFILE);
    manifest.push_str("[workspace]\n");
    fs::write(beside.join("Cargo.toml"), manifest)?;
    let output = crate::child::command(&settings.cargo)
        .args(["build", "--offline", "--target", host])
        .current_dir(&beside)
        .env("CARGO_TARGET_DIR", "target")
        .env("CARGO_BUILD_BUILD_DIR", "target")
        .env("RUSTC", settings.sysroot.join("bin/rustc"))
        .env(
            "CARGO_ENCODED_RUSTFLAGS",
            recipe.rustc_flags().join("\u{1f}"),
        )
        .output()
        .context("compiling the stubs")?;
    if !output.status.success() {
        bail!(
            "compiling the stubs: {}",
            String::from_utf8_lossy(&output.stderr)
        );
    }
    for folder in [host, "debug"] {
        // Of the cell itself nothing must be there: its sources will be others.
        let folder = beside.join("target").join(folder);
        let _ = fs::remove_dir_all(folder.join("debug/incremental"));
        remove_cell(&folder.join("debug/deps"))?;
        remove_cell(&folder.join("debug/.fingerprint"))?;
        remove_cell(&folder.join("debug"))?;
    }
    fs::rename(&beside, &kept).with_context(|| format!("writing {}", kept.display()))
}

fn remove_cell(folder: &Path) -> Result<()> {
    let Ok(entries) = fs::read_dir(folder) else {
        return Ok(());
    };
    for entry in entries {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if !name.starts_with("ctx") && !name.starts_with("libctx") {
            continue;
        }
        if path.is_dir() {
            fs::remove_dir_all(&path)?
        } else {
            fs::remove_file(&path)?
        }
    }
    Ok(())
}

/// Copies the compiled stubs into a slot; without them the kernel compiles its own.
pub(crate) fn seed(kernel: &Path, slot: &Path) -> Result<()> {
    copy_folder(&folder(kernel).join("target"), &slot.join("target"))
}

/// Copies a folder with the times of its files, by which cargo knows what is fresh.
///
/// Copies, not links: what a kernel writes in place would change the template.
fn copy_folder(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy_folder(&entry.path(), &target)?;
        } else {
            fs::copy(entry.path(), &target)?;
            let times = FileTimes::new().set_modified(entry.metadata()?.modified()?);
            File::options()
                .write(true)
                .open(&target)?
                .set_times(times)?;
        }
    }
    Ok(())
}
