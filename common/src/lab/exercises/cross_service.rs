//! Exercises of notebook 01, basic cross-service tracing.

use super::super::check::Exercise;
use crate::model::RunType;

/// Returns the exercises in the order of the page.
pub(super) fn exercises() -> Vec<Exercise> {
    vec![repair()]
}

/// Two faults, one behind the other: the layer does not trust its caller, and the request goes out below
/// the wrong run.
fn repair() -> Exercise {
    Exercise::new("01.repair", "Mend the trace")
        .goal("One question, one trace: the retriever's run stands below the call that caused it.")
        .minutes(12)
        .hint("The gateway does send `langsmith-trace`. What does the retriever's layer do with it unless it is told otherwise?")
        .hint("A layer begins a new trace for callers it was not told to trust: look for its `policy` in the section “With `common`”. Then look closely at what the run hangs below.")
        .hint("`.trace(&run)` writes the place of the run it is given. Which of the gateway's two runs does the calling?")
        .why("The header names the place of the run it was written for, and the layer believes it only under a policy that says so; so the retriever's run begins below `call retriever`, and its time lies within it.")
        .run("gateway").root().from_service("gateway")
        .run("call retriever").below("gateway").from_service("gateway").of_type(RunType::Tool)
        .run("retriever").from_service("retriever").below("call retriever").within_parent()
        .header("langsmith-trace").arrived()
        .run("search docs").below("retriever").from_service("retriever").of_type(RunType::Retriever)
        .one_trace()
        .nothing_lost()
}
