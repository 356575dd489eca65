//! A docs assistant over this repository's documentation, in one trace.
//!
//! ```text
//! question ──► route ──► search docs · notebooks · packages ──► write ──► review ──► approve ──► answer [1] [2]
//!                │          └ corpus ──► index (FTS5)             │          │
//!                └────────────── model: scripted, or a real one ──┴──────────┘
//! ```
//!
//! | Read | for |
//! |---|---|
//! | [`corpus`] | the documentation as passages that can be cited |
//! | [`index`] | finding passages by words, and knowing when there is none |
//! | [`retrieve`] | the search as a `retriever` run |
//! | [`state`] | what the agents know together |
//! | [`agents`] | router, writer, reviewer: each one question to a model |
//! | [`script`] | what answers them where there is no model |
//! | [`approve`] | the human who has the last word |
//! | [`assistant`], [`report`], [`cli`], [`demo`] | the program around it |
//!
//! Start at [`assistant::Assistant::answer`].

pub mod agents;
pub mod approve;
pub mod assistant;
pub mod cli;
pub mod corpus;
pub mod demo;
pub mod index;
pub mod report;
pub mod retrieve;
pub mod script;
pub mod state;
