//! Under whose key the runs of each tenant arrived.

use std::collections::BTreeSet;

use super::share::{KEYS, key_of};
use crate::analysis::Table;
use crate::lab::Tapped;

/// The account of one tenant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TenantBooks {
    /// The tenant.
    pub tenant: String,
    /// Runs recorded.
    pub recorded: usize,
    /// Runs that arrived under its own key.
    pub own: usize,
    /// Runs that travelled under the key of another, whatever the answer was.
    pub astray: usize,
    /// Whose keys these were.
    pub with: BTreeSet<String>,
}

/// Lists tenants side by side.
pub fn tenants_table(all: &[TenantBooks]) -> Table {
    let head = Table::new(["tenant", "recorded", "own key", "another's key", "whose"]);
    all.iter().fold(head, |table, one| {
        let whose: Vec<&str> = one.with.iter().map(String::as_str).collect();
        table.row([
            one.tenant.clone(),
            one.recorded.to_string(),
            one.own.to_string(),
            one.astray.to_string(),
            match whose.is_empty() {
                true => "–".to_owned(),
                false => whose.join(", "),
            },
        ])
    })
}

/// Reads the account of each tenant from what arrived. A run counts as arrived if its request was taken in, and as
/// astray whatever became of its request: whoever answers has read it.
pub(super) fn read(tenants: &[String], runs: usize, received: &[Tapped]) -> Vec<TenantBooks> {
    let account = |tenant: &String| {
        let (mut own, mut astray, mut with) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
        for request in received {
            let text = request.text();
            let here = (0..runs).filter(|number| text.contains(&mark(tenant, *number)));
            let here: Vec<usize> = here.collect();
            let key = request.header("x-api-key").unwrap_or_default();
            if is_key_of(key, tenant) {
                own.extend(here.iter().filter(|_| request.status < 300).copied());
            } else if !here.is_empty() {
                let whose = tenants.iter().filter(|other| is_key_of(key, other));
                with.extend(whose.cloned());
                astray.extend(here);
            }
        }
        TenantBooks {
            tenant: tenant.clone(),
            recorded: runs,
            own: own.len(),
            astray: astray.len(),
            with,
        }
    };
    tenants.iter().map(account).collect()
}

/// Whether a key is one of a tenant's: the first, or the one that came after it. The whole key, for the name of one
/// tenant may be how another's begins.
fn is_key_of(key: &str, tenant: &str) -> bool {
    KEYS.iter().any(|number| key == key_of(tenant, *number))
}

/// What stands in the inputs of a run, and in no other.
pub(super) fn mark(tenant: &str, number: usize) -> String {
    format!("run {number} of {tenant}.")
}
