//! The brokers of the lessons' queues. Lessons and tests do without them and say so.

use super::packages::Programs;

/// The brokers.
pub(crate) const BROKERS: Programs = Programs {
    name: "brokers",
    cost: "some seconds, 20 MB",
    names: &["redis-server", "nats-server"],
};
