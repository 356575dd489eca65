//! A reading as text and as HTML.

use std::fmt;

use maud::{Markup, html};

use super::reading::HeaderReading;
use crate::analysis::{Table, fit, rich_output};

/// Widest piece of what somebody pasted, in columns.
const WIDEST: usize = 200;
/// Levels and warnings that are shown.
const SHOWN: usize = 40;

fn line(text: &str) -> String {
    fit(text, WIDEST)
}

impl HeaderReading {
    /// Returns the members as a table: name, value, bytes, and what becomes of each.
    pub fn members_table(&self) -> Table {
        let head = Table::new(["member", "value", "bytes", "verdict"]);
        self.members.iter().fold(head, |table, member| {
            table.row([
                member.name.clone(),
                member.value.clone().unwrap_or_else(|| "–".to_owned()),
                member.bytes.to_string(),
                member.verdict.to_string(),
            ])
        })
    }

    /// Returns the limits as a table: how much of each is used.
    pub fn budget_table(&self) -> Table {
        let head = Table::new(["limited", "used", "limit", ""]);
        self.budget.iter().fold(head, |table, row| {
            let over = if row.is_over() { "over" } else { "" };
            table.row([
                row.what.to_owned(),
                row.used.to_string(),
                row.limit.to_string(),
                over.to_owned(),
            ])
        })
    }

    /// Returns the place, a line for each level.
    fn levels(&self) -> Vec<String> {
        let levels = self.place.iter().enumerate().take(SHOWN);
        let words = levels.map(|(at, level)| {
            let what = match at {
                0 => "trace and root",
                _ if at + 1 == self.place.len() => "the caller's run",
                _ => "run",
            };
            format!(
                "{}{what} {} from {}",
                "  ".repeat(at.min(12)),
                level.id,
                level.start.format("%Y-%m-%d %H:%M:%S%.6f")
            )
        });
        words.collect()
    }

    /// Returns a sentence on what children inherit.
    fn inheritance(&self) -> Option<String> {
        let baggage = self.inherited.as_ref()?;
        let project = baggage.project.as_deref().unwrap_or("not named");
        let keys: Vec<&str> = baggage.metadata.keys().map(String::as_str).collect();
        Some(line(&format!(
            "children inherit: project {project}; tags [{}]; metadata [{}]",
            baggage.tags.join(", "),
            keys.join(", ")
        )))
    }

    /// Returns what was recorded of the others, a line for each record.
    fn recorded(&self) -> Vec<(String, Vec<String>)> {
        let peers = self.peers.iter().map(|peer| {
            let lines = peer.lines.iter().map(|one| {
                let bytes = one
                    .bytes
                    .as_ref()
                    .map(|bytes| format!(", where the bytes were: {bytes}"));
                fit(
                    &format!(
                        "{} (case “{}”): {}{}",
                        one.about,
                        one.case,
                        one.what,
                        bytes.unwrap_or_default()
                    ),
                    600,
                )
            });
            let mut lines: Vec<String> = lines.collect();
            if lines.is_empty() {
                lines.push("not recorded: nobody gave it such headers".to_owned());
            }
            (peer.sdk.clone(), lines)
        });
        peers.collect()
    }

    /// Returns the reading as parts of a page, without styles.
    pub(crate) fn markup(&self) -> Markup {
        html! {
            h2 { "Our receiver: " (self.outcome.as_str()) }
            p { (line(&self.outcome.to_string())) }
            @if !self.place.is_empty() {
                pre { @for level in self.levels() { (level) "\n" } }
            }
            @if let Some(words) = self.inheritance() { p { (words) } }
            @if !self.members.is_empty() {
                h3 { "Members of baggage" }
                table {
                    thead { tr { th scope="col" { "member" } th scope="col" { "value" } th scope="col" { "bytes" }
                        th scope="col" { "verdict" } } }
                    tbody { @for member in &self.members { tr {
                        td { code { (line(&member.name)) } }
                        td { @if let Some(value) = &member.value { code { (line(value)) } } @else { "–" } }
                        td { (member.bytes) }
                        td { (member.verdict) }
                    } } }
                }
                @if self.member_count > self.members.len() {
                    p { "… " (self.member_count - self.members.len()) " more" }
                }
            }
            @if !self.budget.is_empty() {
                h3 { "Budget" }
                table {
                    thead { tr { th scope="col" { "limited" } th scope="col" { "used" } th scope="col" { "limit" } } }
                    tbody { @for row in &self.budget { tr {
                        td { (row.what) }
                        td { @if row.is_over() { strong { (row.used) " (over)" } } @else { (row.used) } }
                        td { (row.limit) }
                    } } }
                }
            }
            @if !self.warnings.is_empty() {
                h3 { "Warnings" }
                ul { @for words in self.warnings.iter().take(SHOWN) { li { (line(words)) } } }
            }
            h3 { "The official SDKs, as recorded" }
            dl { @for (sdk, lines) in self.recorded() {
                dt { (sdk) }
                @for words in lines { dd { (words) } }
            } }
        }
    }

    /// Returns the reading as HTML; everything that was pasted is escaped.
    pub fn to_html(&self) -> String {
        html! { div { (self.markup()) } }.into_string()
    }

    /// Shows the reading as the result of a notebook cell, with the text as its twin.
    pub fn evcxr_display(&self) {
        rich_output::show(&[
            ("text/html", &self.to_html()),
            ("text/plain", &self.to_string()),
        ]);
    }
}

impl fmt::Display for HeaderReading {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "our receiver: {}", line(&self.outcome.to_string()))?;
        for level in self.levels() {
            writeln!(f, "  {level}")?;
        }
        if let Some(words) = self.inheritance() {
            writeln!(f, "{words}")?;
        }
        if !self.members.is_empty() {
            write!(f, "\n{}", self.members_table())?;
        }
        if !self.budget.is_empty() {
            write!(f, "\n{}", self.budget_table())?;
        }
        for words in self.warnings.iter().take(SHOWN) {
            writeln!(f, "⚠ {}", line(words))?;
        }
        for (sdk, lines) in self.recorded() {
            writeln!(f, "\n{sdk}")?;
            for words in lines {
                writeln!(f, "  {words}")?;
            }
        }
        Ok(())
    }
}
