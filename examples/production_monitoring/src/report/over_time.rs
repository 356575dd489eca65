//! Figures over time: requests and runs sorted into equal stretches. Start at [`Buckets`].

use common::model::Run;

use super::Facts;

/// Stretches of a load at most.
const STRETCHES: f64 = 40.0;

/// Equal stretches of time, from the beginning of a load.
#[derive(Debug, Clone, PartialEq)]
pub struct Buckets {
    /// How long each is, in seconds.
    pub width: f64,
    values: Vec<Vec<f64>>,
}

impl Buckets {
    /// Sorts values into stretches by their times, in seconds.
    pub fn new(points: &[(f64, f64)]) -> Self {
        let end = points.iter().map(|point| point.0).fold(0.0, f64::max);
        // Whole halves of a second, so that an axis reads well.
        let width = ((end / STRETCHES * 2.0).ceil() / 2.0).max(0.5);
        let mut values = vec![Vec::new(); (end / width) as usize + 1];
        for (at, value) in points.iter().filter(|point| point.0 >= 0.0) {
            if let Some(bucket) = values.get_mut((at / width) as usize) {
                bucket.push(*value);
            }
        }
        for bucket in &mut values {
            bucket.sort_by(f64::total_cmp);
        }
        Self { width, values }
    }

    /// Returns a figure of each stretch that has values, at its middle; the values are in order of size.
    pub fn each(&self, figure: impl Fn(&[f64]) -> f64) -> Vec<(f64, f64)> {
        let filled = self
            .values
            .iter()
            .enumerate()
            .filter(|(_, values)| !values.is_empty());
        filled
            .map(|(at, values)| ((at as f64 + 0.5) * self.width, figure(values)))
            .collect()
    }
}

/// Returns the value that so many percent of the values, in order of size, do not exceed; nothing of nothing is 0.
pub fn percentile(values: &[f64], percent: usize) -> f64 {
    let rank = (values.len() * percent).div_ceil(100).max(1);
    values
        .get(rank - 1)
        .or(values.last())
        .copied()
        .unwrap_or_default()
}

/// Returns when each request was due and how long it took, in seconds: as the load measured it, else as the roots
/// say.
pub(super) fn latencies(facts: &Facts) -> Vec<(f64, f64)> {
    if let Some(ledger) = &facts.ledger {
        let entries = ledger.entries.iter();
        return entries
            .map(|entry| (entry.due_seconds, entry.took_seconds))
            .collect();
    }
    let roots = facts.runs.iter().filter(|run| run.is_root());
    let took = roots.filter_map(|run| Some((run, run.latency()?)));
    took.map(|(run, took)| (seconds(facts, run), took.as_seconds_f64()))
        .collect()
}

/// Returns when a run began, in seconds from the beginning of the load.
pub(super) fn seconds(facts: &Facts, run: &Run) -> f64 {
    let began = facts.began.parse::<common::model::Timestamp>();
    began.map_or(0.0, |began| (run.start_time - began).as_seconds_f64())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_values_that_occurred() {
        let values: Vec<f64> = (1..=200).map(f64::from).collect();
        assert_eq!(
            [50, 95, 99, 100].map(|p| percentile(&values, p)),
            [100.0, 190.0, 198.0, 200.0]
        );
        assert_eq!((percentile(&[7.0], 50), percentile(&[], 99)), (7.0, 0.0));
    }

    #[test]
    fn values_are_sorted_into_stretches_by_their_time() {
        let buckets = Buckets::new(&[(0.1, 3.0), (0.4, 1.0), (1.2, 5.0)]);
        assert_eq!(buckets.width, 0.5);
        assert_eq!(buckets.each(|values| values[0]), [(0.25, 1.0), (1.25, 5.0)]);
    }
}
