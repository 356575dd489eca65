//! The table: which row of the catalogue is played by what, and what the doctor calls it.

use super::scenario::{Parts, Scenario};
use super::{
    agents, baggage, carriers, context, edges, endings, leaks, limits, places, projects, python,
    sampling, settings, spans, streams, weight,
};
use crate::analysis::doctor::EvidenceKind::{Environment, Headers, IngestLog, Ledger, Trace};

use Parts::{FromScratch, Ours, Python, Recorded};

/// Writes a row: number, name, code, evidence, parts, and what plays it.
macro_rules! rows {
    ($($number:literal $name:literal $code:literal [$($kind:ident),+] $parts:ident $play:path
        $(, $argument:literal)? $(; $endpoint:path)?)*) => {
        &[$(
            Scenario::new(
                $number, $name, $code, &[$($kind),+], $parts,
                |stage, way| Box::pin($play(stage, way $(, $argument)?)),
            )$(.at($endpoint))?,
        )*]
    };
}

pub(super) const ROWS: &[Scenario] = rows! {
    1 "thread-pool" "LT002" [Trace] Python python::mistake, 1
    2 "run-in-executor" "LT002" [Trace] Python python::mistake, 2
    3 "bare-task" "LT002" [Trace] Python python::mistake, 3
    4 "streamed-answer" "LT002" [Trace] Ours context::streamed_answer
    5 "step-by-step-generator" "LT002" [Trace] Python python::mistake, 5
    6 "unwrapped-stream" "LT025" [Trace] Ours streams::unwrapped_stream
    7 "ended-with-the-call" "LT025" [Trace] Ours streams::ended_with_the_call
    8 "ended-at-the-headers" "LT024" [Trace] Ours streams::ended_at_the_headers
    9 "spawned-tool" "LT002" [Trace] Ours context::spawned_tool
    10 "pumped-later" "LT006" [Trace] Ours leaks::pumped_later
    11 "abandoned-stream" "LT006" [Trace] Ours leaks::abandoned_stream
    12 "shared-handler" "LT006" [Trace] Ours leaks::shared_handler
    13 "child-without-ancestors" "LT018" [IngestLog] FromScratch places::child_without_ancestors
    14 "root-with-ancestors" "LT019" [IngestLog] FromScratch places::root_with_ancestors
    15 "foreign-trace-id" "LT020" [IngestLog] FromScratch places::foreign_trace_id
    16 "clock-behind" "LT004" [IngestLog] FromScratch places::clock_behind
    17 "dated-back" "LT021" [Trace] FromScratch places::dated_back
    18 "updated-twice" "LT022" [IngestLog] FromScratch places::updated_twice
    19 "accepted-only" "LT023" [IngestLog] FromScratch places::accepted_only
    20 "cancelled" "LT003" [Trace] FromScratch endings::cancelled
    21 "frozen" "LT028" [Environment, Trace] Ours endings::frozen
    22 "forked" "LT027" [Ledger] FromScratch endings::forked
    23 "worker-never-ends" "LT026" [Ledger] FromScratch endings::worker_never_ends
    24 "too-large" "LT010" [IngestLog] Ours limits::too_large; limits::small_bodies
    25 "int-too-big" "LT029" [IngestLog] FromScratch limits::int_too_big
    26 "no-workspace" "LT030" [IngestLog] Ours settings::no_workspace; settings::of_organization
    27 "no-key" "LT031" [Environment] Ours settings::no_key
    28 "misread" "LT032" [Environment] Ours settings::misread
    29 "rate-limited" "LT033" [IngestLog] FromScratch limits::rate_limited
    30 "endless-loop" "LT034" [IngestLog] Ours limits::endless_loop; limits::short_traces
    31 "children-kept" "LT035" [Trace] FromScratch limits::children_kept
    32 "kept-after-sending" "LT036" [Ledger] FromScratch weight::kept_after_sending
    33 "unbounded" "LT037" [Ledger] FromScratch weight::unbounded
    34 "written-by-the-caller" "LT038" [Ledger] FromScratch weight::written_by_the_caller
    35 "own-dice" "LT001" [Trace] FromScratch sampling::own_dice
    36 "feedback-for-nothing" "LT040" [IngestLog] FromScratch sampling::feedback_for_nothing
    37 "nested-project" "LT009" [Trace] Ours projects::nested_project
    38 "header-wins" "LT042" [Environment, Trace] Ours projects::header_wins
    39 "slice" "LT043" [Trace] Ours projects::slice
    40 "two-projects" "LT009" [Trace] FromScratch projects::two_projects
    41 "parent-filtered" "LT044" [IngestLog] FromScratch spans::parent_filtered
    42 "span-below-a-run" "LT045" [Trace] FromScratch spans::span_below_a_run
    43 "both-exporters" "LT005" [Trace] Ours spans::both_exporters
    44 "unknown-dialect" "LT046" [Trace] FromScratch spans::unknown_dialect
    45 "evicted-parent" "LT001" [Trace] FromScratch spans::evicted_parent
    46 "baggage-assigned" "LT007" [Headers] Ours baggage::baggage_assigned
    47 "preflight" "LT012" [Headers] Ours edges::preflight
    48 "stripped" "LT011" [Headers] Ours edges::stripped
    49 "stranger" "LT013" [Headers, Trace] Ours edges::stranger
    50 "malformed" "LT014" [Headers] FromScratch edges::malformed
    51 "oversize" "LT015" [Headers] FromScratch baggage::oversize
    52 "web-socket" "LT016" [Headers, Trace] Ours carriers::web_socket
    53 "remote-graph" "LT016" [Headers, Trace] Recorded carriers::remote_graph
    54 "tool-call" "LT017" [Headers] Ours carriers::tool_call
    55 "interrupt" "LT047" [Trace] Ours agents::interrupt
    56 "framework" "LT002" [Trace] Ours context::framework
    57 "counted-twice" "LT008" [Trace] Ours agents::counted_twice
    58 "thread-below-the-root" "LT048" [Trace] Ours agents::thread_below_the_root
    59 "usage-not-asked-for" "LT049" [Trace] Ours streams::usage_not_asked_for
    60 "mixed-workspaces" "LT050" [IngestLog] FromScratch projects::mixed_workspaces
};
