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
//! | [`service`] | the service: routes, layer, a step below the request, a call to the next service |
//! | [`trust`] | whose traces it continues |
//! | [`serve`] | running it: port, signals, flush |
//! | [`stage`], [`node`], [`traffic`], [`report`], [`page`] | the demonstration around it |
//!
//! Start at [`service::app`].

pub mod cli;
pub mod demo;
pub mod node;
pub mod page;
pub mod report;
pub mod serve;
pub mod service;
pub mod stage;
pub mod traffic;
pub mod trust;
