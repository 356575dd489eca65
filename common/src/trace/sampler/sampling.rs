//! What a program wants sampled: the configuration of all of it.

use std::collections::HashSet;
use std::sync::Arc;

use super::head::Head;
use super::limit::TraceLimit;
use super::rate::{Sampler, SamplingRate};
use super::rule::SamplingRule;
use super::tail::{TailBuffer, TailPolicy};
use crate::model::Clock;

/// Most rules of one client: each is a series in the metrics, and is looked at for each trace.
pub const MAX_SAMPLING_RULES: usize = 64;

/// Longest label of a rule, in bytes.
pub const MAX_LABEL_BYTES: usize = 64;

/// The key of metadata under which a decision travels, where [`Sampling::carry_decision`] says so: true for
/// kept, false for left out.
pub const CARRIED_DECISION: &str = "sampling_kept";

/// Decides which traces are sent: by rule, by rate, within a limit; and what of the rest is kept after all.
///
/// ```
/// use std::time::Duration;
/// use common::client::Client;
/// use common::trace::{Sampler, Sampling, SamplingRate, SamplingRule, TailPolicy, TraceLimit};
///
/// let sampling = Sampling::new()
///     .sampler(Sampler::TraceIdRatio(SamplingRate::new(0.1)?))
///     .rules([SamplingRule::new("probes", Sampler::AlwaysOff).name("GET /health*")])?
///     .limit(TraceLimit::per_second(100))
///     .tail(TailPolicy::new().slow(Duration::from_secs(10)));
/// let client = Client::builder()
///     .endpoint("http://127.0.0.1:1984")
///     .sampling(sampling)
///     .build()?;
/// client.run("answer").start().fail("the model did not answer");
/// # client.shutdown(Duration::ZERO).ok();
/// println!("{}", client.sampling_stats());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Across services
///
/// A trace is decided where it begins. What a service that is called can know of that:
///
/// - **By rate**, everything: the trace id tells. Give all services the same rate; one with a higher rate sends
///   runs whose parents are missing, one with a lower rate leaves traces cut short.
/// - **By rule or limit**, nothing: `langsmith-trace` and `baggage` say which run is above and what it hands
///   down, never whether it was kept, and the official SDKs look for no such thing. With
///   [`carry_decision`](Self::carry_decision) the decision goes along as metadata, which services with this crate
///   follow. Without it a called service decides by its own rate, as rules and limits are for what begins here.
/// - **By the tail**, nothing: it is decided after the call. Each process keeps its own part: a gateway that fails
///   keeps the gateway's runs, not those of the retriever that it had called with success. A part whose caller
///   left its own out hangs from nothing. [`SamplingStats::joined`](super::SamplingStats::joined) counts the
///   parts that began elsewhere. For whole traces, send everything to an OpenTelemetry Collector that samples
///   by its tail.
///
/// Judgements follow: feedback on a trace that is left out is not sent, and on one that waits it waits along.
///
/// A run that is kept by rate says the rate in its metadata ([`SAMPLE_RATE`](super::SAMPLE_RATE)); one that the
/// tail kept says none, as it stands for itself alone. So counts of traces can be scaled up by the rate, and counts
/// of errors are right as they are.
#[derive(Debug, Clone, Default)]
pub struct Sampling {
    pub(super) sampler: Option<Sampler>,
    pub(super) rules: Vec<SamplingRule>,
    pub(super) limit: Option<TraceLimit>,
    pub(super) carry: bool,
    pub(super) tail: Option<TailPolicy>,
}

impl Sampling {
    /// Makes one that keeps everything, or in a client what its sampling rate says.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the sampler of traces that no rule fits, and of those that callers began. Without one a client takes
    /// its rate: that of the builder, or of `LANGSMITH_TRACING_SAMPLING_RATE`.
    #[must_use]
    pub fn sampler(mut self, sampler: Sampler) -> Self {
        self.sampler = Some(sampler);
        self
    }

    /// Sets the sampler to a rate, as [`sampler`](Self::sampler) with [`Sampler::TraceIdRatio`] does.
    #[must_use]
    pub fn rate(self, rate: SamplingRate) -> Self {
        self.sampler(Sampler::TraceIdRatio(rate))
    }

    /// Sets the rules for traces that begin here. The first one that fits decides.
    ///
    /// # Errors
    /// If there are more than [`MAX_SAMPLING_RULES`], or a label is empty, longer than [`MAX_LABEL_BYTES`], or
    /// that of another rule.
    pub fn rules(
        mut self,
        rules: impl IntoIterator<Item = SamplingRule>,
    ) -> Result<Self, InvalidSampling> {
        self.rules = rules.into_iter().collect();
        if self.rules.len() > MAX_SAMPLING_RULES {
            return Err(InvalidSampling::TooManyRules);
        }
        let mut known = HashSet::new();
        for SamplingRule { label, .. } in &self.rules {
            if label.is_empty() || label.len() > MAX_LABEL_BYTES {
                return Err(InvalidSampling::Label(label.clone()));
            }
            if !known.insert(label) {
                return Err(InvalidSampling::RepeatedLabel(label.clone()));
            }
        }
        Ok(self)
    }

    /// Keeps no more of the traces that begin here than that, whatever rules and rate say.
    #[must_use]
    pub fn limit(mut self, limit: TraceLimit) -> Self {
        self.limit = Some(limit);
        self
    }

    /// Tells called services what was decided, and follows what callers tell: as metadata under
    /// [`CARRIED_DECISION`], which runs then have too. Off by default.
    ///
    /// A caller is believed in this as far as its context is believed at all; see
    /// [`TrustPolicy`](crate::propagation::TrustPolicy). One that tells nothing is followed by the id of its trace.
    /// Where metadata is hidden, none travels and neither does this.
    #[must_use]
    pub fn carry_decision(mut self, carry: bool) -> Self {
        self.carry = carry;
        self
    }

    /// Holds back what is left out, and keeps what fails or is slow after all; see [`TailPolicy`]. Off by default.
    ///
    /// With it every trace is recorded, so that what is left out costs what recording costs, and memory while it
    /// waits.
    #[must_use]
    pub fn tail(mut self, policy: TailPolicy) -> Self {
        self.tail = Some(policy);
        self
    }

    /// Returns what decides, and what holds back if anything is to.
    pub(in crate::trace) fn build(
        self,
        clock: Arc<dyn Clock>,
    ) -> (Arc<Head>, Option<Arc<TailBuffer>>) {
        let tail = self.tail.clone();
        let head = Arc::new(Head::new(self));
        let hold = |policy| Arc::new(TailBuffer::new(policy, head.clone(), clock));
        let tail = tail.map(hold);
        (head, tail)
    }

    /// Sets the sampler unless there is one.
    pub(crate) fn or(mut self, sampler: Sampler) -> Self {
        self.sampler.get_or_insert(sampler);
        self
    }
}

/// Why rules cannot be used. The label says which one to repair.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidSampling {
    /// Join some, or leave some to the rate.
    #[error("there are more than {MAX_SAMPLING_RULES} sampling rules")]
    TooManyRules,
    /// Give the rule a short name.
    #[error("the label of a sampling rule has 1 to {MAX_LABEL_BYTES} bytes; one is {0:?}")]
    Label(String),
    /// Give one of the rules another name.
    #[error("two sampling rules have the label {0:?}")]
    RepeatedLabel(String),
}
