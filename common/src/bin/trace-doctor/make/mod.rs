//! Made-up traces of several services, with faults that are known. Shares no code with the rules: it
//! writes what a capture holds, as text, and what should be found in it.
//!
//! ```text
//! Dice ─► Made::clean (a whole request) ─► faults (one to three, each on runs of its own) ─► lines, truth
//! ```

mod clean;
mod dice;
mod faults;
mod slow;

use std::collections::BTreeSet;
use std::io::{self, Write};

use serde_json::{Value, json};

pub(crate) use dice::Dice;

/// A request as it would be captured, and what is wrong with it.
#[derive(Debug, Default)]
pub(crate) struct Made {
    pub(crate) number: u64,
    pub(crate) runs: Vec<Value>,
    /// Lines of other kinds: requests, ledgers, environments, headers.
    pub(crate) beside: Vec<Value>,
    /// No run says its service or request, as with an SDK that nobody told.
    pub(crate) bare: bool,
    /// Code, and what it is about.
    pub(crate) truth: BTreeSet<(String, String)>,
}

impl Made {
    /// Writes it as lines of a capture.
    pub(crate) fn write(&self, out: &mut impl Write) -> io::Result<()> {
        for run in &self.runs {
            writeln!(out, "{}", json!({ "run": run }))?;
        }
        for line in &self.beside {
            writeln!(out, "{line}")?;
        }
        Ok(())
    }
}

/// Makes one request; a part of them stays clean.
pub(crate) fn one(dice: &mut Dice, number: u64, faulty: bool) -> Made {
    let mut made = clean::request(dice, number);
    if faulty && !dice.chance(30) {
        faults::compose(dice, &mut made);
    }
    made
}

/// Writes so many requests as one capture.
pub(crate) fn write(
    out: &mut impl Write,
    seed: u64,
    traces: usize,
    faulty: bool,
) -> io::Result<()> {
    let mut dice = Dice::new(seed);
    writeln!(
        out,
        "{}",
        json!({ "capture": { "version": 1, "source": "trace-doctor --make" } })
    )?;
    for number in 0..traces as u64 {
        one(&mut dice, number, faulty).write(out)?;
    }
    Ok(())
}
