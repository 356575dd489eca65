//! The seven generators: what became of them, and the same in Rust.

use std::collections::BTreeMap;
use std::fmt;

use common::langsmith_mock::{IngestOutcome, LangSmithMock, OpKind};
use common::model::RunStatus;
use common::trace::{Reduce, fold};
use futures_util::{Stream, StreamExt as _, stream};
use serde::Serialize;
use serde_json::Value;

use super::{event_names, map};
use crate::langsmith_mock_support::{Length, recording};

const GENERATORS: &str = "06_streaming_llm_generator_reduce";

/// What is compared of a run.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Seen {
    pub(crate) run_type: String,
    pub(crate) parent: Option<String>,
    pub(crate) project: Option<String>,
    pub(crate) tags: Vec<String>,
    pub(crate) inputs: Value,
    pub(crate) outputs: Value,
    pub(crate) events: Vec<String>,
    pub(crate) status: RunStatus,
    pub(crate) error: Option<String>,
    pub(crate) metadata: Value,
}

/// Returns the runs by their names. Each came as one operation that creates and ends it.
pub(crate) fn seen(mock: &LangSmithMock) -> BTreeMap<String, Seen> {
    assert_eq!(mock.violations(), []);
    assert_eq!(mock.rejected(), []);
    let runs = mock.runs();
    let log = mock.ingest_log();
    assert_eq!(log.len(), runs.len());
    let mut seen = BTreeMap::new();
    for run in &runs {
        let entry = log.iter().find(|entry| entry.id == run.id.to_string());
        let entry = entry.expect("an operation");
        assert_eq!(
            (entry.kind, entry.outcome),
            (OpKind::Post, IngestOutcome::Created)
        );
        let end = run.end_time.expect("an end");
        for event in &run.events {
            assert!(run.start_time <= event.time && event.time <= end);
        }
        let of = Seen {
            run_type: run.run_type.to_string(),
            parent: run.parent_run_id.map(|parent| parent.to_string()),
            project: run.project.clone(),
            tags: run.tags.clone(),
            inputs: map(run.inputs.as_ref()),
            outputs: map(run.outputs.as_ref()),
            events: event_names(run).into_iter().map(str::to_owned).collect(),
            status: run.status(),
            error: run.error.clone(),
            metadata: map(Some(&run.extra.metadata)),
        };
        assert_eq!(seen.insert(run.name.clone(), of), None, "{}", run.name);
    }
    seen
}

/// The runs that the recorded requests bring.
pub(crate) fn recorded_generators() -> BTreeMap<String, Seen> {
    let mock = LangSmithMock::builder().unmounted();
    for recorded in recording(GENERATORS, Length::Header) {
        let status = mock.handle(recorded.request).status.as_u16();
        assert_eq!(u64::from(status), recorded.status);
    }
    seen(&mock)
}

/// An error of the recorded program.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct RuntimeError(pub(crate) &'static str);

impl fmt::Display for RuntimeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

/// `reduce_fn` of the recorded program.
pub(crate) fn red() -> impl Reduce<&'static str> {
    #[derive(Default, Serialize)]
    struct Sum {
        text: String,
        n: u64,
    }
    fold(Sum::default(), |sum: &mut Sum, token: &&str| {
        sum.text.push_str(token);
        sum.n += 1;
    })
}

/// A generator: each item is there when it is asked for.
pub(crate) fn generator<T: Clone>(items: &[T]) -> impl Stream<Item = T> + Unpin + use<T> {
    stream::iter(items.to_vec())
}

/// An async generator: others work before each item.
pub(crate) fn async_generator<T: Clone>(items: &[T]) -> impl Stream<Item = T> + use<T> {
    stream::iter(items.to_vec()).then(|item| async move {
        tokio::task::yield_now().await;
        item
    })
}
