//! LT002, LT006, LT007, LT009, LT043, LT045: what belongs together and is apart, and the reverse.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::super::code::EvidenceKind::Trace;
use super::super::evidence::{Index, NEVER, Name, Seen, flag};
use super::super::finding::{Findings, Said, trace_id};
use super::{differ, named, twice};

/// A run of this name is a child elsewhere at least so often, before a root of it is suspicious.
const USUAL: u32 = 5;
/// And for one root there are at least so many children.
const SHARE: u32 = 4;
/// A gap in a slice is looked for so many runs up.
const GAP: usize = 100;

/// LT002 and LT045: roots that belong to one request.
pub(super) fn roots(index: &Index<'_>, findings: &mut Findings<'_>) {
    let copies = twice::copies(index);
    let mut requests: BTreeMap<Name, Vec<u32>> = BTreeMap::new();
    let mut places: HashMap<(Name, Name), (u32, u32)> = HashMap::new();
    for at in index.all() {
        let run = index.run(at);
        if run.is_root() {
            if run.request.is_some() && !run.is(flag::MORE_SEGMENTS) && !copies.contains(&run.trace)
            {
                requests.entry(run.request).or_default().push(at);
            }
            // A root whose place names a parent is a child with another fault.
            let is_root = !run.is(flag::MORE_SEGMENTS);
            places.entry((run.name, run.service)).or_default().1 += u32::from(is_root);
        } else if index.parent(at).is_some() {
            places.entry((run.name, run.service)).or_default().0 += 1;
        }
    }
    for roots in requests.values_mut() {
        roots.sort_by_key(|at| (index.run(*at).start, *at));
        let Some((first, others)) = roots.split_first() else {
            continue;
        };
        let first = index.run(*first);
        for at in others {
            let run = index.run(*at);
            // The same again is a retry; a stranger's trace was restarted on purpose.
            let again = run.name == first.name && run.service == first.service;
            if run.trace == first.trace || again || run.is(flag::RESTARTED) {
                continue;
            }
            if run.is(flag::SPAN) != first.is(flag::SPAN) {
                let words = format!(
                    "{} stands beside {}: a span and a run of one request, and neither below the other",
                    named(index, run),
                    named(index, first),
                );
                findings.add(Said::new("LT045", trace_id(run), &[Trace], words).runs([*at]));
                continue;
            }
            let words = format!(
                "{} begins a trace of its own, and is of the same request as {}",
                named(index, run),
                named(index, first),
            );
            let said = Said::new("LT002", trace_id(run), &[Trace], words).runs([*at]);
            findings.add(said.likely(&why_apart(index, first, run)));
        }
    }
    for at in index.all() {
        let run = index.run(at);
        let (children, roots) = places
            .get(&(run.name, run.service))
            .copied()
            .unwrap_or_default();
        let odd = run.is_root() && children >= USUAL && children >= roots.saturating_mul(SHARE);
        let told = flag::RESTARTED | flag::SPAN | flag::MORE_SEGMENTS;
        if odd && !run.is(told) && !copies.contains(&run.trace) {
            let words = format!(
                "{} is a root here, and a child in {children} other places",
                named(index, run)
            );
            let said = Said::new("LT002", trace_id(run), &[Trace], words).runs([at]);
            findings.add(said.likely(&why_apart(index, run, run)));
        }
    }
}

/// Guesses why a run stands apart from the first root of its request.
fn why_apart(index: &Index<'_>, first: &Seen, run: &Seen) -> Vec<u8> {
    if differ(first.service, run.service) {
        return vec![0, 56];
    }
    let later = first.end != NEVER && run.start > first.end;
    if later || run.is(flag::STREAMS) {
        return vec![4, 5];
    }
    let runtime = index.evidence.text(run.runtime);
    let version = runtime.strip_prefix("python 3.").unwrap_or_default();
    let minor = version
        .split('.')
        .next()
        .and_then(|minor| minor.parse::<u32>().ok());
    match minor {
        Some(minor) if minor < 11 => vec![3, 1, 2],
        _ if runtime.starts_with("python") => vec![1, 2, 56],
        _ if runtime.starts_with("rust") => vec![9, 1],
        _ => vec![1, 9],
    }
}

