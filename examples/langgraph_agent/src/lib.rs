//! A docs assistant over this repository's documentation: a graph of agents, in one trace.
//!
//! ```text
//! question ──► router ──► retriever × shelves ──► grader ──► writer ◄──► reviewer ──► approval ──► publish [1] [2]
//!                │            └ corpus ► index (FTS5)  │         │            │          └ a human, or nobody
//!                │                                     └► decline             │
//!                └─────────────── model: scripted, or a real one ─────────────┘
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
//! | [`nodes`], [`graph`] | each agent as a node, and who comes after whom |
//! | [`assistant`] | a question, and what was decided: two traces of one thread |
//! | [`approve`] | the human who has the last word |
//! | [`second_opinion`], [`tools`] | an agent and a tool in other processes |
//! | [`report`], [`price`], [`page`] | trees, tokens and cost; the same as pictures |
//! | [`cli`], [`person`], [`session`], [`demo`] | the program around it |
//!
//! Start at [`assistant::Assistant::ask`], and at [`graph::assemble`].

pub mod agents;
pub mod approve;
pub mod assistant;
pub mod cli;
pub mod corpus;
pub mod demo;
pub mod graph;
pub mod index;
pub mod nodes;
pub mod page;
pub mod person;
pub mod price;
pub mod report;
pub mod retrieve;
pub mod script;
pub mod second_opinion;
pub mod session;
pub mod state;
pub mod tools;
