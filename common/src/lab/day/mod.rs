//! A day of the docs assistant: hours of traffic in a moment, and what becomes of each request is known
//! before.
//!
//! ```text
//! Day::of(200, 100) ──requests()──► questions, health checks between them
//!      │ client("gateway", …) × 3     one clock for all, which stands still while nobody works
//!      ▼
//! ask([gateway, retriever, generator]) ──► gateway ──headers──► retriever ─► search docs
//!      │                                      └────headers──► generator ─► write answer
//!      ▼
//! Ledger: what was asked ──┐
//! TraceTree: what arrived ─┴─► scorecard · kept
//! ```
//!
//! The services are functions of one process, so that a day takes a moment; what crosses between them are
//! the two headers, as text. Ids and times are the same each time, and with them every decision that hangs
//! on them. Start at [`Day`].

mod clock;
mod request;

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;

pub use self::request::{DayFate, DayRequest};
use super::Lesson;
use crate::analysis::{Ledger, Table};
use crate::client::{Client, ClientBuilder};
use crate::model::{
    Clock, IdGenerator as _, Run, RunContext, RunType, SeededIds, TraceTree, TreeNode, Usage,
};
use crate::propagation::{LangSmithPropagator, Propagator as _, TrustPolicy};
use crate::trace::RunTree;
use clock::DayClock;

/// A day of the docs assistant.
///
/// Of fifty questions one is slow, one times out, one meets a provider that answers 503, and one is
/// answered in part; see [`DayFate`].
///
/// ```
/// use common::analysis::scorecard;
/// use common::lab::{Day, Lesson};
///
/// # #[tokio::main]
/// # async fn main() {
/// let lesson = Lesson::start("day").await;
/// let day = Day::of(50, 10);
/// let [gateway, retriever, generator] = day.services(&lesson, |client, _service| client);
/// let ledger = day.ask([&gateway, &retriever, &generator]);
/// let card = scorecard(&lesson.tree(0).await, &ledger);
/// assert!(card.completeness.complete.is_all());
/// assert_eq!(card.visibility.visible.to_string(), "3 of 3");
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct Day {
    requests: Vec<DayRequest>,
    clock: Arc<DayClock>,
    propagator: LangSmithPropagator,
}

/// The services of the assistant, in the order in which [`Day::ask`] takes their clients.
pub const DAY_SERVICES: [&str; 3] = ["gateway", "retriever", "generator"];

/// The seed of the trace ids. What is kept at a rate follows from them.
const SEED: u64 = 5;

impl Day {
    /// Plans a day with so many questions, and so many health checks spread among them.
    pub fn of(questions: usize, health_checks: usize) -> Self {
        let mut requests = Vec::with_capacity(questions + health_checks);
        let mut checks = 0;
        for question in 0..questions.max(1) {
            requests.extend((question < questions).then(|| DayRequest::question(question)));
            let due = health_checks * (question + 1) / questions.max(1);
            requests.extend((checks..due).map(DayRequest::health_check));
            checks = due;
        }
        Self {
            requests,
            clock: Arc::new(DayClock::at_nine()),
            propagator: LangSmithPropagator::new().policy(TrustPolicy::Continue),
        }
    }

    /// Returns what is asked, in order.
    pub fn requests(&self) -> &[DayRequest] {
        &self.requests
    }

    /// Makes the client of a service, with the day's clock; `change` says what else is set. It sends to
    /// the stand-in and nowhere else, wherever the lesson sends.
    ///
    /// # Panics
    /// When what is set cannot be: a sampling rate of two.
    pub fn client(
        &self,
        lesson: &Lesson,
        service: &str,
        change: impl FnOnce(ClientBuilder) -> ClientBuilder,
    ) -> Client {
        let clock: Arc<dyn Clock> = self.clock.clone();
        lesson
            .apart()
            .client_with(service, |builder| change(builder.clock(clock)))
    }

    /// Makes the clients of all three services; `change` is told which it is asked for.
    ///
    /// # Panics
    /// When what is set cannot be: a sampling rate of two.
    pub fn services(
        &self,
        lesson: &Lesson,
        change: impl Fn(ClientBuilder, &str) -> ClientBuilder,
    ) -> [Client; 3] {
        DAY_SERVICES.map(|service| self.client(lesson, service, |builder| change(builder, service)))
    }

    /// Lets the day happen, and returns what was asked. Done again it is the same day, with the same ids.
    pub fn ask(&self, services: [&Client; 3]) -> Ledger {
        self.ask_by(|_| services)
    }

