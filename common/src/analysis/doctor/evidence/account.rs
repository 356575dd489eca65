//! The books of one process over time, as far as rules look at them: the first, the last, and what rose.

use super::beside::Books;
use super::names::cut;

/// Reasons of one kind that are kept; there are about a dozen.
const REASONS: usize = 32;
/// Bytes of a reason.
const LONGEST: usize = 120;

/// What was seen of a client's books, one look after the other.
#[derive(Debug)]
pub(in crate::analysis::doctor) struct Account {
    pub(in crate::analysis::doctor) last: Books,
    pub(in crate::analysis::doctor) looks: u64,
    pub(in crate::analysis::doctor) first_queued_bytes: u64,
    pub(in crate::analysis::doctor) first_resident_bytes: u64,
    /// More bytes were held at each look.
    pub(in crate::analysis::doctor) queue_rises: bool,
    /// Nothing was delivered from the first look to the last.
    pub(in crate::analysis::doctor) is_stuck: bool,
    /// The process was larger at each look.
    pub(in crate::analysis::doctor) memory_rises: bool,
    /// Nothing was held at any look.
    pub(in crate::analysis::doctor) is_idle: bool,
}

impl Account {
    pub(super) fn open(mut books: Books) -> Self {
        trim(&mut books);
        Self {
            looks: 1,
            first_queued_bytes: books.queued_bytes,
            first_resident_bytes: books.resident_bytes.unwrap_or(0),
            queue_rises: true,
            is_stuck: true,
            memory_rises: true,
            is_idle: books.queued == 0,
            last: books,
        }
    }

    pub(super) fn look(&mut self, mut books: Books) {
        trim(&mut books);
        self.looks = self.looks.saturating_add(1);
        self.queue_rises &= books.queued_bytes > self.last.queued_bytes;
        self.is_stuck &= books.delivered == self.last.delivered;
        self.memory_rises &=
            books.resident_bytes.unwrap_or(0) > self.last.resident_bytes.unwrap_or(0);
        self.is_idle &= books.queued == 0;
        self.last = books;
    }
}

/// Bounds what a stranger's books may hold; the sums stay as they are.
fn trim(books: &mut Books) {
    for reasons in [&mut books.dropped, &mut books.refused] {
        let is_small = reasons.len() <= REASONS && reasons.keys().all(|why| why.len() <= LONGEST);
        if is_small {
            continue;
        }
        let all = std::mem::take(reasons);
        for (why, count) in all {
            let why = match reasons.len() < REASONS {
                true => cut(&why, LONGEST),
                false => "other reasons".to_owned(),
            };
            let sum = reasons.entry(why).or_default();
            *sum = sum.saturating_add(count);
        }
    }
}

/// Adds numbers that a stranger chose.
pub(in crate::analysis::doctor) fn sum(numbers: impl IntoIterator<Item = u64>) -> u64 {
    numbers.into_iter().fold(0, u64::saturating_add)
}
