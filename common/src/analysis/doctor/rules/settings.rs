//! LT028, LT031, LT032, LT039, LT042: what processes are set to.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::super::code::EvidenceKind::{Environment, Trace};
use super::super::evidence::{Index, Name, Process, flag};
use super::super::finding::{Findings, Said};

/// Variables that switch tracing on, the official names first.
const SWITCHES: [&str; 4] = [
    "LANGSMITH_TRACING",
    "LANGSMITH_TRACING_V2",
    "LANGCHAIN_TRACING_V2",
    "LANGCHAIN_TRACING",
];
/// Variables that a platform sets which freezes processes between two requests.
const FROZEN: [&str; 4] = [
    "AWS_LAMBDA_FUNCTION_NAME",
    "K_SERVICE",
    "FUNCTIONS_WORKER_RUNTIME",
    "VERCEL",
];

/// Returns true for variables that these rules look at.
pub(super) fn reads(variable: &str) -> bool {
    SWITCHES.contains(&variable) || FROZEN.contains(&variable)
}

/// LT031, LT032, LT039: what the settings say by themselves.
pub(super) fn environments(index: &Index<'_>, findings: &mut Findings<'_>) {
    let processes = &index.evidence.processes;
    let mut rates: BTreeMap<String, &Process> = BTreeMap::new();
    for process in processes {
        let name = &process.process;
        let wanted = SWITCHES.iter().find_map(|switch| {
            let value = process.variables.get(*switch)?;
            let word = value.trim().to_lowercase();
            matches!(word.as_str(), "true" | "1" | "yes" | "on").then_some((switch, value))
        });
        if let (Some((switch, value)), Some(false)) = (wanted, process.tracing) {
            let words = format!("{name}: {switch} is {value:?}, and the library does not trace");
            findings.add(Said::new("LT032", name, &[Environment], words));
        }
        let here = process.endpoint.as_deref().is_some_and(is_here);
        if process.tracing == Some(true) && process.has_key == Some(false) && !here {
            let words = format!("{name} traces, and has no key");
            findings.add(Said::new("LT031", name, &[Environment], words));
        }
        if process.tracing != Some(false)
            && let Some(rate) = process.sampling_rate
        {
            rates.entry(format!("{rate}")).or_insert(process);
        }
    }
    if rates.len() > 1 {
        let each = rates
            .iter()
            .map(|(rate, process)| format!("{} keeps {rate}", process.process));
        let each: Vec<String> = each.collect();
        let words = format!(
            "services keep different shares of traces: {}",
            each.join(", ")
        );
        findings.add(Said::new("LT039", "sampling", &[Environment], words));
    }
}

fn is_here(endpoint: &str) -> bool {
    let host = endpoint.split("://").nth(1).unwrap_or(endpoint);
    ["localhost", "127.", "[::1]"]
        .iter()
        .any(|name| host.starts_with(name))
}

/// LT028, LT042: what the settings say beside the runs.
pub(super) fn against_runs(index: &Index<'_>, findings: &mut Findings<'_>) {
    let processes = &index.evidence.processes;
    let names = processes.iter().map(|process| Name::of(&process.process));
    let named = names.filter(|name| name.is_some());
    let mut runs: HashMap<Name, Vec<u32>> = named.map(|name| (name, Vec::new())).collect();
    if runs.is_empty() {
        return;
    }
    for at in index.all() {
        if let Some(of_it) = runs.get_mut(&index.run(at).service) {
            of_it.push(at);
        }
    }
    // What a process says again is not looked at again: each look goes through all of its runs.
    let (mut frozen, mut placed) = (HashSet::new(), HashSet::new());
    for process in processes {
        let name = &process.process;
        let Some(of_it) = runs.get(&Name::of(name)).filter(|runs| !runs.is_empty()) else {
            continue;
        };
        let platform = FROZEN
            .iter()
            .find(|name| process.variables.contains_key(**name));
        if let Some(platform) = platform.filter(|_| frozen.insert(name)) {
            let open = of_it.iter().copied();
            let open: Vec<u32> = open.filter(|at| index.run(*at).is_pending()).collect();
            if !open.is_empty() {
                let words = format!(
                    "{name} runs where processes are frozen ({platform}), and {} of its runs have no end",
                    open.len()
                );
                findings.add(Said::new("LT028", name, &[Environment, Trace], words).runs(open));
            }
        }
        let project = process.project.as_ref().filter(|_| placed.insert(name));
        let Some(project) = project else {
            continue;
        };
        let own = Name::of(project);
        let elsewhere = |at: &u32| {
            let run = index.run(*at);
            !run.is(flag::RESTARTED) && run.project.is_some() && run.project != own
        };
        let away: Vec<u32> = of_it.iter().copied().filter(elsewhere).collect();
        if let Some(first) = away.first() {
            let words = format!(
                "{name} is set to project {project:?}, and {} of its runs are in {:?}",
                away.len(),
                index.evidence.text(index.run(*first).project)
            );
            findings.add(Said::new("LT042", name, &[Environment, Trace], words).runs(away));
        }
    }
}
