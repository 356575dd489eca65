//! A language model that says what it was told to, and the client that asks it.
//!
//! ```text
//! Model ──POST /v1/chat/completions──► ScriptedLlm ──in order · by prompt · default──► Answer
//!   ▲ genai                                │                                             │ seeded delays
//!   │                                      └─ requests() ◄── what was asked, how it ended   ▼
//!   └──────────── JSON, or server-sent events: token … token, finish reason, usage, [DONE] ┘
//! ```
//!
//! The scripted model speaks OpenAI's Chat Completions, errors included, so that any client of that API can
//! be pointed at it: streamed and whole answers, tool calls in pieces, refusals, rate limits, connections
//! that break. What it says is synthetic, no recording of a provider. Start at [`ScriptedLlm`].

mod answer;
mod builder;
mod frames;
mod model;
mod received;
mod reply;
mod request;
mod routes;
mod server;
mod timing;
mod tokens;
mod wire;

pub use answer::Answer;
pub use builder::ScriptedLlmBuilder;
pub use model::{ChatEvents, Model, ModelError, Provider};
pub use received::{LlmRequest, Outcome};
pub use reply::{ChatReply, text_of};
pub use server::ScriptedLlm;
pub use timing::TokenTiming;
