//! LT026, LT027, LT036 to LT038, LT041: what the books of clients say.

use std::collections::BTreeMap;

use super::super::code::EvidenceKind::Ledger;
use super::super::evidence::{Books, Index};
use super::super::finding::{Findings, Said};

/// Held this long without a word from the endpoint, in seconds.
const STALLED: f64 = 60.0;
/// A run costs its caller more, in microseconds.
const SLOW: u64 = 500;
/// Operations before an average means something.
const ENOUGH: u64 = 20;

/// Looks at each process's books, one after the other.
pub(super) fn ledgers(index: &Index<'_>, findings: &mut Findings<'_>) {
    let mut processes: BTreeMap<&str, Vec<&Books>> = BTreeMap::new();
    for books in &index.evidence.books {
        processes.entry(&books.process).or_default().push(books);
    }
    for (process, books) in processes {
        let Some(last) = books.last().copied() else {
            continue;
        };
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
        growing(process, &books, &mut say);
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
fn growing(process: &str, books: &[&Books], say: &mut impl FnMut(&'static str, &[u8], String)) {
    let rises =
        |value: fn(&Books) -> u64| books.windows(2).all(|two| value(two[1]) > value(two[0]));
    let (Some(first), Some(last)) = (books.first(), books.last()) else {
        return;
    };
    let lost = |books: &Books| {
        books
            .dropped
            .values()
            .chain(books.refused.values())
            .sum::<u64>()
    };
    let stuck = books
        .windows(2)
        .all(|two| two[0].delivered == two[1].delivered);
    if books.len() >= 3 && rises(|books| books.queued_bytes) && stuck && lost(last) == 0 {
        say(
            "LT037",
            &[33],
            format!(
                "{process} holds {} bytes, at first {}; nothing is delivered, and nothing dropped",
                last.queued_bytes, first.queued_bytes
            ),
        );
    }
    let resident = |books: &Books| books.resident_bytes.unwrap_or(0);
    let grown = resident(last) as f64 > resident(first) as f64 * 1.2;
    let idle = books.iter().all(|books| books.queued == 0);
    if books.len() >= 4
        && resident(first) > 0
        && rises(|b| b.resident_bytes.unwrap_or(0))
        && grown
        && idle
    {
        say(
            "LT036",
            &[32],
            format!(
                "{process} grew from {} to {} bytes while its queue was empty",
                resident(first),
                resident(last)
            ),
        );
    }
}

/// LT041: what the client says it lost, or does not say.
fn given_up(process: &str, last: &Books, say: &mut impl FnMut(&'static str, &[u8], String)) {
    let sum = |reasons: &BTreeMap<String, u64>| reasons.values().sum::<u64>();
    let (dropped, refused) = (sum(&last.dropped), sum(&last.refused));
    let settled = last.delivered + dropped + last.spooled + last.queued;
    if dropped + refused > 0 {
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
                "{process} lost {} of {} operations ({})",
                dropped + refused,
                last.accepted + refused,
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
