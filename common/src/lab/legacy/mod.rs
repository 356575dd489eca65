//! Pieces that no middleware reaches, each with its context carried by hand: cron, command lines, batch files, services
//! without a framework, shell scripts, jobs that come later.
//!
//! ```text
//! run ─► ChildEnv ─► sh ─► cron(), shell_script()       run ─► JSON ─► an argument ─► command_line()
//! run ─► Job, a line each, and a sidecar ─► batch_file()
//! run ─► headers of http::Request ─► service_by_hand()  run ─► a line before the line ─► line_protocol()
//! run ─► file ── a day later ──► scheduled_later(): a trace of its own, with a link
//! ```
//!
//! Each runs its piece once and returns its trace. `docs/manual_propagation.md` tells them one by one. Start at
//! [`cron`].

mod files;
#[cfg(unix)]
mod programs;
mod wires;

pub use files::{batch_file, scheduled_later};
#[cfg(unix)]
pub use programs::{command_line, cron, shell_script};
pub use wires::{line_protocol, service_by_hand};

use crate::model::RunContext;
use crate::propagation::{LangSmithPropagator, TrustPolicy};
use crate::trace::RunTree;

/// Whoever writes to these pieces could run them, and so is believed.
fn ours() -> LangSmithPropagator {
    LangSmithPropagator::new().policy(TrustPolicy::Continue)
}

/// Returns the context of a run; what is not recorded has none.
fn context(run: &RunTree) -> std::io::Result<RunContext> {
    let missing = || std::io::Error::other("the run is not recorded, so it has no context");
    run.context().ok_or_else(missing)
}
