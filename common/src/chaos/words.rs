//! Switches as words: what the command line takes, and what the log says.
//!
//! ```text
//! strip=baggage,truncate=langsmith-trace@20:/retrieve:20%,status=503:2x,seed=7
//!  └ name └ header              └ argument  └ route   └ share        └ times
//! ```
//!
//! Start at [`ChaosOrders`].

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use super::switch::{ChaosReset, ChaosSwitch, Effect, PADDED};

/// What a proxy is told in one line: switches with commas between them, and a seed.
///
/// | Words | Switch |
/// |---|---|
/// | `strip=NAME` `duplicate=NAME` `fold=NAME` `recase=NAME` `blanks=NAME` | that of the same name, for a header |
/// | `truncate=NAME@BYTES` `pad=NAME@BYTES` `replace=NAME@VALUE` | likewise, with what is behind the `@`; `pad` to 1 MiB at most |
/// | `property=NAME` | adds `ttl=3` to each member; another with `property=NAME@PROPERTY` |
/// | `reorder` `reorder=NAME` | the lines; the members of a header |
/// | `limit=BYTES` `delay=200ms` `trickle=5ms` | times in `us`, `ms` or `s` |
/// | `reset` `reset=in-request` `reset=before-answer` | in the answer; elsewhere |
/// | `status=503` `503` | that status |
/// | `calm` | nothing |
/// | `seed=7` | what chance is counted from; 0 without it |
///
/// What stands behind the `@` has no comma, plus or colon; [`ChaosSwitch::replace`] takes such values.
/// A switch may be several with `+` between them, and ends with its limits: `:/retrieve`, `:/runs/*`, `:20%`, `:2x`.
///
/// ```
/// use common::chaos::ChaosOrders;
///
/// let orders: ChaosOrders = "strip=baggage:20%,delay=200ms+503:/runs/*:2x,seed=7".parse()?;
/// assert_eq!((orders.switches.len(), orders.seed), (2, 7));
/// assert_eq!(orders.to_string(), "strip=baggage:20%,delay=200ms+status=503:/runs/*:2x,seed=7");
/// # Ok::<(), common::chaos::ParseChaosError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ChaosOrders {
    /// The switches, in their order.
    pub switches: Vec<ChaosSwitch>,
    /// What chance is counted from.
    pub seed: u64,
}

/// Words that are no switch. The text names them, and what would do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ParseChaosError {
    /// There is no switch of that name: take one of the table at [`ChaosOrders`].
    #[error("`{0}` is no switch; there are {NAMES}")]
    Unknown(String),
    /// The switch needs another argument.
    #[error("`{words}` does not say what is to be done: write {form}")]
    Argument {
        /// What was written.
        words: String,
        /// What would do.
        form: &'static str,
    },
    /// What is behind a colon is no limit.
    #[error("`{0}` limits nothing: write a path (`/runs/*`), a share (`20%`) or how often (`2x`)")]
    Limit(String),
}

const NAMES: &str = "strip, duplicate, fold, recase, truncate, reorder, blanks, property, replace, pad, limit, delay, \
    reset, status, trickle and calm";

impl FromStr for ChaosOrders {
    type Err = ParseChaosError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut orders = Self::default();
        for words in text
            .split(',')
            .map(str::trim)
            .filter(|words| !words.is_empty())
        {
            match words.strip_prefix("seed=") {
                Some(seed) => {
                    orders.seed = seed.parse().map_err(|_| ParseChaosError::Argument {
                        words: words.to_owned(),
                        form: "seed=NUMBER",
                    })?;
                }
                None => orders.switches.push(words.parse()?),
            }
        }
        Ok(orders)
    }
}

impl FromStr for ChaosSwitch {
    type Err = ParseChaosError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut parts = text.split(':');
        let mut switch = Self::calm();
        for words in parts.next().unwrap_or_default().split('+') {
            switch.effects.extend(effect(words)?);
        }
        for limit in parts {
            switch = limited(switch, limit.trim())
                .ok_or_else(|| ParseChaosError::Limit(limit.to_owned()))?;
        }
        Ok(switch)
    }
}

fn limited(switch: ChaosSwitch, limit: &str) -> Option<ChaosSwitch> {
    if limit.starts_with('/') {
        return Some(switch.on(limit));
    }
    if let Some(percent) = limit.strip_suffix('%') {
        let percent: u8 = percent.parse().ok().filter(|percent| *percent <= 100)?;
        return Some(switch.percent(percent));
    }
    Some(switch.times(limit.strip_suffix('x')?.parse().ok()?))
}

