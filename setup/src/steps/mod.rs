//! What has to be there before a notebook opens, as a list of steps. Start at [`ensure`].
//!
//! ```text
//!   rust-src ─► python ─► evcxr ─► facade ─► docs-tools ─► kernel files
//!   (RA reads)  (Jupyter)  (cache)  (dylib)   (program)     (configuration, kernelspec, crate graph)
//!
//!   javascript                                for `compat` and lessons, where there is Node
//!   collector                                 for lessons, where there is one for the machine
//!   brokers                                   for the queues of tests and lessons, where there is apt
//!   site                                      for `docs`, in an environment of its own
//!   prometheus                                for the tests of dashboards and alerts, likewise
//! ```
//!
//! A step writes its mark only when it has ended well. Whatever interrupts it, the next command
//! finds no mark and runs it again; cargo and pip keep the parts that they had finished.

pub(crate) mod brokers;
pub(crate) mod collector;
pub(crate) mod docs_tools;
mod evcxr;
pub(crate) mod facade;
pub(crate) mod javascript;
mod kernel_files;
pub(crate) mod packages;
mod pip;
pub(crate) mod prometheus;
mod python;
mod rust_src;
pub(crate) mod site;

use std::fs;
use std::path::PathBuf;

use anyhow::Result;

use crate::child::{self, Logged};
use crate::doctor::prerequisites;
use crate::fingerprint::{Fingerprint, read_mark, write_whole};
use crate::lock::Lock;
use crate::places::Places;
use crate::progress::Meter;
use crate::toolchain::{Toolchain, Wanted};

pub(crate) use evcxr::binary as evcxr_binary;
pub(crate) use rust_src::library as rust_library;

/// What every step needs to know.
#[derive(Debug, Clone)]
pub(crate) struct Workshop {
    /// The folders of this clone.
    pub(crate) places: Places,
    /// The versions that the root manifest asks for.
    pub(crate) wanted: Wanted,
    /// The compiler that is there.
    pub(crate) toolchain: Toolchain,
}

impl Workshop {
    /// Looks around; fails when there is no Rust or one that is too old.
    pub(crate) fn enter() -> Result<Self> {
        let places = Places::find()?;
        let wanted = Wanted::read(&places.root)?;
        let toolchain = Toolchain::detect(&places.root)?;
        toolchain.check(&wanted)?;
        Ok(Self {
            places,
            wanted,
            toolchain,
        })
    }

    /// Starts a fingerprint that changes with the compiler.
    pub(crate) fn fingerprint(&self) -> Fingerprint {
        Fingerprint::new()
            .text(&self.toolchain.release)
            .text(&self.toolchain.host)
    }

    /// Builds a package of the workspace and shows that it does; `cost` says in words what it takes.
    pub(crate) fn build(
        &self,
        name: &str,
        cost: &str,
        package: &str,
        flags: &[&str],
    ) -> Result<()> {
        let meter = Meter::start(name, cost);
        let mut command = child::command("cargo");
        command
            .args(["build", "--locked", "--package", package])
            .args(flags)
            .current_dir(&self.places.root);
        let log = self.places.log(package);
        let built = Logged::new("cargo build", log).run(&mut command, |line| meter.say(line));
        match built {
            Ok(()) => meter.done(""),
            Err(_) => meter.failed(""),
        };
        built
    }
}

/// One thing that has to be there.
#[derive(Debug)]
pub(crate) struct Step {
    /// Names its mark and its log.
    pub(crate) id: &'static str,
    /// What the reader knows it as.
    pub(crate) name: &'static str,
    /// What it takes the first time, in words.
    pub(crate) cost: &'static str,
    /// The bytes that it writes at most while it works.
    pub(crate) takes: u64,
    /// Where most of them go.
    pub(crate) place: fn(&Workshop) -> PathBuf,
    /// Names its inputs: the step is done when the mark says the same.
    pub(crate) inputs: fn(&Workshop) -> Result<Fingerprint>,
    /// Says whether what it made is still there.
    pub(crate) made: fn(&Workshop) -> bool,
    /// Does it, and returns words for what is worth knowing.
    pub(crate) run: fn(&Workshop, &Meter) -> Result<String>,
}

impl Step {
    /// Says whether there is nothing to do.
    pub(crate) fn is_done(&self, workshop: &Workshop) -> Result<bool> {
        let Some(mark) = read_mark(&workshop.places.mark(self.id)) else {
            return Ok(false);
        };
        Ok(mark == (self.inputs)(workshop)?.hex() && (self.made)(workshop))
    }

    fn finish(&self, workshop: &Workshop) -> Result<()> {
        let mark = workshop.places.mark(self.id);
        if mark.exists() {
            // A step that breaks off now must not look done with its former inputs.
            fs::remove_file(&mark)?;
        }
        let meter = Meter::start(self.name, self.cost);
        match (self.run)(workshop, &meter) {
            Ok(words) => meter.done(&words),
            Err(error) => {
                meter.failed("");
                return Err(error);
            }
        };
        // Inputs are read after the run: the facade's fingerprint holds what the build made.
        write_whole(&mark, &(self.inputs)(workshop)?.hex())
    }
}

