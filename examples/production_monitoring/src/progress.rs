//! The load as it goes: a bar on a terminal, a line from time to time elsewhere. Start at [`Progress::start`].

use std::io::IsTerminal as _;
use std::time::Duration;

use common::lab::terminal::complain;
use indicatif::{ProgressBar, ProgressStyle};

use crate::load::Entry;
use crate::metrics::Watched;
use crate::services::Role;
use crate::sink::Fault;

/// How often a line is printed where there is no terminal.
const BETWEEN_LINES: f64 = 10.0;

/// What is to be shown of a moment.
#[derive(Debug)]
pub struct Moment<'a> {
    /// Seconds from the beginning.
    pub at: f64,
    /// What was answered so far.
    pub entries: &'a [Entry],
    /// Runs that have arrived.
    pub arrived: usize,
    /// What was seen of the services.
    pub watched: &'a Watched,
    /// What is wrong at present.
    pub faults: &'a [Fault],
}

/// Shows how far the load is.
#[derive(Debug)]
pub struct Progress {
    bar: Option<ProgressBar>,
    last_line: f64,
    last_faults: String,
}

impl Progress {
    /// Starts to show a load of that length.
    pub fn start(length: Duration) -> Self {
        let bar = std::io::stderr().is_terminal().then(|| {
            let bar = ProgressBar::new(length.as_millis() as u64);
            let style =
                ProgressStyle::with_template("{spinner} [{bar:20}] {elapsed:>4}  {wide_msg}");
            if let Ok(style) = style {
                bar.set_style(style);
            }
            bar.enable_steady_tick(Duration::from_millis(120));
            bar
        });
        Self {
            bar,
            last_line: f64::NEG_INFINITY,
            last_faults: String::new(),
        }
    }

    /// Shows a moment.
    pub fn show(&mut self, moment: &Moment<'_>) {
        let words = words(moment);
        if let Some(bar) = &self.bar {
            bar.set_position((moment.at * 1000.0) as u64);
            bar.set_message(words);
            return;
        }
        let faults = names(moment.faults);
        if faults != self.last_faults || moment.at - self.last_line >= BETWEEN_LINES {
            complain(&format!("{:>4.0} s  {words}", moment.at));
            (self.last_line, self.last_faults) = (moment.at, faults);
        }
    }

    /// Says what is done after the load.
    pub fn say(&self, words: &str) {
        match &self.bar {
            Some(bar) => bar.set_message(words.to_owned()),
            None => complain(words),
        }
    }

    /// Ends the show, and leaves nothing of it.
    pub fn end(self) {
        if let Some(bar) = self.bar {
            bar.finish_and_clear();
        }
    }
}

fn words(moment: &Moment<'_>) -> String {
    let failed = moment
        .entries
        .iter()
        .filter(|entry| !entry.is_answered())
        .count();
    let held: f64 = Role::ALL
        .iter()
        .filter_map(|role| {
            let queued = moment
                .watched
                .series(*role, |books| (books.queued + books.spooled) as f64);
            queued.last().map(|point| point.1)
        })
        .sum();
    let mut words = format!(
        "answered {} · failed {failed} · runs arrived {} · held {held}",
        moment.entries.len(),
        moment.arrived
    );
    if !moment.faults.is_empty() {
        words.push_str(&format!(" · now: {}", names(moment.faults)));
    }
    words
}

fn names(faults: &[Fault]) -> String {
    let names: Vec<&str> = faults.iter().map(|fault| fault.as_str()).collect();
    names.join(", ")
}
