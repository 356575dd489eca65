//! Examines the environment: findings in words, each with its remedy. Start at [`environment`].

mod disk;
mod service;
mod target;
pub(crate) mod trace;
mod variables;

use std::env;
use std::fmt;
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};

use anyhow::Result;

use crate::child;
use crate::kernel::Settings;
use crate::places::Places;
use crate::problem::{FAILED, OK, Problem};
use crate::progress::tell;
use crate::steps::{self, STEPS, Workshop};
use crate::toolchain::{Toolchain, Wanted};
use disk::{check_disks, check_writable};
use variables::Variables;

pub(crate) use disk::target_folder;
pub(crate) use service::check_service;

/// The oldest Python that the pinned packages support.
const OLDEST_PYTHON: (u32, u32) = (3, 11);
/// The port that Jupyter tries first.
const JUPYTER_PORT: u16 = 8888;

/// How a finding weighs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Weight {
    Fine,
    Note,
    Broken,
}

/// One thing that was looked at.
#[derive(Debug)]
struct Finding {
    weight: Weight,
    words: String,
    remedy: String,
}

impl Finding {
    fn fine(words: impl Into<String>) -> Self {
        Self {
            weight: Weight::Fine,
            words: words.into(),
            remedy: String::new(),
        }
    }

    fn note(words: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self {
            weight: Weight::Note,
            words: words.into(),
            remedy: remedy.into(),
        }
    }

    fn broken(problem: &Problem) -> Self {
        let (words, remedy) = (problem.what().to_owned(), problem.remedy().to_owned());
        Self {
            weight: Weight::Broken,
            words,
            remedy,
        }
    }

    fn of<T>(result: &Result<T>, words: impl FnOnce(&T) -> String) -> Self {
        match result {
            Ok(value) => Self::fine(words(value)),
            Err(error) => match error.downcast_ref::<Problem>() {
                Some(problem) => Self::broken(problem),
                None => Self::broken(&Problem::new(format!("{error:#}"), "see above")),
            },
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = match self.weight {
            Weight::Fine => '✓',
            Weight::Note => '!',
            Weight::Broken => '✗',
        };
        write!(f, "{sign} {}", self.words)?;
        if self.remedy.is_empty() {
            return Ok(());
        }
        write!(f, "\n  → {}", self.remedy.replace('\n', "\n    "))
    }
}

/// Prints every finding; the exit code says whether something must be mended.
pub(crate) fn environment() -> Result<u8> {
    let places = Places::find()?;
    let wanted = Wanted::read(&places.root)?;
    let mut findings = vec![platform()];
    let toolchain = Toolchain::detect(&places.root);
    findings.push(Finding::of(
        &toolchain.and_then(|found| found.check(&wanted).map(|()| found).map_err(Into::into)),
        |found| format!("Rust {} ({})", found.release, found.host),
    ));
    findings.push(Finding::of(&find_linker(), |linker| {
        format!("linker: {}", linker.display())
    }));
    findings.push(Finding::of(&find_python(), |python| {
        format!(
            "Python {} with venv: {}",
            python.version,
            python.path.display()
        )
    }));
    findings.push(Finding::of(&check_writable(&places), |()| {
        "the clone and the cache can be written".into()
    }));
    findings.push(port());
    if let Ok(workshop) = Workshop::enter() {
        findings.push(Finding::of(&check_disks(&workshop), String::clone));
        findings.extend(checkers(&places.root));
        findings.extend(installation(&workshop));
    }
    let variables = Variables::load(&places.root);
    findings.extend(target::findings(|name| variables.get(name)));
    findings.extend(service(&places));
    for finding in &findings {
        tell(finding);
    }
    let broken = findings
        .iter()
        .filter(|finding| finding.weight == Weight::Broken)
        .count();
    tell("");
    match broken {
        0 => tell("fine: cargo workbook open"),
        1 => tell("1 thing must be mended"),
        _ => tell(format_args!("{broken} things must be mended")),
    }
    Ok(if broken == 0 { OK } else { FAILED })
}

/// Fails with the first thing without which setting up cannot work.
pub(crate) fn prerequisites(workshop: &Workshop) -> Result<()> {
    find_linker()?;
    find_python()?;
    check_writable(&workshop.places)?;
    check_disks(workshop)?;
    Ok(())
}

/// Asks the service, when runs are to go there and a key can be sent.
fn service(places: &Places) -> Option<Finding> {
    let asked = check_service(places).transpose()?;
    let told_already = |error: &anyhow::Error| {
        error
            .downcast_ref::<Problem>()
            .is_some_and(|problem| problem.what() == target::no_key().what())
    };
    if asked.as_ref().is_err_and(told_already) {
        return None;
    }
    Some(Finding::of(&asked, String::clone))
}

fn platform() -> Finding {
    match env::consts::OS {
        "linux" => Finding::fine("Linux"),
        "macos" => Finding::note(
            "macOS: the workbook is written for it and untested there",
            "if a notebook cell does not link, tell us what it printed",
        ),
        other => Finding::note(format!("{other}: untested"), "Linux is the tested system"),
    }
}

/// A Python that can make environments.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Python {
    /// What to start.
    pub(crate) path: PathBuf,
    /// For example `3.11.7`.
    pub(crate) version: String,
}

