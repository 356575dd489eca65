//! What is done to one text.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use regex::{Regex, RegexSet};

use super::path::TextPath;
use super::{cards, secrets};

/// A function of the user's that masks one text.
pub(super) type TextHook = dyn Fn(&str, &TextPath<'_>) -> String + Send + Sync;

/// One step; a text goes through all of them, in order.
#[derive(Clone)]
pub(super) enum Rule {
    /// Replaces each match; `$1` in the replacement stands for the first group.
    Pattern(Regex, Cow<'static, str>),
    /// Replaces credentials.
    Secrets,
    /// Replaces the numbers of payment cards.
    Cards(Cow<'static, str>),
    /// Asks the user's function.
    Hook(Arc<TextHook>),
}

impl fmt::Debug for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Pattern(regex, replacement) => write!(f, "{regex} → {replacement}"),
            Self::Secrets => f.write_str("credentials"),
            Self::Cards(replacement) => write!(f, "card numbers → {replacement}"),
            Self::Hook(_) => f.write_str("a function"),
        }
    }
}

/// The steps of an anonymizer, and a quick answer for the many texts that none of them changes.
#[derive(Debug, Clone, Default)]
pub(super) struct Rules {
    each: Vec<Rule>,
    // Matches if any of them will; none where that is not worth asking, or not all there is to ask.
    any: Option<RegexSet>,
    hooks: bool,
    cards: bool,
}

impl Rules {
    pub(super) fn new(each: Vec<Rule>) -> Self {
        let patterns: Vec<&str> = each
            .iter()
            .filter_map(|rule| match rule {
                Rule::Pattern(regex, _) => Some(regex.as_str()),
                Rule::Cards(_) => Some(cards::SHAPE),
                Rule::Secrets | Rule::Hook(_) => None,
            })
            .collect();
        let secrets = each.iter().any(|rule| matches!(rule, Rule::Secrets));
        let any = (patterns.len() > 1 && !secrets).then(|| RegexSet::new(patterns).ok());
        Self {
            any: any.flatten(),
            hooks: each.iter().any(|rule| matches!(rule, Rule::Hook(_))),
            cards: each.iter().any(|rule| matches!(rule, Rule::Cards(_))),
            each,
        }
    }

    /// Returns true if a text has to pass through code of the user's.
    pub(super) fn have_hooks(&self) -> bool {
        self.hooks
    }

    /// Returns the patterns that match a text, with their positions, if all rules are patterns.
    pub(super) fn matching(&self, text: &str) -> impl Iterator<Item = (usize, &Regex)> {
        let any = self.any.as_ref().map(|any| any.matches(text));
        let at: Vec<usize> = any.iter().flatten().collect();
        at.into_iter().filter_map(|at| match self.each.get(at) {
            Some(Rule::Pattern(regex, _)) => Some((at, regex)),
            _ => None,
        })
    }

    #[cfg(test)]
    pub(super) fn have_a_prefilter(&self) -> bool {
        self.any.is_some()
    }

    #[cfg(test)]
    pub(super) fn find_any(&self, text: &str) -> bool {
        self.any.as_ref().is_some_and(|any| any.is_match(text))
    }

    /// Returns true if numbers may be card numbers.
    pub(super) fn want_numbers(&self) -> bool {
        self.cards
    }

    /// Returns what becomes of a text; none if it stays as it is.
    pub(super) fn mask(&self, text: &str, path: &TextPath<'_>, hooks: Hooks) -> Option<String> {
        let ask = self.hooks && hooks == Hooks::Ask;
        if !ask && self.any.as_ref().is_some_and(|any| !any.is_match(text)) {
            return None;
        }
        let mut masked = Cow::Borrowed(text);
        for rule in &self.each {
            let next = match rule {
                Rule::Pattern(regex, replacement) => {
                    let replaced = regex.replace_all(&masked, replacement.as_ref());
                    changed(replaced)
                }
                Rule::Secrets => secrets::mask(&masked, path),
                Rule::Cards(replacement) => cards::mask(&masked, replacement),
                Rule::Hook(hook) if ask => Some(hook(&masked, path)),
                Rule::Hook(_) => None,
            };
            if let Some(next) = next {
                masked = Cow::Owned(next);
            }
        }
        changed(masked).filter(|masked| masked != text)
    }
}

/// Whether the user's functions are asked; after one has panicked they are not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Hooks {
    Ask,
    Skip,
}

fn changed(text: Cow<'_, str>) -> Option<String> {
    match text {
        Cow::Borrowed(_) => None,
        Cow::Owned(text) => Some(text),
    }
}
