//! LT018 to LT025: what a run says of its place and time, and what it contradicts.

use super::{cause, fault};
use crate::analysis::doctor::code::Chapter::{AsyncStreaming, CrossService, Troubleshooting};
use crate::analysis::doctor::code::EvidenceKind::{IngestLog, Trace};
use crate::analysis::doctor::code::Fault;
use crate::analysis::doctor::code::Level::{Error, Warning};

pub(super) const FAULTS: &[Fault] = &[
    fault(
        "LT018",
        "child-without-ancestors",
        Error,
        &[Trace, IngestLog],
        &[cause(
            13,
            Troubleshooting,
            "400 \"dotted_order must contain at least two parts for child runs\"",
            "a call that nobody waits for outlives its parent, and keeps the parent's id only",
            "hold the parent until the call ends; or begin a trace that is linked by metadata",
        )],
    ),
    fault(
        "LT019",
        "root-with-ancestors",
        Error,
        &[Trace, IngestLog],
        &[cause(
            14,
            Troubleshooting,
            "400 \"dotted_order must contain a single part for root runs\"",
            "a child was made without `parent_run_id`",
            "take the parent from the dotted order: its last segment but one",
        )],
    ),
    fault(
        "LT020",
        "trace-id-mismatch",
        Error,
        &[Trace, IngestLog],
        &[cause(
            15,
            CrossService,
            "400 \"trace_id does not match first part of dotted_order\"",
            "somebody else's id is used as the trace's",
            "a root's trace id is its own id; foreign ids belong into metadata",
        )],
    ),
    fault(
        "LT021",
        "id-time-differs",
        Error,
        &[Trace, IngestLog],
        &[cause(
            17,
            Troubleshooting,
            "the run is listed, and opening it gives 404",
            "the time within its UUIDv7 is not its start time",
            "make the id from the start time, also for runs that are dated back",
        )],
    ),
    fault(
        "LT022",
        "update-refused",
        Warning,
        &[IngestLog],
        &[cause(
            18,
            Troubleshooting,
            "409 \"payload already received\" at the second update",
            "a run is created once and updated once; the rest is ignored",
            "send tags, errors and outputs in the one last update",
        )],
    ),
    fault(
        "LT023",
        "accepted-not-stored",
        Error,
        &[IngestLog],
        &[cause(
            19,
            Troubleshooting,
            "202 for every request, and no trace",
            "accepted is not stored: a wrong place or parent is found later, without a word",
            "validate before sending, and read back; the stand-in says which rule",
        )],
    ),
    fault(
        "LT024",
        "parent-ended-first",
        Warning,
        &[Trace],
        &[
            cause(
                8,
                AsyncStreaming,
                "the request's run ends before its body has streamed",
                "the middleware's future resolves at the headers",
                "move the guard into the body's stream",
            ),
            cause(
                13,
                Troubleshooting,
                "a call goes on after its parent has ended",
                "nobody waits for it",
                "wait for it, or begin a linked trace",
            ),
        ],
    ),
    fault(
        "LT025",
        "stream-not-recorded",
        Warning,
        &[Trace],
        &[
            cause(
                7,
                AsyncStreaming,
                "a streamed run has the output `{}` and took no time",
                "the run ended when the stream object was returned",
                "gather the chunks, and end with the last one",
            ),
            cause(
                6,
                AsyncStreaming,
                "`async with` on a traced stream records nothing",
                "`__aenter__` returned the stream itself, not its wrapper",
                "return the wrapper",
            ),
        ],
    ),
];
