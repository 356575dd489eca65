//! Spans of `tracing` become runs: their fields, events, errors, and their place.
#![cfg(feature = "tracing_layer")]

use std::sync::Arc;

use common::model::{Run, RunStatus, RunType, TraceTree, Usage};
use common::trace::{MemorySink, Redactor, Sampler, TraceFutureExt as _, Tracer, with_run};
use common::tracing_layer::RunLayer;
use serde_json::json;
use tracing::field::Empty;
use tracing::{Instrument as _, error, error_span, info, info_span, instrument};
use tracing_subscriber::prelude::*;

struct Recording {
    sink: Arc<MemorySink>,
    tracer: Tracer,
}

fn recording() -> Recording {
    let sink = Arc::new(MemorySink::new());
    Recording {
        tracer: Tracer::builder(sink.clone()).build(),
        sink,
    }
}

impl Recording {
    fn of(&self, work: impl FnOnce()) {
        let subscriber = tracing_subscriber::registry().with(RunLayer::new(&self.tracer));
        tracing::subscriber::with_default(subscriber, work);
    }

    fn find(&self, name: &str) -> Run {
        let tree = TraceTree::build(self.sink.runs());
        tree.find(name)
            .unwrap_or_else(|| panic!("no {name}"))
            .clone()
    }

    /// Draws the tree by names, each level by two blanks.
    fn drawn(&self) -> String {
        let tree = TraceTree::build(self.sink.runs());
        let line = |at: usize| {
            let node = &tree.nodes()[at];
            format!("{}{}\n", "  ".repeat(node.depth), node.run.name)
        };
        tree.walk().into_iter().map(line).collect()
    }
}

#[test]
fn spans_nest_below_native_runs_and_native_runs_below_spans() {
    let recording = recording();
    recording.of(|| {
        let root = recording.tracer.run("native root").start();
        with_run(&root, || {
            info_span!("span").in_scope(|| {
                let inner = recording.tracer.run("native").parent_from_current().start();
                with_run(&inner, || info_span!("span below").in_scope(|| {}));
                inner.end();
            });
        });
        root.end();
    });
    let picture = "\
native root
  span
    native
      span below
";
    assert_eq!(recording.drawn(), picture);
    assert!(
        recording
            .sink
            .runs()
            .iter()
            .all(|run| run.status() == RunStatus::Success)
    );
}

#[test]
fn explicit_parents_and_roots_stand_where_they_say() {
    let recording = recording();
    recording.of(|| {
        let outer = info_span!("outer");
        let elsewhere = info_span!("elsewhere");
        outer.in_scope(|| {
            info_span!(parent: &elsewhere, "below elsewhere").in_scope(|| {});
            info_span!(parent: None, "a root").in_scope(|| {});
        });
    });
    let elsewhere = recording.find("elsewhere");
    assert_eq!(
        recording.find("below elsewhere").parent_run_id,
        Some(elsewhere.id)
    );
    assert!(recording.find("a root").is_root());
    assert!(elsewhere.is_root(), "made outside of any span");
}

#[instrument]
async fn waits_for(name: &str, left: u32) {
    for _ in 0..left {
        tokio::task::yield_now().await;
    }
    info_span!("inside", of = name).in_scope(|| {});
}

#[tokio::test]
async fn futures_that_take_turns_keep_their_places() {
    let recording = recording();
    let subscriber = tracing_subscriber::registry().with(RunLayer::new(&recording.tracer));
    let _default = tracing::subscriber::set_default(subscriber);
    let root = recording.tracer.run("root").start();
    let both = async {
        tokio::join!(
            waits_for("first", 3).instrument(info_span!("one")),
            waits_for("second", 2).instrument(info_span!("two")),
        )
    };
    both.in_run(&root).await;
    root.end();
    let picture = "\
root
  one
    waits_for
      inside
  two
    waits_for
      inside
";
    assert_eq!(recording.drawn(), picture);
    let insides: Vec<_> = recording
        .sink
        .runs()
        .into_iter()
        .filter(|run| run.name == "waits_for")
        .map(|run| json!(run.inputs))
        .collect();
    assert!(
        insides.contains(&json!({"name": "first", "left": 3})),
        "{insides:?}"
    );
    assert!(common::trace::current().is_none());
}