/// Finds a Python that is new enough and can make environments.
pub(crate) fn find_python() -> Result<Python> {
    let install = "Debian and Ubuntu: apt install python3 python3-venv\nmacOS: brew install python";
    let names = [
        "python3",
        "python3.14",
        "python3.13",
        "python3.12",
        "python3.11",
        "python",
    ];
    let mut why = None;
    for path in names.iter().filter_map(|name| which(name)) {
        let asked = child::command(&path)
            .args([
                "-c",
                "import sys; print('.'.join(map(str, sys.version_info[:3])))",
            ])
            .output();
        let Some(asked) = asked.ok().filter(|asked| asked.status.success()) else {
            why = why.or(Some(Problem::new(
                format!("{} does not answer", path.display()),
                format!("mend or remove it, or install another Python\n{install}"),
            )));
            continue;
        };
        let version = String::from_utf8_lossy(&asked.stdout).trim().to_owned();
        if numbers(&version) < OLDEST_PYTHON {
            let (major, minor) = OLDEST_PYTHON;
            why = why.or(Some(Problem::new(
                format!("Python {version} is older than {major}.{minor}"),
                install,
            )));
            continue;
        }
        let modules = child::command(&path)
            .args(["-c", "import venv, ensurepip"])
            .output();
        if modules.is_ok_and(|output| output.status.success()) {
            return Ok(Python { path, version });
        }
        why = Some(Problem::new(
            format!("Python {version} is there, but not its module for environments (venv)"),
            "Debian and Ubuntu: apt install python3-venv",
        ));
    }
    Err(why
        .unwrap_or_else(|| Problem::new("Python 3 is not installed", install))
        .into())
}

fn numbers(version: &str) -> (u32, u32) {
    let mut parts = version.split('.').map(|part| part.parse().unwrap_or(0));
    (parts.next().unwrap_or(0), parts.next().unwrap_or(0))
}

fn find_linker() -> Result<PathBuf> {
    which("cc").ok_or_else(|| {
        Problem::new(
            "no C compiler is installed; Rust links with it",
            "Debian and Ubuntu: apt install build-essential\nmacOS: xcode-select --install",
        )
        .into()
    })
}

/// Finds a program the way a shell does.
fn which(name: &str) -> Option<PathBuf> {
    use std::os::unix::fs::PermissionsExt as _;
    let path = env::var_os("PATH")?;
    env::split_paths(&path)
        .map(|folder| folder.join(name))
        .find(|candidate| {
            candidate
                .metadata()
                .is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0)
        })
}

/// Looks for what only `test` needs; a notebook runs without it.
fn checkers(root: &Path) -> impl Iterator<Item = Finding> {
    let missing = [("fmt", "rustfmt"), ("clippy", "clippy")];
    missing.into_iter().filter_map(move |(name, component)| {
        let asked = child::command("cargo")
            .args([name, "--version"])
            .current_dir(root)
            .output();
        if asked.is_ok_and(|output| output.status.success()) {
            return None;
        }
        Some(Finding::note(
            format!("{component} is missing; only `cargo workbook test` needs it"),
            format!("rustup component add {component}"),
        ))
    })
}

fn port() -> Finding {
    match TcpListener::bind((Ipv4Addr::LOCALHOST, JUPYTER_PORT)) {
        Ok(_) => Finding::fine(format!("port {JUPYTER_PORT} is free")),
        Err(_) => Finding::note(
            format!("port {JUPYTER_PORT} is taken"),
            "nothing to do: `open` takes the next free one, or the one given with --port",
        ),
    }
}

/// Says which steps are done and how the kernel would start.
fn installation(workshop: &Workshop) -> Vec<Finding> {
    let mut findings: Vec<Finding> = STEPS
        .iter()
        .map(|step| match step.is_done(workshop) {
            Ok(true) => Finding::fine(format!("{}: done", step.name)),
            _ => Finding::note(
                format!("{}: to be done ({})", step.name, step.cost),
                "nothing to do: `cargo workbook open` does it",
            ),
        })
        .collect();
    let evcxr = steps::evcxr_binary(workshop);
    if evcxr.is_file() {
        findings.push(Finding::fine(format!("kernel: {}", evcxr.display())));
    }
    if !matches!(steps::rust_library(workshop), Ok(Some(_))) {
        findings.push(Finding::note(
            "the sources of the standard library are missing: variables in cells of your own \
             need their type stated",
            "rustup component add rust-src",
        ));
    }
    if let Ok(settings) = Settings::read(&workshop.places.kernel()) {
        findings.push(match settings.graph {
            Some(_) => Finding::fine("type inference for `common` in cells works"),
            None => Finding::note(
                "type inference for `common` in cells is off; the notebooks state their types",
                "remove .workbook/steps/kernel-files and run `cargo workbook open` to try again",
            ),
        });
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn python_versions_compare_as_numbers() {
        assert!(numbers("3.9.1") < OLDEST_PYTHON && numbers("3.11.0") >= OLDEST_PYTHON);
        assert!(numbers("") < OLDEST_PYTHON);
    }
}
