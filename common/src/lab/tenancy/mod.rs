//! Many tenants in one process: whose runs travel with whose key.
//!
//! ```text
//! runs of acme · bravo · coast, mixed ──┬─ Sharing::OneBatch     a queue written by hand: one batch, the key of its first run
//!                                       └─ Sharing::ByTenant     Tenants: a client, a queue and a folder for each
//!                                                │ Trouble: none · 503 · a revoked key · a crash and its spool
//!                                                ▼
//!                                               Tap ──► TenantBooks: runs at the own key · at another's · nowhere
//! ```
//!
//! Every run has its tenant's name in its inputs, so what travelled under which key can be read in the bytes that
//! arrived. Start at [`share`].

mod books;
mod one_batch;
mod share;

pub use books::{TenantBooks, tenants_table};
pub use share::{Sharing, TenancyError, Trouble, share};
