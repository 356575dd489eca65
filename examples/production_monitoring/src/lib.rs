//! Three traced services under load, watched the way a production system is.
//!
//! ```text
//! load ──x-request-id──► gateway ──► retriever          three processes of this program
//!  │ ledger                 └──────► generator
//!  │                        │ runs
//!  │              door ◄────┘         faults on order: 503, slow, 429, reset, outage, 413, a kill
//!  │               └► stand-in (and LangSmith)
//!  │                        │ capture             /metrics of each ──► samples
//!  └──── by request id ─────┴──► what was lost, and why ──► report.html
//! ```
//!
//! | Read | for |
//! |---|---|
//! | [`keeping`] | which traces are kept |
//! | [`load`] | what is asked, when, and the book of it |
//! | [`services`] | the three services, their tracing, their processes |
//! | [`sink`] | where runs go, and what goes wrong there |
//! | [`metrics`] | what `/metrics` says, and reading it |
//! | [`report`] | what it came to: losses, figures, the page |
//! | [`read_back`] | the same report from what LangSmith has stored |
//!
//! Start at [`demo::run`]; for a service of your own, at [`services::tracing`] and [`metrics::registry`].

pub mod cli;
pub mod demo;
pub mod keeping;
pub mod load;
pub mod metrics;
pub mod progress;
pub mod read_back;
pub mod report;
pub mod services;
pub mod settings;
pub mod sink;