    /// Lets the day happen, with clients of your choice for each request.
    pub fn ask_by<'a>(&self, mut by: impl FnMut(&DayRequest) -> [&'a Client; 3]) -> Ledger {
        let ids = SeededIds::new(SEED);
        let mut ledger = Ledger::new();
        for (number, request) in self.requests.iter().enumerate() {
            self.clock.go_to(number);
            ledger.ask(request.asked());
            let [gateway, retriever, generator] = by(request);
            let start = self.clock.now();
            let (name, route) = match request.fate {
                Some(_) => ("gateway", "/ask"),
                None => ("health", "/health"),
            };
            let root = gateway
                .run(name)
                .id(ids.run_id(start))
                .start_time(start)
                .metadata("request_id", request.id.as_str())
                .metadata("route", route)
                .inputs(json!({"question": super::story::QUESTION}))
                .start();
            match request.fate {
                None => root.end_with(json!({"status": "ok"})),
                Some(fate) => self.answer(&root, fate, retriever, generator),
            }
        }
        ledger
    }

    fn answer(&self, root: &RunTree, fate: DayFate, retriever: &Client, generator: &Client) {
        const TIMEOUT: &str = "Timeout: no answer from the index within 2 s";
        let run = self.called(retriever, "retriever", root);
        let search = run.child("search docs").run_type(RunType::Retriever);
        let search = search.inputs(json!({"question": super::story::QUESTION}));
        let search = search.start();
        if matches!(fate, DayFate::Timeout | DayFate::Partial) {
            self.clock.pass(Duration::from_secs(2));
            search.fail(TIMEOUT);
            run.fail(TIMEOUT);
        } else {
            self.clock.pass(Duration::from_millis(20));
            search.end_with(json!({"documents": ["headers", "baggage"]}));
            run.end_with(json!({"count": 2}));
        }
        if fate == DayFate::Timeout {
            return root.fail("Timeout: the retriever did not answer within 2 s");
        }
        let run = self.called(generator, "generator", root);
        let write = run.child("write answer").run_type(RunType::Llm);
        let write = write
            .inputs(json!({"question": super::story::QUESTION}))
            .start();
        if fate == DayFate::Unavailable {
            self.clock.pass(Duration::from_millis(40));
            let error = "HTTP 503 Service Unavailable: the model is overloaded";
            write.fail(error);
            run.fail(error);
            return root.fail("HTTP 503: the generator has no answer");
        }
        self.clock.pass(match fate {
            DayFate::Slow => Duration::from_secs(9),
            _ => Duration::from_millis(600),
        });
        write.set_usage(Usage::tokens(180, 60));
        let answer = json!({"answer": "In a header."});
        write.end_with(answer.clone());
        run.end_with(answer.clone());
        root.end_with(answer);
    }

    /// Starts the run of a service that was called below `parent`; its context comes by the headers.
    fn called(&self, service: &Client, name: &str, parent: &RunTree) -> RunTree {
        let headers = parent
            .context()
            .map(|context| self.propagator.headers(&context));
        let context: Option<RunContext> =
            headers.and_then(|headers| self.propagator.extract(&headers).context);
        let run = service.run(name).parent(context);
        run.inputs(json!({"question": super::story::QUESTION}))
            .start()
    }

    /// Returns what arrived of one request, by its id.
    pub fn trace(&self, arrived: &TraceTree, id: &str) -> TraceTree {
        let runs = arrived.nodes().iter().map(|node| &node.run);
        TraceTree::build(runs.filter(|run| request_of(run) == Some(id)).cloned())
    }

    /// Counts for each fate how many questions there were, of how many something arrived, and how many
    /// arrived whole: with a root and no orphan.
    pub fn kept(&self, arrived: &TraceTree) -> Table {
        let mut table = Table::new(["questions", "asked", "traces", "whole traces"]);
        for fate in DayFate::ALL {
            let of_fate = || {
                self.requests
                    .iter()
                    .filter(|asked| asked.fate == Some(fate))
            };
            let asked = of_fate().count();
            let (mut some, mut whole) = (0, 0);
            for request in of_fate() {
                let runs = runs_of(arrived, &request.id);
                some += usize::from(runs > 0);
                whole += usize::from(runs == runs_in_all(fate));
            }
            let counts = [asked, some, whole].map(|count| count.to_string());
            table = table.row([fate.as_str().to_owned()].into_iter().chain(counts));
        }
        table
    }
}

/// Returns the request that a run belongs to. The id travels in baggage, so that every run has it.
fn request_of(run: &Run) -> Option<&str> {
    run.extra.metadata.get("request_id")?.as_str()
}

fn runs_of(arrived: &TraceTree, id: &str) -> usize {
    let of_request = |node: &&TreeNode| request_of(&node.run) == Some(id);
    arrived.nodes().iter().filter(of_request).count()
}

fn runs_in_all(fate: DayFate) -> usize {
    match fate {
        DayFate::Timeout => 3,
        _ => 5,
    }
}
