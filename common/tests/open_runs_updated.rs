//! An open run tells what it has so far, where that is switched on and taken.
#![cfg(all(feature = "analysis", feature = "client", feature = "langsmith_mock"))]

mod pages;

use std::sync::Arc;
use std::time::Duration;

use common::client::Client;
use common::export::{BatchConfig, BatchExporter, Destination};
use common::langsmith_mock::{LangSmithMock, ViolationCode};
use common::model::{Run, RunOp, RunStatus};
use common::trace::{
    Anonymizer, JoinedText, MemorySink, Redactor, RunSink, TraceStreamExt as _, Tracer, Updates,
};
use futures_util::{StreamExt as _, stream};
use serde_json::json;

const LONG: Duration = Duration::from_secs(120);
/// Each chunk is worth an update.
const ALWAYS: Updates = Updates::every(Duration::ZERO).at_most_per_second(0);

fn client(mock: &LangSmithMock, updates: Updates) -> Client {
    let client = Client::builder()
        .endpoint(mock.url())
        .api_key("lsv2_pt_test")
        .enabled(true);
    client.updates(updates).build().expect("a client")
}

fn text(run: &Run) -> String {
    let outputs = run.outputs.as_ref().expect("outputs");
    outputs["output"].as_str().expect("a text").to_owned()
}

fn words() -> impl stream::Stream<Item = &'static str> + Unpin {
    stream::iter(["one ", "two ", "three ", "four"])
}

fn outputs_of_updates(sink: &MemorySink) -> Vec<(String, bool)> {
    let ops = sink.ops().into_iter();
    let patches = ops.filter_map(|op| match op {
        RunOp::Patch(run) => Some((text(&run), run.end_time.is_some())),
        _ => None,
    });
    patches.collect()
}

async fn read_all(tracer: &Tracer) {
    let words = words().traced_values_by(tracer.run("generate"), JoinedText::new());
    assert_eq!(words.count().await, 4);
}

#[tokio::test]
async fn a_stream_shows_as_pending_with_its_text_so_far() {
    let mock = LangSmithMock::builder().take_open_updates().start().await;
    let client = client(&mock, ALWAYS);
    let run = client.run("generate").run_type("llm").start();
    let mut words = words().traced_values_by(&run, JoinedText::new());
    let so_far = ["one ", "one two ", "one two three "];
    for expected in so_far {
        words.next().await;
        client.flush_async(LONG).await.expect("sent");
        let [stored]: [Run; 1] = mock.runs().try_into().expect("one run");
        assert_eq!(
            (text(&stored).as_str(), stored.status()),
            (expected, RunStatus::Pending)
        );
        assert_eq!(stored.events.len(), 1, "the first token");
    }
    assert_eq!(words.count().await, 1);
    client.shutdown_async(LONG).await.expect("sent");
    let [stored]: [Run; 1] = mock.runs().try_into().expect("one run");
    assert_eq!(
        (text(&stored).as_str(), stored.status()),
        ("one two three four", RunStatus::Success)
    );
    assert!(mock.violations().is_empty(), "{:?}", mock.violations());
    let stats = client.stats();
    assert_eq!((stats.accepted, stats.delivered, stats.queued), (6, 6, 0));
}

#[tokio::test]
async fn the_viewer_shows_an_open_run_with_its_text_so_far() {
    let mock = LangSmithMock::builder().take_open_updates().start().await;
    let client = client(&mock, ALWAYS);
    let run = client.run("generate").run_type("llm").start();
    let mut words = words().traced_values_by(&run, JoinedText::new());
    words.next().await;
    words.next().await;
    client.flush_async(LONG).await.expect("sent");
    let (trace, id) = (
        run.trace_id().expect("recorded"),
        run.id().expect("recorded"),
    );
    let page = pages::page(&mock, &format!("/?trace={trace}&run={id}"));
    assert!(page.text.contains("one two "), "{}", page.text);
    assert!(page.text.contains("1 running"), "{}", page.text);
}

