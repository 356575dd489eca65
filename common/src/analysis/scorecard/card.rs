//! The card: five rows, each a number, a bar, and what stands behind it.
//!
//! ```text
//! Scorecard ──rows──► Row { name, value, share, details } ──┬─ words ► text
//!                                                           └─ draw ─► Figure (its alternative: the text)
//! ```
//!
//! Start at [`draw`].

use chrono::TimeDelta;
use maud::{Markup, html};

use super::{Flaw, Scorecard, Share};
use crate::analysis::figure::{Figure, MARGIN, WIDTH};
use crate::analysis::label::{count, duration, fit, trimmed};
use crate::analysis::palette::{BLUE, BROKEN, HAIRLINE, INK, MUTED};
use crate::analysis::svg::{Anchor, NAME, NOTE, TITLE, Type, line, rect, stripes, text};
use crate::analysis::text::padded;

/// Most lines of details to a row; the rest is counted.
const MAX_DETAILS: usize = 8;
/// Columns of a name within a line of details.
const MAX_NAME: usize = 40;

/// One metric as it is shown.
struct Row {
    name: &'static str,
    /// `not measured` without a value.
    value: Option<String>,
    /// What the bar shows, for shares.
    share: Option<Share>,
    details: Vec<String>,
}

pub(super) fn draw(score: &Scorecard) -> Figure {
    let rows = rows(score);
    let mut body = Vec::new();
    let mut y = 4.0;
    for row in &rows {
        body.push(draw_row(row, &mut y));
    }
    let subtitle = format!(
        "{} · {}",
        count(score.completeness.complete.of, "request"),
        count(score.runs, "run")
    );
    let body = html! { @for row in &body { (row) } };
    Figure::new(&finding(score), &table(&rows), (WIDTH, y + 4.0), body).subtitle(&subtitle)
}

pub(super) fn words(score: &Scorecard) -> String {
    format!("{}\n\n{}", finding(score), table(&rows(score)))
}

/// States in one sentence what the card shows.
fn finding(score: &Scorecard) -> String {
    let all = &score.completeness;
    let visible = score.visibility.visible;
    match all.complete.of {
        0 => "Nothing was asked, so nothing can be complete".to_owned(),
        asked if !all.complete.is_all() => format!(
            "{} of {} lack a complete trace: {} partial, {} missing",
            asked - all.complete.got,
            count(asked, "request"),
            all.partial,
            all.missing
        ),
        asked if visible.got < visible.of => {
            let complete = match asked {
                1 => "The request is a complete trace".to_owned(),
                _ => format!("All {asked} requests are complete traces"),
            };
            let seen = match (visible.got, visible.of) {
                (0, 1) => "its failure cannot be seen".to_owned(),
                (0, of) => format!("none of {of} failures can be seen"),
                _ => format!("only {visible} failures can be seen"),
            };
            format!("{complete}, but {seen}")
        }
        1 => "The request is one complete trace".to_owned(),
        asked => format!("Each of {asked} requests is one complete trace"),
    }
}

fn rows(score: &Scorecard) -> [Row; 5] {
    [
        completeness(score),
        propagation(score),
        impact(score),
        debugging(score),
        visibility(score),
    ]
}

fn completeness(score: &Scorecard) -> Row {
    let all = &score.completeness;
    let mut details = vec![format!(
        "{} requests complete, {} partial, {} missing",
        all.complete, all.partial, all.missing
    )];
    // Absent services have lines of their own.
    let flaws = all
        .flaws
        .iter()
        .filter(|(flaw, _)| **flaw != Flaw::ServiceAbsent);
    let flaws: Vec<String> = flaws
        .map(|(flaw, count)| format!("{} {count}", flaw.as_str().replace('_', " ")))
        .collect();
    details.extend((!flaws.is_empty()).then(|| flaws.join(" · ")));
    for (service, times) in &all.absent {
        details.push(format!("no run of {}: {times}", name(service)));
    }
    if all.strays > 0 {
        details.push(format!("{} of no request", count(all.strays, "trace")));
    }
    Row::of_share("trace completeness", all.complete, details)
}

