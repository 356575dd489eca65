//! LT051 to LT055: where the time goes.

use super::{cause, fault};
use crate::analysis::doctor::code::Chapter::{
    AsyncStreaming, MultiAgent, Production, Troubleshooting,
};
use crate::analysis::doctor::code::EvidenceKind::Trace;
use crate::analysis::doctor::code::Fault;
use crate::analysis::doctor::code::Level::{Note, Warning};

pub(super) const FAULTS: &[Fault] = &[
    fault(
        "LT051",
        "serialized-fan-out",
        Note,
        &[Trace],
        &[cause(
            0,
            AsyncStreaming,
            "calls that do not need each other run one after the other",
            "each is awaited before the next begins",
            "start them together, and wait for all (`JoinSet`, `join_all`)",
        )],
    ),
    fault(
        "LT052",
        "retry-storm",
        Warning,
        &[Trace],
        &[cause(
            0,
            Production,
            "the same call fails four times or more in one trace",
            "retries without a pause, at several levels",
            "retry in one layer, with back-off, jitter and a budget",
        )],
    ),
    fault(
        "LT053",
        "late-first-token",
        Note,
        &[Trace],
        &[cause(
            0,
            AsyncStreaming,
            "the first token comes when the answer is nearly done",
            "something gathers the stream before it passes it on",
            "pass chunks on as they come; switch buffering off in proxies",
        )],
    ),
    fault(
        "LT054",
        "queue-wait",
        Note,
        &[Trace],
        &[cause(
            0,
            Troubleshooting,
            "a task's run begins long after it was sent",
            "the queue is longer than its workers are fast",
            "more workers, or a bound; record when the task was put in",
        )],
    ),
    fault(
        "LT055",
        "repeated-call",
        Note,
        &[Trace],
        &[cause(
            0,
            MultiAgent,
            "the same call with the same answer, several times in one trace (N+1)",
            "each step of a loop asks anew for what is known already, or nothing remembers the answer",
            "ask once and keep the answer, or ask for all in one call",
        )],
    ),
];
