//! The caller's code, called by ours, may use the run, may panic, and may run while a thread ends.

use std::cell::RefCell;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, OnceLock, mpsc};
use std::thread;
use std::time::Duration;

use bytes::Bytes;
use common::model::{
    Attachment, Clock, Part, Place, Run, RunOp, RunStatus, SystemClock, Timestamp, Unwritten,
};
use common::trace::{MemorySink, RunSink, RunTree, Tracer, current, with_run};
use serde_json::Value;

const LONG: Duration = Duration::from_secs(30);

fn tracer() -> (Arc<MemorySink>, Tracer) {
    let sink = Arc::new(MemorySink::new());
    (sink.clone(), Tracer::builder(sink).build())
}

/// Whatever it is converted to, it looks at the run first, and starts another below it.
struct Nosy<'a>(&'a RunTree);

impl Nosy<'_> {
    fn look(&self) -> String {
        self.0.child("below").start().end();
        self.0.add_tag("looked");
        format!("{} {}", self.0.name(), current().is_some())
    }
}

impl fmt::Display for Nosy<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.look())
    }
}

impl From<Nosy<'_>> for String {
    fn from(nosy: Nosy<'_>) -> Self {
        nosy.look()
    }
}

impl From<Nosy<'_>> for Value {
    fn from(nosy: Nosy<'_>) -> Self {
        nosy.look().into()
    }
}

/// Calls `work` on a thread of its own, so that a deadlock fails the test instead of stopping it.
fn in_time(work: impl FnOnce(&RunTree) + Send + 'static) -> Vec<Run> {
    let (sink, tracer) = tracer();
    let (done, waiting) = mpsc::channel();
    thread::spawn(move || {
        let run = tracer.run("work").start();
        with_run(&run, || work(&run));
        let _ = done.send(());
    });
    waiting.recv_timeout(LONG).expect("the call comes back");
    sink.runs()
}

#[test]
fn an_error_may_look_at_the_run_that_it_ends() {
    let runs = in_time(|run| run.fail(Nosy(run)));
    assert_eq!(runs[0].error.as_deref(), Some("work true"));
    assert_eq!(runs[0].tags, ["looked"]);
    assert_eq!(runs[1].parent_run_id, Some(runs[0].id));
}

#[test]
fn values_may_look_at_the_run_that_they_describe() {
    let runs = in_time(|run| {
        run.add_tag(Nosy(run));
        run.add_event(Nosy(run));
        run.add_metadata(Nosy(run), Nosy(run));
        run.set_outputs(Nosy(run));
        run.end_with(Nosy(run));
    });
    assert_eq!(runs[0].tags, ["looked", "work true"]);
    assert_eq!(runs[0].extra.metadata["work true"], "work true");
    assert_eq!(runs[0].events[0].message.as_deref(), Some("work true"));
    assert_eq!(runs[0].status(), RunStatus::Success);
}

#[test]
fn a_file_that_is_replaced_may_look_at_the_run_as_it_goes() {
    struct Mapped(RunTree);
    impl AsRef<[u8]> for Mapped {
        fn as_ref(&self) -> &[u8] {
            b"content"
        }
    }
    impl Drop for Mapped {
        fn drop(&mut self) {
            self.0.add_tag("gone");
        }
    }
    let runs = in_time(|run| {
        let data = Bytes::from_owner(Mapped(run.clone()));
        run.attach(Attachment::new("file", "text/plain", data));
        run.attach(Attachment::new("file", "text/plain", "new"));
        run.end();
    });
    assert_eq!(runs[0].tags, ["gone"]);
    assert_eq!(runs[0].attachments.len(), 1);
}

