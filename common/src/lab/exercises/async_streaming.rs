//! Exercises of notebook 03, async, streaming and concurrent work.

use super::super::check::Exercise;
use crate::model::RunType;

/// Returns the exercises in the order of the page.
pub(super) fn exercises() -> Vec<Exercise> {
    vec![predict(), repair(), extend()]
}

/// Five pieces of work, one of which leaves the parent behind.
fn predict() -> Exercise {
    Exercise::new("03.predict", "Say whose child each run is")
        .goal("Your prediction names each run that arrives, with its depth, before you have seen the tree.")
        .minutes(10)
        .hint("Go through the five pieces of work one by one. In which task or thread does each of them start its run, and what is current there?")
        .hint("`spawn` and `carry` take along what is current where they are *called*; `tokio::spawn` takes nothing along; `join!` polls where it stands. Inside of `with_run(&rank, …)`, it is `rank` that is current.")
        .hint("Five runs are in the gateway's trace, one of them two levels deep. The sixth was started in a bare task: write it without indentation, last.")
        .why("What is current belongs to a thread while a task is polled there. `spawn` and `carry` copy it when they are called, a bare `tokio::spawn` begins with nothing, and whatever is polled within the same task needs no copy.")
        .run("gateway").root().from_service("gateway")
        .run("search pages").below("gateway")
        .run("rank").below("gateway")
        .run("score").below("rank")
        .run("search issues").below("gateway")
        .run("search code").root()
        .nothing_else()
        .nothing_lost()
}

/// Two faults of a service that streams: work in a bare task, and a run that ends before its stream begins.
fn repair() -> Exercise {
    Exercise::new("03.repair", "Mend the stream")
        .goal("One trace: the search is the generator's, and `write answer` lasts until its last token and holds what was said, in its output `content`. The service still streams.")
        .minutes(15)
        .hint("The search has no parent. Which of the lines starts it, and what does that way of starting work leave behind?")
        .hint("`write answer` ends when the *stream object* is there; its first token comes later. What could end the run that knows when the last one has come?")
        .hint("`spawn` in place of `tokio::spawn`; and `.traced_by(run, ChatReply::new())` on the stream, in place of `end`.")
        .why("A task keeps its parent only if somebody hands it over, and a run that is to last as long as a stream has to live in the stream: whoever reads it, drops it, or breaks it, ends the run, once.")
        .run("gateway").root().from_service("gateway")
        .run("generator").below("gateway").from_service("generator").streamed()
        .run("search docs").below("generator").from_service("generator").of_type(RunType::Retriever)
        .run("write answer").below("generator").from_service("generator").of_type(RunType::Llm)
        .with_output("content")
        .at_least(30)
        .succeeded()
        .one_trace()
        .nothing_else()
        .nothing_lost()
}

/// A worker that gives up at the first failure learns to try again.
fn extend() -> Exercise {
    Exercise::new("03.extend", "Try again")
        .goal("What fails goes back into the queue once, and its second attempt is the first one's sibling.")
        .minutes(15)
        .hint("A failed message is put aside. Which of its three fates brings it back, with its context and the next attempt number?")
        .hint("Send the message back as it came. Published anew, it would be attempt 1 again, and below whichever run you publish it with.")
        .hint("`message.retry()` in place of `message.put_aside()`. And a message that goes back is not settled: count only those that are acknowledged, else the loop ends before the second attempt.")
        .why("The context in the message is that of whoever asked, and it does not change when the message is sent again: so all attempts are siblings, each with its own outcome, and the sender's trace tells how often it took.")
        .run("enqueue").root().from_service("gateway")
        .run("page 1, attempt 1").below("enqueue").from_service("worker").succeeded()
        .run("page 2, attempt 1").below("enqueue").from_service("worker").failed_with("busy")
        .run("page 2, attempt 2").below("enqueue").from_service("worker")
        .after("page 2, attempt 1")
        // What goes through the queue comes behind what waits there.
        .after("page 3, attempt 1")
        .succeeded()
        .run("page 3, attempt 1").below("enqueue").from_service("worker").succeeded()
        .one_trace()
        .nothing_else()
        .nothing_lost()
}
