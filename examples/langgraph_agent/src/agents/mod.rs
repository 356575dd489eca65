//! The agents: plain functions from what is known to what is added, each with one question to a model.
//!
//! ```text
//! route: which sources? ──► search (a retriever each) ──► write: answer from [1] [2] … ──► review: does it hold?
//! ```
//!
//! They know no graph: [`graph`](crate::graph) decides on the order. Each question is an `llm` run below the current
//! one, with usage. Start at [`route`], [`write()`], [`review`].

mod ask;
mod prompt;
mod review;
mod route;
mod write;

pub use self::ask::AgentError;
pub use self::prompt::{Asked, Given};
pub use self::review::{citations, review};
pub use self::route::route;
pub use self::write::{NOTHING, first_draft, says_nothing, write};