#[test]
fn a_file_that_a_late_one_replaces_may_look_at_the_run_where_it_is_written() {
    /// As an exporter whose queue held the run all the time.
    #[derive(Debug, Default)]
    struct WritesLate(MemorySink);
    impl RunSink for WritesLate {
        fn submit(&self, op: RunOp) {
            self.0.submit(op);
        }
        fn begin(&self, _: Arc<dyn Unwritten>, _: usize) -> Option<Place> {
            None
        }
        fn end(&self, run: Arc<dyn Unwritten>, _: Option<Place>, _: usize) {
            self.submit(run.write(Part::Whole));
        }
    }
    struct Mapped(Arc<OnceLock<RunTree>>);
    impl AsRef<[u8]> for Mapped {
        fn as_ref(&self) -> &[u8] {
            b"content"
        }
    }
    impl Drop for Mapped {
        fn drop(&mut self) {
            if let Some(run) = self.0.get() {
                run.child("below").start().end();
            }
        }
    }
    let (done, waiting) = mpsc::channel();
    thread::spawn(move || {
        let sink = Arc::new(WritesLate::default());
        let own = Arc::new(OnceLock::new());
        let data = Bytes::from_owner(Mapped(own.clone()));
        let run = Tracer::builder(sink.clone()).build().run("work");
        let run = run.attachment(Attachment::new("file", "text/plain", data));
        let run = own.get_or_init(|| run.start());
        run.attach(Attachment::new("file", "text/plain", "new"));
        run.end();
        let _ = done.send(sink.0.runs());
    });
    let runs = waiting.recv_timeout(LONG).expect("the call comes back");
    let names: Vec<&str> = runs.iter().map(|run| &*run.name).collect();
    assert_eq!(names, ["below", "work"]);
    assert_eq!(&*runs[1].attachments[0].data, b"new");
}

#[test]
fn a_clock_may_look_at_the_current_run() {
    #[derive(Debug)]
    struct Looking;
    impl Clock for Looking {
        fn now(&self) -> Timestamp {
            let _ = current().map(|run| run.name());
            SystemClock.now()
        }
    }
    let (done, waiting) = mpsc::channel();
    thread::spawn(move || {
        let sink = Arc::new(MemorySink::new());
        let tracer = Tracer::builder(sink.clone())
            .clock(Arc::new(Looking))
            .build();
        let run = tracer.run("timed").start();
        with_run(&run, || {
            run.add_event("looked");
            run.end();
        });
        let _ = done.send(sink.runs());
    });
    let runs = waiting.recv_timeout(LONG).expect("the calls come back");
    assert_eq!(runs[0].status(), RunStatus::Success);
}

struct Panicking;

impl fmt::Display for Panicking {
    fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
        panic!("on purpose")
    }
}

#[test]
fn a_run_ends_though_its_error_panics() {
    let (sink, tracer) = tracer();
    let run = tracer.run("bad").start();
    assert!(catch_unwind(AssertUnwindSafe(|| run.fail(Panicking))).is_err());
    drop(run);
    assert_eq!(sink.runs()[0].status(), RunStatus::Error);

    let run = tracer.run("mended").start();
    assert!(catch_unwind(AssertUnwindSafe(|| run.fail(Panicking))).is_err());
    run.fail("in plain words");
    assert_eq!(sink.runs()[1].error.as_deref(), Some("in plain words"));
}

#[test]
fn an_error_that_cannot_be_written_ends_the_run_with_what_was_written() {
    struct Half;
    impl fmt::Display for Half {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("the first half")?;
            Err(fmt::Error)
        }
    }
    let (sink, tracer) = tracer();
    tracer.run("half").start().fail(Half);
    assert_eq!(sink.runs()[0].error.as_deref(), Some("the first half"));
}

/// Looks at the current run when the thread ends, after the stack of current runs is gone.
struct Late(RefCell<Option<(Tracer, mpsc::Sender<bool>)>>);

impl Drop for Late {
    fn drop(&mut self) {
        if let Some((tracer, seen)) = self.0.take() {
            let run = tracer.run("late").parent_from_current().start();
            let inside = with_run(&run, || current().is_some());
            let _ = seen.send(inside || current().is_some());
        }
    }
}

thread_local! {
    static LATE: Late = const { Late(RefCell::new(None)) };
}

#[test]
fn a_thread_that_ends_may_still_ask_for_the_current_run() {
    let (sink, tracer) = tracer();
    let (seen, waiting) = mpsc::channel();
    let thread = thread::spawn(move || {
        // What was touched first goes last.
        LATE.with(|late| late.0.replace(Some((tracer.clone(), seen))));
        let run = tracer.run("early").start();
        with_run(&run, || current().is_some())
    });
    assert!(thread.join().expect("no panic"));
    assert_eq!(waiting.recv_timeout(LONG), Ok(false));
    assert_eq!(sink.runs().len(), 2);
}
