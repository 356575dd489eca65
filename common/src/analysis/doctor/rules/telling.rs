//! LT025, LT046 to LT049: whole traces that say something else than they should.

use super::super::code::EvidenceKind::Trace;
use super::super::evidence::{Index, Kind, NEVER, Seen, flag};
use super::super::finding::{Findings, Said, trace_id};
use super::named;

/// A call that takes less did not wait for an answer, in microseconds.
const AT_ONCE: i64 = 2_000;

/// LT025, LT046, LT047, LT049: what single runs say.
pub(super) fn calls(index: &Index<'_>, findings: &mut Findings<'_>) {
    type Wrong = fn(&Seen) -> bool;
    let rules: [(&'static str, Wrong, &[u8], &str); 5] = [
        (
            "LT025",
            |run| {
                let streams = run.kind == Kind::Llm || run.is(flag::STREAMS);
                let known = run.start != NEVER && run.end != NEVER;
                let at_once = known && run.end.saturating_sub(run.start) <= AT_ONCE;
                let empty = run.is(flag::EMPTY_OUTPUTS) && !run.is(flag::OUTPUTS | flag::ERROR);
                streams && empty && at_once && !run.is(flag::TOKEN)
            },
            &[7],
            "took no time, and its output is {}: the run ended before its stream began",
        ),
        (
            "LT025",
            |run| {
                let silent =
                    !run.is(flag::TOKEN | flag::OUTPUTS | flag::EMPTY_OUTPUTS | flag::ERROR);
                run.is(flag::STREAMS) && silent && run.end != NEVER
            },
            &[6],
            "was asked to stream, and nothing of its stream is recorded",
        ),
        (
            "LT046",
            |run| {
                let speaks = matches!(run.kind, Kind::Llm | Kind::Tool | Kind::Retriever);
                let silent = !run.is(flag::INPUTS | flag::OUTPUTS | flag::ERROR);
                run.is(flag::SPAN) && speaks && silent && run.end != NEVER
            },
            &[44],
            "came as a span, and has neither input nor output",
        ),
        (
            "LT047",
            |run| run.is(flag::INTERRUPT) && !run.is(flag::INTERRUPT_MARKED),
            &[55],
            "waits for a human, and shows as an error",
        ),
        (
            "LT049",
            |run| {
                let streamed = run.kind == Kind::Llm && run.is(flag::TOKEN);
                streamed && run.end != NEVER && !run.is(flag::USAGE | flag::ERROR)
            },
            &[59],
            "streamed an answer, and tells no tokens used",
        ),
    ];
    for trace in index.traces() {
        for (code, is_wrong, rows, words) in &rules {
            let mut wrong = trace.iter().copied().filter(|at| is_wrong(index.run(*at)));
            if let Some(first) = wrong.next() {
                let run = index.run(first);
                let words = format!("{} {words}", named(index, run));
                let said = Said::new(code, trace_id(run), &[Trace], words).likely(rows);
                findings.add(said.runs([first]).runs(wrong));
            }
        }
    }
}

/// LT048: the thread's id is where LangSmith does not look.
pub(super) fn conversations(index: &Index<'_>, findings: &mut Findings<'_>) {
    for trace in index.traces() {
        let Some(root) = index.root(trace) else {
            continue;
        };
        let run = index.run(root);
        if run.thread.is_some() {
            continue;
        }
        let below = trace.iter().find(|at| index.run(**at).thread.is_some());
        if let Some(below) = below {
            let words = format!(
                "{} knows the conversation, and its root {} does not",
                named(index, index.run(*below)),
                named(index, run),
            );
            let said = Said::new("LT048", trace_id(run), &[Trace], words);
            findings.add(said.runs([root, *below]));
        } else if run.is(flag::THREAD_ELSEWHERE) {
            let words = format!(
                "{} has its thread's id in `extra`, not in `extra.metadata`",
                named(index, run)
            );
            findings.add(Said::new("LT048", trace_id(run), &[Trace], words).runs([root]));
        }
    }
}
