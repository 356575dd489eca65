//! Each form that a request has is filled in as the official SDKs fill it in: attachments, feedback,
//! zstd, JSON batches, unbatched runs.
//!
//! Whatever differs has to be in [`DEVIATIONS`], and all of that has to occur.
#![cfg(feature = "client")]

mod exporting;
mod peer;
mod wire;

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use common::export::{BatchConfig, BatchExporter, Delivery, Destination};
use common::model::{Attachment, Feedback, RunId, RunOp, TraceId};
use common::trace::{RunSink, RunTree, Tracer};
use exporting::{KEY, PATIENCE, patient};
use peer::{Part, Peer, status};
use serde_json::{Value, json};
use wire::{Requests, compare, received, received_lines, recorded, recorded_lines, recording};

/// What we send otherwise than the Python SDK 0.15, and why, besides the rows of `wire_vectors.rs`.
/// `docs/compatibility.md` repeats it.
const DEVIATIONS: [(&str, &str); 9] = [
    (
        "extra: {} is never sent",
        "an update replaces extra, so an empty one wipes the metadata of the create",
    ),
    (
        "events: uploaded_attachment is left out",
        "it repeats the names of the parts that follow",
    ),
    (
        "serialized is left out",
        "it describes the constructor of a LangChain object; there is none here",
    ),
    (
        "unbatched: attachments {} is left out",
        "JSON has no place for attachments, so there is nothing to say",
    ),
    (
        "feedback: session_id is not said",
        "we name projects by name only",
    ),
    (
        "zstd: a post and its patch are merged",
        "half the parts; the official SDKs compress an operation before its update is known",
    ),
    (
        "after a 404, /runs/multipart is not asked again",
        "the server said that it has no such path",
    ),
    (
        "js: child_runs and serialized are left out",
        "both are always empty there",
    ),
    (
        "js: end_time is text like start_time, not a number",
        "one form of time; it is the Python SDK's too",
    ),
];

/// Sends runs and lets the test add what a run tree has no words for.
struct With {
    exporter: Arc<BatchExporter>,
    next_attachments: Mutex<Vec<Attachment>>,
}

impl std::fmt::Debug for With {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("With")
    }
}

impl RunSink for With {
    fn submit(&self, mut op: RunOp) {
        if let Some(run) = op.run_mut() {
            run.attachments = std::mem::take(&mut *self.next_attachments.lock().expect("list"));
        }
        self.exporter.submit(op);
    }
}

/// A stand-in that answers as the one of the recording did, and what sends to it when flushed.
struct Stage {
    peer: Peer,
    sink: Arc<With>,
    tracer: Tracer,
}

impl Stage {
    fn of(file: &str, delivery: Delivery) -> Self {
        let recording = recording(file);
        let info = recording["server_info"].to_string();
        let missing = file.contains("404");
        let down = file.contains("info_unreachable");
        let peer = Peer::start(move |request, _| match &*request.path {
            "/info" if down => status(500),
            "/info" => (200, Vec::new(), info.clone()),
            "/runs/multipart" if missing => status(404),
            _ => status(202),
        });
        let config = BatchConfig {
            delivery,
            ..patient()
        };
        let to = Destination::new(&peer.url).api_key(KEY);
        let exporter = BatchExporter::start(&to, config).expect("an exporter");
        let sink = Arc::new(With {
            exporter: Arc::new(exporter),
            next_attachments: Mutex::default(),
        });
        let project = Some("golden-vectors".to_owned());
        let tracer = Tracer::builder(sink.clone()).project(project).build();
        Self { peer, sink, tracer }
    }

    fn attach(&self, attachments: impl IntoIterator<Item = Attachment>) {
        let mut next = self.sink.next_attachments.lock().expect("list");
        next.extend(attachments);
    }

    fn say(&self, feedback: Feedback) {
        self.sink
            .exporter
            .submit(RunOp::Feedback(Box::new(feedback)));
    }

    fn flush(&self) {
        self.sink.exporter.flush(PATIENCE).expect("delivered");
        let stats = self.sink.exporter.stats();
        assert!(stats.balances(), "{stats}");
        assert_eq!(stats.accepted, stats.delivered);
    }

