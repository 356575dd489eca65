//! Ways to fail, each as it happens in a service.

use std::future::{pending, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use axum::Router;
use axum::http::StatusCode;
use axum::routing::get;
use futures_util::{StreamExt as _, stream};
use serde_json::json;

use super::policy::tenth;
use crate::client::Client;
use crate::lab::{Service, http_client};
use crate::model::{Clock as _, IdGenerator as _, RandomIds, Run, SystemClock, TraceId};
use crate::trace::{
    JoinedText, RunTree, SERVICE as SERVICE_KEY, TraceFutureExt as _, TraceStreamExt as _,
};

/// The service that fails.
pub(super) const SERVICE: &str = "docs-assistant";

/// A way to fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FailureScenario {
    /// The work is not done in time.
    Timeout,
    /// A service that is called answers 503.
    ServerError,
    /// Nothing listens where the service was to be.
    Refused,
    /// The code panics.
    Panic,
    /// The task is dropped.
    Cancelled,
    /// The client goes away in the middle of an answer.
    ClientGone,
    /// A tool fails, and the agent goes on.
    ToolError,
    /// Three attempts fail, and there is no fourth.
    RetryExhausted,
    /// The process ends without a word: its runs began, and never end.
    ProcessKilled,
    /// The request fails in a trace that is in no sample of a tenth.
    SampledOut,
}

impl FailureScenario {
    /// All of them, in the order of the rows.
    pub const ALL: [Self; 10] = [
        Self::Timeout,
        Self::ServerError,
        Self::Refused,
        Self::Panic,
        Self::Cancelled,
        Self::ClientGone,
        Self::ToolError,
        Self::RetryExhausted,
        Self::ProcessKilled,
        Self::SampledOut,
    ];

    /// Returns what it is called in tables.
    pub fn name(self) -> &'static str {
        match self {
            Self::Timeout => "timeout",
            Self::ServerError => "5xx",
            Self::Refused => "refused",
            Self::Panic => "panic",
            Self::Cancelled => "cancelled",
            Self::ClientGone => "client gone",
            Self::ToolError => "tool error",
            Self::RetryExhausted => "retries exhausted",
            Self::ProcessKilled => "process killed",
            Self::SampledOut => "not in the sample",
        }
    }

    /// Returns what the error begins with.
    pub fn class(self) -> &'static str {
        match self {
            Self::Timeout => "Timeout",
            Self::ServerError => "ServerError",
            Self::Refused => "ConnectionRefused",
            Self::Panic => "Panicked",
            Self::Cancelled | Self::ClientGone => "Cancelled",
            Self::ToolError => "ToolError",
            Self::RetryExhausted => "RetriesExhausted",
            Self::ProcessKilled => "Killed",
            Self::SampledOut => "Unlucky",
        }
    }

    /// Returns true if a run tells of the failure: what it was, where, and with which inputs.
    pub(super) fn is_told_by(self, run: &Run) -> bool {
        let error = run.error.as_deref().unwrap_or_default();
        error.starts_with(self.class())
            && run.extra.metadata.get(SERVICE_KEY) == Some(&json!(SERVICE))
            && run.inputs.as_ref().is_some_and(|inputs| !inputs.is_empty())
    }
}

/// A request that is going to fail.
pub(super) struct Request(RunTree);

impl Request {
    /// Begins a request whose trace is in the sample of a tenth if its number is 0, and the scenario allows it.
    pub(super) fn new(client: &Client, scenario: FailureScenario, number: u32) -> Self {
        let start = SystemClock.now();
        let is_in = number == 0 && scenario != FailureScenario::SampledOut;
        let id = std::iter::repeat_with(|| RandomIds.run_id(start))
            .find(|id| tenth().keeps(id.0) == is_in)
            .unwrap_or_else(|| RandomIds.run_id(start));
        let run = client
            .run(scenario.name())
            .id(id)
            .start_time(start)
            .inputs(json!({"question": "Where did my trace go?", "number": number}));
        Self(run.start())
    }

    pub(super) fn trace(&self) -> TraceId {
        self.0
            .trace_id()
            .unwrap_or_else(|| TraceId(uuid::Uuid::nil()))
    }
}

/// What requests meet.
pub(super) struct Scene {
    down: Service,
    nobody: String,
}

impl Scene {
    #[allow(clippy::expect_used, reason = "lessons stop where they cannot go on")]
    pub(super) async fn new() -> Self {
        let down = get(|| async { StatusCode::SERVICE_UNAVAILABLE });
        let gone = tokio::net::TcpListener::bind("127.0.0.1:0")
            .await
            .expect("a port");
        let address = gone.local_addr().expect("an address");
        Self {
            down: Service::start("down", Router::new().route("/", down)),
            nobody: format!("http://{address}/"),
        }
    }

    pub(super) async fn fails(&self, scenario: FailureScenario, Request(run): Request) {
        match scenario {
            FailureScenario::Timeout => {
                let _ = pending::<Result<(), String>>()
                    .traced(run)
                    .timeout(Duration::ZERO)
                    .await;
            }
            FailureScenario::ServerError => {
                let answer = http_client().get(self.down.url("/")).send().await;
                let status = answer.map(|answer| answer.status());
                if let Ok(status) = status.map(|status| status.as_u16()) {
                    run.fail(format!("{}: {status}", scenario.class()));
                }
            }
            FailureScenario::Refused => {
                let answer = http_client().get(&self.nobody).send().await;
                if answer.is_err_and(|error| error.is_connect()) {
                    run.fail(format!("{}: nothing listens", scenario.class()));
                }
            }
            FailureScenario::Panic => {
                // Unwinds as a panic does, without writing to the screen.
                let _ = catch_unwind(AssertUnwindSafe(move || {
                    let _run = run;
                    resume_unwind(Box::new("the code panics"));
                }));
            }
            FailureScenario::Cancelled => {
                let mut work = pin!(pending::<Result<(), String>>().traced(run));
                poll_fn(|cx| {
                    let _ = work.as_mut().poll(cx);
                    Poll::Ready(())
                })
                .await;
            }
            FailureScenario::ClientGone => {
                let tokens = stream::iter(["one ", "two "]).chain(stream::pending());
                let mut body = pin!(tokens.traced_values_by(run, JoinedText::new()));
                // It is dropped with the connection.
                let _ = body.next().await;
            }
            FailureScenario::ToolError => {
                let tool = run
                    .child("search")
                    .run_type("tool")
                    .inputs(json!({"words": "lost"}));
                tool.start().fail(format!("{}: no index", scenario.class()));
                run.end_with(json!({"answer": "I do not know."}));
            }
            FailureScenario::RetryExhausted => {
                for attempt in 1..=3 {
                    let call = run.child("call").inputs(json!({"attempt": attempt}));
                    call.start().fail("ServerError: 503");
                }
                run.fail(format!("{}: 3 attempts", scenario.class()));
            }
            // A handle that is never dropped is what a killed process leaves.
            FailureScenario::ProcessKilled => std::mem::forget(run),
            FailureScenario::SampledOut => run.fail(format!("{}: no answer", scenario.class())),
        }
    }
}
