//! The differences that are meant, each with its reason: `setup/compat/differences.toml`.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use anyhow::{Context as _, Result};
use serde::Deserialize;

use crate::compare::Difference;
use crate::sdk::Sdk;

/// The one source; `docs/compatibility.md` is rendered from it.
const SOURCE: &str = include_str!("../differences.toml");

/// One difference that is meant.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Listed {
    /// From which SDKs.
    pub(crate) sdks: Vec<Sdk>,
    /// In which scenarios; without it, wherever the field is.
    #[serde(default)]
    pub(crate) scenarios: Vec<String>,
    /// The field; `*` stands for any one name, `LANGSMITH_*` for any that begins so.
    pub(crate) field: String,
    /// What is seen there.
    pub(crate) what: What,
    /// The reason, for the reader of the page.
    pub(crate) why: String,
}

/// How a field can differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum What {
    /// The official SDK sends it, we do not.
    OnlyTheirs,
    /// We send it, the official SDK does not.
    OnlyOurs,
    /// Both do, with unlike values.
    Unlike,
}

impl What {
    fn of(difference: &Difference) -> Self {
        match (&difference.theirs, &difference.ours) {
            (Some(_), None) => Self::OnlyTheirs,
            (None, _) => Self::OnlyOurs,
            (Some(_), Some(_)) => Self::Unlike,
        }
    }

    fn words(self) -> &'static str {
        match self {
            Self::OnlyTheirs => "only theirs",
            Self::OnlyOurs => "only ours",
            Self::Unlike => "unlike values",
        }
    }
}

impl Listed {
    fn covers(&self, sdks: &[Sdk], scenario: &str, difference: &Difference) -> bool {
        let pattern: Vec<&str> = self.field.split('.').collect();
        let fits = |(pattern, name): (&&str, &String)| match pattern.strip_suffix('*') {
            Some(begin) => name.starts_with(begin),
            None => *pattern == name.as_str(),
        };
        sdks.iter().any(|sdk| self.sdks.contains(sdk))
            && self.what == What::of(difference)
            && (self.scenarios.is_empty() || self.scenarios.iter().any(|id| id == scenario))
            && pattern.len() == difference.field.len()
            && pattern.iter().zip(&difference.field).all(fits)
    }
}

/// The list, and which of it has been seen.
#[derive(Debug)]
pub(crate) struct Differences {
    listed: Vec<Listed>,
    // By the number of the entry, the SDK and the scenario.
    seen: BTreeSet<(usize, Sdk, String)>,
}

impl Differences {
    /// Reads the list.
    ///
    /// # Errors
    /// If it is not written as it should be.
    pub(crate) fn read() -> Result<Self> {
        #[derive(Deserialize)]
        struct File {
            #[serde(default)]
            difference: Vec<Listed>,
        }
        let file: File = toml::from_str(SOURCE).context("setup/compat/differences.toml")?;
        Ok(Self {
            listed: file.difference,
            seen: BTreeSet::new(),
        })
    }

    /// Divides what was found between `sdks` and us into the number of entries that cover some of
    /// it, and what none covers.
    pub(crate) fn judge(
        &mut self,
        sdks: &[Sdk],
        scenario: &str,
        found: Vec<Difference>,
    ) -> (usize, Vec<Difference>) {
        let mut unlisted = Vec::new();
        let mut entries = BTreeSet::new();
        for difference in found {
            let covering = |(index, listed): (usize, &Listed)| {
                listed.covers(sdks, scenario, &difference).then_some(index)
            };
            let covering: Vec<usize> = self
                .listed
                .iter()
                .enumerate()
                .filter_map(covering)
                .collect();
            for index in &covering {
                for sdk in sdks {
                    self.seen.insert((*index, *sdk, scenario.to_owned()));
                }
            }
            if covering.is_empty() {
                unlisted.push(difference);
            }
            entries.extend(covering);
        }
        (entries.len(), unlisted)
    }