    fn run(&self, name: &str, run_type: &str, inputs: Value) -> RunTree {
        let run = self.tracer.run(name).run_type(run_type);
        run.inputs(inputs).start()
    }

    fn sent(&self) -> Requests {
        received(&self.peer.requests())
    }

    fn lines(&self) -> Vec<String> {
        received_lines(&self.peer.requests())
    }
}

/// The names of all deviations that contain one of the words, of both tables.
fn rows(words: &[&str]) -> BTreeSet<String> {
    let elsewhere = [
        "patch: parent_run_id null is left out",
        "patch: session_id null is left out",
        "times end in Z, not +00:00",
        "metadata: LANGSMITH_* variables are left out",
        "metadata: ls_method is left out",
    ];
    let all = DEVIATIONS.iter().map(|(what, _)| *what).chain(elsewhere);
    all.filter(|what| words.iter().any(|word| what.contains(word)))
        .map(str::to_owned)
        .collect()
}

#[test]
fn attachments_follow_their_run_also_on_a_later_patch() {
    let file = "08_attachments";
    let stage = Stage::of(file, Delivery::Batched);
    stage.attach([Attachment::new("img", "image/png", &b"\x89PNG\x00\x01"[..])]);
    let f = stage.run("with-attachment", "chain", json!({"text": "t"}));
    f.end_with(json!({"ok": true}));
    stage.flush();
    stage.attach([
        Attachment::new("one", "text/plain", &b"first"[..]),
        Attachment::new("bad.name", "text/plain", &b"zzz"[..]),
    ]);
    let rt = stage.run("rt", "tool", json!({"a": 1}));
    stage.flush();
    stage.attach([Attachment::new(
        "two",
        "application/octet-stream",
        &b"second"[..],
    )]);
    rt.end_with(json!({"o": 1}));
    stage.flush();

    assert_eq!(stage.lines(), recorded_lines(file));
    let found = compare(recorded(file), stage.sent());
    assert_eq!(
        found,
        rows(&[
            "null",
            "Z",
            "LANGSMITH_",
            "ls_method",
            "extra:",
            "uploaded_attachment"
        ])
    );
}

#[test]
fn unbatched_runs_are_created_and_updated_by_requests_of_their_own() {
    let file = "14_unbatched_post_patch";
    let stage = Stage::of(file, Delivery::Unbatched);
    let direct = stage.run("direct", "llm", json!({"messages": []}));
    direct.end_with(json!({"m": 1}));
    stage.run("direct-chain", "chain", json!({})).end();
    stage.flush();

    // The last two bring a run without a dotted order, which we have no way to make.
    let mut theirs = recorded(file);
    theirs.truncate(4);
    let mut lines = recorded_lines(file);
    lines.truncate(4);
    assert_eq!(stage.lines(), lines);
    assert_eq!(stage.peer.to("/info").len(), 0, "nobody needs to know");
    let found = compare(theirs, stage.sent());
    assert_eq!(
        found,
        rows(&[
            "null",
            "Z",
            "LANGSMITH_",
            "extra:",
            "serialized is",
            "attachments {}"
        ])
    );
}

#[test]
fn feedback_travels_among_the_runs_if_its_trace_is_known_and_else_alone() {
    let file = "15_feedback";
    let stage = Stage::of(file, Delivery::Batched);
    let id = |text: &str| uuid::Uuid::parse_str(text).expect("an id");
    let said = |number: u128, run: &str, key: &str| Feedback {
        id: uuid::Uuid::from_u128(number),
        ..Feedback::on(RunId(id(run)), key, chrono::Utc::now())
    };
    let trace = "01990000-0000-7000-8000-000000000001";
    stage.say(
        said(1, trace, "user")
            .trace_id(TraceId(id(trace)))
            .score(0.123456)
            .comment("nice é"),
    );
    stage.flush();
    let source = "01990000-0000-7000-8000-000000000003";
    let by_model = Feedback {
        feedback_source: json!({"type": "model", "metadata": {"__run": {"run_id": source}}}),
        ..said(2, "01990000-0000-7000-8000-000000000002", "correct")
    };
    stage.say(by_model.value("yes").correction(json!({"a": 1})));
    stage.flush();

    // The third is on a project, and what changes and deletes feedback is no ingest.
    let mut theirs = recorded(file);
    theirs.truncate(2);
    let mut lines = recorded_lines(file);
    lines.truncate(2);
    assert_eq!(stage.lines(), lines);
    let found = compare(theirs, stage.sent());
    assert_eq!(found, rows(&["Z", "feedback:"]));
}