#[tokio::test]
async fn updates_that_wait_together_leave_as_one_and_the_end_is_not_lost_among_them() {
    let mock = LangSmithMock::builder().take_open_updates().start().await;
    let client = client(&mock, ALWAYS);
    for _ in 0..20 {
        let words = words().traced_values_by(client.run("generate"), JoinedText::new());
        assert_eq!(words.count().await, 4);
    }
    client.flush_async(LONG).await.expect("sent");
    for run in mock.runs() {
        assert_eq!(
            (text(&run).as_str(), run.status()),
            ("one two three four", RunStatus::Success)
        );
    }
    let stats = client.stats();
    assert_eq!((stats.accepted, stats.delivered), (20 * 6, 20 * 6));
    assert_eq!((mock.runs().len(), mock.violations().len()), (20, 0));
}

#[tokio::test]
async fn without_a_word_nothing_is_sent_between_beginning_and_end() {
    let sink = Arc::new(MemorySink::new());
    let tracer = Tracer::builder(sink.clone()).build();
    read_all(&tracer).await;
    let run = tracer.run("job").start();
    run.update();
    run.end();
    assert_eq!(sink.ops().len(), 4);
}

#[tokio::test]
async fn each_run_and_all_together_are_throttled_and_the_end_says_all() {
    let once = Updates::every(LONG);
    let sink = Arc::new(MemorySink::new());
    let each = Tracer::builder(sink.clone())
        .updates(once.at_most_per_second(0))
        .build();
    read_all(&each).await;
    read_all(&each).await;
    let update = |text: &str, ends| (text.to_owned(), ends);
    let of_run = [update("one ", false), update("one two three four", true)];
    assert_eq!(
        outputs_of_updates(&sink),
        [of_run.clone(), of_run.clone()].concat()
    );

    let sink = Arc::new(MemorySink::new());
    let few = Updates::every(Duration::ZERO).at_most_per_second(1);
    let all = Tracer::builder(sink.clone()).updates(few).build();
    for _ in 0..1_000 {
        read_all(&all).await;
    }
    let updates = outputs_of_updates(&sink).len() - 1_000;
    assert!(
        (1..1_000).contains(&updates),
        "{updates} updates of 4,000 chunks"
    );
}

#[tokio::test]
async fn a_strict_server_takes_the_first_update_only_which_is_why_they_are_off() {
    let mock = LangSmithMock::start().await;
    let client = client(&mock, ALWAYS);
    let run = client.run("generate").start();
    let mut words = words().traced_values_by(&run, JoinedText::new());
    client.flush_async(LONG).await.expect("sent");
    words.next().await;
    client.flush_async(LONG).await.expect("sent");
    assert_eq!(words.count().await, 3);
    client.flush_async(LONG).await.expect("sent");
    let [stored]: [Run; 1] = mock.runs().try_into().expect("one run");
    assert_eq!(
        (text(&stored).as_str(), stored.status()),
        ("one ", RunStatus::Pending)
    );
    let codes: Vec<_> = mock.violations().iter().map(|it| it.code).collect();
    assert_eq!(codes, [ViolationCode::AlreadyReceived]);
}

#[tokio::test]
async fn an_update_that_comes_after_the_end_changes_nothing() {
    let sink = Arc::new(MemorySink::new());
    let tracer = Tracer::builder(sink.clone()).updates(ALWAYS).build();
    read_all(&tracer).await;
    let mock = LangSmithMock::builder().take_open_updates().start().await;
    let to = Destination::new(mock.url()).api_key("lsv2_pt_test");
    let exporter = BatchExporter::start(&to, BatchConfig::default()).expect("an exporter");
    let mut ops = sink.ops();
    let late = ops.remove(2);
    for op in ops.into_iter().chain([late]) {
        exporter.submit(op);
        exporter.flush_async(LONG).await.expect("sent");
    }
    let [stored]: [Run; 1] = mock.runs().try_into().expect("one run");
    assert_eq!(
        (text(&stored).as_str(), stored.status()),
        ("one two three four", RunStatus::Success)
    );
}

#[test]
fn an_update_is_masked_like_everything_else() {
    let sink = Arc::new(MemorySink::new());
    let redactor = Redactor::new().anonymizer(Anonymizer::secrets());
    let tracer = Tracer::builder(sink.clone())
        .redactor(redactor)
        .updates(ALWAYS)
        .build();
    let run = tracer.run("log in").start();
    run.set_outputs(json!({"output": "password=hunter22"}));
    run.update();
    assert!(!text(&sink.runs()[0]).contains("hunter22"));
    run.end();
    assert_eq!(sink.ops().len(), 3);
}

