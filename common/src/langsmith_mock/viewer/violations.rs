//! What clients did wrong: operations and spans that were dropped, and all else that was noticed.
//!
//! Start at [`page`].

use maud::{Markup, html};

use super::facts::{self, Dropped};
use super::shell::{self, Here, page_number, pager};
use super::text::{name, visible};
use crate::analysis::count;
use crate::langsmith_mock::core::Core;
use crate::langsmith_mock::decode::OpKind;
use crate::langsmith_mock::request::{MockRequest, MockResponse};
use crate::langsmith_mock::violation::{Severity, Violation};

/// Violations, dropped operations and dropped spans on one page at most, each.
const SHOWN: usize = 100;

pub(super) fn page(core: &Core, request: &MockRequest) -> MockResponse {
    let (wrong, counts) = {
        let state = core.state();
        (facts::all_wrong(&state), facts::counts(core, &state))
    };
    let (violations, rejected, spans) = (&wrong.others, &wrong.dropped, &wrong.spans);
    let longer = violations.len().max(rejected.len()).max(spans.len());
    let pages = longer.div_ceil(SHOWN).max(1);
    let now = page_number(request).unwrap_or(1).min(pages);
    let skip = (now - 1) * SHOWN;
    let news = format!(
        "{}, {} dropped",
        count(counts.errors + counts.warnings, "violation"),
        counts.rejected + counts.spans_dropped
    );
    let content = html! {
        h1 { "Violations" }
        p #words data-live { span data-news=(news) {
            "What clients sent and should not have, the latest first. "
            strong { (count(counts.errors, "error")) } ", "
            (count(counts.warnings, "warning")) "."
        } }
        section #dropped data-live aria-labelledby="dropped-title" {
            @if !rejected.is_empty() {
                h2 #dropped-title { "⚠ Answered 202 and dropped" }
                p .quiet {
                    "LangSmith answers a batch before it looks at the runs in it. The client is told that \
                     all is well, and these never show."
                }
                (dropped(rejected.iter().rev().skip(skip).take(SHOWN)))
            }
        }
        section #spans data-live aria-labelledby="spans-title" {
            @if !spans.is_empty() {
                h2 #spans-title { "⚠ Answered 200 and dropped" }
                p .quiet {
                    "LangSmith keeps a span of OpenTelemetry back until its parent has come. If none                      comes, most often because a filter or a sampler left it out, the span is dropped                      without a word."
                }
                ul .violations {
                    @for span in spans.iter().rev().skip(skip).take(SHOWN) { li { (one(span, false)) } }
                }
            }
        }
        section #others data-live aria-labelledby="others-title" {
            h2 #others-title {
                @if rejected.is_empty() && spans.is_empty() { "All violations" } @else { "Everything else" }
            }
            @if violations.is_empty() { p .empty { "✓ None." } }
            (list(violations.iter().rev().skip(skip).take(SHOWN)))
        }
        div #pages-of data-live { (pager(now, pages, |page| format!("/violations?page={page}"))) }
    };
    shell::page(&counts, Here::Violations, "Violations", &content)
}

/// Lists violations, with links to those runs that are here.
pub(super) fn list<'a>(violations: impl Iterator<Item = &'a Violation>) -> Markup {
    html! {
        ul .violations { @for violation in violations { li { (one(violation, true)) } } }
    }
}

/// Lists operations that were dropped, each with its reasons.
pub(super) fn dropped<'a>(rejected: impl Iterator<Item = &'a Dropped>) -> Markup {
    html! {
        ul .violations {
            @for op in rejected {
                li {
                    p {
                        strong {
                            @match op.kind {
                                OpKind::Post => "create of ",
                                OpKind::Patch => "update of ",
                            }
                            @if let Some(words) = &op.name {
                                span .said { (name(words)) }
                            } @else {
                                "a run without a name"
                            }
                        }
                        " " code .said { (name(&op.id)) }
                    }
                    @for violation in &op.violations { div { (one(violation, false)) } }
                }
            }
        }
    }
}

fn one(violation: &Violation, links: bool) -> Markup {
    let (sign, class) = match violation.severity() {
        Severity::Error => ("✗", "bad"),
        Severity::Warning => ("!", "warn"),
    };
    html! {
        span .status.(class) { span aria-hidden="true" { (sign) } " " (violation.severity()) }
        " " code { (violation.code) } " "
        span .said { (visible(&violation.message)) }
        @if let Some(run) = violation.run.filter(|_| links) {
            " " a href={ "/?run=" (run) "#run" } { "its run" }
        }
    }
}
