//! The film: steps, and the tree after each of them.

use std::collections::HashMap;
use std::fmt;

use super::faults::{self, FilmFault};
use super::step::{FilmStep, ReadFilmError, StepEffect};
use crate::analysis::label::{self, clean, fit};
use crate::analysis::rich_output;
use crate::analysis::text::{padded, text_tree};
use crate::model::{Run, RunId, TraceId, TraceTree};

/// Most steps that are written; those with a fault are written always.
const MAX_WRITTEN: usize = 200;

/// How a trace came to be what it is.
///
/// ```
/// use common::analysis::Film;
///
/// let film = Film::of_runs([]);
/// assert_eq!((film.len(), film.first_broken()), (0, None));
/// ```
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Film {
    steps: Vec<FilmStep>,
    faults: Vec<FilmFault>,
}

impl Film {
    /// Makes a film of operations in the order of their arrival.
    pub fn of(steps: impl IntoIterator<Item = FilmStep>) -> Self {
        let steps: Vec<FilmStep> = steps.into_iter().collect();
        let faults = faults::find(&steps);
        Self { steps, faults }
    }

    /// Makes a film of runs alone: each starts and ends when it says. How they arrived is not known then,
    /// nor what was refused.
    pub fn of_runs(runs: impl IntoIterator<Item = Run>) -> Self {
        let mut moments: Vec<(crate::model::Timestamp, usize, Run)> = Vec::new();
        for run in runs {
            let run = slim(run);
            if let Some(end) = run.end_time {
                moments.push((end.max(run.start_time), 1, run.clone()));
            }
            let begun = Run {
                end_time: None,
                error: run.error.clone().filter(|_| run.end_time.is_none()),
                ..run
            };
            moments.push((begun.start_time, 0, begun));
        }
        // Of one moment the parent's start is first, and its end last: its dotted order is the shorter one.
        moments.sort_by(|a, b| {
            let depth = |moment: &(_, usize, Run)| {
                let depth = moment.2.dotted_order.depth() as i64;
                if moment.1 == 0 { depth } else { -depth }
            };
            (a.0, a.1, depth(a), a.2.id).cmp(&(b.0, b.1, depth(b), b.2.id))
        });
        Self::of(moments.into_iter().map(|(at, kind, run)| FilmStep {
            operation: ["start", "end"][kind].to_owned(),
            outcome: run.status().to_string(),
            effect: StepEffect::Stored,
            run: run.id.to_string(),
            request: None,
            at: Some(at),
            after: Some(Box::new(run)),
            problems: Vec::new(),
        }))
    }

    /// Reads a film that was written as lines of JSON.
    ///
    /// # Errors
    /// If a line is none of a film; the error says which.
    pub fn from_json_lines(text: &str) -> Result<Self, ReadFilmError> {
        let lines = text.lines().enumerate();
        let lines = lines.filter(|(_, line)| !line.trim().is_empty());
        let steps = lines.map(|(at, line)| {
            serde_json::from_str(line).map_err(|error| ReadFilmError {
                line: at + 1,
                because: error.to_string(),
            })
        });
        Ok(Self::of(steps.collect::<Result<Vec<_>, _>>()?))
    }

    /// Writes the film as lines of JSON, to keep it beside a capture.
    pub fn to_json_lines(&self) -> String {
        let lines = self
            .steps
            .iter()
            .map(|step| serde_json::to_string(step).unwrap_or_default());
        lines.map(|line| line + "\n").collect()
    }

    /// Returns the number of steps.
    pub fn len(&self) -> usize {
        self.steps.len()
    }

    /// Returns true if nothing happened.
    pub fn is_empty(&self) -> bool {
        self.steps.is_empty()
    }

    /// Returns the steps.
    pub fn steps(&self) -> &[FilmStep] {
        &self.steps
    }

    /// Returns the film of some traces alone, where several were on their way at once: two whole traces are
    /// two roots. What was refused before anybody knew its trace stays in it.
    #[must_use]
    pub fn only(&self, traces: &[TraceId]) -> Self {
        let of: HashMap<&str, TraceId> = (self.steps.iter())
            .filter_map(|step| Some((step.run.as_str(), step.after.as_ref()?.trace_id)))
            .collect();
        let is_of = |step: &&FilmStep| {
            of.get(step.run.as_str())
                .is_none_or(|it| traces.contains(it))
        };
        Self::of(self.steps.iter().filter(is_of).cloned())
    }

