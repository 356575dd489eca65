//! Debug time reduction: how long people need, and, as a stand-in for people, what a program finds.

use std::collections::BTreeMap;

use serde::{Serialize, Serializer};

use super::ledger::{Ledger, Means};
use super::share::Share;

/// How fast faults are found.
///
/// People are measured in drills; what a machine can check is the second half, and it says nothing
/// about people.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Debugging {
    /// What people needed, by what they had to look at.
    #[serde(serialize_with = "by_name")]
    pub people: BTreeMap<Means, Found>,
    /// Faults that were put in and found: the recall.
    pub faults_found: Share,
    /// Findings that were right: the precision.
    pub findings_right: Share,
    /// Sound traces of which nothing was said.
    pub sound_left_alone: Share,
}

/// What people found by one means.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct Found {
    /// Drills with the right answer.
    pub correct: Share,
    /// The median time of the right answers, in seconds.
    pub median_seconds: Option<f64>,
}

fn by_name<S: Serializer>(
    people: &BTreeMap<Means, Found>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.collect_map(people.iter().map(|(means, found)| (means.as_str(), found)))
}

pub(super) fn score(ledger: &Ledger) -> Debugging {
    let mut score = Debugging::default();
    let mut times: BTreeMap<Means, Vec<f64>> = BTreeMap::new();
    for drill in &ledger.drills {
        score
            .people
            .entry(drill.means)
            .or_default()
            .correct
            .count(drill.correct);
        if drill.correct {
            times
                .entry(drill.means)
                .or_default()
                .push(drill.took.as_secs_f64());
        }
    }
    for (means, mut times) in times {
        times.sort_unstable_by(f64::total_cmp);
        // With an even number, the mean of the middle two.
        let (low, high) = (times[(times.len() - 1) / 2], times[times.len() / 2]);
        score.people.entry(means).or_default().median_seconds = Some((low + high) / 2.0);
    }
    for diagnosis in &ledger.diagnoses {
        match &diagnosis.injected {
            Some(code) => score.faults_found.count(diagnosis.found.contains(code)),
            None => score.sound_left_alone.count(diagnosis.found.is_empty()),
        }
        for found in &diagnosis.found {
            score
                .findings_right
                .count(diagnosis.injected.as_ref() == Some(found));
        }
    }
    score
}
