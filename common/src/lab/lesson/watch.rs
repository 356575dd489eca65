//! A lesson's eyes: what its services receive, what its clients lose, and the checks on both.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::extract::Request;
use axum::middleware::{Next, from_fn};

use super::Lesson;
use crate::lab::check::{Arrival, Capture, Check, Exercise, HintBook};
use crate::lab::progress::Journal;
use crate::lab::{LessonCard, Service, exercises};
use crate::model::TraceTree;

/// How long a check waits for runs that are still on their way. A bound: a solved exercise waits for
/// nothing.
const PATIENCE: Duration = Duration::from_secs(2);
/// The headers that checks may ask about. Others may hold secrets and are not kept.
pub(in crate::lab) const WATCHED: [&str; 4] =
    ["langsmith-trace", "baggage", "traceparent", "tracestate"];
/// Most requests that are remembered; a lesson under load keeps the first ones.
const MOST_ARRIVALS: usize = 10_000;

/// What a lesson has seen since it was last cleared. A cheap clone.
#[derive(Debug, Clone, Default)]
pub(super) struct Watch(Arc<Seen>);

#[derive(Debug, Default)]
struct Seen {
    arrivals: Mutex<Vec<Arrival>>,
    /// Operations lost before the lesson was last cleared.
    lost_before: Mutex<u64>,
    hints: Mutex<BTreeMap<String, Arc<HintBook>>>,
}

fn lock<T>(of: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    of.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Watch {
    /// Forgets requests, and takes what is lost by now as known.
    pub(super) fn clear(&self, lost: u64) {
        lock(&self.0.arrivals).clear();
        *lock(&self.0.lost_before) = lost;
    }

    fn received(&self, service: &str, request: &Request) {
        let headers = WATCHED.iter().flat_map(|name| {
            let values = request.headers().get_all(*name).into_iter();
            values.map(|value| {
                let text = String::from_utf8_lossy(value.as_bytes()).into_owned();
                ((*name).to_owned(), text)
            })
        });
        let arrival = Arrival {
            service: service.to_owned(),
            headers: headers.collect(),
        };
        let mut arrivals = lock(&self.0.arrivals);
        if arrivals.len() < MOST_ARRIVALS {
            arrivals.push(arrival);
        }
    }

    fn hints_of(&self, exercise: &Exercise, journal: &Journal) -> Arc<HintBook> {
        let mut books = lock(&self.0.hints);
        let book = books.entry(exercise.id().to_owned()).or_insert_with(|| {
            let book = HintBook::new(exercise.id(), exercise.hints(), journal.clone());
            Arc::new(book)
        });
        book.clone()
    }
}

impl Lesson {
    /// Starts a service as [`Service::start`] does, and remembers which tracing headers reach it, for
    /// [`capture`](Self::capture) and the checks.
    ///
    /// # Panics
    /// When no port can be bound; a lesson cannot go on without.
    pub fn serve(&self, name: impl Into<String>, router: Router) -> Service {
        let name: String = name.into();
        let (watch, service) = (self.watch().clone(), name.clone());
        let look = move |request: Request, next: Next| {
            watch.received(&service, &request);
            next.run(request)
        };
        Service::start(name, router.layer(from_fn(look)))
    }

    /// Waits until `expected` runs have ended, and returns what arrived since the last
    /// [`clear`](Self::clear): runs, headers, losses. When they do not come, returns what is there.
    pub async fn capture(&self, expected: usize) -> Capture {
        self.flush_all();
        // What has not come by then is what the check tells of.
        let _ = self.mock().wait_for_ended(expected, PATIENCE).await;
        self.captured(self.mock().tree())
    }

    fn captured(&self, tree: TraceTree) -> Capture {
        let seen = &self.watch().0;
        let mut capture = lock(&seen.arrivals)
            .iter()
            .cloned()
            .fold(Capture::of(tree), Capture::arrival);
        let lost = self.lost().saturating_sub(*lock(&seen.lost_before));
        if lost > 0 {
            let words = "beginnings or ends of runs were dropped before they were sent";
            capture = capture.loss(format!("{lost} {words}"));
        }
        for error in self.mock().errors() {
            capture = capture.loss(format!(
                "LangSmith would have refused a run: {}",
                error.message
            ));
        }
        capture
    }

    /// Checks an exercise of the workbook by its id, such as `01.repair`, on what arrived since the last
    /// [`clear`](Self::clear).
    ///
    /// It never fails: what is wrong is in the [`Check`], an id that nobody knows included.
    pub async fn check(&self, id: &str) -> Check {
        match exercises::find(id) {
            Some(exercise) => self.check_exercise(&exercise).await,
            None => unknown(id),
        }
    }

    /// Checks an exercise of your own.
    pub async fn check_exercise(&self, exercise: &Exercise) -> Check {
        let capture = self.capture(exercise.expected_runs()).await;
        self.remember(exercise, exercise.check(&capture))
    }

    /// Compares a predicted tree with what arrived: a name a line, two blanks of indentation a level.
    pub async fn check_prediction(&self, id: &str, prediction: &str) -> Check {
        let Some(exercise) = exercises::find(id) else {
            return unknown(id);
        };
        let capture = self.capture(exercise.expected_runs()).await;
        self.remember(&exercise, exercise.check_prediction(prediction, &capture))
    }

    /// Returns the card with the exercises of this page: which are passed, and what comes next.
    pub fn card(&self) -> LessonCard {
        LessonCard::new(self.name(), &Journal::from_env().standing())
    }

    fn remember(&self, exercise: &Exercise, check: Check) -> Check {
        let journal = Journal::from_env();
        let forgotten = journal.checked(&check.entry());
        check.remembering(self.watch().hints_of(exercise, &journal), forgotten)
    }
}

fn unknown(id: &str) -> Check {
    let known: Vec<String> = exercises::all()
        .iter()
        .map(|exercise| format!("`{}`", exercise.id()))
        .collect();
    let sentence = format!(
        "no exercise is named `{id}`; these are: {}",
        known.join(", ")
    );
    Check::impossible(id, sentence)
}
