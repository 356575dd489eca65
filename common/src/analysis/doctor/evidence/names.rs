//! Words that many runs share, each kept once, and in all no more than memory allows.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};

/// A word, by its hash: two names are equal where their texts are, whether these are kept or not. 0 is the
/// empty one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub(in crate::analysis::doctor) struct Name(u64);

impl Name {
    pub(in crate::analysis::doctor) const NONE: Self = Self(0);

    /// Returns the name of a text.
    pub(in crate::analysis::doctor) fn of(text: &str) -> Self {
        if text.is_empty() {
            return Self::NONE;
        }
        let mut hasher = DefaultHasher::new();
        text.hash(&mut hasher);
        Self(hasher.finish().max(1))
    }

    pub(super) fn number(self) -> u64 {
        self.0
    }

    pub(in crate::analysis::doctor) fn is_some(self) -> bool {
        self != Self::NONE
    }
}

/// Longest text that is kept. A stranger chooses it, and there may be a million.
const LONGEST: usize = 120;
/// Bytes that all texts together may take. A million runs of 300 different requests take a hundredth of it.
const BYTES: usize = 48 * 1024 * 1024;
/// What a text costs beside its letters, in bytes.
const OVERHEAD: usize = 64;

#[derive(Debug, Default)]
pub(in crate::analysis::doctor) struct Names {
    texts: HashMap<u64, Box<str>>,
    bytes: usize,
    /// True if a text did not fit.
    pub(in crate::analysis::doctor) is_full: bool,
}

impl Names {
    /// Keeps a word, cut with an ellipsis if it is long.
    pub(in crate::analysis::doctor) fn keep(&mut self, text: &str) -> Name {
        let name = Name::of(text);
        if !name.is_some() || self.texts.contains_key(&name.0) {
            return name;
        }
        let kept = cut(text, LONGEST);
        if self.bytes + kept.len() + OVERHEAD > BYTES {
            self.is_full = true;
            return name;
        }
        self.bytes += kept.len() + OVERHEAD;
        self.texts.insert(name.0, kept.into_boxed_str());
        name
    }

    pub(in crate::analysis::doctor) fn text(&self, name: Name) -> &str {
        match self.texts.get(&name.0) {
            Some(text) => text,
            None if name.is_some() => "(not kept)",
            None => "",
        }
    }
}

/// Returns a text of at most so many bytes and an ellipsis, which marks that something was cut.
pub(in crate::analysis::doctor) fn cut(text: &str, most: usize) -> String {
    if text.len() <= most {
        return text.to_owned();
    }
    let mut end = most;
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    format!("{}…", &text[..end])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_text_is_cut_with_a_mark_and_still_differs_from_its_like() {
        let mut names = Names::default();
        let long = "é".repeat(1_000);
        let (one, other) = (names.keep(&long), names.keep(&format!("{long}!")));
        assert_ne!(one, other);
        assert_eq!(names.text(one), format!("{}…", "é".repeat(60)));
        assert_eq!(names.keep(&long), one);
        assert_eq!(names.text(Name::NONE), "");
    }

    #[test]
    fn words_beyond_the_bound_stay_equal_to_themselves() {
        let mut names = Names {
            bytes: BYTES,
            ..Names::default()
        };
        let one = names.keep("one");
        assert!(names.is_full);
        assert_eq!(names.text(one), "(not kept)");
        assert!(names.keep("one") == one && names.keep("two") != one);
    }
}
