//! LT042 to LT050: traces that are whole, and say something else than they should.

use super::{cause, fault};
use crate::analysis::doctor::code::Chapter::{
    AsyncStreaming, MultiAgent, OpenTelemetry, Production,
};
use crate::analysis::doctor::code::EvidenceKind::{Environment, IngestLog, Trace};
use crate::analysis::doctor::code::Fault;
use crate::analysis::doctor::code::Level::{Error, Warning};

pub(super) const FAULTS: &[Fault] = &[
    fault(
        "LT042",
        "setting-overridden",
        Warning,
        &[Environment, Trace],
        &[cause(
            38,
            Production,
            "a callee ignores its own project or replicas",
            "the parent that is built from headers goes before what is set locally",
            "decide it: a policy for header against local setting",
        )],
    ),
    fault(
        "LT043",
        "slice-broken",
        Error,
        &[Trace],
        &[cause(
            39,
            Production,
            "a team's slice of A → B → C falls apart",
            "a run can be re-rooted below one parent only",
            "roots of their own, and a correlation id",
        )],
    ),
    fault(
        "LT044",
        "span-dropped",
        Error,
        &[IngestLog, Trace],
        &[cause(
            41,
            OpenTelemetry,
            "OTLP answers 200, and the span never appears",
            "its parent was filtered, sampled out or sent elsewhere",
            "send all ancestors, or begin a root",
        )],
    ),
    fault(
        "LT045",
        "span-beside-run",
        Error,
        &[Trace],
        &[cause(
            42,
            OpenTelemetry,
            "an OpenTelemetry span will not nest below a run",
            "the 8 bytes of a span's id are no run's id",
            "stamp `langsmith.trace.id`, `langsmith.span.id`, `langsmith.span.parent_id`, `langsmith.span.dotted_order`",
        )],
    ),
    fault(
        "LT046",
        "span-without-content",
        Warning,
        &[Trace],
        &[cause(
            44,
            OpenTelemetry,
            "a run that came from a span has no input and no output",
            "its attributes are of a dialect that nobody maps",
            "use `gen_ai.*` or `input.value`; the validator of notebook 02 says what is read",
        )],
    ),
    fault(
        "LT047",
        "interrupt-as-error",
        Warning,
        &[Trace],
        &[cause(
            55,
            MultiAgent,
            "a question to a human shows as an error and as two traces",
            "the interrupt travels as an exception; the answer begins a new run",
            "mark it as control flow (`ls_is_error_interrupt`); link both by the thread's id",
        )],
    ),
    fault(
        "LT048",
        "thread-not-grouped",
        Warning,
        &[Trace],
        &[cause(
            58,
            MultiAgent,
            "turns of a conversation do not group into a thread",
            "the thread's id is missing on the root, or is not in `extra.metadata`",
            "set it on the root and let children inherit it",
        )],
    ),
    fault(
        "LT049",
        "usage-missing",
        Warning,
        &[Trace],
        &[cause(
            59,
            AsyncStreaming,
            "no tokens are counted when streaming",
            "the provider tells the usage only if asked, in the last chunk",
            "ask for it (`stream_options.include_usage`), and read the last chunk",
        )],
    ),
    fault(
        "LT050",
        "workspaces-mixed",
        Error,
        &[IngestLog],
        &[cause(
            60,
            Production,
            "runs land in another tenant's workspace",
            "a batch mixed runs of different workspaces",
            "one batch for each destination",
        )],
    ),
];
