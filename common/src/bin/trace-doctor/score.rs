//! How many of the planted faults are found, and how much of what is found was planted.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use common::analysis::Table;
use common::analysis::doctor::{Evidence, examine_all, fault};

use crate::make::{self, Dice};

/// Requests that are examined together.
const TOGETHER: u64 = 50;
/// Least share of the planted faults that has to be found.
const WANTED: f64 = 0.95;

/// What was planted and found of one code.
#[derive(Debug, Default, Clone, Copy)]
struct Tally {
    planted: u64,
    found: u64,
    wrongly: u64,
}

/// The figures of all codes.
#[derive(Debug)]
pub(crate) struct Score {
    codes: BTreeMap<String, Tally>,
    seed: u64,
    traces: usize,
    /// Clean requests, and how many of them had a finding.
    clean: (u64, u64),
}

/// Makes so many requests, examines them, and compares.
pub(crate) fn score(seed: u64, traces: usize) -> Result<Score, String> {
    let mut dice = Dice::new(seed);
    let mut codes: BTreeMap<String, Tally> = BTreeMap::new();
    let mut number = 0;
    while number < traces as u64 {
        let mut capture = Vec::new();
        let mut truth = BTreeSet::new();
        let until = (number + TOGETHER).min(traces as u64);
        for number in number..until {
            let made = make::one(&mut dice, number, true);
            made.write(&mut capture)
                .map_err(|error| error.to_string())?;
            truth.extend(made.truth);
        }
        number = until;
        let evidence = Evidence::read(capture.as_slice()).map_err(|error| error.to_string())?;
        let report = examine_all(&evidence);
        let found: BTreeSet<(String, String)> = report
            .findings
            .iter()
            .map(|finding| (finding.fault.code.to_owned(), finding.about.clone()))
            .collect();
        for (code, about) in &truth {
            let tally = codes.entry(code.clone()).or_default();
            tally.planted += 1;
            tally.found += u64::from(found.contains(&(code.clone(), about.clone())));
        }
        for (code, _) in found.difference(&truth) {
            codes.entry(code.clone()).or_default().wrongly += 1;
        }
    }
    Ok(Score {
        codes,
        seed,
        traces,
        clean: clean(seed, traces / 5)?,
    })
}

/// Examines requests without any fault.
fn clean(seed: u64, traces: usize) -> Result<(u64, u64), String> {
    let mut dice = Dice::new(seed ^ 0x5eed);
    let mut capture = Vec::new();
    for number in 0..traces as u64 {
        let made = make::one(&mut dice, number, false);
        made.write(&mut capture)
            .map_err(|error| error.to_string())?;
    }
    if traces == 0 {
        return Ok((0, 0));
    }
    let evidence = Evidence::read(capture.as_slice()).map_err(|error| error.to_string())?;
    Ok((traces as u64, examine_all(&evidence).len() as u64))
}

impl Score {
    fn all(&self) -> Tally {
        self.codes
            .values()
            .fold(Tally::default(), |sum, tally| Tally {
                planted: sum.planted + tally.planted,
                found: sum.found + tally.found,
                wrongly: sum.wrongly + tally.wrongly,
            })
    }

    /// Returns true if enough was found of every code, and nothing in clean requests.
    pub(crate) fn is_good(&self) -> bool {
        let enough = |tally: &Tally| share(tally.found, tally.planted) >= WANTED;
        self.codes.values().all(enough) && self.clean.1 == 0
    }
}

fn share(part: u64, whole: u64) -> f64 {
    if whole == 0 {
        1.0
    } else {
        part as f64 / whole as f64
    }
}

fn percent(part: u64, whole: u64) -> String {
    format!("{:.1} %", share(part, whole) * 100.0)
}

impl fmt::Display for Score {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut table = Table::new([
            "code",
            "name",
            "planted",
            "found",
            "wrongly",
            "recall",
            "precision",
        ]);
        let all = self.all();
        let rows = self
            .codes
            .iter()
            .map(|(code, tally)| (code.as_str(), *tally));
        for (code, tally) in rows.chain([("all", all)]) {
            table = table.row([
                code.to_owned(),
                fault(code).map_or("", |fault| fault.name).to_owned(),
                tally.planted.to_string(),
                tally.found.to_string(),
                tally.wrongly.to_string(),
                percent(tally.found, tally.planted),
                percent(tally.found, tally.found + tally.wrongly),
            ]);
        }
        write!(f, "{table}")?;
        writeln!(
            f,
            "{} requests with faults composed from seed {}",
            self.traces, self.seed
        )?;
        write!(
            f,
            "{} clean requests: {} findings",
            self.clean.0, self.clean.1
        )
    }
}
