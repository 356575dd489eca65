//! One request in, one response out: the stand-in without any I/O.

use std::fmt;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use http::StatusCode;
use serde_json::json;
use tokio::sync::Notify;

use super::api;
use super::builder::Settings;
use super::decode::{self, Refusal};
use super::fault::{Fault, FaultPlan};
use super::keys::{Entry, Keys};
use super::otlp::Waiting;
use super::request::{MockRequest, MockResponse, ReceivedRequest};
use super::route::{self, Found, Route};
use super::store::Store;
use super::violation::{Violation, ViolationCode, cut_name};
use crate::model::Timestamp;

/// The state that all mounts and handles of one stand-in share.
pub(super) struct Core {
    settings: Settings,
    state: Mutex<State>,
    // Woken at each arrival: one for threads, one for tasks.
    pub(super) arrived: Condvar,
    pub(super) arrived_async: Notify,
    #[cfg(feature = "analysis")]
    pub(super) known: Mutex<super::viewer::Known>,
}

#[derive(Debug)]
pub(super) struct State {
    pub(super) store: Store,
    pub(super) faults: FaultPlan,
    pub(super) keys: Keys,
    pub(super) waiting: Waiting,
}

/// The answer to a request, and what else is worth recording.
struct Answer {
    response: MockResponse,
    decoded_bytes: usize,
}

impl From<MockResponse> for Answer {
    fn from(response: MockResponse) -> Self {
        Self {
            response,
            decoded_bytes: 0,
        }
    }
}

impl State {
    /// Replaces every known key in a text that somebody will see.
    #[cfg(feature = "analysis")]
    pub(super) fn scrub(&self, text: &str) -> String {
        self.keys.scrub(text)
    }
}

impl Core {
    pub(super) fn new(settings: Settings) -> Self {
        let mut faults = FaultPlan::default();
        for fault in &settings.faults {
            faults.add(fault.clone());
        }
        Self {
            state: Mutex::new(State {
                store: Store::new(settings.limits, settings.strict, settings.updates()),
                faults,
                keys: Keys::new(settings.doors.clone()),
                waiting: Waiting::new(settings.orphan_window, &settings.limits),
            }),
            settings,
            arrived: Condvar::new(),
            arrived_async: Notify::new(),
            #[cfg(feature = "analysis")]
            known: Mutex::default(),
        }
    }

    pub(super) fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Locks the state. A panic elsewhere leaves it usable: no invariant spans two operations.
    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn handle(&self, request: &MockRequest) -> MockResponse {
        let at = self.settings.clock.now();
        let found = route::find(&request.method, &request.path);
        let (route, ids) = match found {
            Found::Route(route, ids) => (route, ids),
            Found::Nothing => {
                let answer = MockResponse::detail(StatusCode::NOT_FOUND, "Not Found");
                return self.record(request, at, answer.into());
            }
            Found::WrongMethod => {
                let status = StatusCode::METHOD_NOT_ALLOWED;
                let answer = MockResponse::detail(status, "Method Not Allowed");
                return self.record(request, at, answer.into());
            }
        };
        self.state().expire_orphans(Some(at));
        if route.is_page() {
            // Whoever looks on must not use up a fault, nor be counted as a client.
            return self.page(request, route, &ids);
        }
        if route.tells() && !request.is_for_this_machine() {
            let detail = "ask by 127.0.0.1 or localhost: under another name only runs are taken";
            let answer = MockResponse::detail(StatusCode::FORBIDDEN, detail);
            return self.record(request, at, answer.into());
        }
        let met = self.state().faults.meet(route);
        let mut answer = match &met {
            Some(met) if !met.processes() => MockResponse::json(StatusCode::OK, &json!({})).into(),
            _ => self.answer(request, route, ids, at),
        };
        if let Some(met) = met {
            answer.response = met.spoil(answer.response);
        }
        answer
            .response
            .delay
            .get_or_insert(self.settings.latency)
            .is_zero()
            .then(|| answer.response.delay = None);
        self.record(request, at, answer)
    }

    /// Answers what people look at: no key is asked for, but the name of this machine.
    fn page(&self, request: &MockRequest, route: Route, ids: &[String]) -> MockResponse {
        if !request.is_for_this_machine() {
            return MockResponse::detail(StatusCode::FORBIDDEN, "open this page by its address");
        }
        match route {
            Route::Viewer => super::viewer::answer(self, request),
            _ => api::page(self, route, ids),
        }
    }

