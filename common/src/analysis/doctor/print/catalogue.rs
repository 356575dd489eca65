//! The table of `docs/troubleshooting.md`.

use crate::analysis::doctor::code::{Cause, Fault, faults};

/// Writes the table of all known causes, by their rows in the catalogue, as Markdown: symptom, code,
/// cause, fix, notebook.
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
        out.push_str(&format!(
            "| {number} | {} | `{}` {} | {} | {} | {} |\n",
            cause.symptom,
            fault.code,
            fault.name,
            cause.cause,
            cause.fix,
            cause.chapter.number()
        ));
    }
    out
}