    /// Returns what is broken at the end, the earliest first.
    pub fn faults(&self) -> &[FilmFault] {
        &self.faults
    }

    /// Returns the step since which the trace is broken and never whole again, from 1; none if it is whole.
    pub fn first_broken(&self) -> Option<usize> {
        self.faults.first().map(|fault| fault.since)
    }

    /// Returns the tree after so many steps; 0 is before the first.
    pub fn tree_after(&self, steps: usize) -> TraceTree {
        let mut runs: HashMap<RunId, &Run> = HashMap::new();
        for step in &self.steps[..steps.min(self.steps.len())] {
            match (step.effect, &step.after) {
                (StepEffect::Stored, Some(run)) => drop(runs.insert(run.id, run)),
                (StepEffect::Gone, _) => {
                    if let Ok(id) = step.run.parse::<RunId>() {
                        runs.remove(&id);
                    }
                }
                _ => {}
            }
        }
        TraceTree::build(runs.into_values().cloned())
    }

    /// Returns one moment in text: the step, and the tree as it is after it.
    pub fn moment(&self, step: usize) -> String {
        let tree = text_tree(&self.tree_after(step)).without_times();
        match step.checked_sub(1).and_then(|at| self.steps.get(at)) {
            Some(_) => format!("{}\n{tree}", self.line(step)),
            None => tree.to_string(),
        }
    }

    /// Says in one sentence what the film shows.
    pub(super) fn in_words(&self) -> String {
        match self.faults.first() {
            None => format!(
                "{}, and the trace is whole",
                label::count(self.len(), "step")
            ),
            Some(fault) => {
                format!(
                    "Broken since step {} of {}: {}",
                    fault.since,
                    self.len(),
                    fault.in_words()
                )
            }
        }
    }

    /// Returns the line of a step, from 1.
    fn line(&self, step: usize) -> String {
        let Some(it) = step.checked_sub(1).and_then(|at| self.steps.get(at)) else {
            return String::new();
        };
        let name = it.after.as_ref().map(|run| fit(&run.name, 40));
        let name = name
            .filter(|name| !name.is_empty())
            .unwrap_or_else(|| fit(&it.run, 40));
        let request = it
            .request
            .map_or_else(String::new, |number| format!("request {number}"));
        let width = self.steps.len().to_string().len();
        let line = format!(
            "{step:>width$}  {}  {}  {}  {name}",
            padded(&request, if request.is_empty() { 0 } else { 11 }),
            padded(&clean(&it.operation), 5),
            padded(&clean(&it.outcome), 9),
        );
        let problem = it
            .problems
            .first()
            .map(|words| format!("  ({})", fit(words, 80)));
        line.trim_end().to_owned() + &problem.unwrap_or_default()
    }

    /// Shows the film as the result of a notebook cell: the strip, with the words beside it.
    pub fn evcxr_display(&self) {
        let words = self.to_string();
        rich_output::show(&[
            ("image/svg+xml", &self.figure().svg()),
            ("text/plain", &words),
        ]);
    }
}

impl fmt::Display for Film {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut faults = self.faults.iter().peekable();
        let mut left_out = 0;
        for step in 1..=self.steps.len() {
            let is_broken = faults.peek().is_some_and(|fault| fault.since == step);
            if step > MAX_WRITTEN && !is_broken {
                left_out += 1;
                continue;
            }
            writeln!(f, "{}", self.line(step))?;
            while let Some(fault) = faults.next_if(|fault| fault.since == step) {
                writeln!(f, "   ⚠ {}", fault.in_words())?;
            }
        }
        if left_out > 0 {
            writeln!(f, "… {left_out} more")?;
        }
        writeln!(f, "{}", self.in_words())
    }
}

/// Leaves out of a run what a film does not show.
fn slim(run: Run) -> Run {
    Run {
        inputs: None,
        outputs: None,
        events: Vec::new(),
        attachments: Vec::new(),
        ..run
    }
}
