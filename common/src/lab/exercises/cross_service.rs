//! Exercises of notebook 01, basic cross-service tracing.

use super::super::check::Exercise;
use crate::model::RunType;

/// Returns the exercises in the order of the page.
pub(super) fn exercises() -> Vec<Exercise> {
    vec![predict(), repair(), extend()]
}

/// A gateway that strips the header on one of two calls, and a service that knows of no error.
fn predict() -> Exercise {
    Exercise::new("01.predict", "Say what the tree will be")
        .goal("Your prediction names each run that arrives, with its depth, before you have seen the tree.")
        .minutes(10)
        .hint("Two calls leave the gateway. Follow each of them to its service: does `langsmith-trace` get there, and does the layer continue what it names?")
        .hint("The layer of a service starts a run for each request, with a parent or without one. A service that has no parent begins a trace of its own: write its run without indentation, after the tree that began first.")
        .hint("Five runs are in the gateway's trace. The other two are the generator's: its layer's run, and what it writes below it.")
        .why("Each hop decides for itself: the retriever read the header and its run has a parent; the generator never got one, so its layer began a second trace, and all that the generator did went with it.")
        .run("gateway").root().from_service("gateway")
        .run("call retriever").below("gateway").from_service("gateway")
        .run("retriever").below("call retriever").from_service("retriever")
        .header("langsmith-trace").arrived()
        .run("search docs").below("retriever")
        .run("call generator").below("gateway").from_service("gateway")
        .run("generator").root().from_service("generator")
        .header("langsmith-trace").never_arrived()
        .run("write answer").below("generator").from_service("generator")
        .nothing_else()
        .nothing_lost()
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

/// A function of the gateway becomes a service: one call more, with what the first one found.
fn extend() -> Exercise {
    Exercise::new("01.extend", "Move the generator out")
        .goal("The generator is a service of its own, asked after the retriever, in the same trace, and knows the user.")
        .minutes(15)
        .hint("`story::generator(layer)` is the service, at `POST /write`. Its layer needs the generator's client, a policy, and the name `generator`; serve it with `lesson.serve(\"generator\", …)`, so that the check sees the headers.")
        .hint("Ask it as `call_service` asks the retriever: a run `call generator` below the gateway's, and a request with `.trace(&call)`. `write answer` is then started by the service, no longer by the gateway.")
        .hint("Send what the retriever found: await its documents first, and put them beside the question as `documents`. The user travels by itself, in the baggage of whatever run does the calling.")
        .why("A service joins by two lines, wherever it runs: the caller writes down its place and the layer continues there. What the root was told of the user came along in `baggage`, with no parameter for it.")
        .run("gateway").root().from_service("gateway")
        .run("call retriever").below("gateway").from_service("gateway").of_type(RunType::Tool)
        .run("retriever").below("call retriever").from_service("retriever").within_parent()
        .run("search docs").below("retriever")
        .run("call generator").below("gateway").from_service("gateway").of_type(RunType::Tool)
        .run("generator").from_service("generator").below("call generator").within_parent()
        .header("langsmith-trace").arrived()
        .after("retriever")
        .metadata("user", "ada")
        .header("baggage").arrived_with("ada")
        .run("write answer").below("generator").from_service("generator").of_type(RunType::Llm)
        .with_input("documents")
        .one_trace()
        .nothing_else()
        .nothing_lost()
}
