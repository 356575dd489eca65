//! The services by name. Start at [`Role`].

use std::fmt;

/// A service of the assistant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Role {
    /// The page and the way in.
    Gateway,
    /// Asks all others.
    Orchestrator,
    /// Finds passages.
    Retriever,
    /// Tools behind gRPC.
    Tools,
    /// Writes, and streams what it writes.
    Generator,
    /// Takes messages from the queue.
    Worker,
}

impl Role {
    /// Every service, in the order in which they are started: nobody before those whom it asks. The worker comes after
    /// the orchestrator, which may be who serves the queue.
    pub const ALL: [Self; 6] = [
        Self::Retriever,
        Self::Tools,
        Self::Generator,
        Self::Orchestrator,
        Self::Worker,
        Self::Gateway,
    ];

    /// Returns its name: the subcommand, and the metadata `service` of its runs.
    pub fn name(self) -> &'static str {
        match self {
            Self::Gateway => "gateway",
            Self::Orchestrator => "orchestrator",
            Self::Retriever => "retriever",
            Self::Tools => "tools",
            Self::Generator => "generator",
            Self::Worker => "worker",
        }
    }

    /// Returns the port that it listens on where none is named.
    pub fn port(self) -> u16 {
        match self {
            Self::Gateway => 8080,
            Self::Orchestrator => 8081,
            Self::Retriever => 8082,
            Self::Tools => 8083,
            Self::Generator => 8084,
            Self::Worker => 8085,
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
