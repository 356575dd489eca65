//! What became of tracing headers, for Prometheus. Start at [`Headers`].

use std::fmt;

use common::middleware::TracingLayer;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric as _};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;

/// Reads the counters of a layer whenever metrics are asked for.
pub(super) struct Headers(pub(super) TracingLayer);

impl fmt::Debug for Headers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Headers")
    }
}

impl Collector for Headers {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let counters = self.0.counters();
        let mut metric = encoder.encode_descriptor(
            "langsmith_propagation_requests",
            "Requests by what their tracing headers said",
            None,
            MetricType::Counter,
        )?;
        for (outcome, count) in [
            ("continued", counters.continued),
            ("absent", counters.absent),
            ("untrusted", counters.untrusted),
            ("not_read", counters.not_read),
            ("malformed", counters.malformed),
            ("oversize", counters.oversize),
            ("ambiguous", counters.ambiguous),
        ] {
            ConstCounter::new(count).encode(metric.encode_family(&[("outcome", outcome)])?)?;
        }
        Ok(())
    }
}
