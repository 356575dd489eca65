//! LT051 to LT055: where the time goes, as `analysis::performance` finds it.
//!
//! That wants trees of whole runs; here they are made anew from what is kept of each, one trace at a time.
//! Hashes stand for inputs and outputs. LT051 alone looks into them, so it is believed only of calls
//! whose contents are kept.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use chrono::DateTime;
use serde_json::json;
use uuid::Uuid;

use super::super::code::EvidenceKind::Trace;
use super::super::evidence::{Index, Kind, NEVER, Name, Seen, flag};
use super::super::finding::{Findings, Said, trace_id};
use crate::analysis::{PerformanceCode, PerformanceFinding, performance_findings};
use crate::model::{
    DottedOrder, JsonMap, NEW_TOKEN, Run, RunEvent, RunId, RunType, Segment, Timestamp, TraceId,
    TraceTree,
};

/// Largest trace that is looked at: LangSmith takes no larger one.
const RUNS: usize = 25_000;
/// Longest trace: a year, in microseconds. What is longer is a fault of clocks, and has a code of its own.
const LONGEST: i64 = 366 * 86_400_000_000;

/// Looks at each trace that is whole.
pub(super) fn times(index: &Index<'_>, findings: &mut Findings<'_>) {
    let (mut large, mut without) = (0_u64, 0_u64);
    for trace in index.traces() {
        if index.is_partial(trace) || !could_lose_time(index, trace) {
            continue;
        }
        if trace.len() > RUNS {
            large += 1;
            continue;
        }
        let rows = Rows::of(index, trace);
        if let Some(tree) = tree_of(index, trace, &rows) {
            without += u64::from(!rows.unknown.is_empty());
            tell(index, trace, &tree, &rows, findings);
        }
    }
    if large > 0 {
        findings.limit(format!(
            "{large} traces over {RUNS} runs were not examined for lost time"
        ));
    }
    if without > 0 {
        findings.limit(format!(
            "in {without} traces LT051 was not looked for: inputs and outputs over 8 KiB, and over 32 MiB in all, are not kept"
        ));
    }
}

/// Three calls of one kind, a late token or a wait between services: without any, there is nothing to find.
fn could_lose_time(index: &Index<'_>, trace: &[u32]) -> bool {
    let counts = |at: &&u32| index.run(**at).kind.is_call() || index.run(**at).is(flag::ERROR);
    let streamed = |at: &u32| index.run(*at).is(flag::TOKEN);
    let waited = |at: &u32| {
        let above = index.parent(*at).map(|above| index.run(above));
        above.is_some_and(|above| above.end != NEVER && index.run(*at).start > above.end)
    };
    trace.iter().filter(counts).count() > 2
        || trace.iter().any(streamed)
        || trace.iter().any(waited)
}

/// Calls of which a run made three or more: for these alone it matters what they were given. Of one name it is
/// known of all or of none, so that equal calls stay equal.
struct Rows {
    known: HashSet<Name>,
    unknown: HashSet<Name>,
}

impl Rows {
    fn of(index: &Index<'_>, trace: &[u32]) -> Self {
        let calls = || {
            let runs = trace.iter().map(|at| index.run(*at));
            runs.filter(|run| is_answered(run))
        };
        let mut made: HashMap<(u128, Name), u32> = HashMap::new();
        for run in calls() {
            *made.entry((run.parent, run.name)).or_default() += 1;
        }
        let often = made.into_iter().filter(|(_, calls)| *calls > 2);
        let mut known: HashSet<Name> = often.map(|((_, name), _)| name).collect();
        let mut unknown = HashSet::new();
        for run in calls() {
            if known.contains(&run.name) && !index.evidence.contents.has(run.id) {
                known.remove(&run.name);
                unknown.insert(run.name);
            }
        }
        Self { known, unknown }
    }
}

