//! LT001 to LT010: what is wrong with the shape of a trace.

use super::{cause, fault};
use crate::analysis::doctor::code::Chapter::{
    AsyncStreaming, CrossService, MultiAgent, OpenTelemetry, Production, Troubleshooting,
};
use crate::analysis::doctor::code::EvidenceKind::{Headers, IngestLog, Trace};
use crate::analysis::doctor::code::Fault;
use crate::analysis::doctor::code::Level::{Error, Warning};

pub(super) const FAULTS: &[Fault] = &[
    fault(
        "LT001",
        "orphan",
        Error,
        &[Trace],
        &[
            cause(
                35,
                Production,
                "half traces: runs whose parent is not there",
                "each process rolled its own dice: the caller was sampled out, the callee was not",
                "decide once: the same rate everywhere, hashed from the trace id, or the root's decision carried along",
            ),
            cause(
                45,
                OpenTelemetry,
                "a tool's span stands detached after an upgrade",
                "the bridge forgot the ended parent before its child came",
                "keep ended spans until their children have left; hold the tree's shape in a test",
            ),
            cause(
                0,
                Production,
                "a service's runs are missing in the middle of a trace",
                "the process that held the parent ended before it had sent it",
                "flush before the process ends, with a deadline",
            ),
            cause(
                0,
                CrossService,
                "the caller's runs are in another project or workspace",
                "caller and callee send to different places",
                "give both the same endpoint, workspace and project, or carry the project in baggage",
            ),
        ],
    ),
    fault(
        "LT002",
        "two-roots",
        Error,
        &[Trace],
        &[
            cause(
                9,
                AsyncStreaming,
                "Rust: tool calls have no parent",
                "`tokio::spawn` starts a task without the current run",
                "spawn with the helpers of `trace` (`spawn`, `JoinSet`), or pass the run; look for bare `spawn`",
            ),
            cause(
                1,
                AsyncStreaming,
                "work in a thread pool shows as roots of its own",
                "ambient context is not copied to new threads",
                "take the parent before, and pass it; Python: the SDK's context executor; Rust: the spawn helper",
            ),
            cause(
                2,
                AsyncStreaming,
                "a framework's async pipeline splits the trace",
                "it calls `run_in_executor` without the context",
                "wrap the call in a copied context",
            ),
            cause(
                3,
                MultiAgent,
                "async LangGraph nodes become traces of their own on Python before 3.11",
                "`create_task` cannot carry the context there",
                "use Python 3.11 or newer, or pass `config` by hand",
            ),
            cause(
                4,
                AsyncStreaming,
                "the endpoint and its streamed answer are two roots",
                "the handler returned before the generator ran",
                "hand the parent to the stream, and end the run when the stream ends",
            ),
            cause(
                5,
                AsyncStreaming,
                "the parent is lost after the first chunk",
                "each step of the generator runs in a fresh copy of the old context",
                "keep the run in the stream object, not in ambient state",
            ),
            cause(
                56,
                MultiAgent,
                "an agent framework's trace stands apart",
                "its tracing does not look at the current run",
                "pass it the parent",
            ),
            cause(
                0,
                CrossService,
                "a callee begins a trace of its own",
                "the call carried no `langsmith-trace`, or the callee did not read it",
                "inject where the call leaves, extract where it arrives",
            ),
        ],
    ),
    fault(
        "LT003",
        "pending",
        Error,
        &[Trace],
        &[
            cause(
                20,
                Troubleshooting,
                "a run is pending for ever",
                "its end was never sent: crash, cancellation, an early return",
                "end runs by a guard that works on drop; list what is still open before the process ends",
            ),
            cause(
                0,
                Production,
                "the last runs of a process are pending",
                "the process ended before its queue was sent",
                "flush before returning, with a deadline",
            ),
        ],
    ),
    fault(
        "LT004",
        "clock-skew",
        Error,
        &[Trace, IngestLog],
        &[cause(
            16,
            Troubleshooting,
            "400 \"has a timestamp … earlier than parent timestamp\"",
            "the callee's clock is behind its caller's",
            "clamp the child's start to its parent's, which the header tells; run NTP on both hosts",
        )],
    ),
    fault(
        "LT005",
        "duplicate",
        Warning,
        &[Trace],
        &[cause(
            43,
            OpenTelemetry,
            "everything is there twice",
            "the native exporter and an OpenTelemetry exporter both send the same work",
            "one path to each backend; `LANGSMITH_OTEL_ONLY=true`, or hybrid mode on purpose",
        )],
    ),
    fault(
        "LT006",
        "context-leak",
        Error,
        &[Trace],
        &[
            cause(
                12,
                AsyncStreaming,
                "parallel calls hang below the wrong parent",
                "concurrent calls share one handler object that remembers a run",
                "state for each call, none in what calls share",
            ),
            cause(
                10,
                AsyncStreaming,
                "a stream's runs are in the trace of an earlier request",
                "the body was pumped after its handler ended, in the context of whoever came last",
                "begin from an empty context and the request's own header",
            ),
            cause(
                11,
                AsyncStreaming,
                "an abandoned stream spoils the next request of its worker",
                "the context was not put back when the stream was dropped early",
                "put it back on drop (`finally`), not at the end of the loop",
            ),
        ],
    ),
    fault(
        "LT007",
        "baggage-lost",
        Warning,
        &[Trace, Headers],
        &[
            cause(
                46,
                OpenTelemetry,
                "project and tags vanish when OpenTelemetry is on",
                "its `inject()` writes over the `baggage` header that was there",
                "merge the two; never assign the header. `propagation`'s propagators merge",
            ),
            cause(
                0,
                CrossService,
                "metadata of the caller is missing at the callee",
                "something on the way joined or cut `baggage`: a blank after a comma, a second line, a bad member",
                "trim blanks, join lines, skip the bad member only; test the way with the header playground",
            ),
        ],
    ),
    fault(
        "LT008",
        "double-counting",
        Warning,
        &[Trace],
        &[cause(
            57,
            MultiAgent,
            "calls of the model count twice, costs double",
            "a wrapper around the client and the framework both trace the call",
            "trace in one layer; let the other send a `chain`, or nothing",
        )],
    ),
    fault(
        "LT009",
        "wrong-project",
        Warning,
        &[Trace, IngestLog],
        &[
            cause(
                37,
                CrossService,
                "traces go to `default`, or a nested project is ignored",
                "the project of a trace is the root's; what a child names does not count",
                "set the project where the trace begins; carry it in baggage",
            ),
            cause(
                40,
                OpenTelemetry,
                "the same work in two projects: 409, or the wrong one without a word",
                "a trace id belongs to the project that it began in",
                "fresh trace ids for the second project, joined by a shared `request_id`",
            ),
        ],
    ),
    fault(
        "LT010",
        "oversize",
        Error,
        &[Trace, IngestLog],
        &[cause(
            24,
            Production,
            "413 Request Entity Too Large",
            "a batch, or one run, is larger than the endpoint (20 MB), or a proxy before it, takes",
            "cut batches by bytes; shorten large values; send files as attachments",
        )],
    ),
];
