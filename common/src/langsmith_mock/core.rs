//! One request in, one response out: the stand-in without any I/O.

use std::fmt;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use chrono::Utc;
use http::StatusCode;
use serde_json::{Value, json};
use tokio::sync::Notify;

use super::builder::Settings;
use super::decode::{self, Decoded, OpKind, Refusal};
use super::fault::{Fault, FaultPlan};
use super::keys::{Entry, Keys};
use super::query;
use super::request::{MockRequest, MockResponse, ReceivedRequest};
use super::route::{self, Found, Route};
use super::store::{IngestOutcome, Store};
use super::violation::{Violation, ViolationCode, cut_name};
use crate::model::Timestamp;

/// The state that all mounts and handles of one stand-in share.
pub(super) struct Core {
    settings: Settings,
    state: Mutex<State>,
    // Woken at each arrival: one for threads, one for tasks.
    pub(super) arrived: Condvar,
    pub(super) arrived_async: Notify,
}

#[derive(Debug)]
pub(super) struct State {
    pub(super) store: Store,
    pub(super) faults: FaultPlan,
    keys: Keys,
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
                store: Store::new(settings.limits, settings.strict),
                faults,
                keys: Keys::new(settings.keys.clone()),
            }),
            settings,
            arrived: Condvar::new(),
            arrived_async: Notify::new(),
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
        let at = Utc::now();
        let found = route::find(&request.method, &request.path);
        let (route, id) = match found {
            Found::Route(route, id) => (route, id),
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
        if route == Route::Viewer {
            // Whoever looks on must not use up a fault, nor be counted as a client.
            return super::viewer::answer(self, request);
        }
        let met = self.state().faults.meet(route);
        let mut answer = match &met {
            Some(met) if !met.processes() => MockResponse::json(StatusCode::OK, &json!({})).into(),
            _ => self.answer(request, route, id, at),
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

    /// Answers a request whose body broke off: what there is of it must not pass for the whole.
    pub(super) fn cut_off(&self, request: &MockRequest) -> MockResponse {
        let detail = "the connection broke before the end of the body";
        let answer = MockResponse::detail(StatusCode::BAD_REQUEST, detail);
        self.record(request, Utc::now(), answer.into())
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
        id: Option<String>,
        at: Timestamp,
    ) -> Answer {
        if route == Route::Info {
            return query::info(&self.settings.info).into();
        }
        let entry = self.state().keys.enter(&request.headers);
        match entry {
            Entry::Welcome => {}
            Entry::NoKey => {
                let detail = "Invalid token: send x-api-key or Authorization: Bearer";
                return MockResponse::detail(StatusCode::UNAUTHORIZED, detail).into();
            }
            Entry::WrongKey => {
                return MockResponse::detail(StatusCode::UNAUTHORIZED, "Invalid token").into();
            }
        }
        match route {
            Route::ReadRun => {
                return query::read_run(&self.state().store, &id.unwrap_or_default()).into();
            }
            Route::Settings => return query::settings().into(),
            Route::Sessions if request.method == http::Method::GET => {
                return query::sessions(&self.state().store, id.as_deref(), request).into();
            }
            _ => {}
        }
        let body = match self.body(request) {
            Ok(body) => body,
            Err(refusal) => return self.refuse(&refusal).into(),
        };
        let decoded_bytes = body.len();
        let response = match route {
            Route::QueryRuns => query::query_runs(&self.state().store, &body),
            Route::Sessions => query::create_session(&mut self.state().store, request, &body, at),
            Route::Feedback => self.feedback(&body),
            _ => self.ingest(request, route, id, body, at),
        };
        Answer {
            response,
            decoded_bytes,
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

    fn refuse(&self, refusal: &Refusal) -> MockResponse {
        let mut state = self.state();
        let violation = Violation::new(refusal.code, None, refusal.message.clone());
        let violation = violation.tidied(&state.keys);
        let answer = MockResponse::detail(refusal.status, &violation.message);
        state.store.object(violation);
        answer
    }

    fn feedback(&self, body: &Bytes) -> MockResponse {
        match serde_json::from_slice::<Value>(body) {
            Ok(feedback) => {
                self.state().store.add_feedback(feedback.clone());
                MockResponse::json(StatusCode::OK, &feedback)
            }
            Err(_) => MockResponse::detail(StatusCode::UNPROCESSABLE_ENTITY, "no JSON"),
        }
    }

    fn ingest(
        &self,
        request: &MockRequest,
        route: Route,
        id: Option<String>,
        body: Bytes,
        at: Timestamp,
    ) -> MockResponse {
        let content_type = request.header("content-type");
        let decoded = match route {
            Route::Multipart => decode::multipart(content_type, body),
            Route::Batch => decode::batch(content_type, &body),
            Route::UpdateRun => decode::one_run(OpKind::Patch, id, content_type, &body),
            _ => decode::one_run(OpKind::Post, None, content_type, &body),
        };
        let batched = matches!(route, Route::Multipart | Route::Batch);
        match decoded {
            Ok(decoded) => self.store(decoded, batched, at),
            Err(refusal) => self.refuse(&refusal),
        }
    }

    fn store(&self, decoded: Decoded, batched: bool, at: Timestamp) -> MockResponse {
        let mut state = self.state();
        let State { store, keys, .. } = &mut *state;
        let request = store.request_count;
        for violation in decoded.violations {
            store.object(violation.tidied(keys));
        }
        let (mut repeated, mut reason) = (!decoded.ops.is_empty(), None);
        for mut op in decoded.ops {
            op.id = cut_name(keys.scrub(&op.id));
            let (outcome, violations) = store.apply(op, batched, request, at, keys);
            repeated &= outcome == IngestOutcome::Repeated;
            if outcome == IngestOutcome::Rejected {
                let error = violations.into_iter().find(Violation::is_error);
                reason = reason.or(error.map(|violation| violation.message));
            }
        }
        for (run, attachment) in decoded.attachments {
            store.attach(run, attachment, keys);
        }
        for feedback in decoded.feedback {
            store.add_feedback(feedback);
        }
        drop(state);
        if repeated && self.settings.conflict_on_repeat {
            return MockResponse::detail(StatusCode::CONFLICT, "payload already received");
        }
        match reason {
            // The real batch routes answer before they look: "202 now, rejected later".
            Some(reason) if !batched => MockResponse::detail(StatusCode::BAD_REQUEST, &reason),
            _ if batched => MockResponse::json(
                StatusCode::ACCEPTED,
                &json!({ "message": "Runs batch ingested" }),
            ),
            _ => MockResponse::json(StatusCode::OK, &json!({})),
        }
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
