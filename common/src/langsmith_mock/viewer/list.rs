//! The first page: all traces, newest first, with a filter and what arrived in numbers.
//!
//! Start at [`page`].

use std::collections::BTreeSet;
use std::sync::Arc;

use maud::{Markup, html};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use super::derived::thread_link;
use super::facts::{self, Counts, TraceFacts};
use super::known;
use super::shell::{self, Here, endpoint, page_number, pager, trace_href};
use super::text::{bytes, line, moment, name, number, status};
use crate::analysis::{count, duration, first_line};
use crate::langsmith_mock::core::Core;
use crate::langsmith_mock::request::{MockRequest, MockResponse};
use crate::model::RunStatus;

/// Traces on one page at most.
const SHOWN: usize = 100;
/// Services that a line names; the rest is counted.
const SERVICES: usize = 4;

/// What the form asks for; empty means everything.
#[derive(Debug, Default)]
struct Filter {
    text: String,
    project: String,
    status: String,
}

impl Filter {
    fn read(request: &MockRequest) -> Self {
        // As everything foreign, it is shown again, in the form: without what hides or breaks.
        let value = |name: &str| line(&request.query_value(name).unwrap_or_default(), 200);
        Self {
            text: value("q"),
            project: value("project"),
            status: value("status"),
        }
    }

    fn is_set(&self) -> bool {
        !(self.text.is_empty() && self.project.is_empty() && self.status.is_empty())
    }

    fn fits(&self, trace: &TraceFacts) -> bool {
        let text = self.text.to_lowercase();
        let has = |field: &str| field.to_lowercase().contains(&text);
        let words = || {
            has(&trace.name)
                || has(&trace.id.to_string())
                || trace.services.iter().any(|service| has(service))
                || trace.error.as_deref().is_some_and(has)
                || trace.derived.thread().is_some_and(has)
        };
        (text.is_empty() || words())
            && (self.project.is_empty() || self.project == name(&trace.project))
            && match self.status.as_str() {
                "" => true,
                "error" => trace.errors > 0,
                "orphan" => trace.orphans > 0,
                "pending" => trace.pending > 0,
                other => trace.status.to_string() == other,
            }
    }

    fn href(&self, page: usize) -> String {
        let encoded = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
        format!(
            "/?q={}&project={}&status={}&page={page}",
            encoded(&self.text),
            encoded(&self.project),
            encoded(&self.status)
        )
    }
}

pub(super) fn page(core: &Core, request: &MockRequest) -> MockResponse {
    let traces = known::traces(core);
    let counts = facts::counts(core, &core.state());
    let filter = Filter::read(request);
    let projects = traces.iter().map(|trace| name(&trace.project));
    let projects: BTreeSet<String> = projects.collect();
    let total = traces.len();
    let found: Vec<Arc<TraceFacts>> = traces
        .into_iter()
        .filter(|trace| filter.fits(trace))
        .collect();
    let pages = found.len().div_ceil(SHOWN).max(1);
    let now = page_number(request).unwrap_or(1).min(pages);
    let shown = found.iter().map(Arc::as_ref).skip((now - 1) * SHOWN);
    let shown: Vec<&TraceFacts> = shown.take(SHOWN).collect();
    let content = html! {
        h1 { "Traces" }
        div #summary .summary data-live { (summary(&found, &counts, total)) }
        div #filter data-live { @if total > 0 { (form(&filter, &projects)) } }
        section #traces data-live aria-label="Traces" {
            @if total == 0 {
                (empty(&endpoint(request)))
            } @else if found.is_empty() {
                p .empty { "No trace fits. " a href="/" { "Show all " (total) } }
            } @else {
                (table(&shown))
                (pager(now, pages, |page| filter.href(page)))
            }
        }
        section #arrived data-live aria-labelledby="arrived-title" { (arrived(&counts)) }
        @if total > 0 {
            details #how .how {
                summary { "Point an SDK at this stand-in" }
                (exports(&endpoint(request)))
            }
        }
    };
    shell::page(&counts, Here::List, "Traces", &content)
}

fn summary(found: &[Arc<TraceFacts>], counts: &Counts, total: usize) -> Markup {
    let sum = |of: fn(&TraceFacts) -> usize| found.iter().map(|facts| of(facts)).sum::<usize>();
    let (runs, errors) = (sum(|trace| trace.runs), sum(|trace| trace.errors));
    let (pending, orphans) = (sum(|trace| trace.pending), sum(|trace| trace.orphans));
    let traces = match found.len() == total {
        true => count(total, "trace"),
        false => format!("{} of {}", found.len(), count(total, "trace")),
    };
    html! {
        p .numbers data-news=(format!("{traces}, {}", count(runs, "run"))) {
            strong { (traces) } " · " (count(runs, "run"))
            @if pending > 0 { " · " (number(pending as u64)) " still running" }
            @if errors > 0 { " · " span .bad { "✗ " (count(errors, "error")) } }
            @if orphans > 0 { " · " span .bad { "⚠ " (count(orphans, "orphan")) } }
            @if counts.rejected > 0 {
                " · " a #to-dropped .bad href="/violations" {
                    "⚠ " (count(counts.rejected, "operation")) " answered 202 and dropped"
                }
            }
            @if counts.spans_dropped > 0 {
                " · " a #to-spans .bad href="/violations" {
                    "⚠ " (count(counts.spans_dropped, "span")) " answered 200 and dropped"
                }
            }
            @if counts.spans_waiting > 0 {
                " · " (count(counts.spans_waiting, "span")) " without a parent so far"
            }
        }
    }
}

