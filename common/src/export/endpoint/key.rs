//! Where the key comes from, if it changes.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use http::HeaderValue;
use secrecy::{ExposeSecret as _, SecretString};

use crate::export::config::trimmed_key;

/// A function that says which key is good at the moment; it is asked for each request.
///
/// ```
/// use std::sync::{Arc, RwLock};
/// use common::export::Destination;
/// use secrecy::SecretString;
///
/// let key = Arc::new(RwLock::new(SecretString::from("the first key")));
/// let current = key.clone();
/// let to = Destination::new("https://api.smith.langchain.com")
///     .api_key_from(move || current.read().ok().map(|key| key.clone()));
/// // Later, when the key is replaced:
/// *key.write().expect("no panic") = SecretString::from("the second key");
/// # drop(to);
/// ```
///
/// It is called on the exporter's thread, also several times a second while the key is refused, so it
/// should have the key at hand. If it panics or says none, a request leaves without a key.
#[derive(Clone)]
pub struct KeySource(Arc<dyn Fn() -> Option<SecretString> + Send + Sync>);

impl KeySource {
    /// Wraps a function.
    pub fn new(current: impl Fn() -> Option<SecretString> + Send + Sync + 'static) -> Self {
        Self(Arc::new(current))
    }

    /// Returns the key of the moment.
    pub(crate) fn current(&self) -> Option<SecretString> {
        let said = catch_unwind(AssertUnwindSafe(|| (self.0)())).ok().flatten();
        trimmed_key(&said?)
    }

    /// Returns the key of the moment as it is sent; none if no header can carry it.
    pub(super) fn header(&self) -> Option<HeaderValue> {
        let mut value = HeaderValue::from_str(self.current()?.expose_secret()).ok()?;
        value.set_sensitive(true);
        Some(value)
    }
}

/// Two are equal if they are clones of one.
impl PartialEq for KeySource {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl fmt::Debug for KeySource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}
