//! What children inherit, read when somebody looks at it.
//!
//! ```text
//! header ──► UnreadBaggage ──(first look)──► Baggage     a service that starts no run never looks
//! ```

use std::fmt;
use std::ops::{Deref, DerefMut};
use std::sync::Arc;

use super::context::Baggage;

/// [`Baggage`] that may have come in a header, and is read where it is first looked at.
///
/// It is used as what it holds: `context.baggage.tags` reads it if nobody has, and
/// `context.baggage.tags.push(…)` too. Clones are read together. [`into_inner`](Self::into_inner) gives
/// the values away.
///
/// ```
/// use common::model::{Baggage, LazyBaggage};
///
/// let mut baggage = LazyBaggage::from(Baggage::default());
/// baggage.project = Some("docs-assistant".to_owned());
/// assert_eq!(baggage.into_inner().project.as_deref(), Some("docs-assistant"));
/// ```
#[derive(Clone)]
pub struct LazyBaggage(Repr);

#[derive(Clone)]
enum Repr {
    Read(Baggage),
    Unread(Arc<dyn UnreadBaggage>),
}

/// A text that becomes baggage.
pub(crate) trait UnreadBaggage: Send + Sync {
    /// Returns what it says; reads it if nobody has.
    fn read(&self) -> &Baggage;
}

impl LazyBaggage {
    pub(crate) fn unread(text: Arc<dyn UnreadBaggage>) -> Self {
        Self(Repr::Unread(text))
    }

    /// Returns true if nobody has changed it since it came in a header, whose limits it keeps.
    pub(crate) fn is_as_it_came(&self) -> bool {
        matches!(self.0, Repr::Unread(_))
    }

    /// Returns the values.
    pub fn into_inner(self) -> Baggage {
        match self.0 {
            Repr::Read(baggage) => baggage,
            Repr::Unread(text) => text.read().clone(),
        }
    }
}

impl Deref for LazyBaggage {
    type Target = Baggage;

    fn deref(&self) -> &Baggage {
        match &self.0 {
            Repr::Read(baggage) => baggage,
            Repr::Unread(text) => text.read(),
        }
    }
}

impl DerefMut for LazyBaggage {
    fn deref_mut(&mut self) -> &mut Baggage {
        loop {
            match self.0 {
                Repr::Read(ref mut baggage) => return baggage,
                Repr::Unread(ref text) => self.0 = Repr::Read(text.read().clone()),
            }
        }
    }
}

impl From<Baggage> for LazyBaggage {
    fn from(baggage: Baggage) -> Self {
        Self(Repr::Read(baggage))
    }
}

impl Default for LazyBaggage {
    fn default() -> Self {
        Baggage::default().into()
    }
}

impl PartialEq for LazyBaggage {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl fmt::Debug for LazyBaggage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&**self, f)
    }
}
