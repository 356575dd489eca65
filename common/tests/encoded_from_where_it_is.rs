//! A run is encoded from where it is; who changes runs has them written as operations first. Both say the
//! same, to the byte.
#![cfg(feature = "client")]

mod exporting;
mod peer;

use std::sync::Arc;
use std::time::Duration;

use common::client::ClientBuilder;
use common::model::{Attachment, DottedOrder, RunContext, SeededIds, SteppingClock};
use exporting::{PATIENCE, builder_to, patient};
use peer::{Part, Peer, parts_of, status};
use serde_json::json;

const CALLER: &str = "20260101T000000000000Z01990000-0000-7000-8000-00000000000a";

/// Runs that say everything that a run can say, and such that say nothing.
fn program(builder: ClientBuilder) {
    let start = "2026-11-23T08:00:00Z".parse().expect("a time");
    let client = builder
        .clock(Arc::new(SteppingClock::new(
            start,
            Duration::from_micros(700),
        )))
        .ids(Arc::new(SeededIds::new(7)))
        .service("gateway")
        .metadata_from(["REVISION"], |_| Some("3f2a9c".to_owned()))
        .build()
        .expect("a client");
    let root = client
        .run("a name that is longer than what is kept in place of a text")
        .inputs(json!({"question": "why?\n\"quoted\"", "n": [1, 2.5, null, {"deep": true}]}))
        .tag("beta")
        .metadata("tenant", "t-1")
        .extra("invocation_params", json!({"temperature": 0.5}))
        .attachment(Attachment::new("given", "text/plain", "as given"))
        .start();
    let named = root.child("asked for its place").run_type("llm").start();
    assert!(named.dotted_order().is_some());
    named.new_token();
    named.add_event("words");
    named.end_with(json!({"text": "é日", "usage_metadata": {"input_tokens": 3}}));
    root.child("text")
        .inputs("x".repeat(996))
        .start()
        .end_with("y".repeat(990));
    root.child("nothing").start().end();
    root.child("failed").inputs("in").start().fail("Oh: no\n");
    root.child("own type").run_type("robot").start().end_with(7);
    let far = RunContext::new(CALLER.parse::<DottedOrder>().expect("an order"));
    client
        .run("below another process's")
        .parent(far)
        .start()
        .end();
    root.add_tag("late");
    root.attach(Attachment::new("given", "text/plain", "replaced"));
    root.attach(Attachment::new("added", "image/png", vec![7_u8; 40_000]));
    root.end_with(json!({"answer": 42}));
    client.run("still open").inputs("so far").start_and_forget();
    client.flush(PATIENCE).expect("all of it arrives");
}

trait Forget {
    fn start_and_forget(self);
}

impl Forget for common::trace::RunBuilder {
    /// Starts a run whose handle outlives the test.
    fn start_and_forget(self) {
        std::mem::forget(self.start());
    }
}

fn sent(change: impl FnOnce(ClientBuilder) -> ClientBuilder) -> Vec<Part> {
    let peer = Peer::start(|request, _| match &*request.path {
        "/info" => status(404),
        _ => status(202),
    });
    program(change(builder_to(&peer, patient())));
    let requests = peer.to("/runs/multipart");
    requests.iter().flat_map(parts_of).collect()
}

#[test]
fn what_is_encoded_from_where_it_is_says_what_the_written_operation_says() {
    let from_where_it_is = sent(|client| client);
    let written = sent(|client| client.transform(|_| {}));
    assert!(from_where_it_is.len() > 40, "{}", from_where_it_is.len());
    assert_eq!(from_where_it_is.len(), written.len());
    for (own, other) in from_where_it_is.iter().zip(&written) {
        assert_eq!(own.name, other.name);
        assert_eq!(own.json, other.json, "{}", own.name);
        assert_eq!(own.headers, other.headers, "{}: its length", own.name);
    }
}
