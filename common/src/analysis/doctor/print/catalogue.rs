//! The table of `docs/troubleshooting.md`.

use super::sections::section;
use crate::analysis::doctor::code::{Cause, Fault, faults};

/// Writes the table of all known causes, by their rows in the catalogue, as Markdown: symptom, code,
/// cause, fix, and where in which notebook it is shown, as a link from a page of `docs/`.
///
/// ```
/// let table = common::analysis::doctor::catalogue();
/// assert!(table.starts_with("| # | Symptom | Code | Cause | Fix | Notebook |"));
/// ```
pub fn catalogue() -> String {
    let mut rows: Vec<(&Fault, &Cause)> = faults()
        .flat_map(|fault| fault.causes.iter().map(move |cause| (fault, cause)))
        .collect();
    // Those of no row come last.
    rows.sort_by_key(|(fault, cause)| (cause.row == 0, cause.row, fault.code));
    let mut out =
        "| # | Symptom | Code | Cause | Fix | Notebook |\n|---|---|---|---|---|---|\n".to_owned();
    for (fault, cause) in rows {
        let number = match cause.row {
            0 => String::new(),
            row => row.to_string(),
        };
        let place = section(cause.row, fault.code).map_or_else(String::new, |it| format!("#{it}"));
        out.push_str(&format!(
            "| {number} | {} | `{}` {} | {} | {} | [{}](../{}{place}) |\n",
            cause.symptom,
            fault.code,
            fault.name,
            cause.cause,
            cause.fix,
            cause.chapter.number(),
            cause.chapter.path(),
        ));
    }
    out
}
