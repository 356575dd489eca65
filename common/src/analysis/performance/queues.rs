//! LT054: a run begins long after the run that sent it has ended.

use std::collections::HashMap;

use chrono::TimeDelta;

use super::Seen;
use super::finding::{PerformanceCode, PerformanceFinding, said};
use crate::analysis::label::duration;
use crate::analysis::rows::service;

/// Looks at runs in another service than their parent that began after the parent had ended, and worked for
/// less time than they had waited. The later attempts at a message are no wait of the queue. A run that fits
/// into the time of its parent may be a call that was waited for, by a clock that is ahead: of that nothing is said.
pub(super) fn find(seen: &Seen<'_>) -> Vec<PerformanceFinding> {
    let nodes = seen.tree.nodes();
    let failed = first_failures(seen);
    let mut found = Vec::new();
    for (at, node) in nodes.iter().enumerate() {
        let Some(parent) = node.parent else { continue };
        let (span, above) = (seen.spans.at(at), seen.spans.at(parent));
        let waited = TimeDelta::microseconds(span.from.saturating_sub(above.to));
        let sent_by = &nodes[parent].run;
        let is_queued = sent_by.end_time.is_some()
            && waited >= seen.limits.queued
            && waited.num_microseconds().unwrap_or(0) > span.length()
            && span.length() > above.length()
            && service(&node.run) != service(sent_by);
        let attempts = failed.get(&(parent, node.run.name.as_str()));
        let attempts = attempts.into_iter().flatten();
        let is_again = attempts
            .filter(|(_, other)| *other != at)
            .any(|(ended, _)| *ended <= span.from);
        if is_queued && !is_again {
            found.push(PerformanceFinding {
                code: PerformanceCode::QueueWait,
                place: node.run.id,
                name: node.run.name.clone(),
                runs: vec![sent_by.id, node.run.id],
                lost: waited,
                words: format!(
                    "{} began {} after {} had sent it, and then took {}",
                    said(&node.run.name),
                    duration(waited),
                    said(&sent_by.name),
                    duration(TimeDelta::microseconds(span.length())),
                ),
            });
        }
    }
    found
}

/// Returns for each parent and name of a child the two failed ones that ended first: one of them is another
/// than the run that is asked about.
fn first_failures<'a>(seen: &Seen<'a>) -> HashMap<(usize, &'a str), Vec<(i64, usize)>> {
    let mut first: HashMap<(usize, &str), Vec<(i64, usize)>> = HashMap::new();
    for (at, node) in seen.tree.nodes().iter().enumerate() {
        if let (Some(parent), Some(_)) = (node.parent, &node.run.error) {
            let ends = first.entry((parent, &node.run.name)).or_default();
            ends.push((seen.spans.at(at).to, at));
            ends.sort_unstable();
            ends.truncate(2);
        }
    }
    first
}
