//! Proves that the notebooks teach: their form, their outputs, their exercises. Start at [`check`].
//!
//! ```text
//! notebook ─► Page ─┬─ template · cells · outputs · links · exercises ─┐   seconds, no kernel
//!                   ├─ format (rustfmt) · lint (clippy, by cell) ──────┼─► Finding: where, what, remedy
//!                   └─ executed: as shipped, as solved, outputs anew ──┘   a kernel, minutes
//! ```

mod anchors;
mod cells;
#[cfg(test)]
mod damages;
mod executed;
pub(crate) mod exercises;
mod finding;
mod fix;
mod format;
mod links;
mod lint;
mod outputs;
pub(crate) mod page;
mod pictures;
mod program;
mod template;

use std::path::{Path, PathBuf};

use anyhow::Result;
use clap::Args;

use crate::doctor::check_service;
use crate::notebooks::{self, Notebook};
use crate::places::Places;
use crate::problem::{FAILED, OK};
use crate::progress::tell;
use crate::run::{self, Mode, Tally};
use crate::steps::{self, Workshop};
use finding::Finding;
use page::Page;

/// Which notebooks are checked, and how far.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Numbers of notebooks; 00 is the set-up notebook.
    #[arg(value_name = "NN")]
    numbers: Vec<String>,
    /// Looks at the files only, without a kernel: seconds.
    #[arg(long)]
    quick: bool,
    /// Formats the cells as rustfmt would, and then checks.
    #[arg(long)]
    fix: bool,
    /// Gives a cell at most this many seconds.
    #[arg(long, value_name = "SECONDS")]
    timeout: Option<u32>,
}

/// What a finding is about; `cargo workbook test` does not insist on all of it yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Rule {
    /// Sections, title card, number of exercises.
    Template,
    /// Lengths, ids, words between cells.
    Cells,
    /// Stale or private outputs, figures.
    Outputs,
    Links,
    /// Exercises as the page has them.
    Exercises,
    Format,
    Lint,
    /// What only running tells.
    Executed,
}

/// What was found of each rule.
pub(crate) type Findings = Vec<(Rule, Finding)>;

/// Checks notebooks and returns the exit code.
pub(crate) fn check(options: &Options) -> Result<u8> {
    let places = Places::find()?;
    let notebooks = notebooks::select(&notebooks::all(&places.root), &options.numbers)?;
    if options.fix {
        fix::format_cells(&places.root, &notebooks, &format::default_rustfmt())?;
    }
    let mut found = quick(&places.root, &notebooks)?;
    if !options.quick {
        let workshop = Workshop::enter()?;
        check_service(&places)?;
        steps::ensure(&workshop)?;
        steps::javascript::offer(&workshop);
        steps::collector::offer(&workshop);
        found.extend(thorough(&workshop, &notebooks, options.timeout)?.0);
    }
    Ok(report(&found, notebooks.len()))
}

/// Looks at the files.
pub(crate) fn quick(root: &Path, notebooks: &[Notebook]) -> Result<Findings> {
    let rustfmt: PathBuf = format::default_rustfmt();
    let mut found = Vec::new();
    for notebook in notebooks {
        let page = Page::read(root, notebook)?;
        found.extend(of_page(&page, root));
        found.extend(
            format::findings(&page, &rustfmt)?
                .into_iter()
                .map(|finding| (Rule::Format, finding)),
        );
    }
    Ok(found)
}

/// Looks at one page, without the help of any program.
fn of_page(page: &Page, root: &Path) -> Findings {
    let parts = [
        (Rule::Template, template::findings(page)),
        (Rule::Cells, cells::findings(page)),
        (Rule::Outputs, outputs::findings(page, root)),
        (Rule::Links, links::findings(page, root)),
        (Rule::Exercises, exercises::findings(page, root)),
    ];
    let tagged =
        |(rule, list): (Rule, Vec<Finding>)| list.into_iter().map(move |finding| (rule, finding));
    parts.into_iter().flat_map(tagged).collect()
}

/// What `cargo workbook test` does not insist on, while notebooks are being written. It is empty when
/// they are: whatever `check` finds then fails the test.
pub(crate) const LATER: &[Rule] = &[];

/// Checks all notebooks for `cargo workbook test`: returns how running went, and what is insisted on.
pub(crate) fn insist(workshop: &Workshop, notebooks: &[Notebook]) -> Result<(Tally, Vec<Finding>)> {
    let mut found = quick(&workshop.places.root, notebooks)?;
    let (more, tally) = thorough(workshop, notebooks, None)?;
    found.extend(more);
    let insisted = found.into_iter().filter(|(rule, _)| !LATER.contains(rule));
    Ok((tally, insisted.map(|(_, finding)| finding).collect()))
}

/// Compiles the pages, and runs them with their exercises.
pub(crate) fn thorough(
    workshop: &Workshop,
    notebooks: &[Notebook],
    timeout: Option<u32>,
) -> Result<(Findings, Tally)> {
    let mut found = Vec::new();
    let mut pages = Vec::new();
    for notebook in notebooks {
        let page = Page::read(&workshop.places.root, notebook)?;
        found.extend(
            lint::findings(&page, workshop)?
                .into_iter()
                .map(|finding| (Rule::Lint, finding)),
        );
        pages.push(page);
    }
    let mut events = Vec::new();
    let tally = run::execute(
        &workshop.places,
        notebooks,
        timeout,
        Mode::Exercises,
        |event| {
            events.push(event.clone());
        },
    )?;
    let executed = executed::findings(&pages, &events);
    found.extend(
        executed
            .into_iter()
            .map(|finding| (Rule::Executed, finding)),
    );
    Ok((found, tally))
}

/// Prints what was found and decides the exit code.
fn report(found: &Findings, pages: usize) -> u8 {
    for (_, finding) in found {
        tell(finding);
    }
    let pages = if pages == 1 {
        "1 notebook".to_owned()
    } else {
        format!("{pages} notebooks")
    };
    match found.len() {
        0 => tell(format_args!("✓ {pages}: nothing found")),
        1 => tell(format_args!("{pages}: 1 finding")),
        count => tell(format_args!("{pages}: {count} findings")),
    }
    if found.is_empty() { OK } else { FAILED }
}
