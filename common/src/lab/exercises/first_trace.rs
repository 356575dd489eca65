//! The exercise of the set-up notebook: the first trace of one's own, and the first check.

use super::super::check::Exercise;
use crate::model::RunType;

/// Returns the exercises in the order of the page.
pub(super) fn exercises() -> Vec<Exercise> {
    vec![join()]
}

/// Two faults: the search is a root of its own, and the answer ends before it.
fn join() -> Exercise {
    Exercise::new("00.join", "Make it one trace")
        .goal("One trace: the run `look up` is below the run `answer`, and within its time.")
        .minutes(5)
        .hint("How many roots does the picture show? Compare how the two runs of this cell are started with how `search docs` was started in the section “Your first trace”.")
        .hint("`client.run(…)` begins a trace; `root.child(…)` begins a run below `root`.")
        .hint("A run ends where `end` is called, not where its last child ends. In which order do the last lines end the two runs?")
        .why("`child` hands over the parent's id, its trace and its dotted order, and whoever waits for work ends after it; so the tree says who asked, and the waterfall how long it took.")
        .run("answer").root().from_service("assistant")
        .run("look up").below("answer").of_type(RunType::Retriever).within_parent().with_output("documents")
        .one_trace()
        .nothing_else()
        .nothing_lost()
}
