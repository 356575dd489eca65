//! What the stages came to: the table, the closing line, the exit code.

use super::counts::Counts;
use super::{Outcome, Verdict};
use crate::problem::{FAILED, OK};
use crate::progress::{seconds, tell};

/// Prints the table and the closing line, and decides the exit code.
pub(super) fn report(outcomes: &[Outcome], ci: bool) -> u8 {
    let mut total = Counts::default();
    tell(format_args!("\n{:<32} {:>9}  result", "stage", "time"));
    for outcome in outcomes {
        let mut counts = outcome.counts;
        let words = match &outcome.verdict {
            Verdict::Passed => format!("ran, passed{}", bracketed(&counts.words())),
            Verdict::Failed => format!("ran, FAILED{}", bracketed(&counts.words())),
            Verdict::Skipped {
                reason,
                required: true,
            } if ci => {
                counts = Counts {
                    failed: 1,
                    ..Counts::default()
                };
                format!("FAILED: skipped although CI requires it ({reason})")
            }
            Verdict::Skipped { reason, .. } => format!("skipped: {reason}"),
        };
        tell(format_args!(
            "{:<32} {:>9}  {words}",
            outcome.name,
            seconds(outcome.took)
        ));
        total.add(counts);
    }
    tell("");
    tell(format_args!(
        "{} passed, {} failed, {} skipped",
        total.passed, total.failed, total.skipped
    ));
    if total.failed == 0 { OK } else { FAILED }
}

fn bracketed(words: &str) -> String {
    if words.is_empty() {
        String::new()
    } else {
        format!(" ({words})")
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn outcome(verdict: Verdict, counts: Counts) -> Outcome {
        Outcome {
            name: "stage".into(),
            verdict,
            counts,
            took: Duration::ZERO,
        }
    }

    #[test]
    fn a_required_skip_fails_in_ci_only() {
        let skip = || {
            let verdict = Verdict::Skipped {
                reason: "no Redis".into(),
                required: true,
            };
            outcome(
                verdict,
                Counts {
                    skipped: 1,
                    ..Counts::default()
                },
            )
        };
        assert_eq!(report(&[skip()], false), OK);
        assert_eq!(report(&[skip()], true), FAILED);
    }

    #[test]
    fn one_failed_stage_fails_the_whole() {
        let passed = outcome(
            Verdict::Passed,
            Counts {
                passed: 9,
                ..Counts::default()
            },
        );
        let failed = outcome(
            Verdict::Failed,
            Counts {
                failed: 1,
                ..Counts::default()
            },
        );
        assert_eq!(report(&[passed, failed], false), FAILED);
    }
}