#[test]
fn a_compressed_body_is_one_frame_with_the_sizes_in_its_headers() {
    let file = "16_multipart_zstd";
    let stage = Stage::of(file, Delivery::Batched);
    stage.attach([Attachment::new("att", "text/plain", &b"hello"[..])]);
    let z = stage.tracer.run("z").tag("t1").inputs(json!({"x": 40}));
    z.start().end_with(json!({"sum": 40}));
    let trace = uuid::Uuid::parse_str("01990000-0000-7000-8000-000000000001").expect("an id");
    let feedback = Feedback::on(RunId(trace), "k", chrono::Utc::now());
    stage.say(feedback.trace_id(TraceId(trace)).score(1));
    stage.flush();

    assert_eq!(stage.lines(), recorded_lines(file));
    let request = &stage.peer.to("/runs/multipart")[0];
    assert_eq!(request.header("content-encoding"), Some("zstd"));
    let size = |name: &str| -> usize {
        let size = request.header(name).expect("a size");
        size.parse().expect("a number")
    };
    assert_eq!(size("x-post-compressed-size"), request.body.len());
    assert_eq!(size("content-length"), request.body.len());
    let data = request_data(request);
    assert_eq!(size("x-pre-compressed-size"), data);
    // The recording agrees on what is counted.
    let theirs = &recording(file)["requests"][2];
    let sizes = theirs["parts"].as_array().expect("parts").iter();
    let data: u64 = sizes.filter_map(|part| part["size"].as_u64()).sum();
    let headers = theirs["headers"].as_array().expect("headers");
    let pre = json!(["X-Pre-Compressed-Size", data.to_string()]);
    assert!(headers.contains(&pre));

    let mut found = rows(&["zstd:"]);
    let theirs = recorded(file).into_iter().map(merged).collect();
    found.extend(compare(theirs, stage.sent()));
    assert_eq!(
        found,
        rows(&[
            "zstd:",
            "Z",
            "LANGSMITH_",
            "ls_method",
            "uploaded_attachment",
            "feedback:"
        ])
    );
}

/// Returns the bytes of a request's parts, without their headers.
fn request_data(request: &peer::Received) -> usize {
    let parts = peer::parts_of(request);
    let length = |part: &Part| part.headers[2].1.parse::<usize>().expect("a length");
    parts.iter().map(length).sum()
}

/// Merges the patch of a run into its post, as a server does: field by field.
fn merged(parts: Vec<Part>) -> Vec<Part> {
    let (patches, mut rest): (Vec<Part>, Vec<Part>) = parts
        .into_iter()
        .partition(|part| part.name.starts_with("patch."));
    for patch in patches {
        let name = patch.name.replacen("patch.", "post.", 1);
        let post = rest.iter_mut().find(|part| part.name == name);
        let post = post.expect("a part of that name");
        if patch.name.matches('.').count() > 1 {
            post.json = patch.json;
        } else {
            for (field, value) in patch.json.as_object().expect("an object") {
                post.json[field] = value.clone();
            }
            // As in the patch that it was.
            let post = post.json.as_object_mut().expect("an object");
            post.retain(|_, value| !value.is_null());
        }
    }
    rest
}

#[test]
fn a_server_without_multipart_gets_lists_of_whole_runs() {
    let file = "17_batch_no_multipart";
    let stage = Stage::of(file, Delivery::Batched);
    stage.attach([Attachment::new("a", "text/plain", &b"x"[..])]);
    stage
        .run("b", "chain", json!({"q": 1}))
        .end_with(json!({"o": 1}));
    stage.flush();
    let late = stage.run("late", "chain", json!({"q": 1}));
    stage.flush();
    late.set_outputs(json!({"o": 2}));
    late.fail("bad");
    stage.flush();

    assert_eq!(stage.lines(), recorded_lines(file));
    let found = compare(recorded(file), stage.sent());
    assert_eq!(
        found,
        rows(&["null", "Z", "LANGSMITH_", "extra:", "uploaded_attachment"])
    );
}

