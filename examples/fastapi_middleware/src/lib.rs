//! An axum service that keeps a trace whole beside a FastAPI one.
//!
//! ```text
//! traffic ──► FastAPI + TracingMiddleware ──► axum + TracingLayer ──► FastAPI …
//!               │ peer/service.py                │ service · trust
//!               └───────────── runs ─────────────┴──► stand-in ──► report · page
//! ```
//!
//! | Read | for |
//! |---|---|
//! | [`service`] | the service: routes, layer, a step below the request |
//! | [`next`] | a call to the next service that keeps the trace |
//! | [`trust`] | whose traces it continues |
//! | [`serve`] | running it: port, signals, flush |
//! | [`stage`], [`peers`], [`traffic`], [`report`], [`page`] | the demonstration around it |
//!
//! Start at [`service::app`].

pub mod cli;
pub mod demo;
pub mod next;
pub mod page;
pub mod peers;
pub mod report;
pub mod serve;
pub mod service;
pub mod stage;
pub mod traffic;
pub mod trust;
