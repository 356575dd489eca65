//! What a service does wrong on request, so that it can be seen in a trace. Start at [`Fault`].

use clap::ValueEnum;

/// A mistake that a service makes. Each is real: nothing in the trace is made up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Fault {
    /// The retriever never answers.
    Slow,
    /// The generator falls silent after [`TOKENS`] tokens, the worker when it has a message in hands.
    Hang,
    /// The orchestrator leaves the answer out of its message to the worker.
    Poison,
}

/// How many tokens a generator that hangs has said.
pub const TOKENS: usize = 3;

impl Fault {
    /// Returns its name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Slow => "slow",
            Self::Hang => "hang",
            Self::Poison => "poison",
        }
    }
}
