//! Run and trace ids, and where they come from.

use std::cell::RefCell;
use std::fmt;
use std::hash::{BuildHasher as _, RandomState};
use std::str::FromStr;
use std::sync::Mutex;

use rand::rngs::{SmallRng, SysRng};
use rand::{RngExt as _, SeedableRng as _};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::clock::Timestamp;
use super::process::Process;

macro_rules! uuid_newtype {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub Uuid);

        impl $name {
            /// Returns true for the all-zero id, which never names a run.
            pub fn is_nil(&self) -> bool {
                self.0.is_nil()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.hyphenated().fmt(f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self.0)
            }
        }

        impl FromStr for $name {
            type Err = uuid::Error;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                Uuid::parse_str(text).map(Self)
            }
        }

        impl From<Uuid> for $name {
            fn from(id: Uuid) -> Self {
                Self(id)
            }
        }
    };
}

uuid_newtype! {
    /// The id of one run: a UUID, version 7 of the run's start time when we make it.
    RunId
}

uuid_newtype! {
    /// The id of a trace, which is the id of its root run.
    TraceId
}

impl From<RunId> for TraceId {
    fn from(root: RunId) -> Self {
        Self(root.0)
    }
}

impl From<TraceId> for RunId {
    fn from(trace: TraceId) -> Self {
        Self(trace.0)
    }
}

/// Makes the id of a run from its start time.
///
/// The official SDKs take the millisecond field of a UUIDv7 from `start_time` and fill the rest at
/// random; an implementation here does the same, so that ids sort like times.
pub trait IdGenerator: Send + Sync + fmt::Debug {
    /// Returns a new id for a run that starts at `start`.
    fn run_id(&self, start: Timestamp) -> RunId;
}

thread_local! {
    // Not `rand::rng()`: it has a destructor, and panics for whoever starts a run after it.
    static GENERATOR: RefCell<Seeded> = RefCell::new(Seeded::by_system());
}

/// A generator that two processes never share: a child has a copy of it, and would repeat what the
/// parent, or another child, makes of it.
struct Seeded {
    process: Process,
    generator: SmallRng,
}

impl Seeded {
    fn by_system() -> Self {
        Self {
            process: Process::current(),
            generator: seeded_by_system(),
        }
    }

    fn random(&mut self) -> u128 {
        if !self.process.is_current() {
            *self = Self::by_system();
        }
        self.generator.random()
    }
}

fn seeded_by_system() -> SmallRng {
    SmallRng::try_from_rng(&mut SysRng)
        .unwrap_or_else(|_| SmallRng::seed_from_u64(RandomState::new().hash_one(())))
}

/// Ids with 74 random bits each, from a generator of the thread's own that the system seeds, anew in a
/// process that was forked off. The default.
#[derive(Debug, Clone, Copy, Default)]
pub struct RandomIds;

impl IdGenerator for RandomIds {
    fn run_id(&self, start: Timestamp) -> RunId {
        let bits = GENERATOR.try_with(|generator| generator.borrow_mut().random());
        v7(start, bits.unwrap_or_else(|_| seeded_by_system().random()))
    }
}

/// Ids that repeat from run to run of a program: the same seed gives the same sequence.
///
/// For lessons and snapshot tests. Two processes with one seed collide; never use it in production.
#[derive(Debug)]
pub struct SeededIds(Mutex<SmallRng>);

impl SeededIds {
    /// Starts the sequence of `seed`.
    pub fn new(seed: u64) -> Self {
        Self(Mutex::new(SmallRng::seed_from_u64(seed)))
    }
}

impl IdGenerator for SeededIds {
    fn run_id(&self, start: Timestamp) -> RunId {
        let mut rng = self
            .0
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        v7(start, rng.random())
    }
}

fn v7(start: Timestamp, bits: u128) -> RunId {
    let random: [u8; 16] = bits.to_be_bytes();
    let mut tail = [0_u8; 10];
    tail.copy_from_slice(&random[..10]);
    let millis = u64::try_from(start.timestamp_millis()).unwrap_or(0);
    RunId(uuid::Builder::from_unix_timestamp_millis(millis, &tail).into_uuid())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Clock, SystemClock};

    #[test]
    fn an_id_is_version_7_of_its_start_time() {
        let start = SystemClock.now();
        let id = RandomIds.run_id(start).0;
        assert_eq!(id.get_version_num(), 7);
        let (seconds, nanos) = id.get_timestamp().expect("v7 carries a time").to_unix();
        let millis = i64::try_from(seconds).expect("small") * 1_000 + i64::from(nanos / 1_000_000);
        assert_eq!(millis, start.timestamp_millis());
    }

    #[test]
    fn a_seed_repeats_its_ids() {
        let start = SystemClock.now();
        let (a, b) = (SeededIds::new(7), SeededIds::new(7));
        assert_eq!(a.run_id(start), b.run_id(start));
        assert_ne!(a.run_id(start), a.run_id(start));
    }
}
