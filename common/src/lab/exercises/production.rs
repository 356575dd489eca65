//! Exercises of notebook 05, production patterns.

use super::super::check::Exercise;
use crate::model::RunType;

/// Returns the exercises in the order of the page.
pub(super) fn exercises() -> Vec<Exercise> {
    vec![predict(), repair(), extend()]
}

/// A hundred questions, three services, and a plan that pays for a part of their runs.
fn predict() -> Exercise {
    Exercise::new("05.predict", "Choose rates under a budget")
        .goal("The highest rate, in steps of 5 %, with which a hundred questions stay within 100 runs, and every trace that is kept is whole; and how many of 1,000 failures leave a trace at that rate.")
        .minutes(10)
        .hint("A hundred questions make 496 runs. Which part of them is 100? A day is too short for a rate to be met exactly, so try the steps around it.")
        .hint("The trace's id decides, the same in each service: what a smaller rate keeps is a part of what a larger one keeps. So what is missing of a trace where the rates differ, and where?")
        .hint("One rate for all three services, and failures are sampled like everything else: of 1,000 as many stay as of 1,000 answers.")
        .why("Runs fall with the rate, because a trace is kept or left out as a whole where all services decide by its id at one rate. And a head sampler decides before anything has failed, so it keeps the same share of failures as of all else; who needs those has to look at the end of a trace.")
        .run("prediction").root()
        .predicts("seen", 200, "a head sampler knows nothing of what will fail")
        .done()
        .at_most(100)
        .run("gateway").times(19).root()
        .run("retriever").times(19).below("gateway")
        // One of them timed out before the generator was asked.
        .run("generator").times(18).below("gateway")
        .nothing_lost()
}

/// A key and an address that leave in fields that nobody thought of.
fn repair() -> Exercise {
    Exercise::new("05.repair", "Find the leak")
        .goal("Neither the key nor the address of the user leaves the process, in no field and in no header, and what was asked can still be read.")
        .minutes(15)
        .hint("Inputs are hidden, and were never the leak. Print `lesson.mock().dump()`, and look in which fields the key and the address stand.")
        .hint("The key is in an error, because the provider's message repeats it. The address is in metadata, which travels on in `baggage`. What masks *every* field, and headers too?")
        .hint("`client.anonymizer(Anonymizer::builder().secrets().emails().build().expect(\"rules\"))` in the place of `hide_inputs`, for both services: each masks what it sends itself.")
        .why("Hiding is by field, and secrets do not keep to fields: an error repeats what was sent, and metadata goes into the headers of every call. An anonymizer looks at all text at the one place that everything passes, before queue, disk, wire and baggage; and it leaves the question readable, for which there is a trace at all.")
        .nowhere_said(LEAKED_KEY)
        .nowhere_said(LEAKED_ADDRESS)
        .run("gateway").root().from_service("gateway").with_words_in_input("question", "trace")
        .run("retriever").below("gateway").from_service("retriever")
        .run("call model").below("gateway").of_type(RunType::Llm).failed_with("Incorrect API key")
        .one_trace()
        .nothing_else()
        .nothing_lost()
}

/// What the key of the exercise has in it; the whole of it is put together where it is used.
const LEAKED_KEY: &str = "sk-proj-";
/// The address of the exercise's user.
const LEAKED_ADDRESS: &str = "ada@example.org";

/// A worker that is deployed anew while the endpoint is away.
fn extend() -> Exercise {
    Exercise::new("05.extend", "Survive the outage")
        .goal("The pages of the worker that ended in the middle of the outage arrive when it is over, each once, and its successor's too. The end takes no longer than it does now.")
        .minutes(15)
        .hint("When `shutdown` runs out of time, what is still held in memory is given up. Where could it be kept for a process that comes later?")
        .hint("`client.spool(SpoolConfig::new(folder))` keeps on disk what could not be sent. Who takes it from there?")
        .hint("Both workers are made by the same function, so the successor has the folder as well, and sends what lies there. Do not send the pages again: they would be there twice.")
        .why("A spool outlives its process: what a shutdown cannot deliver stays on disk, and whoever starts next with the same folder and endpoint sends it, under the ids it had. Waiting longer would only have moved the deadline, and a deploy does not wait.")
        .run("page 1").root().from_service("worker").succeeded()
        .run("page 2").root().from_service("worker").succeeded()
        .run("page 3").root().from_service("worker").succeeded()
        .run("page 4").root().from_service("worker").succeeded().after("page 3")
        .nothing_else()
        .nothing_lost()
}
