//! Passes on the `serde` that is linked into the facade, so that macros in cells meet the same one.
#![forbid(unsafe_code)]

pub use facade::serde::*;
