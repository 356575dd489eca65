//! What `#[traceable]` records, and that it changes nothing else.
#![cfg(all(feature = "macros", feature = "client"))]
// Owned arguments are what is tested.
#![allow(clippy::needless_pass_by_value)]

mod recorded_runs;

use std::future::Future;
use std::panic::catch_unwind;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Waker};

use common::model::{RunStatus, RunType};
use common::trace::{RunTree, Scope, TraceFutureExt as _, Tracer, current, with_run, with_scope};
use common::traceable;
use recorded_runs::{error, inputs, outputs, pause, record, tracer, wait};
use serde::Serialize;
use serde_json::{Value, json};

#[derive(Debug, Serialize)]
struct Page {
    title: String,
    rank: u32,
}

#[traceable]
fn search(query: &str, limit: usize) -> Vec<Page> {
    let page = |rank| Page {
        title: format!("{query} {rank}"),
        rank,
    };
    (1..).take(limit).map(page).collect()
}

#[traceable(run_type = "llm", name = "generate answer")]
async fn generate(question: String, pages: &[Page]) -> String {
    pause().await;
    format!("{question}: see {}", pages[0].title)
}

#[traceable]
async fn answer(question: &str) -> Result<String, std::num::ParseIntError> {
    let limit: usize = question[..1].parse()?;
    let pages = search(question, limit);
    if pages.is_empty() {
        return Ok("nothing".to_owned());
    }
    Ok(generate(question.to_owned(), &pages).await)
}

#[test]
fn traced_functions_that_call_each_other_make_a_tree_with_inputs_and_outputs() {
    let (result, runs) = record(|| wait(answer("2 sharks")));
    assert_eq!(result.as_deref(), Ok("2 sharks: see 2 sharks 1"));
    let names: Vec<_> = runs.iter().map(|run| run.name.as_str()).collect();
    assert_eq!(names, ["answer", "search", "generate answer"]);
    assert!(runs[0].is_root());
    assert_eq!(runs[1].parent_run_id, Some(runs[0].id));
    assert_eq!(runs[2].parent_run_id, Some(runs[0].id));
    assert_eq!(runs[2].run_type, RunType::Llm);
    assert_eq!(inputs(&runs[0]), json!({"question": "2 sharks"}));
    assert_eq!(
        outputs(&runs[0]),
        json!({"output": "2 sharks: see 2 sharks 1"})
    );
    assert_eq!(inputs(&runs[1]), json!({"query": "2 sharks", "limit": 2}));
    assert_eq!(
        outputs(&runs[1])["output"][1],
        json!({"title": "2 sharks 2", "rank": 2})
    );
    assert!(runs.iter().all(|run| run.status() == RunStatus::Success));
}

#[test]
fn an_error_fails_the_run_with_its_display_and_returns_early_by_question_mark_and_return() {
    let (result, runs) = record(|| wait(answer("no number")));
    let text = result.expect_err("no number").to_string();
    assert_eq!(error(&runs[0]), text);
    assert_eq!(outputs(&runs[0]), json!({"output": null}));
    let (result, runs) = record(|| wait(answer("0")));
    assert_eq!(result.as_deref(), Ok("nothing"));
    assert_eq!(outputs(&runs[0]), json!({"output": "nothing"}));
}