/// Makes the tree of a trace. None if its times cannot be compared.
fn tree_of(index: &Index<'_>, trace: &[u32], rows: &Rows) -> Option<TraceTree> {
    let runs = || trace.iter().map(|at| index.run(*at));
    let from = runs().map(|run| run.start).min()?;
    let to = runs().map(|run| run.latest().max(run.token)).max()?;
    if from == NEVER || to.saturating_sub(from) > LONGEST {
        return None;
    }
    let mut metadata: BTreeMap<_, Arc<JsonMap>> = BTreeMap::new();
    let made = runs().map(|seen| {
        let interrupts = seen.is(flag::INTERRUPT | flag::INTERRUPT_MARKED);
        let said = metadata.entry((seen.service, interrupts));
        let said = said.or_insert_with(|| {
            let service = index.evidence.text(seen.service);
            let mut said = JsonMap::new();
            if !service.is_empty() {
                said.insert("service".to_owned(), json!(service));
            }
            said.insert("ls_is_error_interrupt".to_owned(), json!(interrupts));
            Arc::new(said)
        });
        let mut run = made(index, seen)?;
        run.extra.metadata = said.clone();
        let is_wanted = is_answered(seen) && rows.known.contains(&seen.name);
        let kept = is_wanted.then(|| index.evidence.contents.of(seen.id));
        match kept.flatten() {
            Some((inputs, outputs)) => {
                run.inputs = Some(inputs);
                run.outputs = Some(outputs);
            }
            None => {
                run.inputs = hashed(seen.digest);
                run.outputs = hashed(seen.answer);
            }
        }
        Some(run)
    });
    let made: Option<Vec<Run>> = made.collect();
    Some(TraceTree::build(made?))
}

/// A call that was made and came back.
fn is_answered(run: &Seen) -> bool {
    run.kind.is_call() && run.digest != 0 && run.answer != 0 && !run.is(flag::ERROR)
}

fn made(index: &Index<'_>, seen: &Seen) -> Option<Run> {
    let time = |micros: i64| -> Option<Timestamp> { DateTime::from_timestamp_micros(micros) };
    let start = time(seen.start)?;
    let id = RunId(Uuid::from_u128(seen.id));
    let order = DottedOrder::root(Segment { start, id });
    let kind = match seen.kind {
        Kind::Chain | Kind::Other => RunType::Chain,
        Kind::Llm => RunType::Llm,
        Kind::Tool => RunType::Tool,
        Kind::Retriever => RunType::Retriever,
        Kind::Embedding => RunType::Embedding,
    };
    let mut run = Run::begin(order, index.evidence.text(seen.name), kind, start);
    run.trace_id = TraceId(Uuid::from_u128(seen.trace));
    run.parent_run_id = (seen.parent != 0).then(|| RunId(Uuid::from_u128(seen.parent)));
    if seen.end != NEVER {
        run.end_time = Some(time(seen.end)?);
    }
    if seen.is(flag::ERROR) {
        run.error = Some("it failed".to_owned());
    }
    if seen.token != NEVER {
        run.events.push(RunEvent {
            name: NEW_TOKEN.to_owned(),
            time: time(seen.token)?,
            message: None,
            kwargs: None,
        });
    }
    Some(run)
}

fn hashed(hash: u64) -> Option<JsonMap> {
    (hash != 0).then(|| JsonMap::from_iter([("hash".to_owned(), json!(hash))]))
}

/// Says of each code the place that loses the most time, and how many more there are.
fn tell(
    index: &Index<'_>,
    trace: &[u32],
    tree: &TraceTree,
    rows: &Rows,
    findings: &mut Findings<'_>,
) {
    let report = performance_findings(tree);
    let mut places: BTreeMap<PerformanceCode, Vec<&PerformanceFinding>> = BTreeMap::new();
    for found in report.findings() {
        let first = found
            .runs
            .first()
            .and_then(|run| index.find(run.0.as_u128()));
        let is_row = found.code == PerformanceCode::SerializedFanOut;
        // Hashes never hold another's answer, so they prove nothing.
        if !is_row || first.is_some_and(|at| rows.known.contains(&index.run(at).name)) {
            places.entry(found.code).or_default().push(found);
        }
    }
    for (code, places) in places {
        let (Some(worst), Some(first)) = (places.first(), trace.first()) else {
            continue;
        };
        let words = match places.len() {
            1 => worst.words.clone(),
            n => format!("{}; so it is in {} more places", worst.words, n - 1),
        };
        let about = trace_id(index.run(*first));
        let runs = worst.runs.iter();
        let runs = runs.filter_map(|run| index.find(run.0.as_u128()));
        findings.add(Said::new(code.as_str(), about, &[Trace], words).runs(runs));
    }
}
