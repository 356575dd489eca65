//! What our encoder writes, read by the stand-in's decoder, which shares no code with it.

use std::collections::BTreeMap;

use common::export::{Batch, EncodedBody, Encoder};
use common::langsmith_mock::{LangSmithMock, MockRequest};
use common::model::{Run, RunOp, merge_ops};
use http::{HeaderValue, Method};

use crate::runs;

/// Sends runs out of the data as multipart, compressed and plain, and as JSON. Each way brings the same
/// runs, those that went in, and of the files those whose names can travel.
pub fn writer(data: &[u8]) {
    let ops = runs::of(data);
    let mut files: BTreeMap<(String, String), Vec<u8>> = BTreeMap::new();
    for run in ops.iter().filter_map(RunOp::run) {
        for file in run.attachments.iter().filter(|file| travels(&file.name)) {
            let key = (run.id.to_string(), file.name.clone());
            files.insert(key, file.data.to_vec());
        }
    }
    let expected: Vec<Run> = sorted(merge_ops(ops.clone()).iter().map(on_the_wire).collect());
    let batch = Batch::merge(ops);

    let mut encoder = Encoder::new();
    let plain = encoder.multipart(&batch).expect("plain values");
    let packed = encoder.compress(&plain).expect("memory");
    for (body, route) in [
        (&plain, "/runs/multipart"),
        (&packed, "/runs/multipart"),
        (
            &encoder.json_batch(&batch).expect("plain values"),
            "/runs/batch",
        ),
    ] {
        let mock = LangSmithMock::builder().lenient().unmounted();
        let answer = mock.handle(request(body, route));
        assert!(answer.status.is_success(), "{route}: {:?}", answer.body);
        assert_eq!(sorted(mock.runs()), expected, "{route}");
        if route == "/runs/multipart" {
            let mut arrived = BTreeMap::new();
            for run in &expected {
                for file in mock.attachments_of(run.id) {
                    arrived.insert((run.id.to_string(), file.name), file.data.to_vec());
                }
            }
            assert_eq!(arrived, files, "the files");
        }
    }
}

/// A name that would end the header it stands in, or that LangSmith refuses, stays at home.
fn travels(name: &str) -> bool {
    !name.is_empty() && !name.contains(|c: char| c.is_control() || ".\"\\".contains(c))
}

fn request(body: &EncodedBody, route: &str) -> MockRequest {
    let mut request = MockRequest::new(Method::POST, route, body.to_bytes());
    for (name, value) in body.headers() {
        let value = HeaderValue::try_from(value).expect("a header");
        request.headers.insert(name, value);
    }
    request
        .headers
        .insert("x-api-key", HeaderValue::from_static("any"));
    request
}

fn sorted(mut runs: Vec<Run>) -> Vec<Run> {
    runs.sort_by(|a, b| a.dotted_order.cmp(&b.dotted_order));
    runs
}

/// A run as JSON holds it: without its files, and with numbers as they are read back.
fn on_the_wire(run: &Run) -> Run {
    let text = serde_json::to_string(run).expect("plain values");
    let mut read: Run = serde_json::from_str(&text).expect("a run");
    // Every run is created with outputs, if empty ones.
    read.outputs.get_or_insert_default();
    read
}
