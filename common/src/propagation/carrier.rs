//! What a context travels in: headers, message attributes, a JSON object.

use std::collections::{BTreeMap, HashMap};
use std::hash::BuildHasher;

use http::header::{HeaderMap, HeaderName, HeaderValue};
use serde_json::Value;

use super::{BAGGAGE_HEADER, TRACE_HEADER};
use crate::model::JsonMap;

/// Reads the entries of a carrier.
///
/// Names are compared without regard to case, and one name may have several values: one per header
/// line. Values are bytes, because headers are; no implementation needs to check them.
pub trait Extractor {
    /// Calls `visit` with each value of `name`, in the order of arrival.
    fn values<'a>(&'a self, name: &str, visit: &mut dyn FnMut(&'a [u8]));

    /// Returns the first value of `name` that is text.
    fn first<'a>(&'a self, name: &str) -> Option<&'a str> {
        let mut found = None;
        self.values(name, &mut |value| {
            found = found.or_else(|| std::str::from_utf8(value).ok());
        });
        found
    }
}

/// Writes the entries of a carrier. It reads as well, so that `baggage` of others can be kept.
pub trait Injector: Extractor {
    /// Sets `name` to `value`, in place of all its values so far. If the carrier cannot hold the value,
    /// `name` has none: an old one would name the wrong run.
    fn set(&mut self, name: &'static str, value: String);

    /// Removes all values of `name`.
    fn remove(&mut self, name: &str);
}

static TRACE: HeaderName = HeaderName::from_static(TRACE_HEADER);
static BAGGAGE: HeaderName = HeaderName::from_static(BAGGAGE_HEADER);

/// Returns the name of a header of ours, which need not be checked anew for each request.
fn of_ours(name: &str) -> Option<&'static HeaderName> {
    match name {
        TRACE_HEADER => Some(&TRACE),
        BAGGAGE_HEADER => Some(&BAGGAGE),
        _ => None,
    }
}

impl Extractor for HeaderMap {
    fn values<'a>(&'a self, name: &str, visit: &mut dyn FnMut(&'a [u8])) {
        let values = match of_ours(name) {
            Some(name) => self.get_all(name),
            None => self.get_all(name),
        };
        for value in values {
            visit(value.as_bytes());
        }
    }
}

impl Injector for HeaderMap {
    fn set(&mut self, name: &'static str, value: String) {
        let name = match of_ours(name) {
            Some(name) => name.clone(),
            None => HeaderName::from_static(name),
        };
        match HeaderValue::try_from(value) {
            Ok(value) => self.insert(name, value),
            Err(_) => HeaderMap::remove(self, name),
        };
    }

    fn remove(&mut self, name: &str) {
        HeaderMap::remove(self, name);
    }
}

fn visit_pairs<'a, K: AsRef<str> + 'a, V: AsRef<[u8]> + 'a>(
    pairs: impl IntoIterator<Item = (&'a K, &'a V)>,
    name: &str,
    visit: &mut dyn FnMut(&'a [u8]),
) {
    for (key, value) in pairs {
        if key.as_ref().eq_ignore_ascii_case(name) {
            visit(value.as_ref());
        }
    }
}

impl<K: AsRef<str>, V: AsRef<[u8]>> Extractor for Vec<(K, V)> {
    fn values<'a>(&'a self, name: &str, visit: &mut dyn FnMut(&'a [u8])) {
        visit_pairs(self.iter().map(|(key, value)| (key, value)), name, visit);
    }
}

impl<K: AsRef<str>, V: AsRef<[u8]>> Extractor for &[(K, V)] {
    fn values<'a>(&'a self, name: &str, visit: &mut dyn FnMut(&'a [u8])) {
        visit_pairs(self.iter().map(|(key, value)| (key, value)), name, visit);
    }
}

impl<K: AsRef<str>, V: AsRef<[u8]>, const N: usize> Extractor for [(K, V); N] {
    fn values<'a>(&'a self, name: &str, visit: &mut dyn FnMut(&'a [u8])) {
        visit_pairs(self.iter().map(|(key, value)| (key, value)), name, visit);
    }
}

impl Injector for Vec<(String, String)> {
    fn set(&mut self, name: &'static str, value: String) {
        Injector::remove(self, name);
        self.push((name.to_owned(), value));
    }

    fn remove(&mut self, name: &str) {
        self.retain(|(key, _)| !key.eq_ignore_ascii_case(name));
    }
}

macro_rules! string_map_carrier {
    ($map:ty $(, $hasher:ident)?) => {
        impl$(<$hasher: BuildHasher>)? Extractor for $map {
            fn values<'a>(&'a self, name: &str, visit: &mut dyn FnMut(&'a [u8])) {
                visit_pairs(self, name, visit);
            }
        }

        impl$(<$hasher: BuildHasher>)? Injector for $map {
            fn set(&mut self, name: &'static str, value: String) {
                Injector::remove(self, name);
                self.insert(name.to_owned(), value);
            }

            fn remove(&mut self, name: &str) {
                self.retain(|key, _| !key.eq_ignore_ascii_case(name));
            }
        }
    };
}

string_map_carrier!(HashMap<String, String, S>, S);
string_map_carrier!(BTreeMap<String, String>);

/// A JSON object, such as the `_meta` of an MCP message or the attributes of a queue's.
impl Extractor for JsonMap {
    fn values<'a>(&'a self, name: &str, visit: &mut dyn FnMut(&'a [u8])) {
        for (key, value) in self {
            if let (true, Value::String(text)) = (key.eq_ignore_ascii_case(name), value) {
                visit(text.as_bytes());
            }
        }
    }
}

impl Injector for JsonMap {
    fn set(&mut self, name: &'static str, value: String) {
        Injector::remove(self, name);
        self.insert(name.to_owned(), Value::String(value));
    }

    fn remove(&mut self, name: &str) {
        self.retain(|key, _| !key.eq_ignore_ascii_case(name));
    }
}
