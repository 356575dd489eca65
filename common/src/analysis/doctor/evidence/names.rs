//! Words that many runs share, each kept once.

use std::collections::HashMap;
use std::sync::Arc;

/// The place of a word in [`Names`]; 0 is the empty one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub(in crate::analysis::doctor) struct Name(u32);

impl Name {
    pub(in crate::analysis::doctor) const NONE: Self = Self(0);

    pub(super) fn number(self) -> u32 {
        self.0
    }

    pub(in crate::analysis::doctor) fn is_some(self) -> bool {
        self != Self::NONE
    }
}

/// Longest word that is kept. A stranger chooses it, and there may be a million.
const LONGEST: usize = 120;

#[derive(Debug)]
pub(in crate::analysis::doctor) struct Names {
    texts: Vec<Arc<str>>,
    places: HashMap<Arc<str>, u32>,
}

impl Default for Names {
    fn default() -> Self {
        let none: Arc<str> = Arc::from("");
        Self {
            places: HashMap::from([(none.clone(), 0)]),
            texts: vec![none],
        }
    }
}

impl Names {
    /// Keeps a word, cut at a character if it is long.
    pub(in crate::analysis::doctor) fn keep(&mut self, text: &str) -> Name {
        let mut end = text.len().min(LONGEST);
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        let text = &text[..end];
        if let Some(at) = self.places.get(text) {
            return Name(*at);
        }
        let Ok(at) = u32::try_from(self.texts.len()) else {
            return Name::NONE;
        };
        let text: Arc<str> = Arc::from(text);
        self.texts.push(text.clone());
        self.places.insert(text, at);
        Name(at)
    }

    pub(in crate::analysis::doctor) fn text(&self, name: Name) -> &str {
        self.texts.get(name.0 as usize).map_or("", |text| text)
    }

    /// Looks a word up without keeping it.
    pub(in crate::analysis::doctor) fn find(&self, text: &str) -> Option<Name> {
        self.places.get(text).map(|at| Name(*at))
    }
}
