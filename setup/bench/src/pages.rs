//! The parts of `docs/performance.md` that are measured, and the pictures in `docs/images/`.
//!
//! Each stands between two markers; what is around them is written by hand.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context as _, Result};
use common::analysis::{Figure, Series, bar_chart, line_chart};

use crate::contestants::{ALL, OURS, here};
use crate::faults::{self, Outcomes};
use crate::rounds::Results;
use crate::sample::Sample;
use crate::soak::Moment;
use crate::table;

/// The page, from the root of the repository.
pub const PAGE: &str = "docs/performance.md";

/// Writes the cost tables and their chart.
///
/// # Errors
/// If the page is not there, or has lost a marker.
pub fn write_cost(results: &Results, command: &str) -> Result<()> {
    let mut text = conditions(
        &match results.rounds {
            1 => "one round".to_owned(),
            rounds => format!("{rounds} rounds"),
        },
        command,
    );
    text.push_str(&versions(results));
    for (id, what, grid) in table::cost(results) {
        text.push_str(&format!("**{id}: {what}**\n\n{}\n", grid.markdown()));
    }
    for line in table::losses(results) {
        text.push_str(&format!("- lost in {line}\n"));
    }
    text.push_str(&format!(
        "\n**W4: headers**\n\n{}\n",
        table::headers(results).markdown()
    ));
    text.push_str(&format!(
        "**W5: middleware**\n\n{}",
        table::web(results).markdown()
    ));
    for (title, why) in &results.left_out {
        // The reason may quote a log; its first line says enough, and has no place of a machine in it.
        let why = why.lines().next().unwrap_or_default();
        text.push_str(&format!("\n{title} is left out: {why}\n"));
    }
    replace("cost", &text)?;
    draw("bench_cost.svg", &cost_chart(results))
}

/// Writes the loss table.
///
/// # Errors
/// As [`write_cost`].
pub fn write_faults(outcomes: &Outcomes, command: &str) -> Result<()> {
    let mut text = conditions("once each", command);
    text.push_str(&faults::matrix(outcomes).markdown());
    let lines = faults::explanations(outcomes);
    if !lines.is_empty() {
        text.push_str("\nWhat the books say of each loss of ours:\n\n");
    }
    for line in lines {
        text.push_str(&format!("- {line}\n"));
    }
    replace("faults", &text)
}

/// Writes what was seen in minutes at the highest rate.
///
/// # Errors
/// As [`write_cost`].
pub fn write_soak(moments: &[Moment]) -> Result<()> {
    let mut text = conditions("once", "cargo workbook bench --soak 10 --write");
    text.push_str(&soak_words(moments));
    replace("soak", &text)?;
    let points = moments.iter().map(|it| (it.seconds / 60.0, it.held_mb));
    let series = Series::new("memory held", points);
    let figure = line_chart("minutes", "memory (MB)", &[series])
        .title("Memory at the highest rate that two cores sustain");
    draw("bench_soak.svg", &figure)
}

/// Says in words what a soak came to.
pub fn soak_words(moments: &[Moment]) -> String {
    let Some(last) = moments.last() else {
        return String::new();
    };
    let held = || moments.iter().map(|it| it.held_mb);
    let highest = held().fold(0.0, f64::max);
    // The first figure is from before the queue was full for the first time.
    let early = moments.get(1).unwrap_or(last).held_mb;
    format!(
        "{} runs of 1 KB in {:.1} minutes, {} a second, {:.1} µs of CPU each. Memory: {:.0} MB after \
         twenty seconds, {:.0} MB at the end, {:.0} MB at most.\n\nThe books: {}.\n",
        table::grouped(last.runs as f64),
        last.seconds / 60.0,
        table::grouped(last.runs as f64 / last.seconds),
        last.cpu * 1e6 / last.runs as f64,
        early,
        last.held_mb,
        highest,
        last.said,
    )
}

