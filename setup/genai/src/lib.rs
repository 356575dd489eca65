//! Nothing: the tests beside it show that spans of the crate `genai` become runs of LangSmith.
//!
//! ```text
//! genai, feature `otel` ──spans of tracing──► RunLayer ────────────► runs   ┐ the same tree, tokens
//!   └─► a model on loopback, streamed or not   └─► OpenTelemetry ──► spans  ┘ and first token
//! ```
//!
//! It is a package of its own because genai wants features of `reqwest` (gzip, HTTP/2) that `common` does not
//! have, and cargo would switch them on in every test of `common`. `cargo workbook test` runs it as a stage.
