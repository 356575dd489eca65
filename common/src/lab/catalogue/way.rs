//! Which way a scenario goes, and why it could not.

use crate::client::ConfigError;
use crate::lab::PeerError;

/// Which way a scenario goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    Broken,
    Repaired,
}

impl Way {
    pub(super) fn is_broken(self) -> bool {
        self == Self::Broken
    }

    /// Chooses between the mistake and its mend.
    pub(super) fn pick<T>(self, broken: T, repaired: T) -> T {
        match self {
            Self::Broken => broken,
            Self::Repaired => repaired,
        }
    }
}

/// Why a scenario could not be played. None of it is the mistake that it shows.
#[derive(Debug, thiserror::Error)]
pub(super) enum SceneError {
    /// A client cannot be made of these settings.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// A service of the stage does not answer.
    #[error(transparent)]
    Http(#[from] reqwest::Error),
    /// The Python side does not.
    #[error(transparent)]
    Peer(#[from] PeerError),
    /// Anything else, in words.
    #[error("{0}")]
    Other(String),
}

impl SceneError {
    pub(super) fn of(error: impl std::fmt::Display) -> Self {
        Self::Other(error.to_string())
    }
}

pub(super) type Played = Result<(), SceneError>;
