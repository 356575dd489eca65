//! Feeds made-up input to everything that reads what strangers write. Start at [`fuzz`].
//!
//! ```text
//!   options ─► build ─► one libFuzzer a target, some at once ─► watch ─► table · what broke, as hex
//!              │ the compiler's own coverage, no nightly         │
//!              └ <cache>/fuzz/target                             ├ reads  common/fuzz/corpus/<target>
//!                                                                └ keeps  <cache>/fuzz/corpus/<target>
//! ```

mod build;
mod corpus;
mod find;
mod watch;

use std::collections::VecDeque;
use std::fs;
use std::sync::Mutex;
use std::sync::mpsc::{self, Sender};
use std::thread;

use anyhow::{Context as _, Result};
use clap::Args;

use crate::problem::{FAILED, OK, Problem};
use crate::progress::{Meter, seconds, tell};
use crate::steps::Workshop;

pub(crate) use build::obstacle;
use watch::{Seen, Watched};

/// What is fuzzed, and for how long.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct Options {
    /// Targets to run; all without it.
    #[arg(value_name = "TARGET")]
    targets: Vec<String>,
    /// Gives each target this long; 60 without it.
    #[arg(long, value_name = "N", conflicts_with = "runs")]
    seconds: Option<u64>,
    /// Gives each target this many inputs instead.
    #[arg(long, value_name = "N")]
    runs: Option<u64>,
    /// Runs this many targets at once.
    #[arg(long, value_name = "N", default_value_t = 1)]
    jobs: usize,
    /// Lists the targets and runs none.
    #[arg(long, conflicts_with_all = ["seconds", "runs", "keep"])]
    list: bool,
    /// Afterwards puts the fewest inputs that reach everything into the repository's corpus.
    #[arg(long)]
    keep: bool,
}

/// When a target has had enough.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Enough {
    Seconds(u64),
    Runs(u64),
}

/// How long a target gets if nobody says.
const SECONDS: u64 = 60;

/// Fuzzes, says what was found, and returns the exit code.
pub(crate) fn fuzz(options: &Options) -> Result<u8> {
    let workshop = Workshop::enter()?;
    let all = build::targets(&workshop.places.root)?;
    if options.list {
        all.iter().for_each(tell);
        return Ok(OK);
    }
    let targets = chosen(&options.targets, &all)?;
    if let Some(why) = obstacle(&workshop)? {
        return Err(Problem::new(
            format!("the targets cannot be built for fuzzing: {why}"),
            "cargo test -p common-fuzz  reads the corpus with an ordinary build",
        )
        .into());
    }
    build::build(&workshop, &targets)?;
    let enough = match (options.seconds, options.runs) {
        (_, Some(runs)) => Enough::Runs(runs.max(1)),
        (given, None) => Enough::Seconds(given.unwrap_or(SECONDS).max(1)),
    };
    let watched = run(&workshop, &targets, enough, options.jobs)?;
    report(&watched);
    if watched.iter().any(Watched::broke) {
        return Ok(FAILED);
    }
    if options.keep {
        for target in &targets {
            tell(corpus::keep(&workshop, target)?);
        }
    }
    Ok(OK)
}

/// Runs every target for a short while; returns what each did.
pub(crate) fn briefly(workshop: &Workshop, seconds: u64) -> Result<Vec<Watched>> {
    let targets = build::targets(&workshop.places.root)?;
    build::build(workshop, &targets)?;
    run(workshop, &targets, Enough::Seconds(seconds), 2)
}

fn chosen(wanted: &[String], all: &[String]) -> Result<Vec<String>> {
    if let Some(unknown) = wanted.iter().find(|name| !all.contains(name)) {
        return Err(Problem::usage(
            format!("there is no fuzz target {unknown:?}"),
            format!("it is one of {}", all.join(", ")),
        )
        .into());
    }
    let none = wanted.is_empty();
    Ok(if none { all.to_vec() } else { wanted.to_vec() })
}

