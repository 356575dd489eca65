//! The collector of the lessons about OpenTelemetry, and of the tests that send through one: optional, as
//! it is not built for every machine.

use std::path::PathBuf;

use anyhow::{Context as _, Result};

use super::{Step, Workshop, ensure_each, pip};
use crate::child::{self, Logged};
use crate::fingerprint::Fingerprint;
use crate::problem::Problem;
use crate::progress::Meter;

/// Installs what `setup/collector` pins into `.workbook/collector`.
const STEP: Step = Step {
    id: "collector",
    name: "Collector (rotel)",
    cost: "some seconds, 29 MB",
    takes: 60_000_000,
    place: |workshop| workshop.places.collector(),
    inputs: |workshop| {
        // It is built for one Python, and uses its library.
        Fingerprint::new()
            .text("collector")
            .contents(&workshop.places.venv().join("pyvenv.cfg"))?
            .contents(&pins(workshop))
    },
    made: |workshop| program(workshop).is_file(),
    run,
};

/// Installs the collector if it is missing; returns why not when there is none for this machine. The Python
/// environment has to be there.
pub(crate) fn ensure(workshop: &Workshop) -> Result<Option<String>> {
    if STEP.is_done(workshop)? {
        return Ok(None);
    }
    let machine = machine(workshop)?;
    if let Some(reason) = unable(&machine) {
        return Ok(Some(reason));
    }
    ensure_each(workshop, &[STEP], |_| Ok(()))?;
    Ok(None)
}

/// Installs the collector for lessons if there is one for this machine. A lesson says itself what it goes
/// without, so nothing fails here.
pub(crate) fn offer(workshop: &Workshop) {
    // The step has told what went wrong.
    let _ = ensure(workshop);
}

fn pins(workshop: &Workshop) -> PathBuf {
    workshop
        .places
        .root
        .join("setup/collector/requirements.txt")
}

fn program(workshop: &Workshop) -> PathBuf {
    workshop.places.collector().join("rotel/rotel-agent")
}

/// Asks Python about itself and the machine: `3.12 linux x86_64 glibc 2.36`.
fn machine(workshop: &Workshop) -> Result<String> {
    const QUESTION: &str = "import platform, sys; print('%d.%d' % sys.version_info[:2], sys.platform, \
                            platform.machine(), *platform.libc_ver())";
    let output = child::command(workshop.places.python())
        .args(["-c", QUESTION])
        .output()
        .context("asking Python which machine this is")?;
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// Says why there is no collector for a machine; nothing if there is one.
fn unable(machine: &str) -> Option<String> {
    let mut words = machine.split_whitespace();
    let python = words.next().unwrap_or_default();
    let system = (words.next(), words.next());
    let glibc = words.nth(1).and_then(minor);
    let built = match system {
        (Some("linux"), Some("x86_64" | "aarch64")) => glibc.is_some_and(|minor| minor >= 34),
        (Some("darwin"), Some("arm64")) => true,
        _ => false,
    };
    if !built {
        return Some(format!(
            "the collector (rotel) is built for Linux with glibc 2.34 or newer and for macOS on Apple \
             silicon, and this is {machine}"
        ));
    }
    match minor(python) {
        Some(11..=13) => None,
        _ => Some(format!(
            "the collector (rotel) is built for Python 3.11 to 3.13, and the environment's is {python}; \
             `cargo workbook clean`, then with one of these first in PATH, `cargo workbook open`"
        )),
    }
}

/// Reads the second number of `3.12`.
fn minor(version: &str) -> Option<u32> {
    version.split('.').nth(1)?.parse().ok()
}

fn run(workshop: &Workshop, meter: &Meter) -> Result<String> {
    let mut command = pip::install(workshop, workshop.places.python());
    command
        .args(["--upgrade", "--no-deps"])
        .args(["--only-binary", ":all:", "--require-hashes", "--target"])
        .arg(workshop.places.collector())
        .arg("--requirement")
        .arg(pins(workshop));
    let log = |name| workshop.places.log(name);
    Logged::new("pip install rotel", log("pip-collector"))
        .run(&mut command, |line| meter.say(line))?;
    let mut version = child::command(program(workshop));
    version.arg("--version");
    let mut said = String::new();
    let ended = Logged::new("rotel", log("collector")).observe(&mut version, |line| {
        said = line.to_owned();
    })?;
    if ended.success {
        return Ok(said);
    }
    // Most often the dynamic loader, which misses Python as a library.
    let remedy =
        "it needs Python as a shared library; on Debian and its kin: apt install libpython3-dev";
    Err(Problem::new(format!("the collector does not start: {said}"), remedy).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn machines_without_a_build_are_told_why() {
        for fine in [
            "3.11 linux x86_64 glibc 2.36",
            "3.13 linux aarch64 glibc 2.39",
            "3.12 darwin arm64",
        ] {
            assert_eq!(unable(fine), None, "{fine}");
        }
        for (machine, word) in [
            ("3.12 linux x86_64 glibc 2.31", "glibc 2.34"),
            ("3.12 linux x86_64", "glibc 2.34"),
            ("3.12 darwin x86_64", "Apple silicon"),
            ("3.14 linux x86_64 glibc 2.41", "Python 3.11 to 3.13"),
            ("", "is built for"),
        ] {
            let reason = unable(machine).unwrap_or_default();
            assert!(reason.contains(word), "{machine}: {reason}");
        }
    }
}
