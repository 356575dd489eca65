//! The faults, one after the other.

use std::time::Duration;

use crate::protocol::{Ending, Odd, Oddness};
use crate::sink::{Script, Trouble};

/// One way for things to go wrong.
#[derive(Debug, Clone)]
pub struct Case {
    /// What it is called on the command line.
    pub id: &'static str,
    /// What it is called in tables.
    pub title: &'static str,
    /// How long the driver traces.
    pub seconds: f64,
    /// How its process ends.
    pub ending: Ending,
    /// When the signal comes, if one does.
    pub signal_after: Duration,
    /// A run that is out of the ordinary.
    pub odd: Option<Odd>,
    /// What the sink does.
    pub trouble: Trouble,
    lasts: Option<Duration>,
}

/// How long the troubles that pass begin after the first request.
const AFTER: Duration = Duration::from_millis(500);

/// No trouble at the sink: no request is ever refused.
const NONE: Trouble = Trouble::Status {
    status: 500,
    percent: 0,
};

impl Case {
    fn new(id: &'static str, title: &'static str, trouble: Trouble) -> Self {
        Self {
            id,
            title,
            seconds: 3.0,
            ending: Ending::Flush,
            signal_after: Duration::from_millis(2_500),
            odd: None,
            trouble,
            lasts: None,
        }
    }

    fn ending(self, ending: Ending) -> Self {
        let seconds = match ending {
            // Long enough that the signal comes in the midst.
            Ending::Signal | Ending::GracefulSignal => 30.0,
            _ => self.seconds,
        };
        Self {
            ending,
            seconds,
            ..self
        }
    }

    fn odd(self, kind: Oddness) -> Self {
        let odd = Some(Odd { at: 100, kind });
        Self { odd, ..self }
    }

    /// The trouble passes; the driver goes on a second longer.
    fn passing(self, seconds: f64) -> Self {
        Self {
            lasts: Some(Duration::from_secs_f64(seconds)),
            seconds: seconds + 1.5,
            ..self
        }
    }

    /// Returns what the sink is to do; `elsewhere` is the address of another one.
    pub(super) fn script(&self, elsewhere: &str) -> Script {
        let trouble = match &self.trouble {
            Trouble::Redirect { .. } => Trouble::Redirect {
                to: elsewhere.to_owned(),
            },
            other => other.clone(),
        };
        match self.lasts {
            Some(lasts) => Script::passing(trouble, AFTER, lasts),
            None => Script::always(trouble),
        }
    }
}

/// Returns all cases; the troubles that pass are shorter if it is to be quick.
pub fn cases(quick: bool) -> Vec<Case> {
    let status = |status, percent| Trouble::Status { status, percent };
    let lasting = |full: f64, short: f64| if quick { short } else { full };
    let case = Case::new;
    vec![
        case("500", "500, of every third request", status(500, 30)),
        case("503", "503, of every third request", status(503, 30)),
        case("429", "429 for a while", Trouble::TooMany).passing(lasting(5.0, 2.0)),
        case("down", "nobody listens for a while", Trouble::Down).passing(lasting(10.0, 3.0)),
        case("401", "401 for a while", status(401, 100)).passing(lasting(5.0, 2.0)),
        case("hang", "no answer for a while", Trouble::Hang).passing(lasting(5.0, 2.0)),
        case(
            "400",
            "400 to a batch with one bad run",
            Trouble::Refuse { status: 400 },
        )
        .odd(Oddness::Bad),
        case(
            "422",
            "422 to a batch with one bad run",
            Trouble::Refuse { status: 422 },
        )
        .odd(Oddness::Bad),
        case(
            "413",
            "413 above 48 KB though 20 MB are offered, one run of 64 KB",
            Trouble::TooLarge { over: 49_152 },
        )
        .odd(Oddness::Huge),
        case(
            "reset",
            "a third reset in mid body",
            Trouble::ResetInBody { percent: 30 },
        ),
        case(
            "refuse",
            "a third reset when accepted",
            Trouble::ResetAtOnce { percent: 30 },
        ),
        case(
            "trickle",
            "answers byte by byte",
            Trouble::Trickle {
                pause: Duration::from_millis(2),
            },
        ),
        case(
            "redirect",
            "redirected to another host for a while",
            Trouble::Redirect { to: String::new() },
        )
        .passing(lasting(5.0, 2.0)),
        case("return", "main returns without a flush", NONE).ending(Ending::Return),
        case("exit", "process::exit, os._exit", NONE).ending(Ending::Exit),
        case("fork", "fork, both processes trace", NONE).ending(Ending::Fork),
        case("sigterm", "SIGTERM", NONE).ending(Ending::GracefulSignal),
        case("sigkill", "SIGKILL", NONE).ending(Ending::Signal),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_case_has_a_name_of_its_own() {
        let mut names: Vec<_> = cases(true).iter().map(|case| case.id).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), cases(false).len());
    }

    #[test]
    fn the_command_that_builds_this_program_knows_all_names() {
        let who = crate::contestants::ALL.map(|contestant| contestant.name);
        let faults: Vec<_> = cases(true).iter().map(|case| case.id).collect();
        let known = format!("who {}\nfaults {}\n", who.join(" "), faults.join(" "));
        assert_eq!(include_str!("../../names.txt"), known);
    }
}
