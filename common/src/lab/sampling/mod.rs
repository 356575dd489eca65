//! What sampling does to traces and their cost, before it is deployed.
//!
//! ```text
//! SampledService … calls … ──► Simulation ──┬─ expected()      every case, weighted: exact
//!                                           ├─ rolled(n, seed) n requests by lot, the real sampler for the ids
//!                                           └─ curve(prices)   what error visibility costs, drawn
//! scenario × policy ──► the real client, the stand-in ──► VisibilityMatrix ──► table · heat map
//! ```
//!
//! | file | holds |
//! |---|---|
//! | `services` | who calls whom, and how each service samples |
//! | `simulation` | all cases, or many by lot |
//! | `outcome` | what comes of it: shares, visibility, volume, cost |
//! | `matrix` | which failures are seen under which policy, as it really happens |
//!
//! Start at [`Simulation`] and [`visibility_matrix`].

mod matrix;
mod outcome;
mod services;
mod simulation;

pub use matrix::{
    FailureScenario, SamplingPolicy, SeenFailures, VisibilityMatrix, visibility_matrix,
};
pub use outcome::{SamplingOutcome, SamplingPrices};
pub use services::{InvalidSimulation, SampledService, SdkGeneration};
pub use simulation::{MAX_SIMULATED_SERVICES, Simulation};
