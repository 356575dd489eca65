//! For notebooks.

use maud::html;

use super::{looked_at, not_given, time_of};
use crate::analysis::doctor::code::Level;
use crate::analysis::doctor::finding::Report;
use crate::analysis::label::fit;
use crate::analysis::rich_output;

/// Findings that a cell shows; the others are counted.
const SHOWN: usize = 20;

impl Report {
    /// Returns the report as HTML; everything that runs say is escaped.
    pub fn to_html(&self) -> String {
        let edge = |level| match level {
            Level::Error => "#b3261e",
            Level::Warning => "#9a6700",
            Level::Note => "#57606a",
        };
        let page = html! {
            div style="font-family:sans-serif;font-size:13px" {
                @if self.is_clean() { p { b { "✓ nothing is wrong" } ": " (looked_at(self)) } }
                @for finding in self.findings.iter().take(SHOWN) {
                    @let fault = finding.fault;
                    div style=(format!("border-left:4px solid {};padding:2px 10px;margin:8px 0", edge(fault.level))) {
                        b { (fault.code) " " (fault.name) } " · " (fault.level) br;
                        (finding.words)
                        ul style="margin:4px 0" {
                            @for run in &finding.runs {
                                li { b { (run.name) } @if !run.service.is_empty() { " (" (run.service) ")" }
                                    " " (time_of(run)) }
                            }
                            @if finding.more_runs > 0 { li { "… " (finding.more_runs) " more" } }
                        }
                        @for (at, cause) in finding.causes.iter().take(3).enumerate() {
                            div { i { @if at == 0 { "likely: " } @else { "or: " } } (cause.cause) }
                        }
                        @if let Some(cause) = finding.cause() {
                            div { i { "fix: " } (cause.fix) }
                            div { i { "read: " } code { (cause.chapter.path()) } }
                        }
                    }
                }
                @if !self.is_clean() {
                    p { (self.len()) " findings: " (looked_at(self)) }
                }
                @for limit in &self.limits {
                    p style="color:#57606a" { "not looked at: " (fit(limit, 400)) }
                }
                @if !self.missing.is_empty() {
                    p style="color:#57606a" { "not given, so not examined: " (not_given(self)) }
                }
            }
        };
        page.into_string()
    }

    /// Shows the report as the result of a notebook cell, with the text as its twin.
    pub fn evcxr_display(&self) {
        rich_output::show(&[
            ("text/html", &self.to_html()),
            ("text/plain", &self.to_text(false)),
        ]);
    }
}
