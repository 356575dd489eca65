//! Generated from `proto/tools.proto`, both ends; not written by hand.
//!
//! To generate it anew: a program of two lines with `protox` 0.9 and `tonic-prost-build` 0.14,
//! `tonic_prost_build::compile_fds(protox::compile(["tools.proto"], ["proto"])?)`. Start at
//! [`tools_client::ToolsClient`].
#![allow(
    missing_docs,
    missing_debug_implementations,
    clippy::unwrap_used,
    clippy::needless_pass_by_value,
    unreachable_pub,
    rust_2018_idioms,
    reason = "generated"
)]

include!("tools.v1.rs");