/// LT006 and LT007: metadata that changes on the way from parent to child.
pub(super) fn mixed(index: &Index<'_>, findings: &mut Findings<'_>) {
    for trace in index.traces() {
        let (mut leaked, mut lost) = (Vec::new(), Vec::new());
        for at in trace {
            let Some(above) = index.parent(*at).map(|parent| index.run(parent)) else {
                continue;
            };
            let run = index.run(*at);
            if differ(run.request, above.request) {
                leaked.push(*at);
            }
            let is_edge = differ(run.service, above.service);
            if is_edge && above.request.is_some() && !run.request.is_some() {
                lost.push(*at);
            }
        }
        if let Some(first) = leaked.first() {
            let run = index.run(*first);
            let above = index.parent(*first).map(|parent| index.run(parent));
            let after = above.is_some_and(|above| above.end != NEVER && run.start > above.end);
            let words = format!(
                "{} is of request {:?}, and hangs below a run of request {:?}",
                named(index, run),
                index.evidence.text(run.request),
                above.map_or("", |above| index.evidence.text(above.request)),
            );
            let said = Said::new("LT006", trace_id(run), &[Trace], words);
            findings.add(
                said.runs(leaked)
                    .likely(if after { &[10, 11] } else { &[12] }),
            );
        }
        if let Some(first) = lost.first() {
            let run = index.run(*first);
            let words = format!(
                "{} was reached by its trace, and not by the metadata of its caller",
                named(index, run)
            );
            findings.add(Said::new("LT007", trace_id(run), &[Trace], words).runs(lost));
        }
    }
}

/// LT009 and LT043: runs of one trace in several projects.
pub(super) fn projects(index: &Index<'_>, findings: &mut Findings<'_>) {
    for trace in index.traces().filter(|trace| !index.is_partial(trace)) {
        let Some(first) = trace
            .iter()
            .copied()
            .find(|at| index.run(*at).project.is_some())
        else {
            continue;
        };
        let home = index.root(trace).map_or(first, |root| root);
        let home = index.run(home).project;
        let elsewhere = |at: &u32| differ(index.run(*at).project, home);
        if !trace.iter().any(elsewhere) {
            continue;
        }
        // A run that is in both projects was copied there on purpose.
        let at_home = |at: &&u32| index.run(**at).project == home;
        let copied: HashSet<u128> = trace
            .iter()
            .filter(at_home)
            .map(|at| index.run(*at).id)
            .collect();
        let (mut back, mut gap) = (Vec::new(), HashSet::new());
        for at in trace {
            let own = index.run(*at).project;
            let outside = |above: &u32| differ(index.run(*above).project, own);
            if !index.parent(*at).as_ref().is_some_and(outside) {
                continue;
            }
            let mut above = index.above(*at).take(GAP);
            let mut left = Vec::new();
            let further_up = above.find(|above| {
                let is_outside = outside(above);
                left.extend(is_outside.then_some(*above));
                !is_outside
            });
            if further_up.is_some_and(|up| index.run(up).project == own) {
                back.push(*at);
                gap.extend(left);
            }
        }
        if let Some(first) = back.first() {
            let run = index.run(*first);
            let words = format!(
                "the slice of project {:?} has a gap: {} is in it, its parent is not, a run further up is",
                index.evidence.text(run.project),
                named(index, run),
            );
            let said = Said::new("LT043", trace_id(run), &[Trace], words);
            findings.add(said.runs(back.iter().copied()));
        }
        let told =
            |at: &u32| gap.contains(at) || back.contains(at) || copied.contains(&index.run(*at).id);
        let away: Vec<u32> = trace
            .iter()
            .copied()
            .filter(|at| elsewhere(at) && !told(at))
            .collect();
        if let Some(first) = away.first() {
            let run = index.run(*first);
            let words = format!(
                "{} names project {:?}; its trace is of {:?}, and stays there",
                named(index, run),
                index.evidence.text(run.project),
                match index.evidence.text(home) {
                    "" => "default",
                    home => home,
                },
            );
            findings.add(Said::new("LT009", trace_id(run), &[Trace], words).runs(away));
        }
    }
}
