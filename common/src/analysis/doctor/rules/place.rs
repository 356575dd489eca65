//! LT004, LT010, LT018 to LT021, LT034, LT035: place, time and size of runs.

use std::collections::BTreeMap;

use super::super::code::EvidenceKind::Trace;
use super::super::evidence::{Index, NEVER, Seen, flag};
use super::super::finding::{Findings, Said, trace_id};
use super::super::read::behind;
use super::{named, span};

/// LangSmith takes 20 MB in one request.
const RUN_BYTES: u32 = 20 * 1024 * 1024;
/// And so many runs in one trace.
const RUNS: usize = 25_000;
/// A run with more children that lasts for an hour, or for ever, holds on to them.
const CHILDREN: u32 = 10_000;
const HOUR: i64 = 3_600_000_000;

/// LT018 to LT021: what a run says of its place contradicts itself.
pub(super) fn places(index: &Index<'_>, findings: &mut Findings<'_>) {
    type Wrong = fn(&Seen) -> bool;
    let rules: [(&'static str, Wrong, &str); 4] = [
        (
            "LT018",
            |run| !run.is_root() && run.is(flag::ONE_SEGMENT) && !run.is(flag::SPAN),
            "names a parent, and its dotted order has none",
        ),
        (
            "LT019",
            |run| run.is_root() && run.is(flag::MORE_SEGMENTS),
            "names no parent, and its dotted order has one",
        ),
        (
            "LT020",
            // A child without ancestors begins with itself: told above.
            |run| run.is(flag::OTHER_TRACE) && (run.is_root() || run.is(flag::MORE_SEGMENTS)),
            "has a dotted order that begins with another id than its trace's",
        ),
        (
            "LT021",
            |run| run.is(flag::ID_TIME) && !run.is(flag::SPAN),
            "has an id that was made more than a second before or after its start",
        ),
    ];
    for trace in index.traces() {
        for (code, is_wrong, words) in &rules {
            let mut wrong = trace.iter().copied().filter(|at| is_wrong(index.run(*at)));
            if let Some(first) = wrong.next() {
                let run = index.run(first);
                let words = format!("{} {words}", named(index, run));
                let said = Said::new(code, trace_id(run), &[Trace], words);
                findings.add(said.runs([first]).runs(wrong));
            }
        }
    }
}

/// LT004: a child that begins before its parent.
pub(super) fn skew(index: &Index<'_>, findings: &mut Findings<'_>) {
    for trace in index.traces() {
        let mut early: Vec<(i64, u32)> = Vec::new();
        for at in trace {
            let run = index.run(*at);
            let above = index.parent(*at).map(|parent| index.run(parent));
            let above = above.filter(|above| above.start != NEVER && run.start != NEVER);
            let seen = above.map_or(0, |above| behind(run.start, above.start));
            let by = seen.max(run.behind);
            if by > 0 {
                early.push((by, *at));
            }
        }
        early.sort_by_key(|(by, _)| std::cmp::Reverse(*by));
        if let Some((by, at)) = early.first() {
            let run = index.run(*at);
            let parent = index
                .parent(*at)
                .map(|parent| named(index, index.run(parent)));
            let words = format!(
                "{} begins {} before its parent{}: its clock is at least that much behind",
                named(index, run),
                span(*by),
                parent
                    .map(|parent| format!(" {parent}"))
                    .unwrap_or_default(),
            );
            let said = Said::new("LT004", trace_id(run), &[Trace], words);
            findings.add(said.runs(early.iter().map(|(_, at)| *at)));
        }
    }
}

/// LT010, LT034, LT035: too large, too many, too long.
pub(super) fn sizes(index: &Index<'_>, findings: &mut Findings<'_>) {
    let mut children: BTreeMap<u32, u32> = BTreeMap::new();
    for trace in index.traces() {
        let large = |at: &u32| index.run(*at).bytes > RUN_BYTES;
        let mut large = trace.iter().copied().filter(large);
        if let Some(first) = large.next() {
            let run = index.run(first);
            let words = format!("{} has {} bytes, over 20 MB", named(index, run), run.bytes);
            let said = Said::new("LT010", trace_id(run), &[Trace], words);
            findings.add(said.runs([first]).runs(large));
        }
        let Some(first) = trace.first() else {
            continue;
        };
        if trace.len() > RUNS {
            let words = format!("the trace has {} runs, over {RUNS}", trace.len());
            let said = Said::new("LT034", trace_id(index.run(*first)), &[Trace], words);
            findings.add(said.runs(index.root(trace)));
        }
        // Few traces are large enough to count who has how many.
        if trace.len() <= CHILDREN as usize {
            continue;
        }
        children.clear();
        for parent in trace.iter().filter_map(|at| index.parent(*at)) {
            *children.entry(parent).or_default() += 1;
        }
        for (parent, count) in &children {
            let run = index.run(*parent);
            let lasts = run.end == NEVER || run.end.saturating_sub(run.start) >= HOUR;
            if *count > CHILDREN && lasts {
                let words = format!("{} has {count} children, and goes on", named(index, run));
                let said = Said::new("LT035", trace_id(run), &[Trace], words);
                findings.add(said.runs([*parent]));
            }
        }
    }
}
