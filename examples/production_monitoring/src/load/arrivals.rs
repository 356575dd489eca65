//! When which request is sent. Start at [`Plan::new`].

use std::time::Duration;

use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use serde::{Deserialize, Serialize};

/// What a request makes the services do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scenario {
    /// Answer.
    Plain,
    /// Answer late: the model takes nearly a second.
    Slow,
    /// Answer from a passage that is too long for the backend, so that its runs have to be cut.
    Long,
    /// Fail in the retriever: there is no index.
    IndexMissing,
    /// Fail in the generator: the model is overloaded.
    ModelOverloaded,
}

impl Scenario {
    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::Plain,
        Self::Slow,
        Self::Long,
        Self::IndexMissing,
        Self::ModelOverloaded,
    ];

    /// Returns the name in metrics and headers.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Plain => "plain",
            Self::Slow => "slow",
            Self::Long => "long",
            Self::IndexMissing => "index_missing",
            Self::ModelOverloaded => "model_overloaded",
        }
    }
}

/// A request that is to be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Planned {
    /// Its id, as its trace carries it.
    pub id: String,
    /// When, from the beginning.
    pub at: Duration,
    /// What it is for.
    pub scenario: Scenario,
}

/// The parts of requests that are not plain, each from 0 to 1.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Shares {
    /// Those that fail: one half in the retriever, the other in the generator.
    pub errors: f64,
    /// Those that are slow.
    pub slow: f64,
    /// Those with a passage that is too long.
    pub long: f64,
}

/// All requests of a load, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// The requests.
    pub requests: Vec<Planned>,
}

impl Plan {
    /// Plans requests at random moments, `rate` a second on average, as if many people asked who know nothing
    /// of each other: the gaps are those of a Poisson process. The same seed gives the same plan.
    ///
    /// `name` begins the ids, so that two loads into one project stay apart.
    pub fn new(name: &str, seed: u64, rate: f64, length: Duration, shares: Shares) -> Self {
        let Shares { errors, slow, long } = shares;
        let mut chance = StdRng::seed_from_u64(seed);
        let mut requests = Vec::new();
        let mut at = 0.0;
        loop {
            // From above 0 to 1, so that the logarithm is finite.
            let u: f64 = 1.0 - chance.random::<f64>();
            at += -u.ln() / rate;
            if at >= length.as_secs_f64() {
                return Self { requests };
            }
            let draw: f64 = chance.random();
            let scenario = match draw {
                draw if draw < errors / 2.0 => Scenario::IndexMissing,
                draw if draw < errors => Scenario::ModelOverloaded,
                draw if draw < errors + slow => Scenario::Slow,
                draw if draw < errors + slow + long => Scenario::Long,
                _ => Scenario::Plain,
            };
            requests.push(Planned {
                id: format!("{name}-{}", requests.len()),
                at: Duration::from_secs_f64(at),
                scenario,
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHARES: Shares = Shares {
        errors: 0.1,
        slow: 0.2,
        long: 0.02,
    };

    fn plan(seed: u64) -> Plan {
        Plan::new("r", seed, 50.0, Duration::from_secs(100), SHARES)
    }

    #[test]
    fn the_same_seed_gives_the_same_plan_and_another_one_another() {
        assert_eq!(plan(7), plan(7));
        assert_ne!(plan(7), plan(8));
    }

    #[test]
    fn rate_and_shares_are_what_was_asked_for() {
        let plan = plan(1).requests;
        // Five standard deviations of the Poisson count, and of the binomial ones.
        assert!((plan.len() as f64 - 5_000.0).abs() < 5.0 * 5_000f64.sqrt());
        for (scenario, share) in [
            (Scenario::IndexMissing, 0.05),
            (Scenario::ModelOverloaded, 0.05),
            (Scenario::Slow, 0.2),
            (Scenario::Long, 0.02),
            (Scenario::Plain, 0.68),
        ] {
            let all = plan.len() as f64;
            let got = plan.iter().filter(|one| one.scenario == scenario).count() as f64;
            let deviation = (all * share * (1.0 - share)).sqrt();
            assert!(
                (got - all * share).abs() < 5.0 * deviation,
                "{scenario:?}: {got}"
            );
        }
        assert!(plan.is_sorted_by_key(|one| one.at));
    }
}