/// Draws the CPU of a run of 1 KB, of those that compress.
fn cost_chart(results: &Results) -> Figure {
    const SHOWN: [(&str, &str); 5] = [
        ("ours", "common"),
        ("otel-zstd", "OTel, zstd"),
        ("py-runtree", "Python RunTree"),
        ("py-traceable", "Python @traceable"),
        ("js-traceable", "JavaScript"),
    ];
    let bar = |(name, label): (&str, &str)| {
        let contestant = ALL.into_iter().find(|it| it.name == name)?;
        let samples = results.of("W1", contestant)?;
        Some((label.to_owned(), Sample::median(samples).cpu))
    };
    let bars: Vec<(String, f64)> = SHOWN.into_iter().filter_map(bar).collect();
    bar_chart("who sends it", "CPU per run (µs)", bars)
        .title("What a run of 1 KB costs from its creation to its answer, compressed")
}

/// Says when, on what, how often, and how to repeat it.
fn conditions(how_often: &str, command: &str) -> String {
    let date = chrono::Utc::now().format("%-d %B %Y");
    format!(
        "Measured on {date}, {how_often}, on {}. To repeat it: `{command}` on a machine that has nothing \
         else to do.\n\n",
        machine()
    )
}

/// Says what the machine is, without its name.
fn machine() -> String {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let cpu = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = cpu
        .lines()
        .find_map(|line| line.strip_prefix("model name")?.split(':').nth(1))
        .map_or("", str::trim);
    let memory = fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let kilobytes: f64 = memory
        .lines()
        .find_map(|line| line.strip_prefix("MemTotal:"))
        .and_then(|rest| rest.split_whitespace().next()?.parse().ok())
        .unwrap_or_default();
    let gib = kilobytes / 1_048_576.0;
    format!(
        "{cores} cores ({model}), {gib:.0} GiB, {}",
        std::env::consts::OS
    )
}

fn versions(results: &Results) -> String {
    let said = |name: &str| {
        let contestant = ALL.into_iter().find(|it| it.name == name)?;
        let version = &results.of("W1", contestant)?.first()?.version;
        (!version.is_empty()).then(|| version.clone())
    };
    let mut known = crate::peers::versions();
    known.extend(said("py-traceable").map(|it| format!("Python {it}")));
    known.extend(said("js-traceable").map(|it| format!("JavaScript {it}")));
    debug_assert!(OURS.is_ours());
    format!("Versions: {}.\n\n", known.join(", "))
}

fn replace(name: &str, text: &str) -> Result<()> {
    let path = root().join(PAGE);
    let page = fs::read_to_string(&path).with_context(|| format!("reading {PAGE}"))?;
    let page = replaced(&page, name, text)?;
    fs::write(&path, page).with_context(|| format!("writing {PAGE}"))
}

/// Puts `text` between the markers of that name.
fn replaced(page: &str, name: &str, text: &str) -> Result<String> {
    let (begin, end) = (
        format!("<!-- {name}: measured -->\n"),
        format!("<!-- /{name} -->"),
    );
    let lost = || format!("{PAGE} has lost the markers {begin:?} and {end:?}");
    let (before, rest) = page.split_once(&begin).with_context(lost)?;
    let (_, after) = rest.split_once(&end).with_context(lost)?;
    Ok(format!(
        "{before}{begin}\n{}\n\n{end}{after}",
        text.trim_end()
    ))
}

fn draw(file: &str, figure: &Figure) -> Result<()> {
    let path = root().join("docs/images").join(file);
    let svg = figure.svg() + "\n";
    fs::write(&path, svg).with_context(|| format!("writing {}", path.display()))
}

fn root() -> PathBuf {
    here("../..")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_between_the_markers_changes() {
        let page = "a\n<!-- t: measured -->\nold\n<!-- /t -->\nb\n";
        let new = "a\n<!-- t: measured -->\n\n| new |\n\n<!-- /t -->\nb\n";
        assert_eq!(replaced(page, "t", "| new |\n").expect("markers"), new);
        assert_eq!(replaced(new, "t", "| new |\n").expect("markers"), new);
        assert!(replaced("no markers", "t", "").is_err());
    }

    #[test]
    fn the_page_has_every_marker() {
        let page = fs::read_to_string(root().join(PAGE)).expect("the page");
        for name in ["cost", "faults", "soak"] {
            replaced(&page, name, "x").expect("both markers");
        }
    }
}
