//! Many calls → one interval for each pair of hosts.

use std::collections::BTreeMap;
use std::fmt;

use chrono::TimeDelta;

use super::bounds::{self, Bounds};
use super::shared::shared;
use crate::analysis::label::{duration, fit};
use crate::analysis::rich_output;
use crate::analysis::table::Table;
use crate::model::TraceTree;

/// What is known of the clocks of two hosts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostPair {
    /// The host whose clock is the measure.
    pub from: String,
    /// The other one.
    pub to: String,
    /// The least by which the other clock is ahead; negative if it is behind. None if no call says it.
    pub least: Option<TimeDelta>,
    /// The most by which it is ahead.
    pub most: Option<TimeDelta>,
    /// How many calls between the two were seen.
    pub calls: usize,
    /// How many of them agree with this interval.
    pub agree: usize,
}

impl HostPair {
    /// Returns the middle of the interval; if one end is not known, the other.
    pub fn offset(&self) -> Option<TimeDelta> {
        match (self.least, self.most) {
            (Some(least), Some(most)) => Some((least + most) / 2),
            (one, other) => one.or(other),
        }
    }

    /// Returns true if the clocks cannot be the same.
    pub fn is_skewed(&self) -> bool {
        let zero = TimeDelta::zero();
        self.least.is_some_and(|least| least > zero) || self.most.is_some_and(|most| most < zero)
    }

    /// Says it in words.
    pub fn in_words(&self) -> String {
        let (from, to) = (fit(&self.from, 32), fit(&self.to, 32));
        let zero = TimeDelta::zero();
        match (self.least, self.most) {
            (Some(least), Some(most)) if least > zero => {
                let (least, most) = (duration(least), duration(most));
                format!("{to} is {least} to {most} ahead of {from}")
            }
            (Some(least), Some(most)) if most < zero => {
                let (least, most) = (duration(-most), duration(-least));
                format!("{to} is {least} to {most} behind {from}")
            }
            (Some(least), None) if least > zero => {
                format!("{to} is at least {} ahead of {from}", duration(least))
            }
            (None, Some(most)) if most < zero => {
                format!("{to} is at least {} behind {from}", duration(-most))
            }
            _ => format!("{to} may go by the same time as {from}"),
        }
    }
}

/// By how much clocks differ, for each pair of hosts that called each other.
///
/// A host is the metadata key `host.name` or `host`, else the service. Each call bounds the offset from
/// both sides; the interval that most calls agree on is the estimate. Its width is the time that calls
/// spend on their way, so the quickest calls say most.
///
/// ```
/// use common::analysis::ClockSkew;
/// use common::model::TraceTree;
///
/// let skew = ClockSkew::of([&TraceTree::default()]);
/// assert_eq!(skew.to_string(), "no call from one host to another\n");
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ClockSkew {
    pub(super) pairs: Vec<HostPair>,
}

impl ClockSkew {
    /// Estimates from a set of traces; the more, the better.
    pub fn of<'a>(trees: impl IntoIterator<Item = &'a TraceTree>) -> Self {
        type Interval = (Option<i64>, Option<i64>);
        let mut pairs: BTreeMap<(String, String), Vec<Interval>> = BTreeMap::new();
        for call in trees.into_iter().flat_map(bounds::all) {
            let Bounds {
                caller,
                callee,
                least,
                most,
            } = call;
            // Both directions speak of the same two clocks.
            let (key, interval) = match caller <= callee {
                true => ((caller, callee), (least, Some(most))),
                false => ((callee, caller), (Some(-most), least.map(|least| -least))),
            };
            pairs.entry(key).or_default().push(interval);
        }
        let pairs = pairs.into_iter().map(|((from, to), intervals)| {
            let found = shared(&intervals);
            HostPair {
                from,
                to,
                least: found.least.map(TimeDelta::microseconds),
                most: found.most.map(TimeDelta::microseconds),
                calls: intervals.len(),
                agree: found.agree,
            }
        });
        Self {
            pairs: pairs.collect(),
        }
    }

    /// Returns the pairs, by name.
    pub fn pairs(&self) -> &[HostPair] {
        &self.pairs
    }

    /// Returns what is known of the clock of `to`, as seen from `from`.
    pub fn between(&self, from: &str, to: &str) -> Option<HostPair> {
        let pair = self.pairs.iter().find(|pair| {
            (pair.from == from && pair.to == to) || (pair.from == to && pair.to == from)
        })?;
        let turned = || HostPair {
            from: from.to_owned(),
            to: to.to_owned(),
            least: pair.most.map(|most| -most),
            most: pair.least.map(|least| -least),
            ..*pair
        };
        Some(if pair.from == from {
            pair.clone()
        } else {
            turned()
        })
    }

    /// Returns the estimate as a table.
    pub fn table(&self) -> Table {
        let header = [
            "clock of",
            "seen from",
            "ahead by at least",
            "at most",
            "calls",
            "agree",
        ];
        let end = |end: Option<TimeDelta>| end.map_or_else(|| "–".to_owned(), duration);
        self.pairs.iter().fold(Table::new(header), |table, pair| {
            table.row([
                fit(&pair.to, 32),
                fit(&pair.from, 32),
                end(pair.least),
                end(pair.most),
                pair.calls.to_string(),
                pair.agree.to_string(),
            ])
        })
    }

    /// Shows the estimate as the result of a notebook cell: drawn, with the words beside it.
    pub fn evcxr_display(&self) {
        let words = self.to_string();
        rich_output::show(&[
            ("image/svg+xml", &self.figure().svg()),
            ("text/plain", &words),
        ]);
    }
}

impl fmt::Display for ClockSkew {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.pairs.is_empty() {
            return writeln!(f, "no call from one host to another");
        }
        for pair in &self.pairs {
            let (agree, calls) = (pair.agree, pair.calls);
            writeln!(f, "{} ({agree} of {calls} calls agree)", pair.in_words())?;
        }
        Ok(())
    }
}
