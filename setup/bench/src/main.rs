//! The command behind `cargo workbook bench`.
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a command speaks to its user"
)]

use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};

use bench::contestants::{self, Contestant};
use bench::rounds::{Size, measure};
use bench::{drivers, headers, table, web};

/// Measures `common` beside its peers: what tracing costs, and what arrives when things go wrong.
#[derive(Debug, Parser)]
#[command(name = "bench", bin_name = "cargo workbook bench")]
struct Arguments {
    #[command(subcommand)]
    part: Option<Part>,
    /// Less of everything, in under three minutes.
    #[arg(long)]
    quick: bool,
    /// Rounds; nine without it, three when it is to be quick.
    #[arg(long, value_name = "N")]
    rounds: Option<usize>,
    /// Measures this one, besides `common`; may be repeated.
    #[arg(long, value_name = "NAME")]
    only: Vec<String>,
}

/// What the program starts itself for.
#[derive(Debug, Subcommand)]
enum Part {
    /// Drives one library.
    #[command(hide = true)]
    Drive { name: String },
    /// Writes and reads headers with one library.
    #[command(hide = true)]
    Headers { name: String },
    /// Serves requests in one way; the sink's address is the first line of the input.
    #[command(hide = true)]
    Serve { name: String },
}

fn main() -> ExitCode {
    match work(&Arguments::parse()) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("✗ {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn work(arguments: &Arguments) -> Result<ExitCode> {
    match &arguments.part {
        Some(Part::Drive { name }) => drivers::drive(name)?,
        Some(Part::Headers { name }) => headers::drive(name)?,
        Some(Part::Serve { name }) => {
            let mut sink = String::new();
            std::io::stdin().read_line(&mut sink)?;
            web::serve(name, sink.trim())?;
        }
        None => return compare(arguments),
    }
    Ok(ExitCode::SUCCESS)
}

fn compare(arguments: &Arguments) -> Result<ExitCode> {
    let mut size = if arguments.quick {
        Size::QUICK
    } else {
        Size::FULL
    };
    size.rounds = arguments.rounds.unwrap_or(size.rounds);
    let results = measure(&wanted(&arguments.only)?, size, arguments.only.is_empty())?;
    for (id, what, grid) in table::cost(&results) {
        println!("{id}: {what}\n\n{}", grid.plain());
    }
    for line in table::losses(&results) {
        println!("lost: {line}");
    }
    if arguments.only.is_empty() {
        println!("W4: headers\n\n{}", table::headers(&results).plain());
        println!("W5: middleware\n\n{}", table::web(&results).plain());
    }
    for (title, why) in &results.left_out {
        println!("– {title} is left out: {why}");
    }
    Ok(ExitCode::SUCCESS)
}

fn wanted(only: &[String]) -> Result<Vec<Contestant>> {
    if only.is_empty() {
        return Ok(contestants::ALL.to_vec());
    }
    let named: Result<Vec<_>> = only.iter().map(|name| contestants::named(name)).collect();
    let mut wanted = vec![contestants::OURS];
    wanted.extend(named?.into_iter().filter(|it| *it != contestants::OURS));
    Ok(wanted)
}
