//! A carrier for whatever has no headers of its own: a list of names and texts that is JSON elsewhere.

use std::fmt;

use serde::de::{Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::ser::{SerializeMap as _, Serializer};
use serde::{Deserialize, Serialize};

use super::{Extractor, Injector};
use crate::propagation::limits::MAX_ENTRIES;

/// The entries of a context, as a value of its own: for a job in a table, a frame, an event, a file.
///
/// It is an object of texts in JSON. It is read with forbearance, since it rides on what others wrote:
/// values that are no text are passed over, an object that is none has no entries, and neither makes the
/// reading of the whole fail. Names that are there twice stay there twice, so that a propagator sees it.
///
/// ```
/// use common::propagation::{Entries, LangSmithPropagator, Propagator as _, TrustPolicy};
/// # use common::model::RunContext;
/// # let order = "20261122T100538926531Z01a202b7-f0ee-7646-9e7b-a245c1fc89c2";
/// # let context = RunContext::new(order.parse()?);
///
/// let propagator = LangSmithPropagator::new().policy(TrustPolicy::Continue);
/// let entries = Entries::of(&propagator, &context);
/// let stored = serde_json::to_string(&entries)?;
/// assert_eq!(stored, format!(r#"{{"langsmith-trace":"{order}"}}"#));
///
/// let read: Entries = serde_json::from_str(&stored)?;
/// assert_eq!(propagator.extract(&read).context, Some(context));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Entries(Vec<(String, String)>);

impl Entries {
    /// Makes a carrier without entries.
    pub fn new() -> Self {
        Self::default()
    }

    /// Makes a carrier with what `propagator` writes of `context`.
    pub fn of(
        propagator: &dyn crate::propagation::Propagator,
        context: &crate::model::RunContext,
    ) -> Self {
        let mut entries = Self::new();
        propagator.inject(context, &mut entries);
        entries
    }

    /// Returns true if there is nothing in it.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns names and values, in the order in which they were written.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
    }
}

impl<K: Into<String>, V: Into<String>> FromIterator<(K, V)> for Entries {
    /// Takes names and values as they came; those past [`MAX_ENTRIES`] are left out.
    fn from_iter<I: IntoIterator<Item = (K, V)>>(pairs: I) -> Self {
        let pairs = pairs.into_iter().take(MAX_ENTRIES);
        Self(
            pairs
                .map(|(name, value)| (name.into(), value.into()))
                .collect(),
        )
    }
}

impl Extractor for Entries {
    fn values<'a>(&'a self, name: &str, visit: &mut dyn FnMut(&'a [u8])) {
        self.0.values(name, visit);
    }
}

impl Injector for Entries {
    fn set(&mut self, name: &str, value: String) {
        self.0.set(name, value);
    }

    fn remove(&mut self, name: &str) {
        Injector::remove(&mut self.0, name);
    }
}

impl Serialize for Entries {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (name, value) in &self.0 {
            map.serialize_entry(name, value)?;
        }
        map.end()
    }
}

impl<'de> Deserialize<'de> for Entries {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // A format that does not say what comes next can hold nothing but what was written.
        match deserializer.is_human_readable() {
            true => deserializer.deserialize_any(Forbearing),
            false => deserializer.deserialize_map(Forbearing),
        }
    }
}

/// Reads an object of texts, and takes whatever else there is for none.
struct Forbearing;

/// Visits what holds no value of interest, and takes all of it, so that what follows is read. Nothing of it
/// is kept or nested: a stranger may have made it long and deep.
macro_rules! nothing_of {
    ($value:ty: $nothing:expr; $($visit:ident($kind:ty))*) => {
        $(fn $visit<E>(self, _: $kind) -> Result<$value, E> {
            Ok($nothing)
        })*

        fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<$value, A::Error> {
            while items.next_element::<IgnoredAny>()?.is_some() {}
            Ok($nothing)
        }

        fn visit_unit<E>(self) -> Result<$value, E> {
            Ok($nothing)
        }

        fn visit_none<E>(self) -> Result<$value, E> {
            Ok($nothing)
        }
    };
}

impl<'de> Visitor<'de> for Forbearing {
    type Value = Entries;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of texts")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Entries, A::Error> {
        let mut entries = Vec::new();
        while let Some(name) = map.next_key::<String>()? {
            let Text(value) = map.next_value()?;
            if let (Some(value), true) = (value, entries.len() < MAX_ENTRIES) {
                entries.push((name, value));
            }
        }
        Ok(Entries(entries))
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Entries, D::Error> {
        Entries::deserialize(deserializer)
    }

    nothing_of! {
        Entries: Entries::new();
        visit_bool(bool) visit_i64(i64) visit_u64(u64) visit_f64(f64) visit_str(&str)
    }
}

/// A value that may be a text.
struct Text(Option<String>);

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        if !deserializer.is_human_readable() {
            return String::deserialize(deserializer).map(|text| Self(Some(text)));
        }
        deserializer.deserialize_any(MaybeText)
    }
}

/// Reads a text, and takes whatever else there is for none.
struct MaybeText;

impl<'de> Visitor<'de> for MaybeText {
    type Value = Text;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text")
    }

    fn visit_str<E>(self, text: &str) -> Result<Text, E> {
        Ok(Text(Some(text.to_owned())))
    }

    fn visit_string<E>(self, text: String) -> Result<Text, E> {
        Ok(Text(Some(text)))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Text, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Text(None))
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Text, D::Error> {
        Text::deserialize(deserializer)
    }

    nothing_of! { Text: Text(None); visit_bool(bool) visit_i64(i64) visit_u64(u64) visit_f64(f64) }
}
