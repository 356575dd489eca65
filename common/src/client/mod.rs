//! The facade: one handle that starts runs and sees them delivered.
//!
//! ```text
//! environment ──► Config ─┐
//!                         ├─► ClientBuilder ──build()──► Client ──run()──► RunTree     (room: trace)
//! code ───────────────────┘                               │                   │ RunOp
//!                                         flush · stats · check · read_run    routes, one a replica
//!                                                         │                   │
//!                                                         └──► exporters ◄────┘        (room: export)
//! ```
//!
//! This is the only room that knows both `trace` and `export`. A client is a handle that is passed
//! around, never a global: one test, one client, one stand-in. Start at [`Client`].

mod asking;
mod builder;
mod check;
mod config;
mod default;
mod exporters;
mod guard;
mod handle;
#[cfg(feature = "prometheus")]
mod metrics;
mod privacy;
mod replica;
mod routes;
#[cfg(feature = "prometheus")]
mod sampling_metrics;
mod signals;
mod slices;
mod tenants;
mod termination;

pub use asking::{
    AskError, DEFAULT_ASK_TIMEOUT, DEFAULT_SELECT, FeedbackQuery, FeedbackUpdate, MAX_ANSWER_BYTES,
    NewProject, Pages, Project, ProjectQuery, ProjectRef, ProjectUpdate, RunLocator, RunQuery,
    RunStats, StoredRun, WebApp, WorkspaceSettings,
};
pub use builder::ClientBuilder;
pub use check::{CheckError, CheckReport};
#[cfg(feature = "otel")]
pub(crate) use config::is_hosted;
pub use config::{Config, ConfigError, DEFAULT_PROJECT, Explanation, Region, Setting, Sources};
pub use default::{DefaultClientGuard, default_client};
pub use guard::FlushGuard;
pub use handle::Client;
#[cfg(feature = "prometheus")]
pub use metrics::ExportMetrics;
#[cfg(feature = "otel")]
pub(crate) use privacy::sampler;
pub use replica::Replica;
pub use tenants::{
    DEFAULT_TENANT_CLOSE, DEFAULT_TENANT_IDLE, DEFAULT_TENANTS, TenantError, Tenants, TenantsStats,
};
#[cfg(feature = "otel")]
pub(crate) use termination::{Ends, Watched};
pub use termination::{TerminationError, TerminationGuard, terminated};

pub use crate::export::DEFAULT_ENDPOINT;