#[test]
fn after_a_404_the_same_batch_goes_to_the_other_path_and_later_ones_at_once() {
    let file = "18_batch_after_404";
    let stage = Stage::of(file, Delivery::Batched);
    for n in 0..2 {
        let run = stage.run(&format!("f{n}"), "chain", json!({"q": n}));
        run.end_with(json!({}));
        stage.flush();
    }
    let mut lines = recorded_lines(file);
    assert_eq!(lines.remove(2), "POST /runs/multipart");
    assert_eq!(stage.lines(), lines);
    let mut theirs = recorded(file);
    theirs.remove(2);
    let mut found = compare(theirs, stage.sent());
    found.extend(rows(&["404"]));
    assert_eq!(found, rows(&["404", "Z", "extra:"]));
}

#[test]
fn without_an_answer_of_info_the_defaults_count() {
    let file = "19_info_unreachable";
    let stage = Stage::of(file, Delivery::Batched);
    stage.run("noinfo", "chain", json!({})).end_with(json!({}));
    stage.flush();
    assert_eq!(stage.lines(), recorded_lines(file));
    let found = compare(recorded(file), stage.sent());
    assert_eq!(found, rows(&["Z", "extra:"]));
}

#[test]
fn what_the_javascript_sdk_says_of_a_run_in_json_is_said() {
    let file = "js_06_unbatched_and_batch";
    let direct = Stage::of(file, Delivery::Unbatched);
    direct
        .run("direct", "llm", json!({"messages": []}))
        .end_with(json!({"m": 1}));
    direct.flush();
    let batched = Stage::of(file, Delivery::Batched);
    batched
        .run("batched", "chain", json!({"a": 1}))
        .end_with(json!({"m": 1}));
    batched.flush();

    assert_eq!(
        [direct.lines(), batched.lines()].concat(),
        recorded_lines(file)
    );
    let ours = [direct.sent(), batched.sent()].concat();
    let (mut found, mut ours_only) = (BTreeSet::new(), BTreeSet::new());
    for (theirs, ours) in recorded(file).into_iter().zip(ours) {
        for mut part in theirs {
            let field = part.name.split('.').nth(2).unwrap_or("main").to_owned();
            let side = |part: &Part| part.name.split('.').nth(2).unwrap_or("main") == field;
            let Some(ours) = ours.iter().find(|part| side(part)) else {
                assert_eq!((&*field, part.json), ("serialized", json!({})));
                found.extend(rows(&["js: child_runs"]));
                continue;
            };
            if field == "extra" {
                // Each SDK describes itself; the names of what it says are the same.
                assert!(ours.json["runtime"]["sdk"].is_string());
                assert!(part.json["runtime"]["sdk"].is_string());
                continue;
            }
            if field == "main" {
                let theirs = part.json.as_object_mut().expect("an object");
                if theirs.shift_remove("child_runs").is_some() {
                    found.extend(rows(&["js: child_runs"]));
                }
                let ours = ours.json.as_object().expect("an object");
                for (name, value) in &*theirs {
                    let said = ours.get(name).unwrap_or_else(|| panic!("no {name}"));
                    match &**name {
                        "id" | "trace_id" | "dotted_order" | "start_time" => {
                            assert!(said.is_string());
                        }
                        "end_time" => {
                            assert!(value.is_number() && said.is_string());
                            found.extend(rows(&["js: end_time"]));
                        }
                        _ => assert_eq!(said, value, "{name}"),
                    }
                }
                ours_only.extend(
                    ours.keys()
                        .filter(|name| !theirs.contains_key(*name))
                        .cloned(),
                );
                continue;
            }
            assert_eq!(part.json, ours.json, "{field}");
        }
    }
    assert_eq!(found, rows(&["js:"]));
    // `id` is in the body of a patch as Python has it; JavaScript leaves it to the path.
    assert_eq!(Vec::from_iter(ours_only), ["tags"]);
}

#[test]
fn every_deviation_has_its_row_in_the_docs() {
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/compatibility.md");
    let page = std::fs::read_to_string(page).expect("docs/compatibility.md");
    for (what, why) in DEVIATIONS {
        assert!(
            page.contains(&format!("| {what} | {why} |")),
            "no row for: {what}"
        );
    }
}
