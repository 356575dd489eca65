//! LT005, LT008: the same work told twice.

use std::collections::{BTreeMap, HashSet};

use super::super::code::EvidenceKind::Trace;
use super::super::evidence::{Index, Kind, NEVER, Name, Seen, flag};
use super::super::finding::{Findings, Said, trace_id};
use super::{differ, named};

/// Two libraries that see one call differ by less, in microseconds.
const NEAR: i64 = 5_000;

/// Tells whether a span and a run of one name and time are of one call: equal names and near times happen by
/// chance wherever there is load, so something else has to be the same.
fn is_related(one: &Seen, other: &Seen) -> bool {
    let same = |one: Name, other: Name| one.is_some() && one == other;
    let is_of_one_place = !differ(one.service, other.service);
    is_of_one_place
        && (one.trace == other.trace
            || same(one.request, other.request)
            || same(one.thread, other.thread)
            || (one.digest != 0 && one.digest == other.digest)
            || (one.tokens > 0 && one.tokens == other.tokens))
}

/// Returns pairs of a run and its copy, the copy first.
fn pairs(index: &Index<'_>) -> Vec<(u32, u32)> {
    let known = |run: &Seen| run.start != NEVER && run.end != NEVER;
    let mut by_name: Vec<u32> = index.all().filter(|at| known(index.run(*at))).collect();
    by_name.sort_unstable_by_key(|at| (index.run(*at).name, index.run(*at).start, *at));
    let mut pairs = Vec::new();
    for (place, at) in by_name.iter().enumerate() {
        let run = index.run(*at);
        // Enough to see a crowd; a thousand equal runs are no thousand squared pairs.
        for other in by_name[place + 1..].iter().take(16) {
            let copy = index.run(*other);
            if copy.name != run.name || copy.start.saturating_sub(run.start) > NEAR {
                break;
            }
            if copy.id == run.id || differ(copy.request, run.request) {
                continue;
            }
            let mixed = copy.is(flag::SPAN) != run.is(flag::SPAN);
            let near = copy.end.saturating_sub(run.end).saturating_abs() <= NEAR;
            let alike = run.digest != 0
                && copy.digest == run.digest
                && copy.start == run.start
                && copy.end == run.end
                && copy.end > copy.start
                && copy.trace == run.trace
                && copy.parent == run.parent;
            let mixed = mixed && is_related(copy, run);
            let nested = copy.parent == run.id || run.parent == copy.id;
            if near && !nested && (mixed || alike) {
                pairs.push(if copy.is(flag::SPAN) {
                    (*other, *at)
                } else {
                    (*at, *other)
                });
                if !mixed {
                    // The later of two equal ones is the copy.
                    if let Some(last) = pairs.last_mut() {
                        *last = (*other, *at);
                    }
                }
            }
        }
    }
    pairs
}

/// Returns the traces whose runs are copies of another trace's.
pub(super) fn copies(index: &Index<'_>) -> HashSet<u128> {
    let pairs = pairs(index).into_iter();
    let apart = pairs.filter(|(copy, run)| index.run(*copy).trace != index.run(*run).trace);
    apart.map(|(copy, _)| index.run(copy).trace).collect()
}

/// LT005: one piece of work, two runs.
pub(super) fn duplicates(index: &Index<'_>, findings: &mut Findings<'_>) {
    let mut by_trace: BTreeMap<u128, Vec<(u32, u32)>> = BTreeMap::new();
    for pair in pairs(index) {
        by_trace
            .entry(index.run(pair.0).trace)
            .or_default()
            .push(pair);
    }
    for pairs in by_trace.values() {
        let Some((copy, run)) = pairs.first() else {
            continue;
        };
        let words = format!(
            "{} runs are there twice, as {} is: {}",
            pairs.len(),
            named(index, index.run(*copy)),
            match index.run(*copy).is(flag::SPAN) != index.run(*run).is(flag::SPAN) {
                true => "as a run and as a span",
                false => "same name, time, parent and inputs",
            },
        );
        let said = Said::new("LT005", trace_id(index.run(*copy)), &[Trace], words);
        findings.add(said.runs(pairs.iter().flat_map(|(copy, run)| [*copy, *run])));
    }
}

/// LT008: a call of a model within a call of a model, with the same tokens.
pub(super) fn counted_twice(index: &Index<'_>, findings: &mut Findings<'_>) {
    for trace in index.traces() {
        let counts = |run: &Seen| run.kind == Kind::Llm && run.tokens > 0;
        let is_inner = |at: &u32| {
            let run = index.run(*at);
            let mut above = index.above(*at).take(8).map(|at| index.run(at));
            counts(run) && above.any(|above| counts(above) && above.tokens == run.tokens)
        };
        let inner: Vec<u32> = trace.iter().copied().filter(is_inner).collect();
        if let Some(first) = inner.first() {
            let run = index.run(*first);
            let words = format!(
                "{} has {} tokens, and so has the call of a model above it",
                named(index, run),
                run.tokens
            );
            findings.add(Said::new("LT008", trace_id(run), &[Trace], words).runs(inner));
        }
    }
}