#[test]
fn fields_become_inputs_metadata_outputs_tags_and_the_name() {
    let recording = recording();
    recording.of(|| {
        let span = info_span!(
            "span",
            otel.name = "handle /chat",
            question = "why?",
            count = 3,
            http.route = "/chat",
            langsmith.span.kind = "retriever",
            langsmith.metadata.thread_id = "t-1",
            langsmith.span.tags = "beta, docs",
            answer = tracing::field::Empty,
            http.status = tracing::field::Empty,
        );
        span.record("answer", 42);
        span.record("http.status", 200);
    });
    let run = recording.find("handle /chat");
    assert_eq!(run.run_type, RunType::Retriever);
    assert_eq!(json!(run.inputs), json!({"question": "why?", "count": 3}));
    assert_eq!(json!(run.outputs), json!({"answer": 42}));
    assert_eq!(run.extra.metadata["http.route"], "/chat");
    assert_eq!(run.extra.metadata["http.status"], 200);
    assert_eq!(run.extra.metadata["thread_id"], "t-1");
    assert_eq!(run.tags, ["beta", "docs"]);
}

#[instrument(ret, err)]
fn parse(text: &str) -> Result<u8, std::num::ParseIntError> {
    text.parse()
}

#[test]
fn what_a_function_returns_is_its_output_and_its_error_the_runs_error() {
    for (text, output, error) in [
        ("12", json!({"output": "12"}), None),
        (
            "x",
            json!({"output": null}),
            Some("invalid digit found in string"),
        ),
    ] {
        let recording = recording();
        recording.of(|| {
            let _ = parse(text);
        });
        let run = recording.find("parse");
        assert_eq!(run.error.as_deref(), error);
        assert_eq!(json!(run.outputs), output);
        assert_eq!(json!(run.inputs), json!({"text": text}));
    }
}

#[test]
fn events_are_events_of_the_run_and_one_of_an_error_fails_it() {
    let recording = recording();
    recording.of(|| {
        info!("outside of any span");
        info_span!("span").in_scope(|| {
            info!(hits = 2, "asked the index");
            error!(error = %"no route", "the model is away");
            error!("and once more");
        });
        error_span!("status", otel.status_code = "ERROR", error.type = "timeout").in_scope(|| {});
    });
    let run = recording.find("span");
    assert_eq!(run.error.as_deref(), Some("the model is away: no route"));
    let names: Vec<&str> = run.events.iter().map(|event| &*event.name).collect();
    assert_eq!(
        names,
        ["asked the index", "the model is away", "and once more"]
    );
    let told = run.events[0].kwargs.as_ref().expect("values");
    assert_eq!(*told, json!({"hits": 2, "level": "INFO"}));
    assert_eq!(recording.find("status").error.as_deref(), Some("timeout"));
}

#[test]
fn a_span_of_the_genai_conventions_is_a_call_of_a_model() {
    let recording = recording();
    recording.of(|| {
        let span = info_span!(
            "chat gpt-4o-mini",
            gen_ai.operation.name = "chat",
            gen_ai.provider.name = "openai",
            gen_ai.request.model = "gpt-4o-mini",
            gen_ai.request.temperature = 0.25,
            gen_ai.conversation.id = "c-1",
            gen_ai.input.messages = r#"[{"role":"user","parts":[]}]"#,
            gen_ai.output.messages = tracing::field::Empty,
            gen_ai.usage.input_tokens = tracing::field::Empty,
            gen_ai.usage.output_tokens = tracing::field::Empty,
            gen_ai.usage.cache_read.input_tokens = tracing::field::Empty,
            gen_ai.response.time_to_first_chunk = tracing::field::Empty,
        );
        span.in_scope(|| {
            span.record("gen_ai.response.time_to_first_chunk", 0.25);
            span.record("gen_ai.usage.input_tokens", 11);
            span.record("gen_ai.usage.output_tokens", 7);
            span.record("gen_ai.usage.cache_read.input_tokens", 4);
            span.record(
                "gen_ai.output.messages",
                r#"[{"role":"assistant","parts":[]}]"#,
            );
        });
    });
    let run = recording.find("chat gpt-4o-mini");
    assert_eq!(run.run_type, RunType::Llm);
    assert_eq!(run.usage(), Some(Usage::tokens(11, 7).cache_read(4)));
    let first = run.first_token_time().expect("it streamed");
    assert_eq!((first - run.start_time).num_milliseconds(), 250);
    for (key, value) in [
        ("ls_provider", json!("openai")),
        ("ls_model_name", json!("gpt-4o-mini")),
        ("ls_temperature", json!(0.25)),
        ("thread_id", json!("c-1")),
    ] {
        assert_eq!(run.extra.metadata[key], value, "{key}");
    }
    assert_eq!(run.extra.other["invocation_params"]["model"], "gpt-4o-mini");
    assert_eq!(json!(run.inputs)["messages"][0]["role"], "user");
    assert_eq!(json!(run.outputs)["messages"][0]["role"], "assistant");
}

