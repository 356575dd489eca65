//! Shows what takes time: a spinner on a terminal, one line at start and end elsewhere.

use std::fmt::Display;
use std::io::{IsTerminal as _, Write as _};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

/// Shows one piece of work from start to end.
#[derive(Debug)]
pub(crate) struct Meter {
    name: String,
    bar: Option<ProgressBar>,
    started: Instant,
}

impl Meter {
    /// Starts to show work; `cost` says in words what it takes.
    pub(crate) fn start(name: &str, cost: &str) -> Self {
        let suffix = if cost.is_empty() {
            String::new()
        } else {
            format!(" ({cost})")
        };
        let bar = std::io::stderr().is_terminal().then(|| {
            let style = "{spinner} {prefix} {elapsed:>4} {wide_msg:.dim}";
            let bar = ProgressBar::new_spinner().with_style(style_of(style));
            bar.set_prefix(format!("{name}{suffix}"));
            bar.enable_steady_tick(Duration::from_millis(120));
            bar
        });
        if bar.is_none() {
            eprintln!("… {name}{suffix}");
        }
        Self {
            name: name.to_owned(),
            bar,
            started: Instant::now(),
        }
    }

    /// Starts to show work of `length` known parts.
    pub(crate) fn counted(name: &str, length: u64) -> Self {
        let mut meter = Self::start(name, "");
        if let Some(bar) = &mut meter.bar {
            bar.set_length(length);
            let style = "{spinner} {prefix} [{bar:24}] {pos}/{len} {elapsed:>4} {wide_msg:.dim}";
            bar.set_style(style_of(style));
        }
        meter
    }

    /// Shows what happens at present; only a terminal sees it.
    pub(crate) fn say(&self, words: &str) {
        if let Some(bar) = &self.bar {
            bar.set_message(words.trim().to_owned());
        }
    }

    /// Moves the bar to `position`.
    pub(crate) fn at(&self, position: u64) {
        if let Some(bar) = &self.bar {
            bar.set_position(position);
        }
    }

    /// Prints a line that stays, above the bar.
    pub(crate) fn keep(&self, line: &str) {
        match &self.bar {
            Some(bar) => bar.suspend(|| eprintln!("{line}")),
            None => eprintln!("{line}"),
        }
    }

    /// Ends with success and a few words.
    pub(crate) fn done(self, words: &str) -> Duration {
        self.end('✓', words)
    }

    /// Ends with a failure and a few words.
    pub(crate) fn failed(self, words: &str) -> Duration {
        self.end('✗', words)
    }

    /// Ends with something that was left out and why.
    pub(crate) fn skipped(self, words: &str) -> Duration {
        self.end('–', words)
    }

    fn end(self, sign: char, words: &str) -> Duration {
        let took = self.started.elapsed();
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
        let words = if words.is_empty() {
            String::new()
        } else {
            format!(": {words}")
        };
        eprintln!("{sign} {}{words} [{}]", self.name, seconds(took));
        took
    }
}

fn style_of(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_spinner())
}

/// Prints a line for whoever reads; one who has stopped reading is no failure.
pub(crate) fn tell(line: impl Display) {
    let _ = writeln!(std::io::stdout(), "{line}");
}

/// Writes a duration the way people say it.
pub(crate) fn seconds(took: Duration) -> String {
    let seconds = took.as_secs();
    match seconds {
        0..60 => format!("{:.1} s", took.as_secs_f64()),
        _ => format!("{} min {:02} s", seconds / 60, seconds % 60),
    }
}

/// Writes a number of bytes the way people say it.
pub(crate) fn bytes(count: u64) -> String {
    const MEGA: f64 = 1_000_000.0;
    let count = count as f64;
    if count >= 1000.0 * MEGA {
        format!("{:.1} GB", count / (1000.0 * MEGA))
    } else if count >= MEGA {
        format!("{:.0} MB", count / MEGA)
    } else {
        format!("{:.0} kB", count / 1000.0)
    }
}
