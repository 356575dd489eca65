//! API keys: who may enter, and that no key shows anywhere.

use http::HeaderMap;
use secrecy::{ExposeSecret as _, SecretString};

/// Shorter texts occur in bodies by chance.
const SHORTEST: usize = 12;
const MOST: usize = 64;

/// The keys that requests have shown, and those that are allowed.
#[derive(Debug, Default)]
pub(super) struct Keys {
    allowed: Option<Vec<SecretString>>,
    seen: Vec<SecretString>,
}

/// What a request's headers say about who sends it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Entry {
    Welcome,
    NoKey,
    WrongKey,
}

impl Keys {
    pub(super) fn new(allowed: Option<Vec<SecretString>>) -> Self {
        Self {
            seen: allowed.clone().unwrap_or_default(),
            allowed,
        }
    }

    /// Decides on a request, and remembers its key.
    pub(super) fn enter(&mut self, headers: &HeaderMap) -> Entry {
        let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
        let bearer = text("authorization").and_then(|value| {
            let (scheme, token) = value.split_once(' ')?;
            scheme.eq_ignore_ascii_case("bearer").then_some(token)
        });
        let Some(key) = text("x-api-key")
            .or(bearer)
            .map(str::trim)
            .filter(|key| !key.is_empty())
        else {
            return Entry::NoKey;
        };
        if key.len() >= SHORTEST
            && self.seen.len() < MOST
            && !self.seen.iter().any(|seen| seen.expose_secret() == key)
        {
            self.seen.push(key.into());
        }
        match &self.allowed {
            Some(allowed) if !allowed.iter().any(|has| has.expose_secret() == key) => {
                Entry::WrongKey
            }
            _ => Entry::Welcome,
        }
    }

    /// Returns the last four characters of the first known key that a body holds.
    pub(super) fn leak_in(&self, body: &[u8]) -> Option<String> {
        if self.seen.is_empty() {
            return None;
        }
        let text = String::from_utf8_lossy(body);
        self.long().find(|key| text.contains(*key)).map(redacted)
    }

    /// Replaces every known key in a text.
    pub(super) fn scrub(&self, text: &str) -> String {
        self.long()
            .filter(|key| text.contains(*key))
            .fold(None, |done: Option<String>, key| {
                Some(done.as_deref().unwrap_or(text).replace(key, &redacted(key)))
            })
            .unwrap_or_else(|| text.to_owned())
    }

    fn long(&self) -> impl Iterator<Item = &str> {
        self.seen
            .iter()
            .map(|key| key.expose_secret())
            .filter(|key| key.len() >= SHORTEST)
    }

    /// Returns the headers of a request with its secrets cut.
    pub(super) fn redacted_headers(&self, headers: &HeaderMap) -> Vec<(String, String)> {
        headers
            .iter()
            .map(|(name, value)| {
                let value = String::from_utf8_lossy(value.as_bytes());
                let value = match name.as_str() {
                    "x-api-key"
                    | "authorization"
                    | "proxy-authorization"
                    | "cookie"
                    | "x-service-key"
                    | "x-auth-token" => redacted(&value),
                    _ => self.scrub(&value),
                };
                (name.as_str().to_owned(), value)
            })
            .collect()
    }
}

/// Leaves the last four characters, and of a short text none.
fn redacted(secret: &str) -> String {
    let characters = secret.chars().count();
    let tail: String = match characters {
        0..SHORTEST => String::new(),
        _ => secret.chars().skip(characters - 4).collect(),
    };
    format!("…{tail}")
}
