//! How what holds here comes along to other tasks and threads.
//!
//! ```text
//! current run · scopes ──Ambient::current()──► Ambient ──► future  in_current_run · spawn · JoinSet::spawn
//!   of this thread                                    └──► closure carry · spawn_blocking · Ambient::call
//! ```
//!
//! Rust moves work between threads without asking, and what a thread knows stays behind: whatever starts in
//! a bare `tokio::spawn` has no parent. What is carried takes the place of all that is current where the
//! work goes on, and leaves with it, so neither a pool's thread nor a task polled in between hands anything
//! on. `select!`, `join!` and streams poll in the task that they stand in, and need none of it. Start at
//! [`spawn`](task::spawn).

mod ambient;
mod future;
#[cfg(feature = "client")]
mod join_set;
#[cfg(feature = "client")]
mod task;

pub use ambient::{Ambient, carry};
pub use future::{Carried, InRun, TraceFutureExt};
#[cfg(feature = "client")]
pub use join_set::JoinSet;
#[cfg(feature = "client")]
pub use task::{spawn, spawn_blocking};
