//! One run in full: what went in and out, when, where in its trace, and who sent it.
//!
//! Start at [`details`].

use maud::{Markup, html};
use serde_json::Value;

use super::facts::{self, Traced};
use super::files::{attachment_href, is_image, raw_href};
use super::shell::trace_href;
use super::text::{bytes, cut, line, moment, name, status, visible};
use super::tree::kind;
use super::value::{self, Fields, LONGEST};
use crate::analysis::{duration, short_id};
use crate::langsmith_mock::core::State;
use crate::langsmith_mock::decode::Attachment;
use crate::model::{DottedOrder, JsonMap, Run, RunId, Timestamp, TraceId, TraceTree};

/// Most events, attachments and judgements that are listed, each.
const LISTED: usize = 100;

/// A run as its page shows it; taken from the store at once.
#[derive(Debug)]
pub(super) struct RunView {
    id: RunId,
    start: Timestamp,
    end: Option<Timestamp>,
    place: DottedOrder,
    error: Option<String>,
    tags: Vec<String>,
    inputs: Option<Fields>,
    outputs: Option<Fields>,
    metadata: Fields,
    runtime: Fields,
    extra: Fields,
    events: Vec<Event>,
    events_left_out: usize,
    /// Name, media type, bytes.
    attachments: Vec<(String, String, usize)>,
    feedback: Vec<Judgement>,
    raw: String,
}

#[derive(Debug)]
struct Event {
    name: String,
    time: Timestamp,
    words: String,
}

#[derive(Debug)]
struct Judgement {
    key: String,
    score: String,
    source: String,
    /// The comment, and what would have been right.
    words: Vec<String>,
}

impl RunView {
    pub(super) fn read(state: &State, id: RunId) -> Option<Self> {
        let facts = facts::run(state, id)?;
        let run = facts.run;
        let read = |object: &JsonMap| Fields::read(object, state);
        let scrub = |text: &str| visible(&state.scrub(cut(text, 4 * LONGEST).0));
        let events = run.events.iter().take(LISTED).map(|event| Event {
            name: scrub(&event.name),
            time: event.time,
            words: [
                event.message.as_deref().map(&scrub),
                event
                    .kwargs
                    .as_ref()
                    .map(|value| scrub(&value::indented(value, 2_000))),
            ]
            .into_iter()
            .flatten()
            .collect::<Vec<_>>()
            .join("\n"),
        });
        let attachments = facts.attachments.iter().take(LISTED);
        let judged = facts.feedback.iter().take(LISTED);
        Some(Self {
            id,
            start: run.start_time,
            end: run.end_time,
            error: run.error.as_deref().map(scrub),
            tags: run.tags.iter().take(LISTED).map(|tag| scrub(tag)).collect(),
            inputs: run.inputs.as_ref().map(read),
            outputs: run.outputs.as_ref().map(read),
            metadata: read(&run.extra.metadata),
            runtime: run.extra.runtime.as_deref().map(read).unwrap_or_default(),
            extra: read(&run.extra.other),
            events: events.collect(),
            events_left_out: run.events.len().saturating_sub(LISTED),
            attachments: attachments.map(described).collect(),
            feedback: judged.map(|value| judgement(value, &scrub)).collect(),
            raw: scrub(&value::indented(&Value::Object(facts.raw), 4 * LONGEST)),
            place: run.dotted_order,
        })
    }

    pub(super) fn id(&self) -> RunId {
        self.id
    }
}

fn described(file: &Attachment) -> (String, String, usize) {
    (
        file.name.clone(),
        file.content_type.clone(),
        file.data.len(),
    )
}

fn judgement(judged: &Value, scrub: &impl Fn(&str) -> String) -> Judgement {
    let text = |key: &str| match judged.get(key) {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => scrub(text),
        Some(other) => scrub(&value::indented(other, 2_000)),
    };
    let (score, value) = (text("score"), text("value"));
    let correction = text("correction");
    let correction = (!correction.is_empty()).then(|| format!("correction: {correction}"));
    let source = judged
        .get("feedback_source")
        .and_then(|from| from.get("type")?.as_str());
    Judgement {
        key: text("key"),
        score: [score, value]
            .into_iter()
            .filter(|words| !words.is_empty())
            .collect::<Vec<_>>()
            .join(" "),
        source: source.map(scrub).unwrap_or_default(),
        words: [Some(text("comment")), correction]
            .into_iter()
            .flatten()
            .filter(|words| !words.is_empty())
            .collect(),
    }
}

/// Writes all of a run that is part of `tree`.
pub(super) fn details(view: &RunView, traced: &Traced, trace: TraceId) -> Markup {
    let tree = &traced.tree;
    let Some(node) = tree.nodes().iter().find(|node| node.run.id == view.id) else {
        return html! {};
    };
    let raw = raw_href(view.id);
    html! {
        h2 #run-title .said { (name(&node.run.name)) }
        (facts_of(view, &node.run, traced))
        @if let Some(error) = &view.error {
            section .part aria-labelledby="error-title" {
                h3 #error-title .bad { "✗ Error" }
                @let (text, is_cut) = cut(error, LONGEST);
                pre .words .error .said tabindex="0" { (text) }
                @if is_cut { p .more { "cut here: " a href=(raw) { "all of it as raw JSON" } } }
            }
        }
        (object("inputs", "Inputs", view.inputs.as_ref(), &raw))
        (object("outputs", "Outputs", view.outputs.as_ref(), &raw))
        (attachments(view))
        (events(view))
        (feedback(view))
        @if !view.metadata.is_empty() {
            (folded("metadata", "Metadata", &value::fields(&view.metadata, &raw)))
        }
        @if !view.extra.is_empty() {
            (folded("extra", "Extra", &value::fields(&view.extra, &raw)))
        }
        (folded("place", "Place in the trace", &place(view, tree, trace)))
        @if !view.runtime.is_empty() {
            (folded("sender", "Who sent it", &value::fields(&view.runtime, &raw)))
        }
        (folded("raw", "Raw JSON", &raw_json(view, &raw)))
    }
}

