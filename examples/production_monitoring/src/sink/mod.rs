//! Where runs go, and what goes wrong there.
//!
//! ```text
//! services ──► Door (a port that can be shut) ──► stand-in (503, slow, 429, cut answers on order) ──► capture
//!                ▲                                   ▲
//!                └────────── Chaos, by a schedule ───┘
//! ```
//!
//! Start at [`Sink::start`].

mod chaos;
mod door;
mod ready;

use std::net::SocketAddr;

use anyhow::{Context as _, Result};
use common::langsmith_mock::{LangSmithMock, Limits};

pub use chaos::{Chaos, Fault, Injected, SCHEDULE, Step, Window};
pub use door::Door;
pub use ready::Readiness;

use crate::services::tracing::STAND_IN_KEY;

/// The largest body that is taken with faults on: less than the stand-in says it takes, as behind a proxy whose
/// limit nobody knows of.
const SMALL_BODY: usize = 256 * 1024;

/// The stand-in for LangSmith, and the door in front of it.
#[derive(Debug)]
pub struct Sink {
    /// The stand-in.
    pub mock: LangSmithMock,
    /// What services connect to.
    pub door: Door,
}

impl Sink {
    /// Starts a stand-in that holds so many runs, behind a door on a port; 0 is any free one.
    ///
    /// # Errors
    /// If a port cannot be had.
    pub async fn start(port: u16, runs: usize, chaos: bool) -> Result<Self> {
        let mut limits = Limits {
            runs: runs.max(Limits::default().runs),
            ..Limits::default()
        };
        if chaos {
            limits.body_bytes = SMALL_BODY;
        }
        // Served, not only mounted: it can cut connections then.
        let mock = LangSmithMock::builder()
            .keys([STAND_IN_KEY])
            .limits(limits)
            .serve(SocketAddr::from(([127, 0, 0, 1], 0)))
            .await
            .context("the stand-in does not start")?;
        let behind = mock.url().trim_start_matches("http://").to_owned();
        let door = Door::open_at(port, behind).await?;
        Ok(Self { mock, door })
    }
}
