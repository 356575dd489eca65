//! What a kernel reads when it starts, written for this clone: see [`crate::kernel`].

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use serde_json::json;

use super::{Step, Workshop, evcxr, facade, rust_src};
use crate::fingerprint::write_whole;
use crate::kernel::{Settings, graph, recipe, shim, sources, template};
use crate::progress::Meter;

/// Writes configuration, crate graph, compiled stubs, the launcher and the kernelspec.
pub(super) const STEP: Step = Step {
    id: "kernel-files",
    name: "kernel configuration",
    cost: "some seconds",
    takes: 50_000_000,
    place: |workshop| workshop.places.kernel(),
    inputs: |workshop| {
        // The facade's inputs hold `setup/kernel`; the launcher is a copy of this very binary, which
        // cargo has just built from these sources.
        let print = (facade::STEP.inputs)(workshop)?.text("kernel-files");
        let print = print.text(&evcxr::binary(workshop).to_string_lossy());
        print.contents(&workshop.places.root.join("setup/src"))
    },
    made: |workshop| {
        workshop.places.launcher().is_file()
            && Settings::path(&workshop.places.kernel()).is_file()
            && kernelspec(workshop).is_file()
    },
    run,
};

fn kernelspec(workshop: &Workshop) -> PathBuf {
    workshop
        .places
        .venv()
        .join("share/jupyter/kernels/rust/kernel.json")
}

fn run(workshop: &Workshop, meter: &Meter) -> Result<String> {
    let places = &workshop.places;
    let kernel = places.kernel();
    let library = facade::library(workshop).context("the library for cells is not built")?;
    copy_whole(&own_binary()?, &places.launcher())?;
    let recipe = recipe::Recipe {
        library: &library,
        dependencies: &facade::dependencies(&library),
        source: &places.root.join("setup/kernel"),
    };
    recipe.write(&kernel)?;
    meter.say("crate graph");
    let sysroot = workshop.toolchain.sysroot(&places.root)?;
    let sources = rust_src::library(workshop)?
        .map(|library| sources::write(&kernel, &library))
        .transpose()?;
    let mut settings = Settings {
        evcxr: evcxr::binary(workshop),
        cargo: sysroot.join("bin/cargo"),
        sources,
        standard: sysroot
            .join("lib/rustlib")
            .join(&workshop.toolchain.host)
            .join("lib"),
        sysroot,
        graph: None,
    };
    shim::write_cargo_home(&kernel, &places.launcher())?;
    let graph = graph::write(workshop, &kernel, &settings.cargo)
        .and_then(|graph| shim::prove(&kernel, &settings.cargo, &graph).map(|()| graph));
    let mut words = String::new();
    match graph {
        Ok(graph) => settings.graph = Some(graph),
        Err(error) => {
            words = format!(
                "working without type inference for `common`, as its crate graph could not be \
                 prepared ({error:#}); the notebooks state their types and need none"
            );
        }
    }
    meter.say("stubs");
    template::build(&kernel, &settings, &workshop.toolchain.host, &recipe)?;
    settings.write(&kernel)?;
    write_kernelspec(workshop)?;
    write_lab_settings(workshop)?;
    Ok(words)
}

fn write_kernelspec(workshop: &Workshop) -> Result<()> {
    let spec = json!({
        "argv": [workshop.places.launcher(), "kernel", "{connection_file}"],
        "display_name": "Rust",
        "language": "rust",
        "interrupt_mode": "message",
        "metadata": {
            "kernel_provisioner": { "provisioner_name": "workbook-spare" },
            "workbook": { "stamp": workshop.places.mark(STEP.id) },
        },
    });
    write_whole(&kernelspec(workshop), &format!("{spec:#}\n"))
}

/// Keeps JupyterLab from asking the network for news and new versions.
fn write_lab_settings(workshop: &Workshop) -> Result<()> {
    let venv = workshop.places.venv();
    let quiet = json!({
        "@jupyterlab/apputils-extension:notification": {
            "checkForUpdates": false, "fetchNews": "false",
        },
    });
    let disabled = json!({
        "disabledExtensions": { "@jupyterlab/apputils-extension:announcements": true },
    });
    let settings = venv.join("share/jupyter/lab/settings/overrides.json");
    write_whole(&settings, &format!("{quiet:#}\n"))?;
    write_whole(
        &venv.join("etc/jupyter/labconfig/page_config.json"),
        &format!("{disabled:#}\n"),
    )
}

/// Names a file with this very program.
///
/// `cargo test`, when it is run by this command, replaces the file it was started from; Linux still
/// hands out the old one.
fn own_binary() -> Result<PathBuf> {
    let path = std::env::current_exe().context("this program has no file")?;
    let running = PathBuf::from("/proc/self/exe");
    Ok(if path.exists() || !running.exists() {
        path
    } else {
        running
    })
}

/// Copies a program beside its place, then renames, so that a running one is left alone.
fn copy_whole(from: &Path, to: &Path) -> Result<()> {
    let folder = to.parent().context("a file without a folder")?;
    fs::create_dir_all(folder).with_context(|| format!("making {}", folder.display()))?;
    let beside = folder.join(format!(".new.{}", std::process::id()));
    fs::copy(from, &beside).with_context(|| format!("copying {}", from.display()))?;
    fs::rename(&beside, to).with_context(|| format!("writing {}", to.display()))
}
