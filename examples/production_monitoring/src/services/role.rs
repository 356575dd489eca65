//! Which service one is. Start at [`Role`].

use std::fmt;

use clap::ValueEnum;
use serde::{Deserialize, Serialize};

/// A service of the docs assistant.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, ValueEnum, Serialize, Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Takes a question, and calls the others.
    Gateway,
    /// Finds passages of the documentation.
    Retriever,
    /// Writes the answer.
    Generator,
}

impl Role {
    /// All of them, the gateway first.
    pub const ALL: [Self; 3] = [Self::Gateway, Self::Retriever, Self::Generator];

    /// Returns the name: in metrics, and in the metadata `service` of the runs.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Gateway => "gateway",
            Self::Retriever => "retriever",
            Self::Generator => "generator",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
