//! The Python environment: JupyterLab, the peers of the lessons, our own Jupyter package.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context as _, Result};

use super::{Step, Workshop, pip};
use crate::child::{self, Logged};
use crate::doctor::find_python;
use crate::fingerprint::write_whole;
use crate::progress::Meter;

/// Makes `.workbook/python` and installs what `setup/python` pins.
pub(super) const STEP: Step = Step {
    id: "python",
    name: "Python environment with JupyterLab",
    cost: "1–3 minutes, 320 MB",
    takes: 400_000_000,
    place: |workshop| workshop.places.venv(),
    inputs: |workshop| {
        workshop
            .fingerprint()
            .text("python")
            .contents(&source(workshop))
    },
    made: |workshop| {
        let programs = workshop.places.venv().join("bin");
        ["python", "jupyter", "jupyter-lab"]
            .iter()
            .all(|name| programs.join(name).exists())
            && !unfinished(workshop).exists()
    },
    run,
};

fn source(workshop: &Workshop) -> PathBuf {
    workshop.places.root.join("setup/python")
}

/// There while pip works: what it broke off in looks installed to it, and is not.
fn unfinished(workshop: &Workshop) -> PathBuf {
    workshop.places.venv().join(".installing")
}

fn run(workshop: &Workshop, meter: &Meter) -> Result<String> {
    let venv = workshop.places.venv();
    let python = workshop.places.python();
    let log = |name: &str| workshop.places.log(name);
    if venv.exists() && (unfinished(workshop).exists() || !answers(&python)) {
        // Left by an interruption, or by a Python that has gone since.
        fs::remove_dir_all(&venv).with_context(|| format!("removing {}", venv.display()))?;
    }
    if !venv.exists() {
        meter.say("making the environment");
        let mut command = child::command(find_python()?.path);
        command.args(["-m", "venv"]).arg(&venv);
        Logged::new("making the Python environment", log("venv"))
            .run(&mut command, |line| meter.say(line))?;
    }
    write_whole(&unfinished(workshop), "")?;
    let pip = |arguments: &[&str]| {
        let mut command = pip::install(workshop, &python);
        command.args(arguments);
        command
    };
    let requirements = source(workshop).join("requirements.txt");
    Logged::new("pip install", log("pip"))
        .run(&mut pip(&["-r", &requirements.to_string_lossy()]), |line| {
            meter.say(line)
        })?;
    if source(workshop).join("pyproject.toml").exists() {
        let package = [
            "--no-deps",
            "--no-build-isolation",
            "--force-reinstall",
            "./setup/python",
        ];
        Logged::new("installing setup/python", log("pip-local"))
            .run(&mut pip(&package), |line| meter.say(line))?;
    }
    fs::remove_file(unfinished(workshop)).context("finishing the Python environment")?;
    Ok(String::new())
}

/// Says whether an environment can install anything.
fn answers(python: &std::path::Path) -> bool {
    child::command(python)
        .args([
            "-c",
            "import pip, sys; sys.exit(sys.prefix == sys.base_prefix)",
        ])
        .output()
        .is_ok_and(|output| output.status.success())
}
