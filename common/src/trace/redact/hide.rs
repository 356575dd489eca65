//! Fields that do not leave at all, or only after the user's function.

use std::fmt;
use std::sync::Arc;

use crate::model::JsonMap;

/// What is done to a field as a whole.
#[derive(Clone, Default)]
pub(super) enum Hide {
    /// Nothing.
    #[default]
    No,
    /// It is sent as `{}`.
    Yes,
    /// What the function makes of it is sent.
    With(Arc<MapHook>),
}

/// A function of the user's that masks a whole field.
pub(super) type MapHook = dyn Fn(JsonMap) -> JsonMap + Send + Sync;

impl From<bool> for Hide {
    fn from(hide: bool) -> Self {
        if hide { Self::Yes } else { Self::No }
    }
}

impl fmt::Debug for Hide {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::No => "no",
            Self::Yes => "yes",
            Self::With(_) => "by a function",
        })
    }
}