fn propagation(score: &Scorecard) -> Row {
    let all = &score.propagation;
    let mut details = vec![format!(
        "{} calls linked · {} runs have their parent",
        all.edges, all.nodes
    )];
    // What is lacking comes first: the end of a long list is cut.
    let mut edges: Vec<_> = all.by_edge.iter().collect();
    edges.sort_by_key(|edge| edge.linked.is_all());
    for edge in edges {
        let cuts = edge.cuts.iter();
        let cuts: Vec<String> = cuts
            .map(|(cut, count)| format!("{} {count}", cut.as_str().replace('_', " ")))
            .collect();
        let why = if cuts.is_empty() {
            String::new()
        } else {
            format!(" ({})", cuts.join(", "))
        };
        let (from, to) = (name(&edge.from), name(&edge.to));
        details.push(format!("{from} → {to}: {}{why}", edge.linked));
    }
    // Without calls between services there are still runs below runs.
    let share = if all.edges.of > 0 {
        all.edges
    } else {
        all.nodes
    };
    Row::of_share("context propagation", share, details)
}

fn impact(score: &Scorecard) -> Row {
    let all = &score.impact;
    let mut row = Row::of_share("performance impact", Share::default(), Vec::new());
    if let Some(timing) = all.traced()
        && let Some(added) = timing.added
    {
        row.value = Some(signed(added.median));
        let interval = added.interval.map_or_else(String::new, |(low, high)| {
            format!(" (95 %: {} to {})", signed(low), signed(high))
        });
        row.details.push(format!(
            "median of {} with tracing {}{interval}",
            count(added.pairs, "pair"),
            timing.load.as_str().replace('_', " "),
        ));
        row.details.push(format!(
            "p50 {}, p95 {}, p99 {}",
            signed(added.p50),
            signed(added.p95),
            signed(added.p99)
        ));
    }
    let mut costs = Vec::new();
    costs.extend(
        all.cpu_seconds_per_run
            .map(|cpu| format!("{} of CPU a run", time(cpu))),
    );
    costs.extend(
        all.bytes_per_run
            .map(|bytes| format!("{} bytes a run", trimmed(bytes, 0))),
    );
    costs.extend(
        all.peak_queue_bytes
            .map(|peak| format!("at most {peak} bytes queued")),
    );
    row.details
        .extend((!costs.is_empty()).then(|| costs.join(" · ")));
    row
}

fn debugging(score: &Scorecard) -> Row {
    let all = &score.debugging;
    let mut row = Row::of_share("debug time", all.faults_found, Vec::new());
    for (means, found) in &all.people {
        let took = found
            .median_seconds
            .map_or("no right answer".to_owned(), time);
        row.details.push(format!(
            "with {}: {took}, {} right",
            means.as_str(),
            found.correct
        ));
    }
    if let [Some(before), Some(after)] = [
        all.people
            .first_key_value()
            .and_then(|(_, found)| found.median_seconds),
        all.people
            .last_key_value()
            .and_then(|(_, found)| found.median_seconds),
    ] && all.people.len() > 1
    {
        row.value = Some(format!("{} → {}", time(before), time(after)));
        row.share = None;
    }
    if all.faults_found.of > 0 || all.findings_right.of > 0 {
        row.details.push(format!(
            "doctor: {} faults found, {} findings right (says nothing about people)",
            all.faults_found, all.findings_right
        ));
    }
    row
}

fn visibility(score: &Scorecard) -> Row {
    let all = &score.visibility;
    let mut details = Vec::new();
    if all.visible.of > 0 {
        details.push(format!("{} failures can be seen", all.visible));
    }
    let mut scenarios: Vec<_> = all.by_scenario.iter().collect();
    scenarios.sort_by_key(|one| one.visible.is_all());
    for one in scenarios {
        let unseen = one.unseen.iter();
        let unseen: Vec<String> = unseen
            .map(|(why, count)| format!("{} {count}", why.as_str().replace('_', " ")))
            .collect();
        let why = if unseen.is_empty() {
            String::new()
        } else {
            format!(" ({})", unseen.join(", "))
        };
        let (scenario, service) = (name(&one.scenario), name(&one.service));
        details.push(format!("{scenario} in {service}: {}{why}", one.visible));
    }
    Row::of_share("production visibility", all.visible, details)
}