    /// Returns the entries that should have been seen and were not.
    ///
    /// One that names scenarios has to occur in each of these that ran; one for all has to occur
    /// somewhere, which only a run of `everything` can tell.
    pub(crate) fn outdated(&self, sdk: Sdk, ran: &[&str], everything: bool) -> Vec<String> {
        let mut outdated = Vec::new();
        let of_sdk = self
            .listed
            .iter()
            .enumerate()
            .filter(|(_, listed)| listed.sdks.contains(&sdk));
        for (index, listed) in of_sdk {
            let in_scenario = |id: &str| self.seen.contains(&(index, sdk, id.to_owned()));
            let name = format!("{} ({})", listed.field, listed.what.words());
            if listed.scenarios.is_empty() && everything && !ran.iter().any(|id| in_scenario(id)) {
                outdated.push(format!("{name} in no scenario"));
            }
            for id in &listed.scenarios {
                if ran.contains(&id.as_str()) && !in_scenario(id) {
                    outdated.push(format!("{name} in {id}"));
                }
            }
        }
        outdated
    }

    /// Writes the list as the page shows it.
    pub(crate) fn table(&self) -> String {
        let mut table =
            String::from("| SDK | Field | Seen in | Difference | Why |\n|---|---|---|---|---|\n");
        for listed in &self.listed {
            let sdks: Vec<String> = listed.sdks.iter().map(ToString::to_string).collect();
            let scenarios = match listed.scenarios.as_slice() {
                [] => "all that have it".to_owned(),
                some => some.join(", "),
            };
            let _ = writeln!(
                table,
                "| {} | `{}` | {scenarios} | {} | {} |",
                sdks.join(", "),
                listed.field,
                listed.what.words(),
                listed.why
            );
        }
        table
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn list(text: &str) -> Differences {
        let listed: Listed = toml::from_str(text).expect("an entry");
        Differences {
            listed: vec![listed],
            seen: BTreeSet::new(),
        }
    }

    fn found(field: &str) -> Difference {
        Difference {
            field: field.split('.').map(str::to_owned).collect(),
            theirs: Some(json!(1)),
            ours: None,
        }
    }

    #[test]
    fn every_entry_names_scenarios_that_exist_and_a_reason() {
        let known = crate::scenarios::names();
        for listed in Differences::read().expect("the list").listed {
            assert!(!listed.why.is_empty(), "{}", listed.field);
            for id in &listed.scenarios {
                assert!(
                    known.iter().any(|(known, _)| known == id),
                    "{}: no {id}",
                    listed.field
                );
            }
        }
    }

    const ENTRY: &str = "sdks = ['python']\nscenarios = ['simple']\nfield = 'runs.*.extra'\n\
        what = 'only-theirs'\nwhy = 'a reason'";

    #[test]
    fn a_listed_difference_is_counted_and_any_other_is_returned() {
        let mut list = list(ENTRY);
        let both = vec![found("runs.a.extra"), found("runs.a.extra.more")];
        let (listed, unlisted) = list.judge(&[Sdk::Python], "simple", both);
        assert_eq!((listed, unlisted), (1, vec![found("runs.a.extra.more")]));
        let elsewhere = list.judge(&[Sdk::Python], "nested", vec![found("runs.a.extra")]);
        assert_eq!(elsewhere.0, 0);
    }

    #[test]
    fn an_entry_that_no_longer_occurs_is_told() {
        let mut list = list(ENTRY);
        let told = ["runs.*.extra (only theirs) in simple"];
        assert_eq!(list.outdated(Sdk::Python, &["simple"], false), told);
        assert!(list.outdated(Sdk::Python, &["other"], true).is_empty());
        list.judge(&[Sdk::Python], "simple", vec![found("runs.a.extra")]);
        assert!(list.outdated(Sdk::Python, &["simple"], true).is_empty());
    }
}
