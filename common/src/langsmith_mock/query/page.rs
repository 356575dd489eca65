//! One page of a list, and the cursor that leads to the next.

use uuid::Uuid;

use super::scene::Seen;

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

    fn read(text: &str) -> Option<Self> {
        let (micros, id) = text.split_once('_')?;
        Some(Self {
            micros: micros.parse().ok()?,
            id: Uuid::try_parse(id).ok()?,
        })
    }

    fn key(self) -> (i64, Uuid) {
        (self.micros, self.id)
    }
}

/// Cuts a sorted list to the page after a cursor; returns it with the cursor of the next, if any.
pub(in crate::langsmith_mock) fn cut<'s, 'a>(
    mut found: Vec<&'s Seen<'a>>,
    cursor: Option<&str>,
    ascending: bool,
    limit: usize,
) -> Result<(Vec<&'s Seen<'a>>, Option<String>), String> {
    if let Some(text) = cursor {
        let after = Cursor::read(text).ok_or("\"cursor\" is none that was given out")?;
        found.retain(|seen| {
            let key = Cursor::of(seen).key();
            if ascending {
                key > after.key()
            } else {
                key < after.key()
            }
        });
    }
    let more = found.len() > limit;
    found.truncate(limit);
    let last = found.last().filter(|_| more).map(|seen| Cursor::of(seen));
    let next = last.map(|cursor| format!("{}_{}", cursor.micros, cursor.id));
    Ok((found, next))
}
