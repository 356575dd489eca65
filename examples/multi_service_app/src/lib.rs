//! A docs assistant of six services, in one trace.
//!
//! ```text
//! browser ──► gateway ──► orchestrator ──HTTP──► retriever          its own SQLite index
//!    ▲           │              ├──gRPC──► tools                    what fits into the prompt
//!    │ server-   │              ├──HTTP──► generator ──► model      streams
//!    │ sent      │              └──queue─► worker ──► model         judges the answer, later
//!    └─ events ──┴──── tokens ──┘
//! ```
//!
//! | Read | for |
//! |---|---|
//! | [`gateway`] | the page, and where traces begin |
//! | [`orchestrator`] | who is asked in which order, and what is done without |
//! | [`retriever`], [`tools`], [`generator`], [`worker`] | behind HTTP, gRPC, a stream, a queue |
//! | [`service`] | what all of them share: client, port, health, and an end that loses nothing |
//! | [`wire`] | what they say to each other |
//! | [`supervisor`] | processes: started, watched, restarted, stopped |
//! | [`scenario`], [`fault`] | what can go wrong, on request |
//! | [`demo`] | one question, and its trace |
//!
//! Start at [`orchestrator::app`].

pub mod cli;
pub mod demo;
pub mod fault;
pub mod gateway;
pub mod generator;
pub mod log;
pub mod orchestrator;
pub mod retriever;
pub mod role;
pub mod scenario;
pub mod service;
pub mod supervisor;
pub mod tools;
pub mod wire;
pub mod worker;
