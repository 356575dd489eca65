//! Where runs go: what the environment says, and the file `.env` behind it.
//!
//! ```text
//! process's variables ──► Settings ──┬─ wants_langsmith()   WORKBOOK_TARGET=langsmith, and a key
//! .env at or above here ─┘           └─ config() · of_file  for the client here, and those of the services
//! ```
//!
//! Start at [`Settings::load`].

use std::collections::BTreeMap;

use common::client::{Config, ConfigError};

/// The variables that matter.
#[derive(Clone, Default)]
pub struct Settings {
    of_file: BTreeMap<String, String>,
}

impl std::fmt::Debug for Settings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Values may be keys.
        write!(f, "Settings({} variables from .env)", self.of_file.len())
    }
}

impl Settings {
    /// Reads the file `.env`, if there is one. A line that cannot be read is passed over.
    pub fn load() -> Self {
        let pairs = dotenvy::dotenv_iter().into_iter().flatten().flatten();
        let is_unset = |(name, _): &(String, String)| std::env::var_os(name).is_none();
        Self {
            of_file: pairs.filter(is_unset).collect(),
        }
    }

    /// Returns a variable; a blank one counts as unset.
    pub fn get(&self, name: &str) -> Option<String> {
        let value = std::env::var(name).ok();
        let value = value.or_else(|| self.of_file.get(name).cloned())?;
        (!value.trim().is_empty()).then_some(value)
    }

    /// Returns what only the file says, for a process that is started here.
    pub fn of_file(&self) -> &BTreeMap<String, String> {
        &self.of_file
    }

    /// Tells whether runs go to LangSmith as well. A key that merely happens to be there changes nothing.
    pub fn wants_langsmith(&self) -> bool {
        let target = self.get("WORKBOOK_TARGET");
        target.is_some_and(|target| target.trim() == "langsmith")
    }

    /// Reads the configuration of a client.
    ///
    /// # Errors
    /// If a variable cannot be understood.
    pub fn config(&self) -> Result<Config, ConfigError> {
        Config::from_lookup(|name| self.get(name))
    }
}