#[test]
fn what_a_call_asks_right_after_its_beginning_is_its_input() {
    let recording = recording();
    recording.of(|| {
        let span = info_span!(
            "chat",
            gen_ai.operation.name = "chat",
            gen_ai.request.temperature = tracing::field::Empty,
            gen_ai.input.messages = tracing::field::Empty,
            gen_ai.output.messages = tracing::field::Empty,
            gen_ai.usage.cache_read.input_tokens = tracing::field::Empty,
            gen_ai.usage.input_tokens = tracing::field::Empty,
        );
        span.record("gen_ai.request.temperature", 0.25);
        span.record("gen_ai.input.messages", r#"[{"role":"user","parts":[]}]"#);
        span.record("gen_ai.usage.cache_read.input_tokens", 4);
        span.record(
            "gen_ai.output.messages",
            r#"[{"role":"assistant","parts":[]}]"#,
        );
        span.record("gen_ai.usage.input_tokens", 11);
    });
    let run = recording.find("chat");
    assert_eq!(json!(run.inputs)["messages"][0]["role"], "user");
    assert_eq!(json!(run.outputs)["messages"][0]["role"], "assistant");
    assert_eq!(run.extra.metadata["ls_temperature"], json!(0.25));
    assert_eq!(run.usage(), Some(Usage::tokens(11, 0).cache_read(4)));
}

#[test]
fn a_token_that_arrives_is_an_event_of_that_name() {
    let recording = recording();
    recording.of(|| {
        info_span!("chat", gen_ai.operation.name = "chat").in_scope(|| {
            info!("new_token");
            info!("new_token");
        });
    });
    let run = recording.find("chat");
    assert!(run.first_token_time().is_some());
    assert_eq!(run.events.len(), 1);
}

#[test]
fn a_span_continues_the_trace_of_a_header_that_was_checked() {
    let recording = recording();
    let order = "20261122T100538926531Z01a202b7-f0ee-7646-9e7b-a245c1fc89c2";
    recording.of(|| {
        info_span!("handler", langsmith.parent = order).in_scope(|| {});
        info_span!("other", langsmith.parent = "nonsense").in_scope(|| {});
    });
    let run = recording.find("handler");
    assert!(run.dotted_order.as_str().starts_with(order));
    assert!(recording.find("other").is_root());
}

#[test]
fn what_sends_the_runs_is_not_recorded() {
    let recording = recording();
    recording.of(|| {
        info_span!("span").in_scope(|| {
            info_span!(target: "hyper::client", "connect").in_scope(|| {
                info_span!("within").in_scope(|| info!(target: "reqwest", "connected"));
            });
        });
    });
    assert_eq!(recording.drawn(), "span\n  within\n");
    assert!(recording.find("within").events.is_empty());
}

#[test]
fn spans_that_are_left_out_of_order_leave_nothing_behind() {
    let recording = recording();
    recording.of(|| {
        let (one, two) = (info_span!("one"), info_span!("two"));
        let (first, second) = (one.enter(), two.enter());
        drop(first);
        assert_eq!(
            common::trace::current().map(|run| run.name()),
            Some("two".into())
        );
        drop(second);
        assert!(common::trace::current().is_none());
    });
    assert_eq!(recording.sink.runs().len(), 2);
}

#[test]
fn masking_and_sampling_hold_for_spans() {
    let sink = Arc::new(MemorySink::new());
    let masked = Tracer::builder(sink.clone()).redactor(Redactor::new().hide_inputs(true));
    let masked = Recording {
        tracer: masked.build(),
        sink,
    };
    masked.of(|| info_span!("span", diary = "dear me").in_scope(|| {}));
    assert_eq!(json!(masked.find("span").inputs), json!({}));
    let sink = Arc::new(MemorySink::new());
    let none = Tracer::builder(sink.clone()).sampler(Sampler::AlwaysOff);
    let none = Recording {
        tracer: none.build(),
        sink,
    };
    none.of(|| info_span!("span").in_scope(|| {}));
    assert!(none.sink.runs().is_empty());
}

#[test]
fn of_two_layers_in_one_registry_the_first_makes_the_run() {
    let (first, second) = (recording(), recording());
    let both = tracing_subscriber::registry()
        .with(RunLayer::new(&first.tracer))
        .with(RunLayer::new(&second.tracer));
    tracing::subscriber::with_default(both, || {
        info_span!("span", late = tracing::field::Empty).in_scope(|| {
            tracing::Span::current().record("late", 1);
            info!("once");
        });
        assert!(common::trace::current().is_none());
    });
    assert_eq!(first.find("span").events.len(), 1);
    assert_eq!(first.find("span").status(), RunStatus::Success);
    assert!(second.sink.runs().is_empty());
}

#[test]
fn a_program_that_is_called_common_is_recorded_and_what_this_crate_says_is_not() {
    let recording = recording();
    recording.of(|| {
        info_span!(target: "common::web", "a module of somebody's").in_scope(|| {
            info!(target: "common::web", "at work");
            // Warned of, once in a process.
            let nil = common::model::RunId(uuid::Uuid::nil());
            recording.tracer.run("native").id(nil).start().end();
        });
    });
    let events = recording.find("a module of somebody's").events;
    let names: Vec<&str> = events.iter().map(|event| &*event.name).collect();
    assert_eq!(names, ["at work"]);
}

#[test]
fn a_name_that_comes_when_the_run_has_begun_is_in_its_metadata() {
    let recording = recording();
    recording.of(|| {
        let span = info_span!(
            "span",
            otel.name = tracing::field::Empty,
            gen_ai.operation.name = tracing::field::Empty
        );
        span.in_scope(|| {});
        span.record("otel.name", "chat gpt-4o-mini");
        span.record("gen_ai.operation.name", "chat");
    });
    let metadata = recording.find("span").extra.metadata;
    assert_eq!(metadata["late_name"], "chat gpt-4o-mini");
    assert_eq!(metadata["late_run_type"], "llm");
}

#[test]
fn a_failure_is_told_in_any_order() {
    let recording = recording();
    let (code, why, kind) = ("otel.status_code", "otel.status_description", "error.type");
    recording.of(|| {
        for (name, order) in [
            ("code first", [code, why, kind]),
            ("code last", [why, kind, code]),
            ("kind first", [kind, why, code]),
        ] {
            let span = info_span!(
                "call",
                otel.name = name,
                otel.status_code = Empty,
                otel.status_description = Empty,
                error.type = Empty
            );
            for key in order {
                match key {
                    "otel.status_code" => span.record(key, "ERROR"),
                    "error.type" => span.record(key, "timeout"),
                    _ => span.record(key, "the model is away"),
                };
            }
        }
        let fine = info_span!("fine", otel.status_description = Empty);
        fine.record("otel.status_description", "nothing to tell");
    });
    for name in ["code first", "code last", "kind first"] {
        let run = recording.find(name);
        assert_eq!(run.error.as_deref(), Some("the model is away"), "{name}");
    }
    assert_eq!(recording.find("fine").error, None);
}
