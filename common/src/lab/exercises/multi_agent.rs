//! Exercises of notebook 04, multi-agent workflows.

use super::super::check::Exercise;
use crate::model::RunType;

/// Returns the exercises in the order of the page.
pub(super) fn exercises() -> Vec<Exercise> {
    vec![predict(), repair(), extend()]
}

/// Five calls of a model, one of which two layers have recorded.
fn predict() -> Exercise {
    Exercise::new("04.predict", "Say what was used, and what a sum says")
        .goal("Your prediction names the `llm` run that repeats what another one says, the tokens that were used, and those that a sum over all `llm` runs gives.")
        .minutes(10)
        .hint("Only runs of type `llm` count. Which two of them are one call of the provider: one above the other, with the same tokens?")
        .hint("Two siblings with the same tokens are two calls. And what a chain says in its outputs is an echo that nobody adds up.")
        .hint("Used: 120 for the plan, 350 for the answer, twice 60 for the review. The run that repeats is the one *above* the provider's; what does a plain sum make of its 350?")
        .why("A wrapper and the client below it both say what one call used, so a sum over all `llm` runs reports it twice, although the provider bills it once. Of two in one another the inner one counts, because it is nearer to the provider; siblings are calls of their own, however alike.")
        .run("docs team").root().from_service("supervisor")
        .run("plan").below("docs team")
        .run("plan model").below("plan").of_type(RunType::Llm).used_tokens(100, 20)
        .run("write").below("docs team")
        .run("write answer").below("write").of_type(RunType::Llm).used_tokens(300, 50)
        .run("write model").below("write answer").of_type(RunType::Llm).used_tokens(300, 50)
        .run("review").below("docs team")
        .run("review model").times(2).below("review").of_type(RunType::Llm).used_tokens(50, 10)
        .run("prediction").below("docs team")
        .predicts("twice", "write answer", "of two `llm` runs in one another, the inner one is the call")
        .predicts("used", 590, "add up each call of a provider once, in and out")
        .predicts("summed", 940, "add up every run of type `llm`, and no other")
        .nothing_else()
        .nothing_lost()
}

/// An agent whose tools are called from tasks that know of no run.
fn repair() -> Exercise {
    Exercise::new("04.repair", "Bring the tools home")
        .goal("One trace: both tools are the researcher's, and what the tool server did is below the call of it. They still run at the same time.")
        .minutes(15)
        .hint("Two runs have no parent, and one that should be there is missing. What do the two tasks that were started know of the node's run?")
        .hint("`tools.call` makes its run below the current one, and where there is none it makes none and sends no context either. The server then begins a trace.")
        .hint("`spawn` of `common::trace` in place of `tokio::spawn`, twice: it carries the node's run into the task.")
        .why("A tool run is made where the tool is called, and a task that was spawned bare is nowhere: the search became a root, and the call over MCP had neither a run nor a context to send. Carried into the task, the node's run is the parent of both, and what goes into `_meta` follows from it.")
        .run("docs team").root().from_service("supervisor")
        .run("research").below("docs team").tagged("graph:step:1").succeeded()
        .run("search pages").below("research").of_type(RunType::Retriever)
        .run("read_page").below("research").of_type(RunType::Tool).alongside("search pages")
        .run("tools/call read_page").below("read_page").from_service("docs-tools")
        .one_trace()
        .nothing_else()
        .nothing_lost()
}

/// A team of two gets a reviewer, who sends the first draft back.
fn extend() -> Exercise {
    Exercise::new("04.extend", "Add a reviewer")
        .goal("A third agent, `review`, has the superstep behind the writer's. It calls the tool `count_words` on the draft, and the router `good_enough` sends back what has fewer than five words, and ends the graph for the rest.")
        .minutes(15)
        .hint("A node is added by `.node(name, function)`, and runs in the superstep after the one that has an edge to it. Which edge puts it behind each draft?")
        .hint("In the node: `let words = context.tool(\"count_words\", json!({\"draft\": state[\"answer\"]}), count).await?;`. It returns `json!({\"words\": words})`, and from the channel `words` the router and the writer know.")
        .hint("`.edge(\"write\", \"review\")`, and `.route(\"review\", \"good_enough\", |state: &State| if state[\"words\"].as_u64() >= Some(5) { END } else { \"write\" }, [\"write\", END])`.")
        .why("The edge from the writer puts the review behind each draft, and the router leads back: `graph:step:3` for the first draft, `graph:step:5` for the second. Tool and router are runs below the node, so whoever reads the trace sees what the reviewer looked at and what it decided, each time, and not only that the graph ended.")
        .run("docs team").root().from_service("supervisor").succeeded()
        .run("search").below("docs team").tagged("graph:step:1")
        .run("review").times(2).below("docs team")
        .run("count_words").times(2).below("review").of_type(RunType::Tool).tagged("seq:step:1").with_input("draft").with_output("output")
        .run("good_enough").times(2).below("review").tagged("seq:step:3").with_input("words")
        .run("write").times(2).below("docs team")
        .one_trace()
        .nothing_else()
        .nothing_lost()
}
