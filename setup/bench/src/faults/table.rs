//! The loss table in words.

use super::{Case, Outcome, Outcomes, Row};
use crate::table::{Grid, percent};

/// Returns the matrix: a row for each fault, a column for each library.
pub fn matrix(outcomes: &Outcomes) -> Grid {
    let mut titles = vec!["what goes wrong"];
    if let Some((_, first)) = outcomes.rows.first() {
        titles.extend(first.iter().map(|(who, _)| who.title));
    }
    let row = |(case, outcomes): &(Case, Row)| {
        let cells = outcomes.iter().map(|(_, outcome)| match outcome {
            Ok(outcome) => cell(outcome),
            Err(_) => "not measured".to_owned(),
        });
        std::iter::once(case.title.to_owned())
            .chain(cells)
            .collect()
    };
    Grid {
        titles,
        rows: outcomes.rows.iter().map(row).collect(),
    }
}

/// Such as `99.8 %, 3 again, 0.4 s`, or `100 %, did not end in 38 s`.
fn cell(outcome: &Outcome) -> String {
    let mut words = format!("{} %", percent(outcome.percent()));
    if outcome.again > 0 {
        words.push_str(&format!(", {} again", outcome.again));
    }
    if outcome.cut > 0 {
        words.push_str(&format!(", {} cut", outcome.cut));
    }
    if outcome.leaked {
        words.push_str(", key seen elsewhere");
    }
    words.push_str(&match outcome.hung {
        true => format!(", did not end in {:.0} s", outcome.exit),
        false => format!(", {:.1} s", outcome.exit),
    });
    words
}

/// Returns a line for each loss of ours, with the books that explain it, and one for each failure.
pub fn explanations(outcomes: &Outcomes) -> Vec<String> {
    let mut lines = Vec::new();
    for (case, row) in &outcomes.rows {
        for (who, outcome) in row {
            let why = match outcome {
                Err(error) => error.clone(),
                Ok(outcome) if outcome.delivered == outcome.accepted || !who.is_ours() => continue,
                Ok(outcome) => {
                    let lost = outcome.accepted - outcome.delivered;
                    let killed = "held in memory when the process was killed";
                    let books = outcome.said.as_deref().unwrap_or(killed);
                    format!("{lost} of {} runs lost: {books}", outcome.accepted)
                }
            };
            lines.push(format!("{}, {}: {why}", case.title, who.title));
        }
    }
    let left_out = outcomes.left_out.iter();
    lines.extend(left_out.map(|(title, why)| format!("{title} is left out: {why}")));
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_that_hung_is_told_from_a_slow_one() {
        let outcome = Outcome {
            accepted: 10,
            delivered: 10,
            exit: 37.8,
            ..Outcome::default()
        };
        assert_eq!(cell(&outcome), "100 %, 37.8 s");
        let hung = Outcome {
            hung: true,
            ..outcome
        };
        assert_eq!(cell(&hung), "100 %, did not end in 38 s");
    }
}