/// Reads one effect; `calm` is none.
fn effect(words: &str) -> Result<Option<Effect>, ParseChaosError> {
    let (name, told) = words.split_once('=').unwrap_or((words, ""));
    let told = told.trim();
    let (header, argument) = told.split_once('@').unwrap_or((told, ""));
    let (header, argument) = (header.trim(), argument.trim());
    let wrong = |form| ParseChaosError::Argument {
        words: words.to_owned(),
        form,
    };
    let named = |form| match header.is_empty() {
        true => Err(wrong(form)),
        false => Ok(header.to_owned()),
    };
    let bytes = |form| argument.parse().map_err(|_| wrong(form));
    let time = |form| duration(told).ok_or_else(|| wrong(form));
    let effect = match name {
        "calm" if told.is_empty() => return Ok(None),
        "strip" => Effect::Strip(named("strip=NAME")?),
        "duplicate" => Effect::Duplicate(named("duplicate=NAME")?),
        "fold" => Effect::Fold(named("fold=NAME")?),
        "recase" => Effect::Recase(named("recase=NAME")?),
        "blanks" => Effect::Blanks(named("blanks=NAME")?),
        "truncate" => {
            let form = "truncate=NAME@BYTES";
            Effect::Truncate(named(form)?, bytes(form)?)
        }
        "pad" => {
            let form = "pad=NAME@BYTES, with at most 1048576 bytes";
            let bytes = Some(bytes(form)?).filter(|bytes| *bytes <= PADDED);
            Effect::Pad(named(form)?, bytes.ok_or_else(|| wrong(form))?)
        }
        "replace" => Effect::Replace(named("replace=NAME@VALUE")?, argument.to_owned()),
        "property" => {
            let property = if argument.is_empty() {
                "ttl=3"
            } else {
                argument
            };
            Effect::Property(named("property=NAME")?, property.to_owned())
        }
        "reorder" => Effect::Reorder((!header.is_empty()).then(|| header.to_owned())),
        "limit" => Effect::Limit(told.parse().map_err(|_| wrong("limit=BYTES"))?),
        "delay" => Effect::Delay(time("delay=200ms")?),
        "trickle" => Effect::Trickle(time("trickle=5ms")?),
        "reset" => Effect::Reset(match told {
            "" | "in-answer" => ChaosReset::InAnswer,
            "before-answer" => ChaosReset::BeforeAnswer,
            "in-request" => ChaosReset::InRequest,
            _ => return Err(wrong("reset, reset=in-request or reset=before-answer")),
        }),
        "status" => Effect::Status(status(told).ok_or_else(|| wrong("status=400 to status=599"))?),
        _ => match status(words) {
            Some(status) => Effect::Status(status),
            None => return Err(ParseChaosError::Unknown(words.to_owned())),
        },
    };
    Ok(Some(effect))
}

fn status(text: &str) -> Option<u16> {
    let status = text.parse().ok();
    status.filter(|status| (400..600).contains(status))
}

fn duration(text: &str) -> Option<Duration> {
    let unit = text.trim_start_matches(|c: char| c.is_ascii_digit());
    let number: u64 = text[..text.len() - unit.len()].parse().ok()?;
    match unit {
        "us" => Some(Duration::from_micros(number)),
        "ms" => Some(Duration::from_millis(number)),
        "s" => Some(Duration::from_secs(number)),
        _ => None,
    }
}

/// A duration in the largest unit that loses nothing.
struct Time(Duration);

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let micros = self.0.as_micros();
        match micros {
            _ if !micros.is_multiple_of(1_000) => write!(f, "{micros}us"),
            _ if !micros.is_multiple_of(1_000_000) => write!(f, "{}ms", micros / 1_000),
            _ => write!(f, "{}s", micros / 1_000_000),
        }
    }
}

impl fmt::Display for Effect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Strip(name) => write!(f, "strip={name}"),
            Self::Duplicate(name) => write!(f, "duplicate={name}"),
            Self::Fold(name) => write!(f, "fold={name}"),
            Self::Recase(name) => write!(f, "recase={name}"),
            Self::Truncate(name, bytes) => write!(f, "truncate={name}@{bytes}"),
            Self::Reorder(None) => f.write_str("reorder"),
            Self::Reorder(Some(name)) => write!(f, "reorder={name}"),
            Self::Blanks(name) => write!(f, "blanks={name}"),
            Self::Property(name, property) => write!(f, "property={name}@{property}"),
            Self::Replace(name, value) => write!(f, "replace={name}@{value}"),
            Self::Pad(name, bytes) => write!(f, "pad={name}@{bytes}"),
            Self::Limit(bytes) => write!(f, "limit={bytes}"),
            Self::Delay(by) => write!(f, "delay={}", Time(*by)),
            Self::Reset(ChaosReset::InAnswer) => f.write_str("reset"),
            Self::Reset(ChaosReset::BeforeAnswer) => f.write_str("reset=before-answer"),
            Self::Reset(ChaosReset::InRequest) => f.write_str("reset=in-request"),
            Self::Status(status) => write!(f, "status={status}"),
            Self::Trickle(pause) => write!(f, "trickle={}", Time(*pause)),
        }
    }
}

impl fmt::Display for ChaosSwitch {
    /// Writes the switch as [`ChaosOrders`] reads it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.effects.is_empty() {
            f.write_str("calm")?;
        }
        for (at, effect) in self.effects.iter().enumerate() {
            let plus = if at == 0 { "" } else { "+" };
            write!(f, "{plus}{effect}")?;
        }
        if let Some(route) = &self.route {
            write!(f, ":{route}")?;
        }
        if self.percent < 100 {
            write!(f, ":{}%", self.percent)?;
        }
        match self.times {
            Some(times) => write!(f, ":{times}x"),
            None => Ok(()),
        }
    }
}

impl fmt::Display for ChaosOrders {
    /// Writes the orders as they are read.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut comma = "";
        for switch in &self.switches {
            write!(f, "{comma}{switch}")?;
            comma = ",";
        }
        match self.seed {
            0 => Ok(()),
            seed => write!(f, "{comma}seed={seed}"),
        }
    }
}
