//! The way through a value, to any depth, without the call stack.

use std::collections::{HashMap, HashSet};

use serde_json::Value;

use super::chunks;
use super::path::{Field, HERE, PathPart, Paths, TextPath};
use super::rules::{Hooks, Rules};
use super::sensitive::SensitiveKeys;
use crate::model::{JsonMap, MAX_VALUE_DEPTH, TOO_DEEP, discard};

/// One masking of one field.
#[derive(Debug, Clone, Copy)]
pub(super) struct Walk<'a> {
    pub(super) rules: &'a Rules,
    pub(super) sensitive: Option<SensitiveKeys>,
    pub(super) keys: bool,
    pub(super) field: Field,
    pub(super) hooks: Hooks,
}

struct Open<'v> {
    value: &'v mut Value,
    at: usize,
    depth: usize,
}

impl Walk<'_> {
    /// Masks a text that is a field by itself.
    pub(super) fn text(&self, text: &mut String) {
        self.masked(text, &[])
            .into_iter()
            .for_each(|masked| *text = masked);
    }

    /// Masks every text in a value, and the keys of its maps.
    pub(super) fn value(&self, root: &mut Value) {
        let mut paths = Paths::new(self.rules.have_hooks() && self.hooks == Hooks::Ask);
        let mut open = vec![Open {
            value: root,
            at: HERE,
            depth: 0,
        }];
        while let Some(Open { value, at, depth }) = open.pop() {
            if depth >= MAX_VALUE_DEPTH && (value.is_array() || value.is_object()) {
                discard(std::mem::replace(value, Value::from(TOO_DEEP)));
                continue;
            }
            match value {
                Value::String(text) => {
                    if let Some(masked) = self.masked(text, &paths.parts(at)) {
                        *text = masked;
                    }
                }
                Value::Number(number) if self.rules.want_numbers() => {
                    let text = number.to_string();
                    if let Some(masked) = self.masked(&text, &paths.parts(at)) {
                        *value = Value::from(masked);
                    }
                }
                // Backwards, because the last one pushed is the first one visited.
                Value::Array(items) => {
                    if let Some(sensitive) = self.sensitive {
                        sensitive.mask_pair(items);
                        chunks::mask(items);
                    }
                    open.extend(
                        items
                            .iter_mut()
                            .enumerate()
                            .rev()
                            .map(|(index, value)| Open {
                                value,
                                at: paths.step(at, || PathPart::Index(index)),
                                depth: depth + 1,
                            }),
                    );
                }
                Value::Object(map) => {
                    if let Some(sensitive) = self.sensitive {
                        sensitive.mask_map(map);
                    }
                    if self.keys {
                        self.rename(map, &paths.parts(at));
                    }
                    open.extend(map.iter_mut().rev().map(|(key, value)| Open {
                        value,
                        at: paths.step(at, || PathPart::Key(key.clone())),
                        depth: depth + 1,
                    }));
                }
                _ => {}
            }
        }
    }

    fn masked(&self, text: &str, parts: &[PathPart]) -> Option<String> {
        let field = self.field;
        self.rules
            .mask(text, &TextPath { field, parts }, self.hooks)
    }

    /// Masks the keys of a map. Two that look alike afterwards are numbered: none swallows the other.
    fn rename(&self, map: &mut JsonMap, parts: &[PathPart]) {
        let masked: HashMap<String, String> = map
            .keys()
            .filter_map(|key| Some((key.clone(), self.masked(key, parts)?)))
            .collect();
        if masked.is_empty() {
            return;
        }
        let unmasked = map.keys().filter(|key| !masked.contains_key(*key));
        let mut taken = Names::new(unmasked.cloned());
        let renamed = std::mem::take(map)
            .into_iter()
            .map(|(key, value)| match masked.get(&key) {
                Some(name) => (taken.distinct(name), value),
                None => (key, value),
            });
        *map = renamed.collect();
    }
}

/// Names of which each may occur once.
#[derive(Debug)]
pub(super) struct Names {
    taken: HashSet<String>,
    // The number to try next, so that a thousand equal names take a thousand tries and not a million.
    next: HashMap<String, usize>,
}

impl Names {
    pub(super) fn new(taken: impl Iterator<Item = String>) -> Self {
        Self {
            taken: taken.collect(),
            next: HashMap::new(),
        }
    }

    /// Returns the name, with a number behind it if it is taken: `[redacted]`, `[redacted] (2)`.
    pub(super) fn distinct(&mut self, name: &str) -> String {
        let mut distinct = name.to_owned();
        if self.taken.contains(&distinct) {
            let next = self.next.entry(distinct.clone()).or_insert(2);
            while self.taken.contains(&distinct) {
                distinct = format!("{name} ({next})");
                *next += 1;
            }
        }
        self.taken.insert(distinct.clone());
        distinct
    }
}

/// Returns how much work a value is: a byte for each of its parts, and the bytes of its texts and keys.
pub(super) fn weight(root: &Value) -> usize {
    let mut weight = 0;
    let mut open = vec![root];
    while let Some(value) = open.pop() {
        weight += 1;
        match value {
            Value::String(text) => weight += text.len(),
            Value::Array(items) => open.extend(items),
            Value::Object(map) => {
                weight += map.keys().map(String::len).sum::<usize>();
                open.extend(map.values());
            }
            _ => {}
        }
    }
    weight
}
