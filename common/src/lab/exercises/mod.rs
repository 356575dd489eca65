//! The exercises of all notebooks: what each demands, its hints, and why its solution works.
//!
//! One file a notebook. The page has the goal in its own words and the cell to begin with; the solution
//! is in `notebooks/solutions/`. Start at [`all`].

mod async_streaming;
mod cross_service;
mod first_trace;
mod multi_agent;
mod opentelemetry;
mod production;
mod troubleshooting;

use super::check::Exercise;

/// Returns the exercises of all notebooks, in the order of the pages.
pub fn all() -> Vec<Exercise> {
    let pages = [
        first_trace::exercises(),
        cross_service::exercises(),
        opentelemetry::exercises(),
        async_streaming::exercises(),
        multi_agent::exercises(),
        production::exercises(),
        troubleshooting::exercises(),
    ];
    pages.into_iter().flatten().collect()
}

/// Returns the exercise with this id.
pub fn find(id: &str) -> Option<Exercise> {
    all().into_iter().find(|exercise| exercise.id() == id)
}

/// Returns the exercises of a notebook by its number, such as `01`.
pub fn of_notebook(number: &str) -> Vec<Exercise> {
    let number = format!("{number}.");
    let mut exercises = all();
    exercises.retain(|exercise| exercise.id().starts_with(&number));
    exercises
}
