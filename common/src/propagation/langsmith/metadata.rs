//! The metadata of a header: a JSON object from a stranger, read entry by entry.
//!
//! The object is first cut into its entries without being parsed, so that an entry that is too deep or
//! too long costs a look at its bytes and never a recursion, and spoils no other entry.

use serde::de::DeserializeOwned;
use serde_json::Value;

use super::MetadataRules;
use crate::model::JsonMap;
use crate::propagation::extracted::IgnoredEntries;
use crate::propagation::limits::{
    MAX_METADATA_DEPTH, MAX_METADATA_KEYS, MAX_METADATA_VALUE_BYTES, SDK_METADATA,
    is_reserved_metadata,
};

pub(super) fn read(text: &str, rules: &MetadataRules, ignored: &mut IgnoredEntries) -> JsonMap {
    // Python writes `null` for no metadata.
    if text.trim_ascii() == "null" {
        return JsonMap::new();
    }
    let mut found = IgnoredEntries::default();
    match read_object(text, rules, &mut found) {
        Some(metadata) => {
            ignored.bad_metadata += found.bad_metadata;
            ignored.metadata_limit += found.metadata_limit;
            ignored.reserved_metadata += found.reserved_metadata;
            metadata
        }
        None => {
            ignored.bad_metadata += 1;
            JsonMap::new()
        }
    }
}

fn read_object(text: &str, rules: &MetadataRules, ignored: &mut IgnoredEntries) -> Option<JsonMap> {
    let mut metadata = JsonMap::new();
    let mut scan = Scan::new(text)?;
    while let Some(entry) = scan.entry()? {
        let Some(key) = entry.key.read::<String>() else {
            ignored.bad_metadata += 1;
            continue;
        };
        if rules.leaves_out(&key) {
            continue;
        }
        if is_reserved_metadata(&key) && !rules.allowed.contains(&key) {
            ignored.reserved_metadata += u64::from(!SDK_METADATA.contains(&key.as_str()));
            continue;
        }
        let full = metadata.len() == MAX_METADATA_KEYS && !metadata.contains_key(&key);
        let is_text = entry.value.json.starts_with('"');
        if full
            || entry.depth >= MAX_METADATA_DEPTH
            || (!is_text && entry.value.json.len() > MAX_METADATA_VALUE_BYTES)
        {
            ignored.metadata_limit += 1;
            continue;
        }
        match entry.value.read::<Value>() {
            Some(Value::String(text)) if text.len() > MAX_METADATA_VALUE_BYTES => {
                ignored.metadata_limit += 1;
            }
            Some(value) => {
                metadata.insert(key, value);
            }
            None => ignored.bad_metadata += 1,
        }
    }
    Some(metadata)
}

/// A piece of JSON, not parsed yet.
#[derive(Clone, Copy)]
struct Piece<'a> {
    json: &'a str,
    /// It is one text that has nothing to unescape, as nearly all are: what is between its quotes is it.
    plain: bool,
}

impl<'a> Piece<'a> {
    fn read<T: From<&'a str> + DeserializeOwned>(self) -> Option<T> {
        if self.plain {
            let text = self.json.get(1..self.json.len() - 1)?;
            return Some(T::from(text));
        }
        serde_json::from_str(self.json).ok()
    }
}

/// One entry of an object, not parsed yet.
struct Entry<'a> {
    key: Piece<'a>,
    value: Piece<'a>,
    /// Levels of arrays and objects in the value: 0 for a scalar.
    depth: usize,
}

/// Cuts an object into its entries. `None` from any method means: this is no object.
struct Scan<'a> {
    text: &'a str,
    at: usize,
    first: bool,
}

impl<'a> Scan<'a> {
    fn new(text: &'a str) -> Option<Self> {
        let mut scan = Self {
            text,
            at: 0,
            first: true,
        };
        scan.expect(b'{')?;
        Some(scan)
    }

