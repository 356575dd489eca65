//! The command behind `cargo workbook bench`.
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a command speaks to its user"
)]

use std::process::ExitCode;
use std::time::Duration;

use anyhow::Result;
use clap::{Parser, Subcommand};

use bench::contestants::{self, Contestant};
use bench::rounds::{Size, measure};
use bench::{drivers, faults, folders, headers, pages, soak, table, web};

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
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    rounds: Option<u16>,
    /// Measures this one, besides `common`; with `--faults`, this fault. May be repeated.
    #[arg(long, value_name = "NAME")]
    only: Vec<String>,
    /// What arrives when things go wrong, instead of what tracing costs.
    #[arg(long)]
    faults: bool,
    /// So many minutes at the highest rate: does memory stay flat?
    #[arg(long, value_name = "MINUTES", value_parser = minutes)]
    soak: Option<f64>,
    /// Kills a durable program so many times, and looks for every run that it had stored.
    #[arg(long, value_name = "TIMES")]
    kills: Option<usize>,
    /// Where the moments of the kills begin.
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// Writes what was measured into docs/performance.md, with its charts.
    #[arg(long)]
    write: bool,
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
            // Whoever started it holds the input open; a killed one closes it too.
            std::thread::spawn(|| {
                let _ = std::io::copy(&mut std::io::stdin(), &mut std::io::sink());
                std::process::exit(0);
            });
            web::serve(name, sink.trim())?;
        }
        None => {
            folders::leave_nothing_when_interrupted()?;
            return measured(arguments);
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn measured(arguments: &Arguments) -> Result<ExitCode> {
    if let Some(minutes) = arguments.soak {
        return soaked(minutes, arguments.write);
    }
    if let Some(times) = arguments.kills {
        println!("{}", faults::kills(times, arguments.seed)?);
        return Ok(ExitCode::SUCCESS);
    }
    if arguments.faults {
        return lost(arguments);
    }
    compare(arguments)
}

fn soaked(minutes: f64, write: bool) -> Result<ExitCode> {
    let time = Duration::from_secs_f64(minutes * 60.0);
    let moments = soak::soak(time, |moment| {
        let rate = moment.runs as f64 / moment.seconds;
        println!(
            "{:>6.0} s  {:>12} runs  {:>8.0} runs/s  {:>6.1} MB",
            moment.seconds, moment.runs, rate, moment.held_mb
        );
    })?;
    println!("\n{}", pages::soak_words(&moments));
    if write {
        pages::write_soak(&moments)?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Fails if the durable mode lost what it had accepted.
fn lost(arguments: &Arguments) -> Result<ExitCode> {
    let outcomes = faults::measure(arguments.quick, &arguments.only)?;
    println!(
        "delivered of hundred valid runs, time to exit\n\n{}",
        faults::matrix(&outcomes).plain()
    );
    for line in faults::explanations(&outcomes) {
        println!("{line}");
    }
    if arguments.write {
        pages::write_faults(&outcomes, &command(arguments))?;
    }
    let broken = outcomes.broken_promises();
    if broken.is_empty() {
        return Ok(ExitCode::SUCCESS);
    }
    eprintln!("✗ the durable mode lost runs: {}", broken.join(", "));
    Ok(ExitCode::FAILURE)
}

fn compare(arguments: &Arguments) -> Result<ExitCode> {
    let mut size = if arguments.quick {
        Size::QUICK
    } else {
        Size::FULL
    };
    size.rounds = arguments.rounds.map_or(size.rounds, usize::from);
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
    if arguments.write {
        pages::write_cost(&results, &command(arguments))?;
        println!("{} is written", pages::PAGE);
    }
    // The others are compared with it.
    if results.of("W1", contestants::OURS).is_none() {
        eprintln!("✗ common itself could not be measured");
        return Ok(ExitCode::FAILURE);
    }
    Ok(ExitCode::SUCCESS)
}

/// Returns what repeats a measurement that is written into the page.
fn command(arguments: &Arguments) -> String {
    let mut words = "cargo workbook bench".to_owned();
    for (word, given) in [("--faults", arguments.faults), ("--quick", arguments.quick)] {
        if given {
            words.push_str(&format!(" {word}"));
        }
    }
    if let Some(rounds) = arguments.rounds.filter(|_| !arguments.faults) {
        words.push_str(&format!(" --rounds {rounds}"));
    }
    words + " --write"
}

fn minutes(text: &str) -> Result<f64, String> {
    let minutes: f64 = text.parse().map_err(|_| "it is no number".to_owned())?;
    let is_some = minutes > 0.0 && minutes <= 100_000.0;
    is_some
        .then_some(minutes)
        .ok_or_else(|| "more than 0 minutes".to_owned())
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_names_the_command_that_was_given() {
        let given = |words: &[&str]| {
            let line = ["bench"].iter().chain(words);
            command(&Arguments::parse_from(line))
        };
        assert_eq!(given(&["--write"]), "cargo workbook bench --write");
        let words = ["--quick", "--rounds", "5", "--write"];
        assert_eq!(
            given(&words),
            "cargo workbook bench --quick --rounds 5 --write"
        );
    }

    #[test]
    fn no_time_and_no_rounds_are_refused() {
        for words in [
            ["--soak=-1"],
            ["--soak=0"],
            ["--soak=nan"],
            ["--soak=1e300"],
            ["--rounds=0"],
        ] {
            let line = ["bench"].iter().chain(&words);
            assert!(Arguments::try_parse_from(line).is_err(), "{words:?}");
        }
    }
}