#[derive(Debug)]
struct Bad(#[expect(dead_code, reason = "shown by Debug")] u8);

#[traceable(err(Debug), skip_output)]
fn fails(how: Option<u8>) -> Result<std::thread::ThreadId, Bad> {
    match how {
        Some(how) => Err(Bad(how)),
        None => Ok(std::thread::current().id()),
    }
}

#[test]
fn an_error_is_shown_by_its_debug_on_request_also_where_the_output_is_left_out() {
    let (_, runs) = record(|| fails(Some(7)));
    assert_eq!(error(&runs[0]), "Bad(7)");
    let (_, runs) = record(|| fails(None));
    assert_eq!((error(&runs[0]), outputs(&runs[0])), ("", Value::Null));
    assert!(runs[0].end_time.is_some());
}

#[traceable]
fn find(name: &str) -> Option<u32> {
    let length = name.strip_prefix("page ")?.len();
    u32::try_from(length).ok()
}

#[traceable]
fn object() -> Page {
    Page {
        title: "t".into(),
        rank: 1,
    }
}

#[traceable]
fn nothing() {}

#[test]
fn an_object_is_the_output_and_everything_else_is_put_under_a_key() {
    let (_, runs) = record(|| (find("page 42"), find("book"), object(), nothing()));
    let given: Vec<_> = runs.iter().map(outputs).collect();
    assert_eq!(
        given,
        [
            json!({"output": 2}),
            json!({"output": null}),
            json!({"title": "t", "rank": 1}),
            json!({"output": null}),
        ]
    );
}

struct Opaque;

#[traceable(
    skip(store, secret),
    tags("docs", format!("n{}", numbers.len())),
    metadata(first = numbers[0], "ls.kind" = "sum", page = Page { title: "p".into(), rank: 3 }),
    project = "other"
)]
fn described(store: &Opaque, secret: &str, numbers: &[i64]) -> i64 {
    let _ = (store, secret);
    numbers.iter().sum()
}

#[test]
fn options_describe_the_run_and_leave_arguments_out() {
    let (sum, runs) = record(|| described(&Opaque, "hush", &[1, 2]));
    assert_eq!(sum, 3);
    let run = &runs[0];
    assert_eq!(inputs(run), json!({"numbers": [1, 2]}));
    assert_eq!(run.tags, ["docs", "n2"]);
    assert_eq!(run.project.as_deref(), Some("other"));
    let metadata = Value::Object((*run.extra.metadata).clone());
    let page = json!({"title": "p", "rank": 3});
    assert_eq!(
        metadata,
        json!({"first": 1, "ls.kind": "sum", "page": page})
    );
}

#[traceable(skip(deep))]
fn patterns(
    (a, mut b): (u8, u8),
    Page { title, rank: deep }: Page,
    &c: &u8,
    _: Opaque,
    r#type: u8,
) -> u8 {
    b += 1;
    a + b
        + c
        + r#type
        + u8::try_from(title.len()).unwrap_or_default()
        + u8::try_from(deep).unwrap_or_default()
}

#[test]
fn of_a_pattern_each_name_is_recorded() {
    let page = Page {
        title: "four".into(),
        rank: 9,
    };
    let (sum, runs) = record(|| patterns((1, 2), page, &5, Opaque, 6));
    assert_eq!(sum, 1 + 3 + 5 + 6 + 4 + 9);
    let expected = json!({"a": 1, "b": 2, "title": "four", "c": 5, "type": 6});
    assert_eq!(inputs(&runs[0]), expected);
}

struct Assistant {
    asked: Vec<String>,
}

impl Assistant {
    #[traceable]
    fn ask<'a>(&'a mut self, question: &str) -> &'a str {
        self.asked.push(question.to_owned());
        self.asked.last().map_or("", |last| last)
    }

    #[traceable]
    async fn ask_later(&mut self, question: &str) -> usize {
        pause().await;
        self.asked.push(question.to_owned());
        self.asked.len()
    }

    #[traceable(skip_all)]
    fn into_asked(
        mut self,
        more: impl Iterator<Item = String>,
    ) -> impl Iterator<Item = String> + Serialize {
        self.asked.extend(more);
        Listed(self.asked)
    }
}

#[derive(Serialize)]
struct Listed(Vec<String>);

impl Iterator for Listed {
    type Item = String;

    fn next(&mut self) -> Option<String> {
        self.0.pop()
    }
}

