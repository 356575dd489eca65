//! The exercise `02.extend`: as shipped, solved, and solved wrongly in ways that people try.
#![cfg(all(feature = "lab", feature = "otel"))]

use common::lab::check::Check;
use common::otel::{Answer, Call, ContentCapture, Message, Operation};
use common::prelude::*;
use opentelemetry::trace::{Span as _, Tracer as _};

/// How somebody says what the model was asked.
#[derive(Clone, Copy, PartialEq)]
enum Attempt {
    /// Not at all.
    AsShipped,
    Solution,
    /// With the right names, and nothing else.
    NamesOnly,
    /// Without anybody's consent that content may be captured.
    NoContent,
    /// What the tool gave back is on no span.
    NoResult,
    /// The tool gave back a list of nothing.
    EmptyResult,
    /// Another question than the one that was asked.
    OtherQuestion,
    /// Nobody counts.
    NoUsage,
    /// What came out is told as what went in.
    SwappedUsage,
    /// Of another provider.
    OtherProvider,
    /// The thread is not named.
    NoThread,
    /// The chat is an agent's call to LangSmith.
    WrongOperation,
    /// Both at once: the chat begins while the search runs.
    Together,
    /// The chat is below nothing.
    Apart,
}

async fn attempt(attempt: Attempt) -> Check {
    let lesson = Lesson::start("02-exercises").await;
    let docs = lesson.pipeline("gateway").tracer("docs");
    let root = lesson.client("gateway").run("gateway").start();
    let capture = match attempt {
        Attempt::NoContent => ContentCapture::None,
        _ => ContentCapture::Attributes,
    };
    let asked = json!({"question": story::QUESTION});
    let mut search = match attempt {
        Attempt::AsShipped => with_run(&root, || docs.start("search docs")),
        Attempt::NamesOnly => with_run(&root, || docs.start("execute_tool search docs")),
        _ => {
            let call = Call::tool("search docs").arguments(&asked);
            with_run(&root, || call.start(&docs, &capture))
        }
    };
    let found = story::retrieve(story::QUESTION).await;
    if !matches!(
        attempt,
        Attempt::AsShipped | Attempt::NamesOnly | Attempt::NoResult
    ) {
        let result = match attempt {
            Attempt::EmptyResult => json!({"documents": []}),
            _ => json!({"documents": found}),
        };
        Answer::new().result(&result).record(&mut search, &capture);
    }
    if attempt != Attempt::Together {
        search.end();
    }
    let mut write = match attempt {
        Attempt::AsShipped => with_run(&root, || docs.start("write answer")),
        Attempt::NamesOnly => with_run(&root, || docs.start("chat gpt-4o-mini")),
        _ => {
            let mut call = match attempt {
                Attempt::WrongOperation => Call::new(Operation::InvokeAgent, "gpt-4o-mini"),
                Attempt::OtherProvider => Call::chat("anthropic", "gpt-4o-mini"),
                _ => Call::chat("openai", "gpt-4o-mini"),
            };
            if attempt != Attempt::NoThread {
                call = call.conversation("chat-7");
            }
            let question = match attempt {
                Attempt::OtherQuestion => "What is the weather like?",
                _ => story::QUESTION,
            };
            let call = call.messages([Message::text("user", question)]);
            let start = || call.start(&docs, &capture);
            match attempt {
                Attempt::Apart => start(),
                _ => with_run(&root, start),
            }
        }
    };
    let text = story::generate(story::QUESTION, &found).await;
    if !matches!(attempt, Attempt::AsShipped | Attempt::NamesOnly) {
        let mut answer = Answer::new().messages([Message::text("assistant", text)]);
        if attempt != Attempt::NoUsage {
            let (input, output) = match attempt {
                Attempt::SwappedUsage => (7, 11),
                _ => (11, 7),
            };
            answer = answer.usage(Usage::tokens(input, output));
        }
        answer.record(&mut write, &capture);
    }
    if attempt == Attempt::Together {
        search.end();
    }
    write.end();
    root.end();
    lesson.check("02.extend").await
}

#[tokio::test(flavor = "multi_thread")]
async fn as_shipped_it_fails_and_says_what_is_missing_first() {
    let check = attempt(Attempt::AsShipped).await;
    assert_eq!(
        check.first_wrong(),
        Some(
            "no run is named `execute_tool search docs`; what arrived is `gateway`, `search docs`, \
             `write answer`"
        )
    );
    let text = check.to_string();
    assert!(!text.contains("Call::"), "it shows no solution: {text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_solution_passes_and_says_why_it_works() {
    let check = attempt(Attempt::Solution).await;
    assert_eq!(check.first_wrong(), None);
    let text = check.to_string();
    assert!(text.contains("yesterday's conventions"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn each_wrong_solution_is_rejected_with_another_first_wrong_fact() {
    let wrong = [
        (
            Attempt::NamesOnly,
            "run `execute_tool search docs` is of type `chain`, not `tool`",
        ),
        (
            Attempt::NoContent,
            "run `execute_tool search docs` has no input `question`",
        ),
        (
            Attempt::NoResult,
            "run `execute_tool search docs` has no output `documents`",
        ),
        (
            Attempt::WrongOperation,
            "no run is named `chat gpt-4o-mini`; what arrived is `gateway`, \
             `execute_tool search docs`, `invoke_agent gpt-4o-mini`",
        ),
        (
            Attempt::Apart,
            "run `chat gpt-4o-mini` has no parent: it was started as a root; begin it with `child` \
             of `gateway`, or carry that run to where it starts",
        ),
        (
            Attempt::NoUsage,
            "run `chat gpt-4o-mini` does not say how many tokens it used",
        ),
        (
            Attempt::SwappedUsage,
            "run `chat gpt-4o-mini` used 7 tokens in and 11 out, not 11 and 7",
        ),
        (
            Attempt::EmptyResult,
            "run `execute_tool search docs` has nothing in its output `documents`",
        ),
        (
            Attempt::OtherQuestion,
            "run `chat gpt-4o-mini` does not say “How do I keep the trace across a service boundary?” \
             in its input `messages`",
        ),
        (
            Attempt::OtherProvider,
            "run `chat gpt-4o-mini` has \"anthropic\" as metadata `ls_provider`, not \"openai\"",
        ),
        (
            Attempt::NoThread,
            "run `chat gpt-4o-mini` has no metadata `thread_id`; it should be \"chat-7\"",
        ),
    ];
    for (tried, sentence) in wrong {
        assert_eq!(attempt(tried).await.first_wrong(), Some(sentence));
    }
    let together = attempt(Attempt::Together).await;
    let told = together.first_wrong().unwrap_or_default().to_owned();
    assert!(
        told.ends_with("before `execute_tool search docs` had ended"),
        "{told}"
    );
}
