//! Prometheus, which the tests of dashboards and alerts scrape with. Its package brings `promtool` along.

use super::packages::Programs;

/// Prometheus.
pub(crate) const PROMETHEUS: Programs = Programs {
    name: "Prometheus",
    cost: "some seconds, 100 MB",
    names: &["prometheus"],
};
