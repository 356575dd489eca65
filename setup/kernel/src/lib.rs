//! Everything that a notebook cell may use, linked once.
//!
//! The kernel hands this library to every cell with `--extern`, so that statics, the runtime, servers
//! and clients are the same ones in all cells, and a cell links in half a second.
#![forbid(unsafe_code)]

pub use common::*;
pub use {serde, serde_json, tokio, tracing};
