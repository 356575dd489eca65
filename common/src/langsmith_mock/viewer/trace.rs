//! The page of one trace: its runs with their times, the one that is looked at, what is wrong.
//!
//! Start at [`page`].

use std::collections::HashSet;

use maud::{Markup, html};

use super::facts::{self, Counts, Traced, Wrong};
use super::run::{self, RunView};
use super::shell::{self, Here, page_number, pager, trace_href};
use super::text::{line, moment, name, number, status};
use super::tree::Rows;
use super::violations;
use crate::analysis::{count, duration, finding, text_tree};
use crate::langsmith_mock::core::Core;
use crate::langsmith_mock::request::{MockRequest, MockResponse};
use crate::model::{Run, RunId, RunStatus, TraceId, TraceTree};

/// Answers for a run of which only the id is known.
pub(super) fn page_of_run(core: &Core, request: &MockRequest) -> MockResponse {
    let run: Option<RunId> = request.query_value("run").and_then(|id| id.parse().ok());
    let trace = run.and_then(|run| facts::trace_of(&core.state(), run));
    page(core, request, trace)
}

pub(super) fn page(core: &Core, request: &MockRequest, trace: Option<TraceId>) -> MockResponse {
    let gone = "There is no such trace. It has not arrived, or it was forgotten.";
    let Some(trace) = trace else {
        return shell::missing(core, gone);
    };
    let wanted: Option<RunId> = request.query_value("run").and_then(|id| id.parse().ok());
    let (traced, run, wrong, counts) = {
        let state = core.state();
        let traced = facts::tree(&state, trace);
        let tree = &traced.tree;
        let here = |id: &RunId| tree.nodes().iter().any(|node| node.run.id == *id);
        // Without a wish, the first run is looked at: most often it is the root.
        let id = wanted
            .filter(here)
            .or_else(|| first(tree).map(|run| run.id));
        let run = id.and_then(|id| RunView::read(&state, id));
        let wrong = facts::wrong(&state, trace, tree);
        (traced, run, wrong, facts::counts(core, &state))
    };
    let tree = &traced.tree;
    let Some(top) = first(tree) else {
        return shell::missing(core, gone);
    };
    let seen = run.as_ref().map(RunView::id);
    let rows = Rows::of(trace, &traced);
    let page = page_number(request)
        .or_else(|| rows.page_of(seen?))
        .unwrap_or(1)
        .min(rows.pages());
    let content = html! {
        nav .path aria-label="Where you are" {
            a href="/" { "Traces" } " › " span aria-current="page" .said { (name(&top.name)) }
        }
        header #about data-live { (about(trace, &traced, top, &counts)) }
        div #wrong data-live { (wrong_here(&wrong)) }
        div .columns {
            section #runs data-live aria-labelledby="runs-title" {
                h2 #runs-title { "Runs" }
                (rows.page(page, seen))
                (pager(page, rows.pages(), |page| trace_href(trace, None, Some(page))))
                details #as-text .how {
                    summary { "The same as text" }
                    pre .code .said tabindex="0" { (text_tree(tree)) }
                }
            }
            section #run data-live aria-labelledby="run-title" {
                @if let Some(run) = &run { (run::details(run, &traced, trace)) }
            }
        }
    };
    shell::page(&counts, Here::Trace, &name(&top.name), &content)
}

fn first(tree: &TraceTree) -> Option<&Run> {
    let mut tops = tree.tops().iter().map(|at| &tree.nodes()[*at].run);
    let root = tops.clone().find(|run| run.is_root());
    root.or_else(|| tops.next())
}

fn about(trace: TraceId, traced: &Traced, top: &Run, counts: &Counts) -> Markup {
    let tree = &traced.tree;
    let runs = || tree.nodes().iter().map(|node| &node.run);
    let mut seen = HashSet::new();
    let mut services: Vec<&str> = runs().filter_map(facts::sender).collect();
    services.retain(|service| seen.insert(*service));
    let errors = runs().filter(|run| run.status() == RunStatus::Error);
    let pending = runs().filter(|run| run.end_time.is_none()).count();
    html! {
        h1 .said { (name(&top.name)) }
        p .finding .said data-news=(format!("{}, {}", count(tree.len(), "run"), finding(tree))) {
            (finding(tree))
        }
        dl .facts {
            div { dt { "Status" } dd { (status(top.status())) } }
            div { dt { "Latency" } dd { (top.latency().map_or("–".to_owned(), duration)) } }
            div { dt { "Runs" } dd {
                (number(tree.len() as u64))
                @let errors = errors.count();
                @if errors > 0 { ", " span .bad { (count(errors, "error")) } }
                @if pending > 0 { ", " (pending) " running" }
                @if !tree.orphans().is_empty() {
                    ", " span .bad { "⚠ " (count(tree.orphans().len(), "orphan")) }
                }
            } }
            @if !services.is_empty() {
                div { dt { "Services" } dd .said {
                    @for service in services.iter().take(8) { span .chip { (line(service, 32)) } " " }
                    @if services.len() > 8 { "+" (services.len() - 8) }
                } }
            }
            (traced.whole.facts())
            div { dt { "Project" } dd .said {
                (name(top.project.as_deref().unwrap_or("default")))
            } }
            div { dt { "Started" } dd { (moment(top.start_time)) } }
            div { dt { "Trace" } dd { code { (trace) } } }
        }
        @if counts.forgotten > 0 {
            p .quiet { "The stand-in was full and forgot " (number(counts.forgotten)) " old runs." }
        }
    }
}

fn wrong_here(wrong: &Wrong) -> Markup {
    let (violations, rejected) = (&wrong.others, &wrong.dropped);
    html! {
        @if !rejected.is_empty() {
            section .notice .bad aria-labelledby="dropped-title" {
                h2 #dropped-title {
                    "⚠ " (count(rejected.len(), "operation")) " of this trace answered 202 and dropped"
                }
                (violations::dropped(rejected.iter().take(20)))
            }
        }
        @if !violations.is_empty() {
            section .notice aria-labelledby="violations-title" {
                h2 #violations-title { (count(violations.len(), "violation")) " in this trace" }
                (violations::list(violations.iter().take(50)))
                @if violations.len() > 50 {
                    p { (violations.len() - 50) " more: " a href="/violations" { "all violations" } }
                }
            }
        }
    }
}
