//! Exercises of notebook 02, OpenTelemetry integration.

use super::super::check::Exercise;
use super::super::story;
use crate::model::RunType;

/// Returns the exercises in the order of the page.
pub(super) fn exercises() -> Vec<Exercise> {
    vec![predict(), repair(), extend()]
}

/// Two services that make spans: one reads which run called it, the other reads `traceparent` alone and stamps
/// nothing.
fn predict() -> Exercise {
    Exercise::new("02.predict", "Say what LangSmith will show")
        .goal("Your prediction names each run that LangSmith shows in the end, with its depth, before you have seen the tree.")
        .minutes(10)
        .hint("Three runs and four spans are sent, and all are answered with success. Ask of each span: by what does LangSmith find the run above it?")
        .hint("A span that says nothing else names its parent by eight bytes. LangSmith waits for the span with these eight bytes. Does anybody send one?")
        .hint("The retriever's spans are told which runs they are. The generator's hang on `traceparent`, which names the first half of a run's id: no span has that, so they and whatever is below them are dropped.")
        .why("The retriever's propagator reads `langsmith-trace`, and its pipeline tells each span which run it is. The generator reads `traceparent`, whose eight bytes no span was ever sent for; both of its spans were answered with 200 and then dropped, the second because the first was.")
        .run("gateway").root().from_service("gateway")
        .run("call retriever").below("gateway").from_service("gateway")
        .run("retriever").below("call retriever").from_service("retriever")
        .header("langsmith-trace").arrived()
        .run("search docs").below("retriever")
        .run("call generator").below("gateway").from_service("gateway")
        .nothing_else()
}

/// Two faults, one behind the other: the service reads one of two headers, and the gateway replaces the
/// baggage.
fn repair() -> Exercise {
    Exercise::new("02.repair", "Join the service that makes spans")
        .goal("One question, one trace: the retriever's span stands below the call, knows the user, and still gets the tenant.")
        .minutes(12)
        .hint("The gateway sends `langsmith-trace`. Which headers does the retriever's propagator read?")
        .hint("`spans.propagator(…)` reads the headers of both worlds, and believes whom its `LangSmithPropagator` believes. Once the trace is one, look for the user: how many lines set `baggage`, and what becomes of the first?")
        .hint("`.trace(&call)` adds to the `baggage` that the request already has; `.headers(…)` replaces it. So the tenant goes first.")
        .why("`langsmith-trace` is the only header that names a run in full, and the pipeline's propagator puts it where the span's identity is made. And `baggage` is one header for everybody: who adds to it keeps what others wrote.")
        .run("gateway").root().from_service("gateway")
        .run("call retriever").below("gateway").from_service("gateway").of_type(RunType::Tool)
        .run("retriever").from_service("retriever").below("call retriever").within_parent()
        .header("langsmith-trace").arrived()
        .metadata("user", "ada")
        .header("baggage").arrived_with("tenant=docs")
        .run("search docs").below("retriever").of_type(RunType::Retriever)
        .one_trace()
        .nothing_lost()
}

/// A span without a word about the model becomes a tool's call and a model's, told in both vocabularies.
fn extend() -> Exercise {
    Exercise::new("02.extend", "Say what the model was asked")
        .goal("The search is a tool's run with its arguments; the answer is an `llm` run after it, with messages, usage and thread.")
        .minutes(15)
        .hint("`Call::tool(\"search docs\")` and `Call::chat(\"openai\", \"gpt-4o-mini\")` name the two calls; `.start(&tracer, &capture)` begins a span below what is current.")
        .hint("Content stays off a span unless the capture is `ContentCapture::Attributes`: the tool's `.arguments(…)`, the chat's `.messages(…)`. `.conversation(\"chat-7\")` names the thread.")
        .hint("What is known at the end goes onto the span by `Answer::new()…record(&mut span, &capture)`: `.result(…)` of the tool; `.messages(…)` and `.usage(Usage::tokens(11, 7))` of the chat. Start the chat after the search has ended.")
        .why("A run's type, messages, usage and thread come from attributes, and LangSmith's converter reads the words of yesterday's conventions. `Call` and `Answer` write both, so that other backends read the same span.")
        .run("gateway").root().from_service("gateway")
        .run("execute_tool search docs").below("gateway").of_type(RunType::Tool)
        .with_input("question").with_words_in_input("question", story::QUESTION).with_output("documents")
        .run("chat gpt-4o-mini").below("gateway").of_type(RunType::Llm)
        .with_input("messages").with_words_in_input("messages", story::QUESTION).with_output("messages")
        .used_tokens(11, 7).metadata("thread_id", "chat-7").metadata("ls_provider", "openai")
        .after("execute_tool search docs")
        .one_trace()
        .nothing_else()
        .nothing_lost()
}