    /// Returns the next entry, or `Some(None)` when the object is properly closed.
    fn entry(&mut self) -> Option<Option<Entry<'a>>> {
        if self.peek()? == b'}' {
            self.at += 1;
            return self.text[self.at..].trim_ascii().is_empty().then_some(None);
        }
        if !std::mem::replace(&mut self.first, false) {
            self.expect(b',')?;
        }
        let key = self.string()?;
        self.expect(b':')?;
        self.peek()?;
        let start = self.at;
        if self.text.as_bytes()[start] == b'"' {
            let value = self.string()?;
            if matches!(self.peek()?, b',' | b'}') {
                let depth = 0;
                return Some(Some(Entry { key, value, depth }));
            }
        }
        let depth = self.value()?;
        let json = self.text[start..self.at].trim_ascii_end();
        let value = Piece { json, plain: false };
        (!json.is_empty()).then_some(Some(Entry { key, value, depth }))
    }

    /// Returns the next byte that is no whitespace, without taking it.
    fn peek(&mut self) -> Option<u8> {
        let rest = &self.text.as_bytes()[self.at..];
        let skipped = rest.iter().position(|byte| !byte.is_ascii_whitespace())?;
        self.at += skipped;
        rest.get(skipped).copied()
    }

    fn expect(&mut self, byte: u8) -> Option<()> {
        (self.peek()? == byte).then(|| self.at += 1)
    }

    /// Takes a string with its quotes.
    fn string(&mut self) -> Option<Piece<'a>> {
        self.expect(b'"')?;
        let start = self.at - 1;
        let bytes = self.text.as_bytes();
        let mut plain = true;
        loop {
            match bytes.get(self.at)? {
                b'"' => break,
                b'\\' => {
                    plain = false;
                    self.at += 2;
                }
                byte => {
                    plain &= *byte >= 0x20;
                    self.at += 1;
                }
            }
        }
        self.at += 1;
        let json = self.text.get(start..self.at)?;
        Some(Piece { json, plain })
    }

    /// Moves to the comma or brace that ends a value; returns how deep the value goes.
    fn value(&mut self) -> Option<usize> {
        let (mut depth, mut deepest) = (0_usize, 0_usize);
        loop {
            match self.text.as_bytes().get(self.at)? {
                b'"' => {
                    self.string()?;
                    continue;
                }
                b'{' | b'[' => {
                    depth += 1;
                    deepest = deepest.max(depth);
                }
                b'}' | b',' if depth == 0 => return Some(deepest),
                b'}' | b']' => depth = depth.checked_sub(1)?,
                _ => {}
            }
            self.at += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read_all(text: &str) -> (Value, IgnoredEntries) {
        let mut ignored = IgnoredEntries::default();
        let metadata = read(text, &MetadataRules::default(), &mut ignored);
        (Value::Object(metadata), ignored)
    }

    #[test]
    fn what_json_reads_this_reads_alike() {
        for text in [
            "{}",
            " { } ",
            r#"{"a":1}"#,
            r#" { "a" : [1, {"b": "}],{"}] , "c" : "x\"y\\" } "#,
            r#"{"a":1,"a":2}"#,
            r#"{"é\u00e9":"日本\n"}"#,
        ] {
            let (metadata, ignored) = read_all(text);
            assert_eq!(metadata, serde_json::from_str::<Value>(text).expect(text));
            assert_eq!(ignored.total(), 0, "{text}");
        }
    }

    #[test]
    fn what_is_no_object_is_nothing_and_counted_once() {
        for text in [
            "",
            "[]",
            "7",
            "\"s\"",
            "{",
            "{\"a\"",
            "{\"a\":",
            "{\"a\":1",
            "{\"a\":1,}",
            "{,}",
            "{}}",
            "{\"a\":}",
            "{\"a\\",
            "{\"a\":[}",
            "{\"a\":1]}",
            "{a:1}",
            "{\"a\" 1}",
        ] {
            let (metadata, ignored) = read_all(text);
            assert_eq!((metadata, ignored.total()), (json!({}), 1), "{text}");
        }
    }

    #[test]
    fn an_entry_that_cannot_be_read_spoils_no_other() {
        let (metadata, ignored) =
            read_all(r#"{"a":1,"b":"\ud800","c":tru,"\ud800":1,"d":[1},"e":2}"#);
        assert_eq!(metadata, json!({"a": 1, "e": 2}));
        assert_eq!(ignored.bad_metadata, 4);
    }
}