#[test]
fn methods_borrow_and_consume_self_as_ever_and_self_is_not_recorded() {
    let (asked, runs) = record(|| {
        let mut assistant = Assistant { asked: Vec::new() };
        assert_eq!(assistant.ask("one"), "one");
        assert_eq!(wait(assistant.ask_later("two")), 2);
        let more = std::iter::once("three".to_owned());
        assistant.into_asked(more).collect::<Vec<_>>()
    });
    assert_eq!(asked, ["three", "two", "one"]);
    assert_eq!(inputs(&runs[0]), json!({"question": "one"}));
    assert_eq!(inputs(&runs[2]), json!({}));
    assert_eq!(
        outputs(&runs[2]),
        json!({"output": ["one", "two", "three"]})
    );
}

trait Tool {
    #[traceable]
    async fn call(&self, input: u32) -> u32 {
        self.boxed(input).await + 1
    }

    fn boxed(&self, input: u32) -> Pin<Box<dyn Future<Output = u32> + Send + '_>>;

    fn sendable(&self, input: u32) -> impl Future<Output = Result<u32, String>> + Send;
}

struct Double(u32);

impl Tool for Double {
    #[traceable]
    fn boxed(&self, input: u32) -> Pin<Box<dyn Future<Output = u32> + Send + '_>> {
        Box::pin(async move {
            pause().await;
            input * self.0
        })
    }

    #[traceable(name = "sendable of Double")]
    fn sendable(&self, input: u32) -> impl Future<Output = Result<u32, String>> + Send {
        async move {
            pause().await;
            let doubled = input.checked_mul(self.0).ok_or("too large")?;
            Ok(doubled)
        }
    }
}

#[test]
fn futures_of_traits_are_traced_until_they_are_done() {
    let (values, runs) = record(|| {
        let double = Double(2);
        (
            wait(double.call(4)),
            wait(double.sendable(5)),
            wait(double.sendable(u32::MAX)),
        )
    });
    assert_eq!(values, (9, Ok(10), Err("too large".to_owned())));
    let names: Vec<_> = runs.iter().map(|run| run.name.as_str()).collect();
    assert_eq!(
        names,
        ["call", "boxed", "sendable of Double", "sendable of Double"]
    );
    assert_eq!(runs[1].parent_run_id, Some(runs[0].id));
    assert_eq!(outputs(&runs[1]), json!({"output": 8}));
    assert_eq!(inputs(&runs[2]), json!({"input": 5}));
    assert_eq!(error(&runs[3]), "too large");
}

#[traceable]
fn generic<'a, T, const N: usize>(values: &'a [T], pick: usize) -> Result<&'a T, String>
where
    T: Serialize + PartialEq,
{
    values.get(pick).ok_or_else(|| format!("only {N}"))
}

#[test]
fn generic_functions_are_traced() {
    let (_, runs) = record(|| {
        (
            generic::<_, 2>(&["a", "b"], 1).cloned(),
            generic::<_, 1>(&[1.5], 3).cloned(),
        )
    });
    assert_eq!(outputs(&runs[0]), json!({"output": "b"}));
    assert_eq!(inputs(&runs[1]), json!({"values": [1.5], "pick": 3}));
    assert_eq!(error(&runs[1]), "only 1");
}

#[traceable]
async fn sends(text: String) -> usize {
    let held = std::cell::Cell::new(0);
    held.set(text.len());
    let length = held.into_inner();
    pause().await;
    length
}

#[test]
fn a_future_is_send_if_its_body_is() {
    fn is_send<T: Send>(value: T) -> T {
        value
    }
    let runtime = common_runtime();
    let (sink, tracer) = tracer();
    let scope = Scope::new().tracer(&tracer);
    let task = runtime.spawn(is_send(sends("four".into())).in_scope(&scope));
    assert_eq!(runtime.block_on(task).expect("no panic"), 4);
    assert_eq!(outputs(&sink.runs()[0]), json!({"output": 4}));
}

fn common_runtime() -> tokio::runtime::Runtime {
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    builder.worker_threads(2).build().expect("a runtime")
}

#[traceable]
async fn waits(held: Arc<()>) -> usize {
    std::future::pending::<()>().await;
    Arc::strong_count(&held)
}

