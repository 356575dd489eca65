//! The exercise `04.extend`: as shipped, solved, and solved wrongly in ways that people try.
#![cfg(feature = "lab")]

use common::lab::check::Check;
use common::lab::graph::END;
use common::prelude::*;

/// What somebody makes of the team.
#[derive(Clone, Copy, PartialEq)]
enum Attempt {
    /// Nobody reviews.
    AsShipped,
    Solution,
    /// The reviewer works beside the writer, on no draft.
    BesideTheWriter,
    /// The words are counted by calling the function.
    CalledAsAFunction,
    /// The writer counts the words, and the reviewer looks at the number.
    CountedByTheWriter,
    /// The reviewer hands off by itself, without a router.
    HandsOff,
    /// The router lets everything out.
    AlwaysEnds,
    /// The reviewer keeps what the tool says to itself; the router counts rounds.
    ForgetsWords,
    /// More words are wanted than there are: it goes round to the limit.
    NeverContent,
    /// The tool's work is a run of the usual type.
    AsAChain,
}

async fn count(arguments: Value) -> Result<usize, NodeError> {
    let draft = arguments["draft"].as_str().unwrap_or_default();
    Ok(draft.split_whitespace().count())
}

async fn attempt(attempt: Attempt) -> Check {
    let lesson = Lesson::start("04-exercises").await;
    let search =
        async |_: State, _: NodeContext| Ok(json!({"notes": ["a layer reads the header"]}));
    let write = move |state: State, context: NodeContext| async move {
        let told = state["words"].is_number();
        let answer = match told {
            true => "in a header that a layer reads",
            false => "in a header",
        };
        let mut update = json!({"answer": answer});
        if attempt == Attempt::CountedByTheWriter {
            let draft = json!({"draft": answer});
            update["words"] = context.tool("count_words", draft, count).await?;
        }
        Ok::<_, NodeError>(update)
    };
    let review = move |state: State, context: NodeContext| async move {
        let draft = json!({"draft": state["answer"]});
        let words = match attempt {
            Attempt::CalledAsAFunction => json!(count(draft).await?),
            Attempt::CountedByTheWriter => state["words"].clone(),
            Attempt::AsAChain => {
                let run = context.run().child("count_words").local_tag("seq:step:1");
                let run = run.start();
                let words = count(draft).await?;
                run.end_with(json!({"output": words}));
                json!(words)
            }
            _ => context.tool("count_words", draft, count).await?,
        };
        let next = match words.as_u64() >= Some(5) {
            true => END,
            false => "write",
        };
        let update = Update::from(json!({ "words": words }));
        Ok::<_, NodeError>(match attempt {
            Attempt::HandsOff => update.goto(next),
            Attempt::ForgetsWords => Update::from(json!({"rounds": 1})),
            _ => update,
        })
    };
    let least = if attempt == Attempt::NeverContent {
        50
    } else {
        5
    };
    let team = Graph::builder("docs team")
        .channel("notes", Reducer::append())
        .channel("rounds", Reducer::sum())
        .node("search", search)
        .node("write", write)
        .start("search")
        .edge("search", "write");
    let team = match attempt {
        Attempt::AsShipped => team,
        _ => team.node("review", review),
    };
    let team = match attempt {
        Attempt::AsShipped => team,
        Attempt::BesideTheWriter => team.edge("search", "review"),
        _ => team.edge("write", "review"),
    };
    let enough = move |state: &State| {
        let enough = state["words"].as_u64().is_some_and(|words| words >= least);
        let often = attempt == Attempt::ForgetsWords && state["rounds"] == 2;
        if enough || often || attempt == Attempt::AlwaysEnds {
            END
        } else {
            "write"
        }
    };
    let team = match attempt {
        Attempt::AsShipped | Attempt::HandsOff => team,
        _ => team.route("review", "good_enough", enough, ["write", END]),
    };
    let team = team.compile().expect("a graph");
    let client = lesson.client("supervisor");
    let ended = team.invoke(json!({})).client(&client).await;
    assert_eq!(ended.is_err(), attempt == Attempt::NeverContent);
    lesson.check("04.extend").await
}

#[tokio::test(flavor = "multi_thread")]
async fn as_shipped_it_fails_for_the_reviewer_who_is_not_there() {
    let check = attempt(Attempt::AsShipped).await;
    let wrong = check.first_wrong().expect("it fails");
    assert!(wrong.starts_with("no run is named `review`"), "{wrong}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_solution_passes_and_says_why_it_works() {
    let check = attempt(Attempt::Solution).await;
    assert_eq!(check.first_wrong(), None);
    assert!(check.to_string().contains("`graph:step:5` for the second"));
}

#[tokio::test(flavor = "multi_thread")]
async fn each_wrong_solution_is_rejected_with_what_is_wrong_first() {
    let wrong = [
        (
            Attempt::BesideTheWriter,
            "1 of 2 runs named `review` arrived",
        ),
        (Attempt::CalledAsAFunction, "no run is named `count_words`"),
        (
            Attempt::CountedByTheWriter,
            "run `count_words` is below `write`, not below `review`",
        ),
        (Attempt::HandsOff, "no run is named `good_enough`"),
        (Attempt::AsAChain, "run `count_words` is of type `chain`"),
        (Attempt::AlwaysEnds, "1 of 2 runs named `review` arrived"),
        (
            Attempt::ForgetsWords,
            "run `good_enough` has no input `words`",
        ),
        (
            Attempt::NeverContent,
            "run `docs team` should succeed, and its status is error",
        ),
    ];
    for (tried, beginning) in wrong {
        let check = attempt(tried).await;
        let sentence = check.first_wrong().expect("it fails");
        assert!(sentence.starts_with(beginning), "{sentence}");
    }
}
