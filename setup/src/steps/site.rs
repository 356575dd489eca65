//! What builds the site of pages and notebooks, in an environment of its own: its packages ask for others
//! than Jupyter does.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context as _, Result};

use super::{Step, Workshop, ensure_each, pip};
use crate::child::{self, Logged};
use crate::doctor::find_python;
use crate::progress::Meter;

/// Makes `.workbook/site` and installs what `docs/site` pins.
const STEP: Step = Step {
    id: "site",
    name: "Sphinx, for the site of the docs",
    cost: "1–2 minutes, 260 MB",
    takes: 350_000_000,
    place: |workshop| workshop.places.site(),
    inputs: |workshop| {
        workshop
            .fingerprint()
            .text("site")
            .contents(&requirements(workshop))
    },
    made: |workshop| sphinx(workshop).exists(),
    run,
};

/// Installs what builds the site, if it is missing.
pub(crate) fn ensure(workshop: &Workshop) -> Result<()> {
    ensure_each(workshop, &[STEP], |_| Ok(()))
}

/// The interpreter with Sphinx beside it.
pub(crate) fn python(workshop: &Workshop) -> PathBuf {
    workshop.places.site().join("python/bin/python")
}

fn sphinx(workshop: &Workshop) -> PathBuf {
    workshop.places.site().join("python/bin/sphinx-build")
}

fn requirements(workshop: &Workshop) -> PathBuf {
    workshop.places.root.join("docs/site/requirements.txt")
}

fn run(workshop: &Workshop, meter: &Meter) -> Result<String> {
    let venv = workshop.places.site().join("python");
    if venv.exists() {
        // Left by an interruption, or with other packages.
        fs::remove_dir_all(&venv).with_context(|| format!("removing {}", venv.display()))?;
    }
    meter.say("making the environment");
    let mut make = child::command(find_python()?.path);
    make.args(["-m", "venv"]).arg(&venv);
    let log = |name: &str| workshop.places.log(name);
    Logged::new("making the site's environment", log("site-venv"))
        .run(&mut make, |line| meter.say(line))?;
    let mut install = pip::install(workshop, python(workshop));
    install.arg("-r").arg(requirements(workshop));
    Logged::new("pip install", log("site-pip")).run(&mut install, |line| meter.say(line))?;
    Ok(String::new())
}