#[test]
fn a_future_that_is_dropped_ends_its_run_as_cancelled_even_if_others_hold_it() {
    let (sink, tracer) = tracer();
    let held = Arc::new(());
    let mut kept: Option<RunTree> = None;
    #[traceable(skip_all)]
    async fn outer(held: Arc<()>, kept: &mut Option<RunTree>) {
        *kept = current();
        waits(held).await;
    }
    {
        let work = outer(held.clone(), &mut kept).in_scope(&Scope::new().tracer(&tracer));
        let mut work = std::pin::pin!(work);
        assert!(
            work.as_mut()
                .poll(&mut Context::from_waker(Waker::noop()))
                .is_pending()
        );
        assert_eq!(sink.runs()[0].status(), RunStatus::Pending);
    }
    assert!(kept.is_some() && Arc::strong_count(&held) == 1);
    let runs = sink.runs();
    assert_eq!(runs.len(), 2);
    assert!(runs.iter().all(|run| error(run).starts_with("Cancelled: ")));
    // Never polled, it never began.
    drop(waits(held));
    assert_eq!(sink.runs().len(), 2);
}

#[traceable]
fn panics(message: &str) {
    panic!("{message}");
}

#[traceable]
async fn panics_later(message: String) -> u8 {
    pause().await;
    panics(&message);
    0
}

#[test]
fn a_panic_goes_on_to_the_caller_and_ends_the_run_without_its_message() {
    let (caught, runs) = record(|| catch_unwind(|| panics("hush")));
    assert!(caught.is_err());
    assert!(error(&runs[0]).starts_with("Panicked: ") && !error(&runs[0]).contains("hush"));

    // The runtime catches it and drops the future when nobody panics any more.
    let (sink, tracer) = tracer();
    let runtime = common_runtime();
    let task = panics_later("hush".into()).in_scope(&Scope::new().tracer(&tracer));
    assert!(runtime.block_on(runtime.spawn(task)).is_err());
    let runs = sink.runs();
    assert!(runs.iter().all(|run| error(run).starts_with("Panicked: ")));
    assert_eq!(runs.len(), 2);
}

#[traceable(enabled = loud)]
fn sometimes(loud: bool) -> Option<u64> {
    nothing();
    current().map(|_| 1)
}

#[test]
fn enabled_decides_for_the_function_and_all_it_calls() {
    let (_, runs) = record(|| {
        assert_eq!(sometimes(true), Some(1));
        assert_eq!(sometimes(false), None);
        // Like Python's `enabled=True`, it wins over a scope that is off.
        with_scope(&Scope::off(), || assert_eq!(sometimes(true), Some(1)));
        with_scope(&Scope::off(), || search("quiet", 1));
    });
    let names: Vec<_> = runs.iter().map(|run| run.name.as_str()).collect();
    assert_eq!(names, ["sometimes", "nothing", "sometimes", "nothing"]);
    assert_eq!(runs[3].parent_run_id, Some(runs[2].id));
}

#[traceable(tracer = tracer, parent = parent, skip_all)]
fn placed(tracer: &Tracer, parent: Option<&RunTree>) -> u8 {
    1
}

#[test]
fn tracer_and_parent_are_taken_from_expressions() {
    let (sink, tracer) = tracer();
    let parent = tracer.run("parent").start();
    let current = tracer.run("current").start();
    with_run(&current, || {
        placed(&tracer, Some(&parent));
        placed(&tracer, None);
    });
    let runs = sink.runs();
    assert_eq!(runs[2].parent_run_id, parent.id());
    assert!(runs[3].is_root());
}

#[test]
fn without_a_tracer_nothing_is_recorded_and_no_value_is_looked_at() {
    struct Loud;
    impl Serialize for Loud {
        fn serialize<S: serde::Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
            panic!("nobody asked");
        }
    }
    fn never() -> String {
        panic!("nobody asked")
    }
    #[traceable(tags(never()))]
    fn quiet(loud: Loud) -> Loud {
        loud
    }
    quiet(Loud);
}
