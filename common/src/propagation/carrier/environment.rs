//! The environment of a child process.
//!
//! ```text
//! Propagator ──inject──► ChildEnv ──apply──► Command ──spawn──► child: ChildEnv::received ──extract──►
//!                                                                 └─ grandchild: hears nothing, unless asked
//! ```
//!
//! | header | variable |
//! |---|---|
//! | `traceparent` | `TRACEPARENT` |
//! | `tracestate` | `TRACESTATE` |
//! | `baggage` | `BAGGAGE` |
//! | `langsmith-trace` | `TRACEPARENT_LANGSMITH`; `LANGSMITH_TRACE` is read as well |
//! | – | `TRACEPARENT_FROM_PID`: whose children may read the others |
//!
//! The first three are the names that OpenTelemetry's "Environment Variables as Context Propagation
//! Carriers" gives them. By its rule the fourth would be `LANGSMITH_TRACE`, but what begins with
//! `LANGSMITH_` or `LANGCHAIN_` is configuration: the official Python SDK 0.15 copies every such variable
//! into the metadata of every run, and it is two letters short of `LANGSMITH_TRACING`. So it is read, for
//! whoever follows the rule, and never written. Start at [`ChildEnv`].

use std::ffi::{OsStr, OsString};
use std::process::Command;

use super::{Extractor, Injector};
use crate::propagation::{BAGGAGE_HEADER, TRACE_HEADER};

/// The variable of the trace header: nobody else has one of this name.
const TRACE: &str = "TRACEPARENT_LANGSMITH";

/// Each header and its variable; a header is written under its first.
const NAMES: [(&str, &str); 5] = [
    ("traceparent", "TRACEPARENT"),
    ("tracestate", "TRACESTATE"),
    (BAGGAGE_HEADER, "BAGGAGE"),
    (TRACE_HEADER, TRACE),
    (TRACE_HEADER, "LANGSMITH_TRACE"),
];

/// Says whose children may read the other variables. Without it, whoever inherits them may.
const FROM: &str = "TRACEPARENT_FROM_PID";

/// Longest value that is kept: Windows refuses longer ones, and no context needs it.
const MAX_VALUE_BYTES: usize = 32_000;

/// The context in the environment of a child process.
///
/// It is for that child alone. The processes that the child starts inherit the variables, as they do all
/// others, but [`received`](Self::received) tells them apart by their parent's id: what they do belongs
/// below a run of the child, not beside it. [`for_descendants`](Self::for_descendants) allows them, for a
/// child that is a shell, a `make` or a container and knows nothing of traces, and for one that lives on when
/// its parent has ended: it has another parent then, if it reads so late.
///
/// ```no_run
/// use std::process::Command;
/// use common::propagation::{ChildEnv, LangSmithPropagator, Propagator as _, TrustPolicy};
/// # use common::model::RunContext;
/// # let context = RunContext::new("20261122T100538926531Z01a202b7-f0ee-7646-9e7b-a245c1fc89c2".parse()?);
///
/// let mut env = ChildEnv::new();
/// LangSmithPropagator::new().inject(&context, &mut env);
/// let mut command = Command::new("indexer");
/// env.apply(&mut command);
/// command.spawn()?;
///
/// // In the child: whoever sets its environment could run it, and so is believed.
/// let propagator = LangSmithPropagator::new().policy(TrustPolicy::Continue);
/// let parent = propagator.extract(&ChildEnv::received()).context;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// With `tokio`, `env.apply(command.as_std_mut())`. Names in other carriers are those of headers; headers
/// that the table above does not name do not travel.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ChildEnv {
    vars: Vec<(&'static str, String)>,
    for_descendants: bool,
}

impl ChildEnv {
    /// Makes an environment without a context. Applied to a command, it keeps back what this process
    /// itself was given.
    pub fn new() -> Self {
        Self::default()
    }

    /// Lets everything below the child read the context, as long as nobody between writes another.
    #[must_use]
    pub fn for_descendants(mut self) -> Self {
        self.for_descendants = true;
        self
    }

