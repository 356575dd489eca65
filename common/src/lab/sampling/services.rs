//! Who calls whom, and how each service samples.

use crate::trace::{Sampler, SamplingRate};

/// How a service's SDK comes to its decision.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum SdkGeneration {
    /// By the id of the trace: this crate, the Python SDK from 0.15 on, the JavaScript SDK from 0.12 on.
    #[default]
    ByTraceId,
    /// By lot where a trace begins; a service that is called always keeps its part. The Python SDK 0.11, the
    /// JavaScript SDK 0.9 and the Go SDK, by their source.
    ByLotAtRoot,
}

/// A service of a simulation, with the services that it calls once in each request.
///
/// ```
/// use common::lab::sampling::{SampledService, SdkGeneration};
///
/// let gateway = SampledService::new("gateway", 0.1)?
///     .runs(2)
///     .calls(SampledService::new("retriever", 0.1)?.errors(0.02)?)
///     .calls(SampledService::new("generator", 0.5)?.generation(SdkGeneration::ByLotAtRoot));
/// assert_eq!(gateway.name(), "gateway");
/// # Ok::<(), common::lab::sampling::InvalidSimulation>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct SampledService {
    pub(super) name: String,
    pub(super) rate: SamplingRate,
    pub(super) generation: SdkGeneration,
    pub(super) keeps_errors: bool,
    pub(super) keeps_slow: bool,
    pub(super) runs: u32,
    pub(super) bytes_per_run: u32,
    pub(super) error: f64,
    pub(super) slow: f64,
    pub(super) fails_with_callee: bool,
    pub(super) callees: Vec<SampledService>,
}

impl SampledService {
    /// Makes a service that keeps such a share of traces by the trace id: one run of 2,000 bytes a request, which
    /// never fails and is never slow.
    ///
    /// # Errors
    /// If the rate is no number from 0 to 1.
    pub fn new(name: impl Into<String>, rate: f64) -> Result<Self, InvalidSimulation> {
        Ok(Self {
            name: name.into(),
            rate: rate_of(rate)?,
            generation: SdkGeneration::ByTraceId,
            keeps_errors: false,
            keeps_slow: false,
            runs: 1,
            bytes_per_run: 2_000,
            error: 0.0,
            slow: 0.0,
            fails_with_callee: false,
            callees: Vec::new(),
        })
    }

    /// Returns its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Sets how its SDK decides.
    #[must_use]
    pub fn generation(mut self, generation: SdkGeneration) -> Self {
        self.generation = generation;
        self
    }

    /// Keeps its part of traces in which it fails, whatever the rate says: a tail.
    #[must_use]
    pub fn keep_errors(mut self) -> Self {
        self.keeps_errors = true;
        self
    }

    /// Keeps its part of traces in which it is slow, whatever the rate says: a tail.
    #[must_use]
    pub fn keep_slow(mut self) -> Self {
        self.keeps_slow = true;
        self
    }

    /// Sets how many runs it records a request.
    #[must_use]
    pub fn runs(mut self, runs: u32) -> Self {
        self.runs = runs;
        self
    }

    /// Sets how many bytes each of them takes.
    #[must_use]
    pub fn bytes_per_run(mut self, bytes: u32) -> Self {
        self.bytes_per_run = bytes;
        self
    }

    /// Sets the share of requests in which it fails of itself.
    ///
    /// # Errors
    /// If that is no number from 0 to 1.
    pub fn errors(mut self, share: f64) -> Result<Self, InvalidSimulation> {
        self.error = rate_of(share)?.get();
        Ok(self)
    }

    /// Sets the share of requests in which it is slow.
    ///
    /// # Errors
    /// If that is no number from 0 to 1.
    pub fn slow(mut self, share: f64) -> Result<Self, InvalidSimulation> {
        self.slow = rate_of(share)?.get();
        Ok(self)
    }

    /// Fails as well when a service that it calls does. A tail then keeps its part too.
    #[must_use]
    pub fn fails_with_callee(mut self) -> Self {
        self.fails_with_callee = true;
        self
    }

    /// Calls another service once in each request.
    #[must_use]
    pub fn calls(mut self, callee: Self) -> Self {
        self.callees.push(callee);
        self
    }

    /// Changes this service and all that it calls.
    pub(super) fn each(&mut self, change: &impl Fn(&mut Self)) {
        change(self);
        self.callees
            .iter_mut()
            .for_each(|callee| callee.each(change));
    }

    pub(super) fn sampler(&self) -> Sampler {
        Sampler::TraceIdRatio(self.rate)
    }
}

pub(super) fn rate_of(share: f64) -> Result<SamplingRate, InvalidSimulation> {
    SamplingRate::new(share).map_err(|_| InvalidSimulation::Share(share))
}

/// Why nothing can be simulated.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
pub enum InvalidSimulation {
    /// Give a number from 0 to 1.
    #[error("a share is a number from 0 to 1, and not {0}")]
    Share(f64),
    /// Leave services out: all cases are looked at, and each service makes four times as many.
    #[error("{0} services are more than can be simulated")]
    TooManyServices(usize),
}
