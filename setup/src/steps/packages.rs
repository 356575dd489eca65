//! Programs from the system's packages: found where they are, installed where that may be done.
//!
//! ```text
//! Programs ──missing?──► root, with apt: install ──► still missing? ──► the words that say what to do
//! ```
//!
//! Start at [`Programs::ensure`].

use std::env;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use anyhow::Result;

use super::Workshop;
use crate::child::{self, Logged};
use crate::lock::Lock;
use crate::progress::Meter;

/// Programs that tests use and that nobody has to have.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Programs {
    /// What they are called together.
    pub(crate) name: &'static str,
    /// What it takes to have them, in words.
    pub(crate) cost: &'static str,
    /// The programs, named as the packages of Debian and Ubuntu that bring them are.
    pub(crate) names: &'static [&'static str],
}

/// A registry that does not answer costs a minute, not a quarter of an hour.
const PATIENCE: [&str; 4] = [
    "--option",
    "Acquire::http::Timeout=30",
    "--option",
    "Acquire::Retries=1",
];

/// Tells the scripts of packages not to start what they install.
const POLICY: &str = "/usr/sbin/policy-rc.d";

impl Programs {
    /// Installs what is missing, where it may: as root, with apt. Returns why something is still missing.
    pub(crate) fn ensure(self, workshop: &Workshop) -> Result<Option<String>> {
        if self.are_here() {
            return Ok(None);
        }
        if may_install() {
            let _lock = Lock::take(&workshop.places.state)?;
            self.install(workshop)?;
        }
        let missing = self.missing();
        let packages = missing.join(" ");
        Ok((!missing.is_empty()).then(|| {
            format!(
                "{packages} not installed; on Debian and Ubuntu, `sudo apt install {packages}` does it"
            )
        }))
    }

    /// Returns true if all of them are here, so that tests may demand them.
    pub(crate) fn are_here(self) -> bool {
        self.missing().is_empty()
    }

    fn missing(self) -> Vec<&'static str> {
        let programs = self.names.iter().copied();
        programs.filter(|program| find(program).is_none()).collect()
    }

    /// Installs the packages; what the system says of a failure is in the log, and shown.
    fn install(self, workshop: &Workshop) -> Result<()> {
        let meter = Meter::start(self.name, self.cost);
        let _quiet = Quiet::keep(Path::new(POLICY));
        let mut arguments = vec!["install", "--yes", "--no-install-recommends"];
        arguments.extend(self.missing());
        let mut installed = apt(workshop, &meter, &arguments);
        if installed.is_err() {
            // The lists of packages may be old, or not there at all.
            installed =
                apt(workshop, &meter, &["update"]).and_then(|()| apt(workshop, &meter, &arguments));
        }
        match installed {
            Ok(()) => meter.done(""),
            Err(_) => meter.failed(""),
        };
        installed
    }
}

/// Returns true if packages can be installed here without asking anybody.
pub(crate) fn may_install() -> bool {
    rustix::process::geteuid().is_root() && find("apt-get").is_some()
}

/// Finds a program; Debian keeps servers where only root looks for them.
fn find(program: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let more = [
        "/usr/sbin",
        "/usr/local/sbin",
        "/usr/local/bin",
        "/opt/homebrew/bin",
    ];
    let folders = env::split_paths(&path).chain(more.map(PathBuf::from));
    folders
        .map(|folder| folder.join(program))
        .find(|path| path.is_file())
}

fn apt(workshop: &Workshop, meter: &Meter, arguments: &[&str]) -> Result<()> {
    let mut command = child::command("apt-get");
    command
        .args(PATIENCE)
        .args(arguments)
        .env("DEBIAN_FRONTEND", "noninteractive");
    Logged::new("apt-get", workshop.places.log("apt")).run(&mut command, |line| meter.say(line))
}

/// Keeps the system from starting servers as long as it lives: each queue starts one of its own. A policy
/// that is there already stays.
struct Quiet(Option<PathBuf>);

impl Quiet {
    fn keep(policy: &Path) -> Self {
        let mut options = fs::OpenOptions::new();
        std::os::unix::fs::OpenOptionsExt::mode(options.write(true).create_new(true), 0o755);
        let made = options.open(policy);
        let made = made.and_then(|mut file| file.write_all(b"#!/bin/sh\nexit 101\n"));
        Self(made.is_ok().then(|| policy.to_owned()))
    }
}

impl Drop for Quiet {
    fn drop(&mut self) {
        if let Some(policy) = &self.0 {
            // It is gone already if somebody else removed it.
            let _ = fs::remove_file(policy);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_policy_is_there_as_long_as_it_is_needed_and_one_of_others_stays() {
        let path = env::temp_dir().join(format!("workbook-policy-{}", std::process::id()));
        let quiet = Quiet::keep(&path);
        assert!(fs::read_to_string(&path).unwrap().contains("exit 101"));
        drop(Quiet::keep(&path));
        assert!(path.exists(), "the second did not make it");
        drop(quiet);
        assert!(!path.exists());
    }

    #[test]
    fn a_program_is_found_where_it_is() {
        assert!(find("sh").is_some_and(|path| path.is_file()));
        assert_eq!(find("no-such-broker"), None);
    }
}
