//! A transport that a test answers for, without sockets.
#![allow(dead_code, unreachable_pub, reason = "each test file uses its part")]

use std::fmt;
use std::pin::Pin;
use std::sync::{Arc, Condvar, Mutex};

use common::export::{
    BatchConfig, BatchExporter, Exchange, HttpRequest, HttpResponse, Transport, TransportError,
};

pub type Outcome = Result<HttpResponse, TransportError>;
pub type Answering = Pin<Box<dyn Future<Output = Outcome> + Send>>;

/// Carries requests to a function. `/info` is not there.
pub struct Carried<F>(pub F);

impl<F> fmt::Debug for Carried<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Carried")
    }
}

impl<F: Fn(HttpRequest) -> Answering + Send + Sync + 'static> Transport for Carried<F> {
    fn exchange(&self, request: HttpRequest) -> Exchange<'_> {
        match request.body {
            None => Box::pin(async { Ok(status(404)) }),
            Some(_) => self.0(request),
        }
    }
}

/// Starts an exporter whose requests are answered by a function.
pub fn exporter<F>(config: BatchConfig, answer: F) -> BatchExporter
where
    F: Fn(HttpRequest) -> Answering + Send + Sync + 'static,
{
    BatchExporter::with_transport(Arc::new(Carried(answer)), config).expect("a thread")
}

pub fn status(status: u16) -> HttpResponse {
    HttpResponse {
        status,
        ..HttpResponse::default()
    }
}

pub fn refused() -> Outcome {
    Err(TransportError::Connect("nobody listens".to_owned()))
}

/// Returns what a body says, as text.
pub fn text(request: &HttpRequest) -> String {
    let body = request.body.as_ref().expect("a body").to_bytes();
    String::from_utf8_lossy(&body).into_owned()
}

/// Something that several threads count, and wait for.
#[derive(Default)]
pub struct Watched<T> {
    value: Mutex<T>,
    changed: Condvar,
}

impl<T> Watched<T> {
    pub fn change<R>(&self, change: impl FnOnce(&mut T) -> R) -> R {
        let result = change(&mut self.value.lock().expect("no panic"));
        self.changed.notify_all();
        result
    }

    pub fn wait(&self, done: impl Fn(&T) -> bool) {
        let guard = self.value.lock().expect("no panic");
        let wait = self.changed.wait_while(guard, |value| !done(value));
        drop(wait.expect("no panic"));
    }
}