/// Runs the targets, `jobs` at once, and shows how far they are.
fn run(
    workshop: &Workshop,
    targets: &[String],
    enough: Enough,
    jobs: usize,
) -> Result<Vec<Watched>> {
    let (Enough::Seconds(each) | Enough::Runs(each)) = enough;
    let meter = Meter::counted("fuzzing", each.saturating_mul(targets.len() as u64));
    let left = Mutex::new(targets.iter().collect::<VecDeque<_>>());
    let (sender, seen) = mpsc::channel();
    let jobs = jobs.clamp(1, targets.len().max(1));
    let watched = thread::scope(|scope| {
        for _ in 0..jobs {
            let (left, sender) = (&left, sender.clone());
            scope.spawn(move || work(workshop, left, enough, &sender));
        }
        drop(sender);
        show(&meter, &seen, each)
    });
    match watched {
        Ok(watched) => {
            meter.done(&match watched.len() {
                1 => "1 target".to_owned(),
                several => format!("{several} targets"),
            });
            Ok(watched)
        }
        Err(error) => {
            meter.failed("");
            Err(error)
        }
    }
}

/// Takes one target after the other until none is left.
fn work(
    workshop: &Workshop,
    left: &Mutex<VecDeque<&String>>,
    enough: Enough,
    seen: &Sender<Result<Seen>>,
) {
    let next = || left.lock().ok()?.pop_front();
    while let Some(target) = next() {
        let watched = watch::watch(workshop, target, enough, |progress| {
            // Whoever shows has given up: the rest is of no interest.
            let _ = seen.send(Ok(progress));
        });
        let _ = seen.send(watched.map(Seen::Ended));
    }
}

fn show(meter: &Meter, seen: &mpsc::Receiver<Result<Seen>>, each: u64) -> Result<Vec<Watched>> {
    let mut ended: Vec<Watched> = Vec::new();
    let mut under_way: Vec<(String, u64)> = Vec::new();
    for event in seen {
        match event? {
            Seen::Reached { target, at, words } => {
                under_way.retain(|(name, _)| *name != target);
                meter.say(&format!("{target}: {words}"));
                under_way.push((target, at.min(each)));
            }
            Seen::Ended(watched) => {
                under_way.retain(|(name, _)| *name != watched.target);
                meter.keep(&format!("  {}", watched.words()));
                ended.push(watched);
            }
        }
        let running: u64 = under_way.iter().map(|(_, at)| at).sum();
        meter.at(each
            .saturating_mul(ended.len() as u64)
            .saturating_add(running));
    }
    ended.sort_by(|a, b| a.target.cmp(&b.target));
    Ok(ended)
}

/// Prints the table, and all that is known of what broke.
fn report(watched: &[Watched]) {
    tell(format_args!(
        "\n{:<14} {:>13} {:>11} {:>9} {:>9} {:>8}  result",
        "target", "executions", "per second", "coverage", "inputs", "time"
    ));
    for one in watched {
        let result = if one.broke() { "BROKE" } else { "held" };
        tell(format_args!(
            "{:<14} {:>13} {:>11} {:>9} {:>9} {:>8}  {result}",
            one.target,
            grouped(one.executions),
            grouped(one.per_second()),
            one.coverage,
            one.inputs,
            seconds(one.took),
        ));
    }
    for one in watched {
        for line in &one.trouble {
            tell(line);
        }
    }
}

/// Writes a number with commas between its thousands.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at) % 3 == 0 {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Makes a folder and all above it.
fn folder(path: std::path::PathBuf) -> Result<std::path::PathBuf> {
    fs::create_dir_all(&path).with_context(|| format!("making {}", path.display()))?;
    Ok(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn large_numbers_are_written_readably() {
        let texts = [7, 999, 1_000, 10_000_000].map(grouped);
        assert_eq!(texts, ["7", "999", "1,000", "10,000,000"]);
    }

    #[test]
    fn an_unknown_target_is_named_with_those_there_are() {
        let all = ["baggage", "headers"].map(str::to_owned);
        assert_eq!(chosen(&[], &all).unwrap(), all);
        let error = chosen(&["bagage".to_owned()], &all).unwrap_err();
        assert!(error.to_string().contains("baggage, headers"), "{error}");
    }
}