/// Every step, in the order in which one needs the other.
pub(crate) const STEPS: [Step; 6] = [
    rust_src::STEP,
    python::STEP,
    evcxr::STEP,
    facade::STEP,
    docs_tools::STEP,
    kernel_files::STEP,
];

/// Does what is missing and says so; costs milliseconds when nothing is.
pub(crate) fn ensure(workshop: &Workshop) -> Result<()> {
    ensure_each(workshop, &STEPS, |workshop| {
        prerequisites(workshop)?;
        Ok(())
    })
}

/// Does what the peers in Python need, and nothing of what notebooks need besides.
pub(crate) fn ensure_python(workshop: &Workshop) -> Result<()> {
    ensure_each(workshop, &[python::STEP], |_| Ok(()))
}

/// Does the steps that are not done; `prepare` runs once, before the first of them.
fn ensure_each(
    workshop: &Workshop,
    steps: &[Step],
    prepare: impl FnOnce(&Workshop) -> Result<()>,
) -> Result<()> {
    if all_done(workshop, steps)? {
        return Ok(());
    }
    let _lock = Lock::take(&workshop.places.state)?;
    if all_done(workshop, steps)? {
        return Ok(());
    }
    prepare(workshop)?;
    for step in steps {
        if !step.is_done(workshop)? {
            step.finish(workshop)?;
        }
    }
    Ok(())
}

fn all_done(workshop: &Workshop, steps: &[Step]) -> Result<bool> {
    for step in steps {
        if !step.is_done(workshop)? {
            return Ok(false);
        }
    }
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;
    use anyhow::bail;

    /// Makes a workshop in a folder of its own below the system's temporary one.
    fn workshop(name: &str) -> Workshop {
        let root = std::env::temp_dir().join(format!("workbook-{}-{name}", std::process::id()));
        let _ = fs::remove_dir_all(&root);
        fs::create_dir_all(&root).unwrap();
        Workshop {
            places: Places {
                state: root.join(".workbook"),
                cache: root.join("cache"),
                root,
            },
            wanted: Wanted {
                toolchain: "1.95.0".into(),
                evcxr: "0.22.0".into(),
            },
            toolchain: Toolchain {
                release: "1.95.0".into(),
                host: "host".into(),
            },
        }
    }

    fn product(workshop: &Workshop) -> PathBuf {
        workshop.places.state.join("product")
    }

    const WRITES: Step = Step {
        id: "writes",
        name: "writes",
        cost: "",
        takes: 0,
        place: product,
        inputs: |workshop| Fingerprint::new().times(&workshop.places.root.join("input")),
        made: |workshop| product(workshop).exists(),
        run: |workshop, _| {
            let runs = read_mark(&product(workshop)).unwrap_or_default();
            write_whole(&product(workshop), &format!("{runs}ran "))?;
            Ok(String::new())
        },
    };

    const BREAKS_OFF: Step = Step {
        run: |workshop, _| {
            fs::create_dir_all(&workshop.places.state)?;
            fs::write(product(workshop), "half ")?;
            bail!("interrupted")
        },
        ..WRITES
    };

    fn go(workshop: &Workshop, step: Step) -> Result<()> {
        ensure_each(workshop, &[step], |_| Ok(()))
    }

    #[test]
    fn a_finished_step_is_not_run_again() {
        let workshop = workshop("finished");
        go(&workshop, WRITES).unwrap();
        go(&workshop, WRITES).unwrap();
        assert_eq!(fs::read_to_string(product(&workshop)).unwrap(), "ran ");
    }

    #[test]
    fn an_interrupted_step_is_run_again() {
        let workshop = workshop("interrupted");
        go(&workshop, BREAKS_OFF).unwrap_err();
        assert!(!WRITES.is_done(&workshop).unwrap());
        go(&workshop, WRITES).unwrap();
        assert_eq!(fs::read_to_string(product(&workshop)).unwrap(), "half ran ");
    }

    #[test]
    fn a_changed_input_or_a_lost_product_runs_the_step_again() {
        let workshop = workshop("changed");
        go(&workshop, WRITES).unwrap();
        fs::write(workshop.places.root.join("input"), "new").unwrap();
        go(&workshop, WRITES).unwrap();
        assert_eq!(fs::read_to_string(product(&workshop)).unwrap(), "ran ran ");
        fs::remove_file(product(&workshop)).unwrap();
        go(&workshop, WRITES).unwrap();
        assert_eq!(fs::read_to_string(product(&workshop)).unwrap(), "ran ");
    }

    #[test]
    fn a_step_that_breaks_off_forgets_that_it_was_once_done() {
        let workshop = workshop("forgets");
        go(&workshop, WRITES).unwrap();
        fs::write(workshop.places.root.join("input"), "new").unwrap();
        go(&workshop, BREAKS_OFF).unwrap_err();
        fs::remove_file(workshop.places.root.join("input")).unwrap();
        assert!(!WRITES.is_done(&workshop).unwrap());
    }

    #[test]
    fn nothing_is_prepared_when_nothing_is_missing() {
        let workshop = workshop("prepared");
        go(&workshop, WRITES).unwrap();
        ensure_each(&workshop, &[WRITES], |_| bail!("asked for prerequisites")).unwrap();
    }
}