    /// Answers a request whose body broke off: what there is of it must not pass for the whole.
    pub(super) fn cut_off(&self, request: &MockRequest) -> MockResponse {
        let detail = "the connection broke before the end of the body";
        let answer = MockResponse::detail(StatusCode::BAD_REQUEST, detail);
        self.record(request, self.settings.clock.now(), answer.into())
    }

    fn record(&self, request: &MockRequest, at: Timestamp, answer: Answer) -> MockResponse {
        let mut state = self.state();
        let received = ReceivedRequest {
            at,
            method: request.method.clone(),
            path: cut_name(state.keys.scrub(&request.path)),
            headers: state.keys.redacted_headers(&request.headers),
            body_bytes: request.body.len(),
            decoded_bytes: answer.decoded_bytes.max(request.body.len()),
            status: answer.response.status.as_u16(),
        };
        state.store.request_count += 1;
        state.store.remember_request(received);
        drop(state);
        self.arrived.notify_all();
        self.arrived_async.notify_waiters();
        answer.response
    }

    fn answer(
        &self,
        request: &MockRequest,
        route: Route,
        ids: Vec<String>,
        at: Timestamp,
    ) -> Answer {
        if route == Route::Info {
            return api::info(&self.settings.info).into();
        }
        if !route.is_public()
            && let Some(refusal) = self.at_the_door(request)
        {
            return refusal.into();
        }
        let body = match self.body(request) {
            Ok(body) => body,
            Err(refusal) => return self.refuse(&refusal).into(),
        };
        Answer {
            decoded_bytes: body.len(),
            response: match route {
                Route::Multipart | Route::Batch | Route::CreateRun | Route::UpdateRun => {
                    self.ingest(request, route, ids, body, at)
                }
                Route::OtlpTraces => self.take_spans(request, &body, at),
                _ => api::answer(self, request, route, &ids, &body, at),
            },
        }
    }

    /// Returns the answer to who may not enter.
    fn at_the_door(&self, request: &MockRequest) -> Option<MockResponse> {
        let unauthorized = |why| Some(MockResponse::detail(StatusCode::UNAUTHORIZED, why));
        match self.state().keys.enter(&request.headers) {
            Entry::Welcome => None,
            Entry::NoKey => unauthorized("Invalid token: send x-api-key or Authorization: Bearer"),
            Entry::WrongKey => unauthorized("Invalid token"),
            Entry::RealKey => unauthorized(
                "this is a stand-in for LangSmith on this machine, and the key looks like a real one",
            ),
            Entry::NoWorkspace => Some(MockResponse::json(
                StatusCode::FORBIDDEN,
                &json!({ "error": "org_scoped_key_requires_workspace" }),
            )),
        }
    }

    fn body(&self, request: &MockRequest) -> Result<Bytes, Refusal> {
        let limit = self.settings.limits.body_bytes;
        if request.truncated {
            return Err(Refusal::too_large(limit));
        }
        let encoding = request.header("content-encoding");
        let body = decode::decompress(encoding, request.body.clone(), limit)?;
        let mut state = self.state();
        if let Some(tail) = state.keys.leak_in(&body) {
            let message = format!(
                "the body of {} {} holds the API key {tail}",
                request.method, request.path
            );
            let violation = Violation::new(ViolationCode::KeyInBody, None, message);
            let violation = violation.tidied(&state.keys);
            state.store.object(violation);
        }
        drop(state);
        Ok(body)
    }

    pub(super) fn refuse(&self, refusal: &Refusal) -> MockResponse {
        let mut state = self.state();
        let violation = Violation::new(refusal.code, None, refusal.message.clone());
        let violation = violation.tidied(&state.keys);
        let answer = MockResponse::detail(refusal.status, &violation.message);
        state.store.object(violation);
        answer
    }

    pub(super) fn add_fault(&self, fault: Fault) {
        self.state().faults.add(fault);
    }
}

impl fmt::Debug for Core {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (runs, ended) = self.state().store.counts();
        f.debug_struct("Core")
            .field("runs", &runs)
            .field("ended", &ended)
            .finish_non_exhaustive()
    }
}
