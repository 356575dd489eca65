//! The report as one HTML file that needs nothing else. Start at [`page`].

use common::analysis::Figure;
use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::figures::{Shown, figures};
use super::over_time::percentile;
use super::style::style;
use super::{Loss, Report, Source};
use crate::metrics::Books;

/// No script and nothing from elsewhere, and the browser is told to hold the page to it.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'";

/// Writes the page.
pub fn page(report: &Report) -> String {
    let markup = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta http-equiv="Content-Security-Policy" content=(POLICY);
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { "What arrived: " (report.facts.project) }
                style { (PreEscaped(style())) }
            }
            body {
                (head(report))
                @if !report.facts.injected.is_empty() { (faults(report)) }
                @for shown in figures(report) { (section(report, &shown)) }
                @if !report.facts.watched.observations.is_empty() { (books(report)) }
                (how(report))
            }
        }
    };
    markup.into_string()
}

fn head(report: &Report) -> Markup {
    let lost = report.loss.as_ref().map_or(0, Loss::lost);
    let source = match report.facts.source {
        Source::StandIn => "as the stand-in for LangSmith has it",
        Source::ReadBack => "as it was read back through queries",
    };
    html! {
        h1 { "What arrived of the load" }
        p class="muted" { "Project " code { (report.facts.project) } ", " (moment(&report.facts.began)) ", " (source) "." }
        p class=(if lost > 0 { "verdict bad" } else { "verdict" }) { (report.verdict()) "." }
        @if let Some(loss) = &report.loss {
            @if !loss.why.is_empty() {
                ul { @for why in &loss.why { li { (why) } } }
            }
        }
        ul class="tiles" { @for (value, words) in tiles(report) { li { b { (value) } span { (words) } } } }
    }
}

/// Returns a time without parts of a second: `2026-11-23 22:15:38 UTC`.
fn moment(time: &str) -> String {
    match time.get(..19) {
        Some(seconds) => format!("{} UTC", seconds.replace('T', " ")),
        None => time.to_owned(),
    }
}

/// The figures that a reader looks for first.
fn tiles(report: &Report) -> Vec<(String, String)> {
    let mut tiles = Vec::new();
    if let Some(ledger) = &report.facts.ledger {
        let failed = ledger
            .entries
            .iter()
            .filter(|entry| !entry.is_answered())
            .count();
        tiles.push((ledger.entries.len().to_string(), "requests".to_owned()));
        tiles.push((failed.to_string(), "of them failed".to_owned()));
    }
    let p95 = 1_000.0 * percentile(&report.latencies, 95);
    tiles.push((
        format!("{p95:.0} ms"),
        "latency, 95th percentile".to_owned(),
    ));
    tiles.push((
        report.facts.runs.len().to_string(),
        "runs arrived".to_owned(),
    ));
    if let Some(loss) = &report.loss {
        tiles.push((
            loss.lost().to_string(),
            format!("runs lost, of {}", loss.expected()),
        ));
    }
    let tokens = report.used.input + report.used.output;
    tiles.push((
        format!("${:.4}", report.used.dollars),
        format!("for {tokens} tokens"),
    ));
    tiles
}

fn faults(report: &Report) -> Markup {
    html! {
        h2 { "What went wrong on order" }
        div class="table" { table {
            thead { tr { th { "fault" } th { "from" } th { "to" } th {} } }
            tbody { @for one in &report.facts.injected {
                tr {
                    td { (one.fault.as_str()) }
                    td { (format!("{:.1} s", one.from)) }
                    td { @if let Some(to) = one.to { (format!("{to:.1} s")) } }
                    td class="words" { (one.fault.words()) }
                }
            } }
        } }
        p class="muted" { "The charts below are shaded while a fault lasted." }
    }
}

fn section(report: &Report, shown: &Shown) -> Markup {
    html! {
        h2 { (shown.heading) }
        @for figure in &shown.figures { (picture(figure)) }
        @if shown.heading == "Loss ledger" {
            @if let Some(loss) = &report.loss { (ledger(loss)) }
        }
    }
}

/// Puts a picture in; its text is escaped by what drew it.
fn picture(figure: &Figure) -> Markup {
    html! {
        (PreEscaped(figure.to_html()))
        details { summary { "The same in words" } pre { (figure.alt()) } }
    }
}

fn ledger(loss: &Loss) -> Markup {
    html! {
        div class="table" { table {
            thead { tr { th { "service" } th { "expected" } th { "arrived" } th { "lost" } th { "without an end" } } }
            tbody { @for service in &loss.services {
                tr {
                    td { (service.role) }
                    td { (service.expected) }
                    td { (service.arrived) }
                    td class=[(service.lost() > 0).then_some("bad")] { (service.lost()) }
                    td { (service.open) }
                }
            } }
        } }
        p class="muted" {
            "Expected is what the answers say must have left a run: each request of the ledger, joined with the "
            "capture by its id. Without an end are runs of a process that was killed while it worked, or whose end was lost."
        }
    }
}

fn books(report: &Report) -> Markup {
    let reasons = |books: &Books| {
        let all = books.dropped.iter().chain(&books.refused);
        let words = all.map(|(reason, count)| format!("{} {count}", reason.replace('_', " ")));
        words.collect::<Vec<_>>().join(", ")
    };
    let sum = |counts: &std::collections::BTreeMap<String, u64>| counts.values().sum::<u64>();
    html! {
        h2 { "The exporters' own books" }
        div class="table wide" { table {
            thead { tr {
                th { "process" } th { "taken in" } th { "recovered" } th { "delivered" } th { "held" } th { "given up" }
                th { "refused" } th { "requests" } th { "again" }
            } }
            tbody { @for ((role, generation), books) in report.facts.watched.last() {
                tr {
                    td { (role) @if generation > 0 { ", restarted" } }
                    td { (books.accepted) }
                    td { (books.recovered) }
                    td { (books.delivered) }
                    td { (books.queued + books.spooled) }
                    td { (sum(&books.dropped)) }
                    td title=(reasons(&books)) { (sum(&books.refused)) }
                    td { (books.requests) }
                    td { (books.retries) }
                }
            } }
        } }
        p class="muted" {
            "Operations, of which a run has two: its beginning and its end. Read from each process's "
            code { "/metrics" } " when it was last looked at; what a killed process held then is in its row."
        }
    }
}

fn how(report: &Report) -> Markup {
    let Some(ledger) = &report.facts.ledger else {
        return html! {};
    };
    let asked = &ledger.asked;
    let mut command = format!(
        "cargo run -p production_monitoring -- --seconds {} --rate {} --seed {}",
        asked.seconds, asked.rate, asked.seed
    );
    for (wanted, flag) in [(asked.chaos, " --chaos"), (asked.durable, " --durable")] {
        command.push_str(if wanted { flag } else { "" });
    }
    for argument in asked.keeping.arguments() {
        command.push_str(&format!(" {argument}"));
    }
    html! {
        h2 { "The same load again" }
        pre class="command" { (command) }
        p class="muted" {
            "The same requests at the same moments, each sent when it is due, whether or not those before it are answered: "
            "latency counts from then. What they meet differs from time to time."
        }
    }
}
