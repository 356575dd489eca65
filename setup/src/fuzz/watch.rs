//! Runs libFuzzer over one target, and reads what it says.

use std::fs;
use std::time::{Duration, Instant, SystemTime};

use anyhow::Result;

use super::{Begin, Enough, build, corpus, find, folder};
use crate::child::{self, Logged};
use crate::steps::Workshop;

/// An input that takes longer than this many seconds is a find: readers are to be fast.
const SLOW: u64 = 5;

/// What happens while a target runs.
#[derive(Debug)]
pub(super) enum Seen {
    /// It is this far: seconds or executions, as was asked for.
    Reached {
        target: String,
        at: u64,
        words: String,
    },
    /// It has ended.
    Ended(Watched),
}

/// What a target did.
#[derive(Debug, Clone, Default)]
pub(crate) struct Watched {
    pub(super) target: String,
    /// Inputs tried.
    pub(super) executions: u64,
    /// Edges of code reached.
    pub(super) coverage: u64,
    /// Inputs that reach something that no other does.
    pub(super) inputs: u64,
    pub(super) took: Duration,
    /// What there is to say if it broke.
    pub(super) trouble: Vec<String>,
}

impl Watched {
    /// Says whether an input was found for which something does not hold.
    pub(crate) fn broke(&self) -> bool {
        !self.trouble.is_empty()
    }

    /// Returns what there is to say if it broke.
    pub(crate) fn trouble(&self) -> &[String] {
        &self.trouble
    }

    pub(super) fn per_second(&self) -> u64 {
        self.executions / self.took.as_secs().max(1)
    }

    /// Says in one line how it went.
    pub(super) fn words(&self) -> String {
        let Self {
            target,
            executions,
            coverage,
            ..
        } = self;
        let sign = if self.broke() { '✗' } else { '✓' };
        let each = self.per_second();
        format!("{sign} {target}: {executions} executions ({each}/s), coverage {coverage}")
    }

    /// Takes a line such as `#4096 NEW cov: 210 ft: 388 corp: 26/1Kb exec/s: 2048`; true if it is one.
    fn read(&mut self, line: &str) -> bool {
        let mut words = line.split_whitespace();
        let number = words.next().and_then(|word| word.strip_prefix('#'));
        let Some(number) = number.and_then(|number| number.parse().ok()) else {
            if let Some(count) = line.strip_prefix("stat::number_of_executed_units:") {
                self.executions = count.trim().parse().unwrap_or(self.executions);
            }
            return false;
        };
        self.executions = number;
        while let Some(word) = words.next() {
            let value = match word {
                "cov:" => &mut self.coverage,
                "corp:" => &mut self.inputs,
                _ => continue,
            };
            let digits = words.next().and_then(|word| word.split('/').next());
            *value = digits
                .and_then(|digits| digits.parse().ok())
                .unwrap_or(*value);
        }
        true
    }
}

/// Runs a target until it has had enough or breaks; `seen` hears of its progress.
pub(super) fn watch(
    workshop: &Workshop,
    target: &str,
    (enough, begin): (Enough, Begin),
    seen: impl Fn(Seen),
) -> Result<Watched> {
    let finds = folder(workshop.places.state.join("fuzz").join(target))?;
    let mut command = child::command(build::program(workshop, target));
    // The first folder takes what is found; the repository's own is only read.
    command
        .arg(match begin {
            Begin::Found => corpus::found(workshop, target)?,
            Begin::Kept => corpus::scratch(workshop, target)?,
        })
        .arg(corpus::kept(workshop, target))
        .arg(format!("-artifact_prefix={}/", finds.display()))
        .arg(format!("-max_len={}", corpus::longest(target)))
        .arg(format!("-timeout={SLOW}"))
        .arg("-print_final_stats=1")
        .arg(match enough {
            Enough::Seconds(seconds) => format!("-max_total_time={seconds}"),
            Enough::Runs(runs) => format!("-runs={runs}"),
        });
    let words = corpus::words(workshop, target);
    if words.is_file() {
        command.arg(format!("-dict={}", words.display()));
    }
    let (began, clock) = (SystemTime::now(), Instant::now());
    let mut watched = Watched {
        target: target.to_owned(),
        ..Watched::default()
    };
    let mut said = Vec::new();
    let log = workshop.places.log(&format!("fuzz-{target}"));
    let ended = Logged::new(target, log).observe(&mut command, |line| {
        if watched.read(line) {
            let at = match enough {
                Enough::Seconds(_) => clock.elapsed().as_secs(),
                Enough::Runs(_) => watched.executions,
            };
            let words = format!(
                "{} executions, coverage {}",
                watched.executions, watched.coverage
            );
            let target = target.to_owned();
            seen(Seen::Reached { target, at, words });
        } else {
            said.push(line.to_owned());
        }
    })?;
    watched.took = clock.elapsed();
    if !ended.success {
        let input = find::newest(&finds, began);
        watched.trouble = find::told(target, &find::reasons(&said), input.as_deref());
    } else {
        // Empty unless an earlier run found something that is still to be looked at.
        let _ = fs::remove_dir(finds);
    }
    Ok(watched)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn progress_is_read_from_what_libfuzzer_prints() {
        let mut watched = Watched::default();
        let line = "#4096\tpulse  cov: 210 ft: 388 corp: 26/1040b lim: 43 exec/s: 2048 rss: 43Mb";
        assert!(watched.read(line));
        assert_eq!(
            (watched.executions, watched.coverage, watched.inputs),
            (4096, 210, 26)
        );
        assert!(!watched.read("INFO: Loaded 1 modules (9000 inline 8-bit counters)"));
        assert!(!watched.read("stat::number_of_executed_units: 5000"));
        assert_eq!(watched.executions, 5000);
    }
}
