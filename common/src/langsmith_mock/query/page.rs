//! One page of a list, and the cursor that leads to the next.

use uuid::Uuid;

use super::ahead::Wanted;
use super::scene::Seen;
use crate::model::{RunId, Timestamp};

/// Where a page ended: start and id of its last run. A run that arrives in between moves nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::langsmith_mock) struct Cursor {
    micros: i64,
    id: Uuid,
}

impl Cursor {
    fn of(seen: &Seen<'_>) -> Self {
        Self {
            micros: seen.run.start_time.timestamp_micros(),
            id: seen.run.id.0,
        }
    }

    /// Reads a cursor that was given out.
    pub(in crate::langsmith_mock) fn parse(text: Option<&str>) -> Result<Option<Self>, String> {
        let wrong = || "\"cursor\" is none that was given out".to_owned();
        let read = |text| Self::read(text).ok_or_else(wrong);
        text.map(read).transpose()
    }

    fn read(text: &str) -> Option<Self> {
        let (micros, id) = text.split_once('_')?;
        Some(Self {
            micros: micros.parse().ok()?,
            id: Uuid::try_parse(id).ok()?,
        })
    }

    /// Tells whether a run comes after the page that ended here.
    pub(super) fn is_before(self, start: Timestamp, id: RunId, ascending: bool) -> bool {
        let (run, end) = ((start.timestamp_micros(), id.0), (self.micros, self.id));
        if ascending { run > end } else { run < end }
    }
}

/// Cuts a sorted list to the page after a cursor; returns it with the cursor of the next, if any.
pub(in crate::langsmith_mock) fn cut<'s, 'a>(
    mut found: Vec<&'s Seen<'a>>,
    wanted: Wanted,
) -> (Vec<&'s Seen<'a>>, Option<String>) {
    if let Some(after) = wanted.after {
        found.retain(|seen| after.is_before(seen.run.start_time, seen.run.id, wanted.ascending));
    }
    let limit = wanted.limit;
    let more = found.len() > limit;
    found.truncate(limit);
    let last = found.last().filter(|_| more).map(|seen| Cursor::of(seen));
    let next = last.map(|cursor| format!("{}_{}", cursor.micros, cursor.id));
    (found, next)
}
