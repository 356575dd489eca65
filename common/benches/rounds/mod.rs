//! Rows measured in turns, so that whatever else the machine does falls on all of them alike.
//!
//! ```text
//! round 1: row a · row b · row c     each row: median and best of its rounds,
//! round 2: row b · row c · row a     and the median of its ratios to the first row of the same round
//! round 3: row c · row a · row b
//! ```
//!
//! The ratio is what carries over from machine to machine. The usual harnesses measure one row after the
//! other, so on a machine that is shared a ratio of theirs says more of the neighbours than of the code.
//! Start at [`compare`].
#![allow(
    dead_code,
    clippy::print_stdout,
    reason = "each benchmark takes what it needs, and its result is what it prints"
)]

use std::time::{Duration, Instant};

const ROUNDS: usize = 21;

/// Something to measure: its name, and what measures one round of it, in nanoseconds of one unit.
pub(crate) struct Row<'a> {
    name: &'a str,
    round: Box<dyn FnMut() -> f64 + 'a>,
}

/// Makes a row of what measures itself.
pub(crate) fn row<'a>(name: &'a str, round: impl FnMut() -> f64 + 'a) -> Row<'a> {
    let round = Box::new(round);
    Row { name, round }
}

/// Makes a row of work that is done so many times a round.
pub(crate) fn repeated<'a>(name: &'a str, times: u32, mut work: impl FnMut() + 'a) -> Row<'a> {
    let times = if is_measuring() { times } else { 1 };
    row(name, move || {
        let begun = Instant::now();
        for _ in 0..times {
            work();
        }
        nanos(begun.elapsed()) / f64::from(times)
    })
}

/// Measures rows in turns and prints them beside the first one; `unit` is what one measurement is of.
///
/// Without `--bench`, as under `cargo test --all-targets`, each row is walked once. Words on the command
/// line choose the rows that have them in their names: `cargo bench --bench caller -- W2`.
pub(crate) fn compare(title: &str, unit: &str, mut rows: Vec<Row<'_>>) {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&String> = words.iter().filter(|word| !word.starts_with('-')).collect();
    let name = |row: &Row<'_>| format!("{title} {}", row.name);
    rows.retain(|row| words.iter().all(|word| name(row).contains(*word)));
    if rows.is_empty() {
        return;
    }
    let rounds = if is_measuring() { ROUNDS } else { 1 };
    let mut times = vec![Vec::with_capacity(rounds); rows.len()];
    for first in 0..rounds {
        for turn in 0..rows.len() {
            let at = (first + turn) % rows.len();
            let time = (rows[at].round)();
            times[at].push(time);
        }
    }
    let unit = format!("ns/{unit}");
    println!("\n{title:<48} {unit:>12} {:>10} {:>8}", "best", "ratio");
    for (row, taken) in rows.iter().zip(&times) {
        let ratios = taken.iter().zip(&times[0]).map(|(own, of)| own / of);
        let best = taken.iter().copied().fold(f64::INFINITY, f64::min);
        let (typical, ratio) = (median(taken.clone()), median(ratios.collect()));
        println!(
            "  {:<46} {typical:>12.0} {best:>10.0} {ratio:>7.2}x",
            row.name
        );
    }
}

/// Returns true under `cargo bench`.
pub(crate) fn is_measuring() -> bool {
    std::env::args().any(|argument| argument == "--bench")
}

pub(crate) fn median(mut times: Vec<f64>) -> f64 {
    times.sort_by(f64::total_cmp);
    times.get(times.len() / 2).copied().unwrap_or_default()
}

pub(crate) fn nanos(time: Duration) -> f64 {
    time.as_secs_f64() * 1e9
}
