//! Calls of models and tools as spans, in the words of both vocabularies.
//!
//! ```text
//! Call ──attributes──► span starts     gen_ai.provider.name + gen_ai.system, langsmith.span.kind, …
//! Answer ──record────► span ends       gen_ai.usage.* + langsmith.usage_metadata, …
//!            └ content only as ContentCapture says: by default none
//! ```
//!
//! Start at [`Call`].

mod answer;
mod call;
mod capture;
mod message;
mod operation;

pub use answer::Answer;
pub use call::Call;
pub use capture::{ContentCapture, ContentHook, ContentSide};
pub use message::{Message, Part};
pub use operation::Operation;
