//! API keys: who may enter, and that no key shows anywhere.

use http::HeaderMap;
use secrecy::{ExposeSecret as _, SecretString};

/// Shorter texts occur in bodies by chance.
const SHORTEST: usize = 12;
const MOST: usize = 64;

/// The keys that requests have shown, and those that are allowed.
#[derive(Debug, Default)]
pub(super) struct Keys {
    doors: Doors,
    seen: Vec<SecretString>,
}

/// Which keys open.
#[derive(Debug, Clone, Default)]
pub(super) struct Doors {
    /// These alone; none for any.
    pub(super) allowed: Option<Vec<SecretString>>,
    /// Keys of an organization, which have to name a workspace.
    pub(super) of_organization: Vec<SecretString>,
    /// Whether keys in the form of LangSmith's own are sent away.
    pub(super) refuse_real: bool,
}

/// What a request's headers say about who sends it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Entry {
    Welcome,
    NoKey,
    WrongKey,
    /// The key is an organization's, and no workspace is named.
    NoWorkspace,
    /// The key looks like one of LangSmith's own, and was not meant for a stand-in.
    RealKey,
}

impl Keys {
    pub(super) fn new(doors: Doors) -> Self {
        let known = doors.allowed.iter().flatten();
        Self {
            seen: known.chain(&doors.of_organization).cloned().collect(),
            doors,
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
        if key.len() >= SHORTEST && self.seen.len() < MOST && !holds(&self.seen, key) {
            self.seen.push(key.into());
        }
        if self.doors.refuse_real && is_like_a_real_one(key) {
            return Entry::RealKey;
        }
        let workspace = text("x-tenant-id").is_some_and(|id| !id.trim().is_empty());
        let of_organization = holds(&self.doors.of_organization, key);
        match &self.doors.allowed {
            Some(allowed) if !of_organization && !holds(allowed, key) => Entry::WrongKey,
            _ if of_organization && !workspace => Entry::NoWorkspace,
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

    /// Returns how many keys are known.
    #[cfg(feature = "analysis")]
    pub(super) fn count(&self) -> usize {
        self.seen.len()
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

/// Tells whether a list holds a key. Every entry and every byte is compared, so that the time it takes
/// says nothing of where two keys begin to differ.
fn holds(list: &[SecretString], key: &str) -> bool {
    list.iter().fold(false, |found, has| {
        found | same(has.expose_secret().as_bytes(), key.as_bytes())
    })
}

fn same(a: &[u8], b: &[u8]) -> bool {
    let differing = a.iter().zip(b).fold(0, |bits, (a, b)| bits | (a ^ b));
    (a.len() == b.len()) & (std::hint::black_box(differing) == 0)
}

/// `lsv2_pt_` or `lsv2_sk_`, 32 hexadecimal digits, an underscore and ten more.
fn is_like_a_real_one(key: &str) -> bool {
    let body = key
        .strip_prefix("lsv2_pt_")
        .or_else(|| key.strip_prefix("lsv2_sk_"));
    let hex = |text: &str| text.bytes().all(|byte| byte.is_ascii_hexdigit());
    body.and_then(|body| body.split_once('_'))
        .is_some_and(|(id, check)| id.len() == 32 && check.len() == 10 && hex(id) && hex(check))
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