fn form(filter: &Filter, projects: &BTreeSet<String>) -> Markup {
    let states = [
        ("", "any status"),
        ("success", "success"),
        ("error", "with an error"),
        ("pending", "still running"),
        ("interrupted", "interrupted"),
        ("orphan", "with an orphan"),
    ];
    html! {
        form .filter method="get" action="/" role="search" aria-label="Filter traces" {
            label { "Text "
                input #q type="search" name="q" value=(filter.text)
                    placeholder="name, service, error, thread, id";
            }
            label { "Project "
                select #project name="project" {
                    option value="" { "any project" }
                    @for project in projects {
                        option value=(project) selected[*project == filter.project] { (project) }
                    }
                }
            }
            label { "Status "
                select #status name="status" {
                    @for (value, words) in states {
                        option value=(value) selected[value == filter.status] { (words) }
                    }
                }
            }
            button #do-filter type="submit" { "Filter" }
            @if filter.is_set() { a #clear href="/" { "Show all" } }
        }
    }
}

fn table(traces: &[&TraceFacts]) -> Markup {
    let has_costs = traces.iter().any(|trace| trace.derived.cost().is_some());
    html! {
        div .scroll {
            table .traces {
                thead { tr {
                    @for title in ["Trace", "Status", "Project", "Services"] { th scope="col" { (title) } }
                    @for title in ["Runs", "Latency", "Tokens", "Cost", "Started"] {
                        @if title != "Cost" || has_costs { th .number scope="col" { (title) } }
                    }
                } }
                tbody { @for trace in traces { (row(trace, has_costs)) } }
            }
        }
    }
}

fn row(trace: &TraceFacts, has_costs: bool) -> Markup {
    let latency = trace.end.map(|end| duration(end - trace.start));
    html! {
        tr {
            th scope="row" data-label="Trace" {
                a #{ "trace-" (trace.id) } .said href=(trace_href(trace.id, None, None)) {
                    (name(&trace.name))
                }
                (trace.derived.chips())
                @if let Some(thread) = trace.derived.thread() {
                    div { small .said { "thread " (thread_link(thread)) } }
                }
                @if let Some(error) = &trace.error {
                    div .why .said { (line(first_line(error), 100)) }
                }
                @if !trace.has_root {
                    div .why { "⚠ its root has not arrived" }
                } @else if trace.orphans > 0 {
                    div .why { "⚠ " (count(trace.orphans, "orphan")) ": a parent has not arrived" }
                }
            }
            td data-label="Status" {
                (status(trace.status))
                @if trace.errors > 0 && trace.status != RunStatus::Error {
                    " " small .bad { (count(trace.errors, "error")) " inside" }
                }
            }
            td .said data-label="Project" { (name(&trace.project)) }
            td .said data-label="Services" {
                @for (at, service) in trace.services.iter().take(SERVICES).enumerate() {
                    @if at > 0 { " " }
                    span .chip { (line(service, 32)) }
                }
                @if trace.services.len() > SERVICES { " +" (trace.services.len() - SERVICES) }
            }
            td .number data-label="Runs" { (number(trace.runs as u64)) }
            td .number data-label="Latency" { (latency.as_deref().unwrap_or("–")) }
            td .number data-label="Tokens" {
                (trace.derived.tokens().as_deref().unwrap_or("–"))
            }
            @if has_costs {
                td .number data-label="Cost" { (trace.derived.cost().as_deref().unwrap_or("–")) }
            }
            td .number data-label="Started" { (moment(trace.start)) }
        }
    }
}

fn arrived(counts: &Counts) -> Markup {
    let entries = [
        ("requests", number(counts.requests)),
        ("of them refused", number(counts.refused as u64)),
        ("runs created", number(counts.created as u64)),
        ("updates merged", number(counts.merged as u64)),
        ("repeats", number(counts.repeated as u64)),
        ("dropped after a 202", number(counts.rejected as u64)),
        ("runs ended", format!("{} of {}", counts.ended, counts.runs)),
        ("feedback", number(counts.feedback as u64)),
        ("on the wire", bytes(counts.body_bytes)),
        ("decompressed", bytes(counts.decoded_bytes)),
    ];
    html! {
        h2 #arrived-title { "What arrived" }
        dl .tiles {
            @for (words, value) in entries { div { dt { (words) } dd { (value) } } }
            @if counts.spans_dropped > 0 {
                div { dt { "spans dropped after a 200" } dd { (number(counts.spans_dropped as u64)) } }
            }
            @if counts.forgotten > 0 {
                div { dt { "oldest runs forgotten" } dd { (number(counts.forgotten)) } }
            }
        }
    }
}

fn empty(endpoint: &str) -> Markup {
    html! {
        div .empty {
            p { strong { "No run has arrived yet." } " Point any LangSmith SDK at this stand-in:" }
            (exports(endpoint))
            p { "Then run your program. This page shows its traces as they arrive." }
        }
    }
}

fn exports(endpoint: &str) -> Markup {
    html! {
        pre .code tabindex="0" aria-label="Commands for a shell" { code {
            "export LANGSMITH_TRACING=true\n"
            "export LANGSMITH_ENDPOINT=" (endpoint) "\n"
            "export LANGSMITH_API_KEY=any-text-will-do\n"
        } }
    }
}
