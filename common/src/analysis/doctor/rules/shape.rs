//! LT001, LT003, LT024, LT044: parents that are missing, runs that do not end.

use std::collections::HashMap;

use super::super::code::EvidenceKind::Trace;
use super::super::evidence::{Index, Kind, NEVER, Seen, flag};
use super::super::finding::{Findings, Said, trace_id};
use super::{named, span};

/// A child may end this much after its parent: clocks have milliseconds, and guards drop in turn.
const LATER: i64 = 5_000;

/// LT001 and LT044: the parent is not here.
pub(super) fn parents(index: &Index<'_>, findings: &mut Findings<'_>) {
    for trace in index.traces().filter(|trace| !index.is_partial(trace)) {
        let is_orphan = |at: &u32| !index.run(*at).is_root() && index.parent(*at).is_none();
        let orphans: Vec<u32> = trace.iter().copied().filter(is_orphan).collect();
        let (spans, runs): (Vec<u32>, Vec<u32>) = orphans
            .into_iter()
            .partition(|at| index.run(*at).is(flag::SPAN));
        if let Some(first) = runs.first() {
            let run = index.run(*first);
            let rootless = index.root(trace).is_none();
            let words = format!(
                "{} of {} runs name a parent that is not here; the first is {}{}",
                runs.len(),
                trace.len(),
                named(index, run),
                if rootless {
                    "; the trace has no root at all"
                } else {
                    ""
                },
            );
            let said =
                Said::new("LT001", trace_id(run), &[Trace], words).runs(runs.iter().copied());
            // Without a root the whole of the caller is missing, as sampling makes it.
            let likely: &[u8] = match (rootless, run.kind) {
                (true, _) => &[35],
                (false, Kind::Tool) => &[45, 0],
                (false, _) => &[0, 45],
            };
            findings.add(said.likely(likely));
        }
        if let Some(first) = spans.first() {
            let run = index.run(*first);
            let words = format!(
                "{} of {} spans name a parent that is not here, as {} does: LangSmith drops them after its 200",
                spans.len(),
                trace.len(),
                named(index, run),
            );
            findings.add(
                Said::new("LT044", trace_id(run), &[Trace], words).runs(spans.iter().copied()),
            );
        }
    }
}

/// LT003: a run that should have ended.
pub(super) fn pending(index: &Index<'_>, findings: &mut Findings<'_>) {
    let (taken, patience) = (index.evidence.taken, index.evidence.patience);
    for trace in index.traces() {
        let open = |at: &u32| index.run(*at).is_pending();
        if !trace.iter().any(open) {
            continue;
        }
        let latest = trace.iter().map(|at| index.run(*at).latest()).max();
        let latest = latest.unwrap_or(NEVER);
        let may_end = taken != NEVER && latest != NEVER && taken.saturating_sub(latest) < patience;
        let mut outlived = HashMap::new();
        let mut is_late =
            |at: &u32| open(at) && (!may_end || is_outlived(index, *at, &mut outlived));
        let mut late: Vec<u32> = trace.iter().copied().filter(|at| is_late(at)).collect();
        // The innermost explains those above it.
        late.sort_by_key(|at| std::cmp::Reverse(index.depth(*at)));
        if let Some(first) = late.first() {
            let words = format!(
                "{} of {} runs have no end; the innermost is {}",
                late.len(),
                trace.len(),
                named(index, index.run(*first)),
            );
            let whole = late.len() == trace.len();
            let said = Said::new("LT003", trace_id(index.run(*first)), &[Trace], words);
            findings.add(said.runs(late).likely(if whole { &[0] } else { &[20] }));
        }
    }
}

/// Tells whether a run above an open one has ended. `known` holds what was found, so that a chain is gone
/// through once.
fn is_outlived(index: &Index<'_>, at: u32, known: &mut HashMap<u32, bool>) -> bool {
    let mut path = Vec::new();
    let mut here = at;
    let found = loop {
        if let Some(known) = known.get(&here) {
            break *known;
        }
        // A circle ends where it comes back.
        known.insert(here, false);
        path.push(here);
        match index.parent(here) {
            None => break false,
            Some(above) if !index.run(above).is_pending() => break true,
            Some(above) => here = above,
        }
    };
    known.extend(path.into_iter().map(|at| (at, found)));
    found
}

/// LT024: a child that goes on after its parent.
pub(super) fn parent_ended_first(index: &Index<'_>, findings: &mut Findings<'_>) {
    for trace in index.traces() {
        let mut late: Vec<(i64, u32)> = Vec::new();
        for at in trace {
            let Some(parent) = index.parent(*at).map(|parent| index.run(parent)) else {
                continue;
            };
            let run = index.run(*at);
            // Between services clocks differ, and a worker is expected to go on.
            let one_clock = run.service == parent.service && run.runtime == parent.runtime;
            if one_clock
                && ended(run)
                && ended(parent)
                && run.end.saturating_sub(parent.end) > LATER
            {
                late.push((run.end.saturating_sub(parent.end), *at));
            }
        }
        late.sort_by_key(|(by, _)| std::cmp::Reverse(*by));
        if let Some((by, at)) = late.first() {
            let run = index.run(*at);
            let began_later = index
                .parent(*at)
                .is_some_and(|above| run.start > index.run(above).end);
            let words = format!("{} ends {} after its parent", named(index, run), span(*by));
            let said = Said::new("LT024", trace_id(run), &[Trace], words);
            let said = said.runs(late.iter().map(|(_, at)| *at));
            findings.add(said.likely(if began_later { &[13] } else { &[8] }));
        }
    }
}

fn ended(run: &Seen) -> bool {
    run.end != NEVER
}