impl Row {
    fn of_share(name: &'static str, share: Share, mut details: Vec<String>) -> Self {
        let value = share.percent();
        if value.is_none() {
            details.clear();
        }
        Self {
            name,
            share: value.is_some().then_some(share),
            value,
            details,
        }
    }

    fn value(&self) -> &str {
        self.value
            .as_deref()
            .unwrap_or(match self.details.is_empty() {
                true => "not measured",
                false => "–",
            })
    }

    /// Returns the details, as many as there is room for.
    fn shown(&self) -> impl Iterator<Item = String> {
        let more = self.details.len().saturating_sub(MAX_DETAILS);
        let shown = self.details.iter().take(MAX_DETAILS).cloned();
        shown.chain((more > 0).then(|| format!("… {more} more")))
    }
}

fn table(rows: &[Row]) -> String {
    let names = rows.iter().map(|row| row.name.len()).max().unwrap_or(0);
    let values = rows.iter().map(|row| row.value().chars().count());
    let values = values.max().unwrap_or(0);
    let mut table = String::new();
    for row in rows {
        let (mut name, mut value) = (row.name, row.value());
        let mut details = row.shown();
        let first = details.next().unwrap_or_default();
        for detail in std::iter::once(first).chain(details) {
            let line = format!(
                "{}  {}  {detail}",
                padded(name, names),
                padded(value, values)
            );
            table.push_str(line.trim_end());
            table.push('\n');
            (name, value) = ("", "");
        }
    }
    table
}

fn draw_row(row: &Row, y: &mut f64) -> Markup {
    let (left, right) = (MARGIN, WIDTH - MARGIN);
    let top = *y;
    let is_lacking = row.share.is_some_and(|share| !share.is_all());
    let color = match (&row.value, is_lacking) {
        (None, _) => MUTED,
        (_, true) => BROKEN,
        _ => INK,
    };
    let value = Type::new(if row.value.is_some() { TITLE } else { NAME }, color);
    let value = if row.value.is_some() {
        value.bold()
    } else {
        value
    };
    let note = Type::new(NOTE, MUTED);
    let details: Vec<String> = row
        .shown()
        .map(|detail| note.fit(&detail, right - left))
        .collect();
    *y += 24.0;
    let bar = *y;
    *y += if row.share.is_some() { 12.0 } else { 0.0 };
    let first = *y + 6.0;
    *y += 16.0 * details.len() as f64 + 14.0;
    html! {
        (line((left, top), (right, top), HAIRLINE, 1.0, None))
        (text(left, top + 14.0, Type::new(NAME, INK).bold(), row.name))
        (text(right, top + 14.0, value.anchor(Anchor::End), row.value()))
        @if let Some(ratio) = row.share.and_then(Share::ratio) {
            @let width = right - left;
            // Striped beneath: what is lacking is seen without color.
            (rect(left, bar, width, 6.0, 3.0, if is_lacking { BROKEN } else { BLUE }, None))
            @if is_lacking { (stripes(left, bar, width, 6.0)) }
            @if ratio > 0.0 { (rect(left, bar, (width * ratio).max(3.0), 6.0, 3.0, BLUE, None)) }
        }
        @for (at, detail) in details.iter().enumerate() {
            (text(left, first + 16.0 * at as f64, note, detail))
        }
    }
}

fn name(name: &str) -> String {
    fit(name, MAX_NAME)
}

fn time(seconds: f64) -> String {
    duration(TimeDelta::microseconds((seconds * 1e6).round() as i64))
}

fn signed(seconds: f64) -> String {
    let words = time(seconds);
    let is_more = seconds > 0.0 && words != "0 ms";
    if is_more { format!("+{words}") } else { words }
}
