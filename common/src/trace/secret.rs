//! A text that never shows.

use std::convert::Infallible;
use std::fmt;
use std::str::FromStr;

use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

/// What a [`Secret`] shows of itself, as the Python SDK 0.15 writes it.
pub const SECRET_MASK: &str = "[LANGSMITH SECRET]";

/// A credential that is masked wherever it would show: in a run, in JSON, in text, in `Debug`.
///
/// Wrap it where it is read; whatever records it afterwards records [`SECRET_MASK`].
///
/// ```
/// use common::trace::Secret;
/// use secrecy::ExposeSecret as _;
/// use serde_json::json;
///
/// let password = Secret::from("hunter22");
/// assert_eq!(json!({"user": "app", "password": password}), json!({"user": "app", "password": "[LANGSMITH SECRET]"}));
/// assert_eq!(format!("log in with {password}"), "log in with [LANGSMITH SECRET]");
/// assert_eq!(password.expose_secret(), "hunter22");
/// ```
///
/// It is read from JSON as any text, so a configuration may hold one. Its memory is cleared when it is
/// dropped.
#[derive(Clone)]
pub struct Secret(SecretString);

impl ExposeSecret<str> for Secret {
    fn expose_secret(&self) -> &str {
        self.0.expose_secret()
    }
}

impl From<String> for Secret {
    fn from(text: String) -> Self {
        Self(text.into())
    }
}

impl From<&str> for Secret {
    fn from(text: &str) -> Self {
        Self(text.into())
    }
}

impl From<SecretString> for Secret {
    fn from(text: SecretString) -> Self {
        Self(text)
    }
}

impl From<Secret> for SecretString {
    fn from(secret: Secret) -> Self {
        secret.0
    }
}

impl FromStr for Secret {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(text.into())
    }
}

impl From<Secret> for Value {
    fn from(_: Secret) -> Self {
        Self::from(SECRET_MASK)
    }
}

impl From<&Secret> for Value {
    fn from(_: &Secret) -> Self {
        Self::from(SECRET_MASK)
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(SECRET_MASK)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Secret({SECRET_MASK:?})")
    }
}

impl Serialize for Secret {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(SECRET_MASK)
    }
}

impl<'de> Deserialize<'de> for Secret {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(Self::from)
    }
}
