//! The exercise `04.repair`: as shipped, solved, and solved wrongly in ways that people try.
#![cfg(feature = "lab")]

use common::lab::check::Check;
use common::prelude::*;

/// What somebody makes of the researcher.
#[derive(Clone, Copy, PartialEq)]
enum Attempt {
    /// Two bare tasks.
    AsShipped,
    Solution,
    /// Only the search is carried.
    SearchOnly,
    /// Only the call of the tool is carried.
    ReadingOnly,
    /// The call is carried, and goes out without its context.
    WithoutContext,
    /// A run is made by hand in the node, and the task stays bare.
    ByHand,
    /// The page is read before the graph runs, where a parent is at hand.
    Beforehand,
    /// No tasks: the page is read when the search is done.
    OneAfterTheOther,
}

async fn attempt(attempt: Attempt) -> Check {
    let lesson = Lesson::start("04-exercises").await;
    let client = lesson.client("supervisor");
    let command = ToolServer::command(&lesson.peer_env()).expect("cargo has built it");
    let tools = McpTools::stdio(command).await.expect("it starts");
    let page = json!({"page": "headers"});
    if attempt == Attempt::Beforehand {
        let before = client.run("before").start();
        let call = tools.call("read_page", page.clone()).below(&before);
        call.await.expect("a page");
        before.end();
    }
    let (own, called) = (client.clone(), tools.clone());
    let research = move |_: State, context: NodeContext| {
        let (client, tools, page) = (own.clone(), called.clone(), page.clone());
        async move {
            let search = story::search_source(client, "search pages");
            let searching = match attempt {
                Attempt::OneAfterTheOther => {
                    search.await;
                    tokio::spawn(async {})
                }
                Attempt::AsShipped | Attempt::ReadingOnly => tokio::spawn(search),
                _ => spawn(search),
            };
            let tools = match attempt {
                Attempt::WithoutContext => tools.without_context(),
                _ => tools,
            };
            let read = async move { tools.call("read_page", page).await };
            match attempt {
                Attempt::Beforehand => {}
                Attempt::AsShipped | Attempt::SearchOnly => drop(tokio::spawn(read).await??),
                Attempt::ByHand => {
                    let run = context.run().child("read_page").start();
                    tokio::spawn(read).await??;
                    run.end();
                }
                Attempt::OneAfterTheOther => drop(read.await?),
                _ => drop(spawn(read).await??),
            }
            searching.await?;
            Ok::<_, NodeError>(json!({}))
        }
    };
    let team = Graph::builder("docs team").node("research", research);
    let team = team.start("research").compile().expect("a graph");
    team.invoke(json!({}))
        .client(&client)
        .await
        .expect("an end");
    let check = lesson.check("04.repair").await;
    tools.close().await;
    check
}

#[tokio::test(flavor = "multi_thread")]
async fn as_shipped_it_fails_for_the_search_that_has_no_parent() {
    let check = attempt(Attempt::AsShipped).await;
    let wrong = check.first_wrong().expect("it fails");
    assert!(
        wrong.starts_with("run `search pages` has no parent"),
        "{wrong}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_solution_passes_and_says_why_it_works() {
    let check = attempt(Attempt::Solution).await;
    assert_eq!(check.first_wrong(), None);
    assert!(
        check
            .to_string()
            .contains("a task that was spawned bare is nowhere")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn each_wrong_solution_is_rejected_with_another_first_wrong_fact() {
    let wrong = [
        (Attempt::SearchOnly, "no run is named `read_page`"),
        (
            Attempt::ReadingOnly,
            "run `search pages` has no parent: it was started as a root",
        ),
        (
            Attempt::WithoutContext,
            "run `tools/call read_page` has no parent",
        ),
        (Attempt::ByHand, "run `read_page` is of type `chain`"),
        (
            Attempt::Beforehand,
            "run `read_page` is below `before`, not below `research`",
        ),
        (
            Attempt::OneAfterTheOther,
            "run `read_page` did not run at the same time as `search pages`",
        ),
    ];
    for (tried, beginning) in wrong {
        let check = attempt(tried).await;
        let sentence = check.first_wrong().expect("it fails");
        assert!(sentence.starts_with(beginning), "{sentence}");
    }
}
