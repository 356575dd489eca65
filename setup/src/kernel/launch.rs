//! Becomes the kernel: makes a slot, sets its environment, replaces itself with evcxr.

use std::env;
use std::ffi::OsString;
use std::os::unix::process::{CommandExt as _, parent_id};
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, Result};
use rustix::process::{Pid, Signal, kill_process_group};

use super::shim::{CARGO_VARIABLE, GRAPH_VARIABLE, SLOT_VARIABLE, cargo_home};
use super::{Settings, slot, template};
use crate::child;
use crate::places::Places;

/// How often the watcher looks whether Jupyter and the kernel live.
const LOOK_EVERY: Duration = Duration::from_secs(2);

/// Starts the kernel for one connection file. Returns only when that fails.
pub(crate) fn kernel(connection_file: &Path) -> Result<()> {
    let places = Places::find()?;
    let kernel = places.kernel();
    let settings = Settings::read(&kernel)?;
    let slot = slot::make(&kernel)?;
    // Without its compiled stubs the kernel starts a second later; that is no reason to fail.
    let _ = template::seed(&kernel, &slot);
    watch_over(&slot)?;
    let mut command = child::command(&settings.evcxr);
    command
        .arg("--control_file")
        .arg(connection_file)
        .env(SLOT_VARIABLE, &slot)
        .env("EVCXR_CONFIG_DIR", kernel.join("conf"))
        // The compiler that built the facade, whatever the user's default is by now.
        .env("RUSTUP_TOOLCHAIN", &settings.sysroot)
        .env("PATH", path_with(&settings.sysroot.join("bin"))?)
        .env("WORKBOOK_ROOT", &places.root)
        .env("WORKBOOK_PYTHON", places.python());
    if let Some(graph) = &settings.graph {
        command
            .env("CARGO_HOME", cargo_home(&kernel))
            .env(CARGO_VARIABLE, &settings.cargo)
            .env(GRAPH_VARIABLE, graph);
    }
    let error = command.exec();
    Err(error).with_context(|| format!("starting {}", settings.evcxr.display()))
}

fn path_with(first: &Path) -> Result<OsString> {
    let path = env::var_os("PATH").unwrap_or_default();
    let folders = std::iter::once(first.to_path_buf()).chain(env::split_paths(&path));
    env::join_paths(folders).context("PATH cannot be extended")
}

/// Leaves a small process behind that cleans up: evcxr itself outlives a Jupyter that was killed.
fn watch_over(slot: &Path) -> Result<()> {
    Command::new(env::current_exe()?)
        .arg("watch-kernel")
        .arg(slot)
        .arg(parent_id().to_string())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        // Out of the kernel's group, which Jupyter ends as a whole.
        .process_group(0)
        .spawn()
        .context("starting the kernel's watcher")?;
    Ok(())
}

/// Waits until the kernel or its Jupyter has ended, then ends the other half and removes the slot.
pub(crate) fn watch(slot: &Path, jupyter: i32) -> Result<()> {
    let kernel = slot
        .file_name()
        .and_then(|name| name.to_str()?.parse::<i32>().ok())
        .context("a slot without a number")?;
    // The kernel is this process's parent for as long as it lives.
    while i64::from(parent_id()) == i64::from(kernel) {
        if !slot::is_alive(jupyter) {
            if let Some(group) = Pid::from_raw(kernel) {
                let _ = kill_process_group(group, Signal::KILL);
                let _ = rustix::process::kill_process(group, Signal::KILL);
            }
        }
        thread::sleep(LOOK_EVERY);
    }
    let _ = std::fs::remove_dir_all(slot);
    Ok(())
}
