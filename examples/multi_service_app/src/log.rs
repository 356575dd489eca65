//! Lines for people: answers on standard output, what happens on standard error.
//!
//! A service writes bare lines; the supervisor puts the service's name before each ([`Lines`]). Start at [`say`].

use std::io::{IsTerminal as _, Write as _};

pub use common::lab::terminal::{ask as say_on, complain, say};

use crate::role::Role;

/// The columns that the longest name needs.
const WIDTH: usize = 12;

/// Writes the lines of all services, each behind the name of its service.
#[derive(Debug, Clone, Copy)]
pub struct Lines {
    colored: bool,
    silent: bool,
}

impl Lines {
    /// Colors names where standard error is a terminal and `NO_COLOR` is not set.
    pub fn to_stderr() -> Self {
        let wanted = std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
        Self {
            colored: wanted && std::io::stderr().is_terminal(),
            silent: false,
        }
    }

    /// Writes nothing.
    pub fn none() -> Self {
        Self {
            colored: false,
            silent: true,
        }
    }

    /// Writes a line of a service.
    pub fn of(self, role: Role, line: &str) {
        if !self.silent {
            complain_raw(&self.head(role.name(), color(role)), line);
        }
    }

    /// Writes a line of the supervisor's own.
    pub fn own(self, line: &str) {
        if !self.silent {
            complain_raw(&self.head("supervisor", 37), line);
        }
    }

    fn head(self, name: &str, color: u8) -> String {
        match self.colored {
            true => format!("\u{1b}[{color}m{name:<WIDTH$}\u{1b}[0m │ "),
            false => format!("{name:<WIDTH$} │ "),
        }
    }
}

/// The head is ours and may color; the line was written by a process.
fn complain_raw(head: &str, line: &str) {
    let line = common::lab::terminal::clean(line);
    let _ = writeln!(std::io::stderr().lock(), "{head}{line}");
}

/// Colors that show on dark and on light ground.
fn color(role: Role) -> u8 {
    match role {
        Role::Gateway => 36,
        Role::Orchestrator => 35,
        Role::Retriever => 32,
        Role::Tools => 33,
        Role::Generator => 34,
        Role::Worker => 31,
    }
}