    /// Sets the variables of `command`, and takes out of it those that this process was given itself.
    /// Variables that you set on the command before stay, unless there is a new value; where an earlier
    /// `apply` set some, as on a command that is spawned again, none stays.
    pub fn apply(&self, command: &mut Command) {
        let was_applied = |(name, value): (&OsStr, Option<&OsStr>)| {
            (name == FROM || name == TRACE) && value.is_some()
        };
        let was_applied = command.get_envs().any(was_applied);
        let own = NAMES.iter().map(|(_, variable)| *variable);
        for variable in own.chain([FROM]) {
            let is_set = |(name, _): (&OsStr, Option<&OsStr>)| name == variable;
            if was_applied || !command.get_envs().any(is_set) {
                command.env_remove(variable);
            }
        }
        for (variable, value) in self.vars() {
            command.env(variable, value);
        }
    }

    /// Returns the variables, for whatever starts processes and is no [`Command`]. Take the others of the
    /// table out of an environment that is passed on.
    pub fn vars(&self) -> impl Iterator<Item = (&'static str, String)> {
        let vars = self.vars.iter().cloned();
        // A container has ids of its own, and Windows does not say whose child one is.
        let from = cfg!(unix) && !self.for_descendants && !self.vars.is_empty();
        let from = from.then(|| (FROM, std::process::id().to_string()));
        vars.chain(from)
    }

    /// Reads the environment that this process was given: nothing, if it was meant for the parent alone.
    pub fn received() -> Self {
        Self::read(|variable| std::env::var_os(variable), parent_id())
    }

    /// Reads variables as a process whose parent has the id `parent` does; for tests, and for what was
    /// told otherwise than by the system.
    pub fn read(get: impl Fn(&str) -> Option<OsString>, parent: Option<u32>) -> Self {
        let meant_for = get(FROM);
        let is_meant = match (&meant_for, parent) {
            (Some(pid), Some(parent)) => {
                pid.to_str().and_then(|pid| pid.parse().ok()) == Some(parent)
            }
            _ => true,
        };
        if !is_meant {
            tracing::debug!(
                "the trace context in the environment is for the children of another process, so a \
                 new trace starts here; `ChildEnv::for_descendants` would have allowed it"
            );
            return Self::new();
        }
        let read = |variable: &'static str| {
            // What is no text is no context; it counts as one that is malformed.
            let value = get(variable)?.to_string_lossy().into_owned();
            Some((variable, value))
        };
        Self {
            vars: NAMES
                .iter()
                .filter_map(|(_, variable)| read(variable))
                .collect(),
            for_descendants: meant_for.is_none(),
        }
    }
}

#[cfg(unix)]
fn parent_id() -> Option<u32> {
    Some(std::os::unix::process::parent_id())
}

#[cfg(not(unix))]
fn parent_id() -> Option<u32> {
    None
}

fn variables(name: &str) -> impl Iterator<Item = &'static str> {
    let of_name = NAMES
        .iter()
        .filter(move |(header, _)| header.eq_ignore_ascii_case(name));
    of_name.map(|(_, variable)| *variable)
}

impl Extractor for ChildEnv {
    fn values<'a>(&'a self, name: &str, visit: &mut dyn FnMut(&'a [u8])) {
        for variable in variables(name) {
            for (_, value) in self.vars.iter().filter(|(set, _)| *set == variable) {
                visit(value.as_bytes());
            }
        }
    }
}

impl Injector for ChildEnv {
    fn set(&mut self, name: &str, value: String) {
        Injector::remove(self, name);
        // A value with a zero byte would make the start of the child fail.
        let fits = value.len() <= MAX_VALUE_BYTES && !value.contains('\0');
        if let (Some(variable), true) = (variables(name).next(), fits) {
            self.vars.push((variable, value));
        }
    }

    fn remove(&mut self, name: &str) {
        for variable in variables(name) {
            self.vars.retain(|(set, _)| *set != variable);
        }
    }
}
