//! HTTP headers, and whatever holds a [`HeaderMap`] within: gRPC metadata, a WebSocket's upgrade.

use http::header::{HeaderMap, HeaderName, HeaderValue};

use super::{Extractor, Injector};
use crate::propagation::{BAGGAGE_HEADER, TRACE_HEADER};

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
    fn set(&mut self, name: &str, value: String) {
        let known = match of_ours(name) {
            Some(name) => Ok(name.clone()),
            None => HeaderName::try_from(name),
        };
        let Ok(name) = known else { return };
        match HeaderValue::try_from(value) {
            Ok(value) => self.insert(name, value),
            Err(_) => HeaderMap::remove(self, name),
        };
    }

    fn remove(&mut self, name: &str) {
        HeaderMap::remove(self, name);
    }
}
