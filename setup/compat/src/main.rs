//! The command behind `cargo workbook compat`.
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a command speaks to its user"
)]

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use clap::Parser;
use compat::{Request, Sdk, pages, run};

/// Compares what `common` and the official SDKs send, scenario by scenario and field by field.
#[derive(Debug, Parser)]
#[command(
    name = "compat",
    bin_name = "cargo workbook compat",
    after_help = "Examples:\n  cargo workbook compat\n  \
        cargo workbook compat --sdk python simple nested_error\n  \
        cargo workbook compat --write        docs/compatibility.md, from its sources\n\n\
        Exit codes: 0 no difference but those listed · 1 otherwise · 2 the request made no sense"
)]
struct Arguments {
    /// Scenarios to run; all without it.
    #[arg(value_name = "SCENARIO")]
    scenarios: Vec<String>,
    /// Compares with this SDK only; may be repeated.
    #[arg(long, value_enum)]
    sdk: Vec<Sdk>,
    /// Writes captures and results to this file.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Prints the normalised captures of the official SDKs and compares nothing.
    #[arg(long)]
    show: bool,
    /// Lists the scenarios and runs none.
    #[arg(long)]
    list: bool,
    /// Renders docs/compatibility.md from its sources and runs nothing.
    #[arg(long)]
    write: bool,
}

fn main() -> ExitCode {
    match work(Arguments::parse()) {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            eprintln!("✗ {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn work(arguments: Arguments) -> Result<u8> {
    if arguments.list {
        for (id, title) in compat::names() {
            println!("{id:<16} {title}");
        }
        return Ok(0);
    }
    if arguments.write {
        let changed = pages::write()?;
        println!(
            "{} {}",
            pages::PAGE,
            if changed {
                "is written anew"
            } else {
                "is up to date"
            }
        );
        return Ok(0);
    }
    let sdks = match arguments.sdk.as_slice() {
        [] => vec![Sdk::Python, Sdk::JavaScript],
        some => some.to_vec(),
    };
    run(&Request {
        sdks,
        scenarios: arguments.scenarios,
        json: arguments.json,
        show: arguments.show,
    })
}