fn facts_of(view: &RunView, run: &Run, traced: &Traced) -> Markup {
    let runtime = |key: &str| run.extra.runtime.as_ref()?.get(key)?.as_str();
    let took = view.end.map(|end| duration(end - view.start));
    html! {
        dl .facts {
            div { dt { "Status" } dd { (status(run.status())) } }
            div { dt { "Type" } dd .said {
                span .kind.(kind(&run.run_type)) aria-hidden="true" {} " "
                (line(run.run_type.as_str(), 40))
            } }
            div { dt { "Latency" } dd { (took.as_deref().unwrap_or("–")) } }
            @if let Some(derived) = traced.derived(view.id) { (derived.facts()) }
            @if let Some(service) = facts::sender(run) {
                div { dt { "Service" } dd .said {
                    span .chip { (line(service, 60)) }
                    @if let Some(sdk) = runtime("sdk").filter(|sdk| *sdk != service) {
                        " " small { "by " (line(sdk, 40)) }
                    }
                } }
            }
            div { dt { "Started" } dd { (moment(view.start)) } }
            @if let Some(end) = view.end { div { dt { "Ended" } dd { (moment(end)) } } }
            @if let Some(project) = &run.project {
                div { dt { "Project" } dd .said { (name(project)) } }
            }
            @if !view.tags.is_empty() {
                div { dt { "Tags" } dd {
                    @for tag in &view.tags { span .chip .said { (line(tag, 60)) } " " }
                } }
            }
            div { dt { "Run" } dd { code { (view.id) } } }
        }
    }
}

fn object(id: &str, title: &str, fields: Option<&Fields>, raw: &str) -> Markup {
    let heading = format!("{id}-title");
    html! {
        section .part aria-labelledby=(heading) {
            h3 id=(heading) { (title) }
            @match fields {
                Some(fields) if !fields.is_empty() => (value::fields(fields, raw)),
                Some(_) => p .quiet { "empty" },
                None => p .quiet { "none sent" },
            }
        }
    }
}

fn folded(id: &str, title: &str, content: &Markup) -> Markup {
    html! {
        details #{ "part-" (id) } .part {
            summary { h3 { (title) } }
            (content)
        }
    }
}

fn attachments(view: &RunView) -> Markup {
    html! {
        @if !view.attachments.is_empty() {
            section .part aria-labelledby="attachments-title" {
                h3 #attachments-title { "Attachments" }
                ul .files {
                    @for (file, content_type, size) in &view.attachments {
                        @let href = attachment_href(view.id, file);
                        li {
                            a .said href=(href) { (name(file)) }
                            " " small .said { (line(content_type, 60)) " · " (bytes(*size)) }
                            @if is_image(content_type) {
                                img src=(href) alt=(format!("attachment {}", name(file))) loading="lazy";
                            }
                        }
                    }
                }
            }
        }
    }
}

fn events(view: &RunView) -> Markup {
    html! {
        @if !view.events.is_empty() {
            section .part aria-labelledby="events-title" {
                h3 #events-title { "Events" }
                ol .events {
                    @for event in &view.events {
                        li {
                            span .after { "+" (duration(event.time - view.start)) }
                            " " strong .said { (name(&event.name)) }
                            @if !event.words.is_empty() { pre .words .said { (event.words) } }
                        }
                    }
                }
                @if view.events_left_out > 0 { p .more { (view.events_left_out) " more" } }
            }
        }
    }
}

fn feedback(view: &RunView) -> Markup {
    html! {
        @if !view.feedback.is_empty() {
            section .part aria-labelledby="feedback-title" {
                h3 #feedback-title { "Feedback" }
                ul .files {
                    @for judgement in &view.feedback {
                        li {
                            strong .said { (name(&judgement.key)) } " " span .said { (judgement.score) }
                            @if !judgement.source.is_empty() {
                                " " small .said { "from " (line(&judgement.source, 40)) }
                            }
                            @for words in &judgement.words { pre .words .said { (words) } }
                        }
                    }
                }
            }
        }
    }
}

/// Explains the dotted order: one line per segment, the root first.
fn place(view: &RunView, tree: &TraceTree, trace: TraceId) -> Markup {
    let segments = view.place.segments();
    let named = |id: RunId| tree.nodes().iter().find(|node| node.run.id == id);
    html! {
        p .quiet { "The dotted order names each run from the root to this one, by start and id." }
        ol .segments {
            @for segment in segments.iter().take(LISTED) {
                li {
                    @match named(segment.id) {
                        Some(node) => a .said href=(trace_href(trace, Some(segment.id), None)) data-swap {
                            (name(&node.run.name))
                        },
                        None => span .bad { "⚠ not here" },
                    }
                    @if segment.id == view.id { " (this run)" }
                    br;
                    small { (moment(segment.start)) " " code { (short_id(segment.id.0)) } }
                }
            }
            @if segments.len() > LISTED { li { (segments.len() - LISTED) " more" } }
        }
        pre .code tabindex="0" { (cut(view.place.as_str(), LONGEST).0) }
    }
}

fn raw_json(view: &RunView, raw: &str) -> Markup {
    let (text, is_cut) = cut(&view.raw, 3 * LONGEST);
    html! {
        p { a href=(raw) { "Open it alone" } }
        pre .code .json .said tabindex="0" { (text) }
        @if is_cut { p .more { "cut here: " a href=(raw) { "all of it" } } }
    }
}
