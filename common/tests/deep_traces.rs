//! A trace that is ten thousand levels deep, as a program that calls itself without end makes it.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use common::model::{RunOp, Segment, TraceTree};
use common::trace::{MemorySink, RunSink, RunTree, Tracer};

const LEVELS: usize = 10_000;

/// Looks at each operation and lets it go: all of their texts together would be gigabytes.
#[derive(Debug, Default)]
struct Looking {
    ops: AtomicUsize,
    longest: AtomicUsize,
}

impl RunSink for Looking {
    fn submit(&self, op: RunOp) {
        let length = op.run().map_or(0, |run| run.dotted_order.as_str().len());
        self.ops.fetch_add(1, Ordering::Relaxed);
        self.longest.fetch_max(length, Ordering::Relaxed);
    }
}

/// Goes one level down so many times; what is above has its work done.
fn descend(mut run: RunTree, levels: usize) -> RunTree {
    for _ in 0..levels {
        let below = run.child("below").start();
        run.end();
        run = below;
    }
    run
}

#[test]
fn ten_thousand_levels_fit_a_small_stack_and_cost_what_their_text_takes() {
    let small = thread::Builder::new().stack_size(256 * 1024);
    let work = || {
        let sink = Arc::new(Looking::default());
        let tracer = Tracer::builder(sink.clone()).build();
        let mut run = tracer.run("root").start();
        let mut costs = Vec::new();
        for _ in 0..10 {
            let memory = allocation_counter::measure(|| run = descend(run.clone(), LEVELS / 10));
            costs.push(memory);
        }
        run.end();
        assert_eq!(sink.ops.load(Ordering::Relaxed), 2 * (LEVELS + 1));
        let text = (LEVELS + 1) * (Segment::LEN + 1) - 1;
        assert_eq!(sink.longest.load(Ordering::Relaxed), text);
        let (first, last) = (&costs[0], &costs[9]);
        // As many pieces of memory at the bottom as at the top …
        assert!(
            last.count_total * 10 <= first.count_total * 12,
            "{first:?} {last:?}"
        );
        // … which are as large as the text: no level copies it more than four times.
        let texts = (LEVELS / 10 * text) as u64;
        assert!(last.bytes_total <= 4 * texts, "{last:?}, of text {texts}");
        // Of what is above, nothing stays.
        assert!(last.bytes_current <= 4 * text as i64, "{last:?}");
    };
    let done = small.spawn(work).expect("a thread").join();
    done.expect("no overflow");
}

#[test]
fn handles_of_a_deep_trace_are_dropped_and_its_tree_is_built_without_recursion() {
    let small = thread::Builder::new().stack_size(256 * 1024);
    let work = || {
        let sink = Arc::new(MemorySink::new());
        let tracer = Tracer::builder(sink.clone()).build();
        let mut handles = vec![tracer.run("root").start()];
        for level in 0..1_000 {
            let below = handles[level].child("below").start();
            handles.push(below);
        }
        drop(handles);
        let tree = TraceTree::build(sink.runs());
        assert!(tree.is_whole());
        assert_eq!(tree.walk().len(), 1_001);
    };
    let done = small.spawn(work).expect("a thread").join();
    done.expect("no overflow");
}
