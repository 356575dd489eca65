//! `cargo workbook`: from a fresh clone to an open notebook with one command.
//!
//! ```text
//!   cli ─► steps::ensure ─► open · run · refresh · check · test · compat · bench · fuzz
//!              │                     │                doctor · serve · docs · progress · clean
//!              └── toolchain, python, kernel, facade           kernel: what Jupyter starts
//! ```
//!
//! | Module | Does |
//! |---|---|
//! | `cli` | names the commands |
//! | `steps` | installs and prebuilds, resumably |
//! | `kernel` | starts evcxr so that cells are fast |
//! | `open`, `run`, `check`, `learner` (`progress`), `test`, `compat`, `bench`, `fuzz`, `doctor`, `serve`, `site` (`docs`), `clean` | one command each |
//! | `jupyter`, `places`, `toolchain`, `child`, `progress`, `fingerprint`, `lock`, `problem` | what they share |
//!
//! Tested on Linux. Written for macOS, where it is untested. On Windows it points to WSL.
#![forbid(unsafe_code)]
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a command speaks to its user"
)]

#[cfg(unix)]
mod bench;
#[cfg(unix)]
mod check;
#[cfg(unix)]
mod child;
#[cfg(unix)]
mod clean;
#[cfg(unix)]
mod cli;
#[cfg(unix)]
mod compat;
#[cfg(unix)]
mod doctor;
#[cfg(unix)]
mod fingerprint;
#[cfg(unix)]
mod fuzz;
#[cfg(unix)]
mod jupyter;
#[cfg(unix)]
mod kernel;
#[cfg(unix)]
mod learner;
#[cfg(unix)]
mod lock;
#[cfg(unix)]
mod notebooks;
#[cfg(unix)]
mod open;
#[cfg(unix)]
mod places;
#[cfg(unix)]
mod problem;
#[cfg(unix)]
mod progress;
#[cfg(unix)]
mod run;
#[cfg(unix)]
mod serve;
#[cfg(unix)]
mod site;
#[cfg(unix)]
mod steps;
#[cfg(unix)]
mod test;
#[cfg(unix)]
mod toolchain;

use std::process::ExitCode;

#[cfg(unix)]
fn main() -> ExitCode {
    use clap::Parser as _;
    use kernel::shim::{self, Role};

    let mut arguments = std::env::args_os();
    let role = shim::role(arguments.next().as_deref());
    match role {
        Role::Workbook => {}
        Role::Cargo => return shim::run_as_cargo(&arguments.collect::<Vec<_>>()),
        Role::Rustc => return kernel::explain::run_as_rustc(&arguments.collect::<Vec<_>>()),
        Role::Rustup => return shim::run_as_rustup(&arguments.collect::<Vec<_>>()),
    }
    match cli::Cli::parse().run() {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            eprintln!("✗ {error:#}");
            ExitCode::from(problem::exit_code(&error))
        }
    }
}

#[cfg(not(unix))]
fn main() -> ExitCode {
    eprintln!(
        "✗ the workbook does not run on Windows itself\n  → install WSL (`wsl --install`), clone \
         the repository inside it, run `cargo workbook open` there"
    );
    ExitCode::from(2)
}
