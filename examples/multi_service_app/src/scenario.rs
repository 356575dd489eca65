//! What can go wrong, and what is then to be seen. Start at [`Scenario`].

use std::fmt::Write as _;

use clap::ValueEnum;

use crate::fault::Fault;
use crate::role::Role;

/// Something that goes wrong while one question is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Scenario {
    /// Nothing.
    Normal,
    /// The tool server is down: the answer does without.
    ToolsDown,
    /// The retriever is down: there is no answer.
    RetrieverDown,
    /// The retriever takes for ever: there is no answer, and nobody waits for ever.
    RetrieverSlow,
    /// The generator is killed in the middle of its answer, and started again.
    GeneratorRestarted,
    /// The worker is killed with a message in hands, and started again.
    WorkerRestarted,
    /// The worker gets a message that nobody can handle.
    Poisoned,
    /// The reader goes away in the middle of the answer.
    ReaderLeaves,
}

/// What the demonstration does in the middle.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Act {
    /// Kills a service once a run of this name has arrived; the supervisor starts it again.
    Kill(Role, &'static str),
    /// Stops reading once a run of this name has arrived.
    Leave(&'static str),
}

impl Scenario {
    /// Every scenario.
    pub const ALL: [Self; 8] = [
        Self::Normal,
        Self::ToolsDown,
        Self::RetrieverDown,
        Self::RetrieverSlow,
        Self::GeneratorRestarted,
        Self::WorkerRestarted,
        Self::Poisoned,
        Self::ReaderLeaves,
    ];

    /// Returns its name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Normal => "normal",
            Self::ToolsDown => "tools-down",
            Self::RetrieverDown => "retriever-down",
            Self::RetrieverSlow => "retriever-slow",
            Self::GeneratorRestarted => "generator-restarted",
            Self::WorkerRestarted => "worker-restarted",
            Self::Poisoned => "poisoned",
            Self::ReaderLeaves => "reader-leaves",
        }
    }

    /// Says what happens, and what becomes of the answer.
    pub fn about(self) -> &'static str {
        match self {
            Self::Normal => "nothing goes wrong",
            Self::ToolsDown => "the tool server is down: the answer does without it",
            Self::RetrieverDown => "the retriever is down: no answer, and the page says why",
            Self::RetrieverSlow => "the retriever never answers: no answer after a second",
            Self::GeneratorRestarted => "the generator is killed in mid-stream: written once more",
            Self::WorkerRestarted => "the worker is killed with a message in hands: it comes again",
            Self::Poisoned => "a message that nobody can handle: three attempts, then put aside",
            Self::ReaderLeaves => "the reader leaves in mid-stream: all who work for it stop",
        }
    }

    /// Returns who makes a mistake, and which.
    pub fn fault(self) -> Option<(Role, Fault)> {
        match self {
            Self::RetrieverSlow => Some((Role::Retriever, Fault::Slow)),
            Self::GeneratorRestarted | Self::ReaderLeaves => Some((Role::Generator, Fault::Hang)),
            Self::WorkerRestarted => Some((Role::Worker, Fault::Hang)),
            Self::Poisoned => Some((Role::Orchestrator, Fault::Poison)),
            Self::Normal | Self::ToolsDown | Self::RetrieverDown => None,
        }
    }

    /// Returns who is stopped before the question.
    pub fn down(self) -> Option<Role> {
        match self {
            Self::ToolsDown => Some(Role::Tools),
            Self::RetrieverDown => Some(Role::Retriever),
            _ => None,
        }
    }

    /// Returns what is done after the third token.
    pub fn in_mid_stream(self) -> Option<Act> {
        match self {
            Self::GeneratorRestarted => Some(Act::Kill(Role::Generator, "writer model")),
            Self::ReaderLeaves => Some(Act::Leave("writer model")),
            _ => None,
        }
    }

    /// Returns what is done after the answer.
    pub fn after_the_answer(self) -> Option<Act> {
        match self {
            Self::WorkerRestarted => Some(Act::Kill(Role::Worker, crate::worker::RUN)),
            _ => None,
        }
    }

    /// Returns true if there is an answer in spite of it.
    pub fn has_answer(self) -> bool {
        !matches!(
            self,
            Self::RetrieverDown | Self::RetrieverSlow | Self::ReaderLeaves
        )
    }

    /// Returns how long the orchestrator waits for an answer of others, in milliseconds, where it is not the default.
    pub fn patience_ms(self) -> Option<u64> {
        (self == Self::RetrieverSlow).then_some(1_000)
    }

    /// Returns how long a message may be with a worker, in milliseconds.
    pub fn redeliver_ms(self) -> u64 {
        match self {
            Self::WorkerRestarted => 1_000,
            _ => 30_000,
        }
    }

    /// Lists all of them, a line each.
    pub fn list() -> String {
        Self::ALL.iter().fold(String::new(), |mut list, scenario| {
            // Writing to a text does not fail.
            let _ = writeln!(list, "{:<21}{}", scenario.name(), scenario.about());
            list
        })
    }
}
