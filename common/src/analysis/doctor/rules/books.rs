//! LT026, LT027, LT036 to LT038, LT041: what the books of clients say.

use super::super::code::EvidenceKind::Ledger;
use super::super::evidence::{Account, Books, Index, sum};
use super::super::finding::{Findings, Said};

/// Held this long without a word from the endpoint, in seconds.
const STALLED: f64 = 60.0;
/// A run costs its caller more, in microseconds.
const SLOW: u64 = 500;
/// Operations before an average means something.
const ENOUGH: u64 = 20;

/// Looks at each process's books, one after the other.
pub(super) fn ledgers(index: &Index<'_>, findings: &mut Findings<'_>) {
    for (process, account) in &index.evidence.accounts {
        let (process, last): (&str, &Books) = (process, &account.last);
        let mut say = |code: &'static str, rows: &[u8], words: String| {
            findings.add(Said::new(code, process, &[Ledger], words).likely(rows));
        };
        let forked = last
            .made_in_pid
            .zip(last.pid)
            .is_some_and(|(made, now)| made != now);
        if forked && last.accepted > 0 && last.delivered == 0 {
            say(
                "LT027",
                &[22],
                format!(
                    "{process} took {} operations in process {}, and its client was made in process {}: nothing was sent",
                    last.accepted,
                    last.pid.unwrap_or(0),
                    last.made_in_pid.unwrap_or(0)
                ),
            );
        } else if last.queued > 0 && (last.ended || last.stalled_seconds >= STALLED) {
            let rows: &[u8] = if last.ended { &[21] } else { &[23] };
            say(
                "LT026",
                rows,
                format!(
                    "{process} {} with {} of {} operations unsent",
                    if last.ended { "ended" } else { "stands still" },
                    last.queued,
                    last.accepted
                ),
            );
        }
        growing(process, account, &mut say);
        let each = last
            .caller_micros
            .map(|micros| micros / last.accepted.max(1));
        if let Some(each) = each.filter(|each| *each > SLOW && last.accepted >= ENOUGH) {
            say(
                "LT038",
                &[34],
                format!("an operation keeps its caller {each} µs on average in {process}"),
            );
        }
        given_up(process, last, &mut say);
    }
}

/// LT036, LT037: what grows from one look to the next.
fn growing(process: &str, account: &Account, say: &mut impl FnMut(&'static str, &[u8], String)) {
    let last = &account.last;
    let lost = lost(last);
    if account.looks >= 3 && account.queue_rises && account.is_stuck && lost == 0 {
        say(
            "LT037",
            &[33],
            format!(
                "{process} holds {} bytes, at first {}; nothing is delivered, and nothing dropped",
                last.queued_bytes, account.first_queued_bytes
            ),
        );
    }
    let (first, resident) = (
        account.first_resident_bytes,
        last.resident_bytes.unwrap_or(0),
    );
    let grown = resident as f64 > first as f64 * 1.2;
    if account.looks >= 4 && first > 0 && account.memory_rises && grown && account.is_idle {
        say(
            "LT036",
            &[32],
            format!("{process} grew from {first} to {resident} bytes while its queue was empty"),
        );
    }
}

/// Returns how many operations were given up or never taken in.
fn lost(books: &Books) -> u64 {
    sum(books
        .dropped
        .values()
        .chain(books.refused.values())
        .copied())
}

/// LT041: what the client says it lost, or does not say.
fn given_up(process: &str, last: &Books, say: &mut impl FnMut(&'static str, &[u8], String)) {
    let dropped = sum(last.dropped.values().copied());
    let refused = sum(last.refused.values().copied());
    let settled = sum([last.delivered, dropped, last.spooled, last.queued]);
    let lost = lost(last);
    if lost > 0 {
        let reasons = last.dropped.iter().chain(&last.refused);
        let reasons: Vec<String> = reasons
            .filter(|(_, n)| **n > 0)
            .map(|(why, n)| format!("{n}: {why}"))
            .collect();
        let down = reasons
            .iter()
            .any(|why| why.contains("answer") || why.contains("budget"));
        say(
            "LT041",
            if down { &[33] } else { &[0] },
            format!(
                "{process} lost {lost} of {} operations ({})",
                last.accepted.saturating_add(refused),
                reasons.join("; ")
            ),
        );
    } else if last.accepted > settled {
        say(
            "LT041",
            &[0],
            format!(
                "{process} took {} operations, and can tell of {settled} only",
                last.accepted
            ),
        );
    }
}
