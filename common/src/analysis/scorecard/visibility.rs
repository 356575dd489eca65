//! Production visibility: error scenarios that an operator can see / error scenarios.

use std::collections::BTreeMap;

use serde::{Serialize, Serializer};

use super::capture::{Capture, service};
use super::ledger::{Failure, Ledger};
use super::share::Share;
use crate::model::{Run, RunStatus};

/// Which errors can be seen.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Visibility {
    /// Requests whose failure can be seen.
    pub visible: Share,
    /// Each scenario.
    pub by_scenario: Vec<ScenarioScore>,
}

/// How often one scenario was seen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ScenarioScore {
    /// What was made to fail.
    pub scenario: String,
    /// Whose fault it was.
    pub service: String,
    /// How often it could be seen.
    pub visible: Share,
    /// What was lacking where it could not.
    #[serde(serialize_with = "by_name")]
    pub unseen: BTreeMap<Unseen, usize>,
}

/// What a failed run lacks to be of use: the first of these that is so.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Unseen {
    /// No run of the request has an error.
    NoErrorRun,
    /// The error is at runs of other services only.
    WrongService,
    /// The error does not begin with its class, or with another one.
    NoClass,
    /// The inputs were not kept.
    NoInputs,
    /// The inputs show what was to be masked.
    NotMasked,
    /// The alert rule did not fire.
    NoAlert,
}

impl Unseen {
    /// Returns the name in reports.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NoErrorRun => "no_error_run",
            Self::WrongService => "wrong_service",
            Self::NoClass => "no_class",
            Self::NoInputs => "no_inputs",
            Self::NotMasked => "not_masked",
            Self::NoAlert => "no_alert",
        }
    }
}

fn by_name<S: Serializer>(
    unseen: &BTreeMap<Unseen, usize>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.collect_map(unseen.iter().map(|(why, count)| (why.as_str(), count)))
}

/// How often a scenario was seen, and what was lacking.
type Tally = (Share, BTreeMap<Unseen, usize>);

pub(super) fn score(capture: &Capture<'_>, ledger: &Ledger) -> Visibility {
    let mut visible = Share::default();
    let mut scenarios: BTreeMap<(&str, &str), Tally> = BTreeMap::new();
    for asked in &ledger.asked {
        let Some(failure) = &asked.fails else {
            continue;
        };
        let nodes = capture.of(&asked.id);
        let runs: Vec<&Run> = nodes.iter().map(|node| &node.run).collect();
        let unseen = unseen(failure, &runs);
        visible.count(unseen.is_none());
        let (share, reasons) = scenarios
            .entry((&failure.scenario, &failure.service))
            .or_default();
        share.count(unseen.is_none());
        if let Some(unseen) = unseen {
            *reasons.entry(unseen).or_default() += 1;
        }
    }
    let by_scenario = scenarios.into_iter();
    let by_scenario = by_scenario.map(|((scenario, service), (visible, unseen))| ScenarioScore {
        scenario: scenario.to_owned(),
        service: service.to_owned(),
        visible,
        unseen,
    });
    Visibility {
        visible,
        by_scenario: by_scenario.collect(),
    }
}

/// Returns what the best run lacks: of several failed runs one that tells all is enough.
fn unseen(failure: &Failure, runs: &[&Run]) -> Option<Unseen> {
    let failed = || runs.iter().filter(|run| run.status() == RunStatus::Error);
    let ours = || failed().filter(|run| service(run) == Some(&failure.service));
    if failed().next().is_none() {
        return Some(Unseen::NoErrorRun);
    }
    let lacks = ours().map(|run| lack(failure, run));
    // `None`, nothing lacking, is the least of all; the later a lack, the nearer the goal.
    lacks
        .max_by_key(|lack| lack.map_or((true, None), |lack| (false, Some(lack))))
        .unwrap_or(Some(Unseen::WrongService))
}

fn lack(failure: &Failure, run: &Run) -> Option<Unseen> {
    let class = class(run.error.as_deref().unwrap_or_default());
    let is_class = match &failure.class {
        Some(expected) => class == Some(expected),
        None => class.is_some(),
    };
    let inputs = run.inputs.as_ref().filter(|inputs| !inputs.is_empty());
    let shows = |secret: &String| {
        let text = inputs.map(|inputs| serde_json::to_string(inputs).unwrap_or_default());
        text.is_some_and(|text| text.contains(secret.as_str()))
    };
    let lacks = [
        (!is_class, Unseen::NoClass),
        (
            failure.secret.is_none() && inputs.is_none(),
            Unseen::NoInputs,
        ),
        (
            failure.secret.as_ref().is_some_and(shows),
            Unseen::NotMasked,
        ),
        (failure.alerted == Some(false), Unseen::NoAlert),
    ];
    lacks
        .into_iter()
        .find_map(|(lacks, what)| lacks.then_some(what))
}

/// Returns the class of an error: `Timeout` of `Timeout: no answer`, `ValueError` of
/// `ValueError('x')Traceback…`, `HTTP 500` of `HTTP 500 Internal Server Error`.
fn class(error: &str) -> Option<&str> {
    if let Some(status) = error.strip_prefix("HTTP ").and_then(|rest| rest.get(..3))
        && status.bytes().all(|byte| byte.is_ascii_digit())
    {
        return error.get(..8);
    }
    let end = error.find([':', '('])?;
    let name = &error[..end];
    let is_name = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '.'));
    is_name.then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_class_of_an_error_is_what_it_begins_with() {
        for (error, expected) in [
            ("Timeout: no answer within 2 s", Some("Timeout")),
            (
                "ValueError('no index')Traceback (most recent",
                Some("ValueError"),
            ),
            ("httpx.ReadTimeout: slow", Some("httpx.ReadTimeout")),
            ("HTTP 503 Service Unavailable", Some("HTTP 503")),
            ("HTTP 5", None),
            ("something went wrong", None),
            ("it failed: why", None),
            (": nothing", None),
            ("", None),
        ] {
            assert_eq!(class(error), expected, "{error}");
        }
    }
}
