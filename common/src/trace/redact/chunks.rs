//! A credential cut in pieces: the chunks of a stream, kept as a list.

use std::collections::HashMap;
use std::ops::Range;

use serde_json::Value;

use super::secrets::{SECRET_PLACEHOLDER, tokens_in};

/// How far down in a chunk its text is looked for; `choices[0].delta.content` is four levels down.
const REACH: usize = 8;

/// The texts that stand at the same place in one chunk after another.
type Columns<'v> = HashMap<Vec<&'v str>, Vec<&'v mut String>>;

/// Masks the credentials that only show when the texts of consecutive items are read as one.
///
/// Texts belong together if the same keys lead to them. The placeholder is put where the credential
/// begins; the pieces behind it lose their part.
pub(super) fn mask(items: &mut [Value]) {
    if items.len() < 2 {
        return;
    }
    let mut columns = Columns::new();
    for item in items {
        gather(item, &mut Vec::new(), REACH, &mut columns);
    }
    for mut pieces in columns.into_values().filter(|pieces| pieces.len() > 1) {
        let whole: String = pieces.iter().map(|piece| piece.as_str()).collect();
        let found = tokens_in(&whole);
        if !found.is_empty() {
            cut(&mut pieces, &found);
        }
    }
}

fn gather<'v>(
    value: &'v mut Value,
    path: &mut Vec<&'v str>,
    reach: usize,
    columns: &mut Columns<'v>,
) {
    let Some(reach) = reach.checked_sub(1) else {
        return;
    };
    match value {
        Value::String(text) => columns.entry(path.clone()).or_default().push(text),
        Value::Array(items) => {
            for item in items {
                gather(item, path, reach, columns);
            }
        }
        Value::Object(map) => {
            for (key, value) in map.iter_mut() {
                path.push(key);
                gather(value, path, reach, columns);
                path.pop();
            }
        }
        _ => {}
    }
}

/// Cuts ranges of the whole, which are in order and apart, out of its pieces.
fn cut(pieces: &mut [&mut String], ranges: &[Range<usize>]) {
    let mut begin = 0;
    for piece in pieces {
        let end = begin + piece.len();
        let mut kept = String::new();
        let mut at = begin;
        for range in ranges
            .iter()
            .filter(|range| range.start < end && range.end > begin)
        {
            kept.push_str(&piece[at - begin..range.start.max(at) - begin]);
            if range.start >= begin {
                kept.push_str(SECRET_PLACEHOLDER);
            }
            at = range.end.min(end);
        }
        kept.push_str(&piece[at - begin..]);
        **piece = kept;
        begin = end;
    }
}