#[test]
fn updates_and_ends_from_many_threads_keep_their_order() {
    /// Counts updates that come after an end.
    #[derive(Debug, Default)]
    struct Late(std::sync::Mutex<(std::collections::HashSet<uuid::Uuid>, usize)>);
    impl RunSink for Late {
        fn submit(&self, op: RunOp) {
            let mut seen = self.0.lock().expect("not poisoned");
            if let RunOp::Patch(run) = op {
                let is_end = run.end_time.is_some();
                seen.1 += usize::from(seen.0.contains(&run.id.0));
                if is_end {
                    seen.0.insert(run.id.0);
                }
            }
        }
    }
    let sink = Arc::new(Late::default());
    let tracer = Tracer::builder(sink.clone()).updates(ALWAYS).build();
    for _ in 0..500 {
        let run = tracer.run("job").start();
        std::thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| (0..3).for_each(|_| run.update()));
            }
            scope.spawn(|| run.end());
        });
    }
    let seen = sink.0.lock().expect("not poisoned");
    assert_eq!((seen.0.len(), seen.1), (500, 0));
}

#[test]
fn the_end_of_a_run_waits_for_an_update_that_is_under_way() {
    use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
    use std::sync::{Mutex, mpsc};
    /// Takes its time for an update, and notes whether the end overtakes it.
    #[derive(Debug)]
    struct Slow {
        begun: mpsc::Sender<()>,
        go_on: Mutex<mpsc::Receiver<()>>,
        has_ended: AtomicBool,
        was_overtaken: AtomicBool,
    }
    impl RunSink for Slow {
        fn submit(&self, op: RunOp) {
            let RunOp::Patch(run) = op else { return };
            if run.end_time.is_some() {
                return self.has_ended.store(true, SeqCst);
            }
            self.begun.send(()).expect("awaited");
            let go_on = self.go_on.lock().expect("not poisoned");
            go_on
                .recv_timeout(LONG)
                .expect("nobody waits for an update");
            for _ in 0..200 {
                std::thread::sleep(Duration::from_millis(1));
                if self.has_ended.load(SeqCst) {
                    return self.was_overtaken.store(true, SeqCst);
                }
            }
        }
    }
    let (begun, begins) = mpsc::channel();
    let (go, go_on) = mpsc::channel();
    let sink = Arc::new(Slow {
        begun,
        go_on: go_on.into(),
        has_ended: AtomicBool::new(false),
        was_overtaken: AtomicBool::new(false),
    });
    let tracer = Tracer::builder(sink.clone()).updates(ALWAYS).build();
    let run = tracer.run("job").start();
    std::thread::scope(|scope| {
        scope.spawn(|| run.update());
        begins.recv().expect("an update");
        // Another update does not wait for it, and the end does.
        run.update();
        go.send(()).expect("awaited");
        run.end();
    });
    assert!(sink.has_ended.load(SeqCst));
    assert!(!sink.was_overtaken.load(SeqCst));
}

#[test]
fn a_sink_that_ends_a_run_while_it_takes_its_update_does_not_wait_for_itself() {
    use std::sync::Mutex;
    #[derive(Debug, Default)]
    struct Impatient {
        run: Mutex<Option<common::trace::RunTree>>,
        ops: MemorySink,
    }
    impl RunSink for Impatient {
        fn submit(&self, op: RunOp) {
            let is_update = matches!(&op, RunOp::Patch(run) if run.end_time.is_none());
            self.ops.submit(op);
            let run = self.run.lock().expect("not poisoned").take();
            match run {
                Some(run) if is_update => {
                    run.update();
                    run.end();
                }
                run => *self.run.lock().expect("not poisoned") = run,
            }
        }
    }
    let sink = Arc::new(Impatient::default());
    let tracer = Tracer::builder(sink.clone()).updates(ALWAYS).build();
    let run = tracer.run("job").start();
    *sink.run.lock().expect("not poisoned") = Some(run.clone());
    run.update();
    let [run]: [Run; 1] = sink.ops.runs().try_into().expect("one run");
    assert_eq!(
        (run.status(), sink.ops.ops().len()),
        (RunStatus::Success, 3)
    );
}
