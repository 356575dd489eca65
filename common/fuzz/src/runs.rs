//! Runs that say what the data says, wherever a run can say something.

use common::model::{Attachment, DottedOrder, JsonMap, Run, RunEvent, RunOp, RunType};
use serde_json::Value;

const PLACES: [&str; 3] = [
    "20261122T101754001000Z01a202b7-f0ee-7646-9e7b-000000000001",
    "20261122T101754002000Z01a202b7-f0ee-7646-9e7b-000000000002",
    "20261122T101754003000Z01a202b7-f0ee-7646-9e7b-000000000003",
];

/// The lines of the data, one after the other and then from the start.
struct Texts<'a> {
    lines: Vec<&'a [u8]>,
    at: usize,
}

impl Texts<'_> {
    fn bytes(&mut self) -> &[u8] {
        self.at += 1;
        self.lines[(self.at - 1) % self.lines.len()]
    }

    fn text(&mut self) -> String {
        String::from_utf8_lossy(self.bytes()).into_owned()
    }

    /// Says yes for every other line or so.
    fn flag(&mut self) -> bool {
        self.bytes().first().is_some_and(|byte| byte % 2 == 1)
    }

    /// Reads a line as JSON if it is that.
    fn value(&mut self) -> Value {
        let text = self.text();
        serde_json::from_str(&text).unwrap_or(Value::String(text))
    }

    fn map(&mut self) -> JsonMap {
        let entries = 1 + self.at % 3;
        (0..entries).map(|_| (self.text(), self.value())).collect()
    }
}

/// Makes a trace of three runs, created and updated in some order, out of the lines of the data.
pub(crate) fn of(data: &[u8]) -> Vec<RunOp> {
    let lines = data.split(|byte| *byte == b'\n').collect();
    let mut texts = Texts { lines, at: 0 };
    let mut ops = Vec::new();
    for depth in 1..=PLACES.len() {
        let order: DottedOrder = PLACES[..depth].join(".").parse().expect("valid");
        let start = order.start_time().expect("valid");
        let mut run = Run::begin(order, texts.text(), RunType::from(&*texts.text()), start);
        run.project = texts.flag().then(|| texts.text());
        run.inputs = texts.flag().then(|| texts.map());
        run.extra.metadata = texts.map().into();
        describe(&mut run, &mut texts);
        let mut end = run.clone();
        end.inputs = None;
        end.end_time = Some(start + std::time::Duration::from_millis(5));
        end.outputs = texts.flag().then(|| texts.map());
        end.error = texts.flag().then(|| texts.text());
        describe(&mut end, &mut texts);
        end.attachments.clear();
        ops.push(RunOp::Post(Box::new(run)));
        if texts.flag() {
            ops.insert(ops.len() / 2, RunOp::Patch(Box::new(end)));
        } else {
            ops.push(RunOp::Patch(Box::new(end)));
        }
    }
    ops
}

fn describe(run: &mut Run, texts: &mut Texts<'_>) {
    run.tags = vec![texts.text(), texts.text()];
    run.tags.dedup();
    run.events = vec![RunEvent {
        name: texts.text(),
        time: run.start_time,
        message: texts.flag().then(|| texts.text()),
        kwargs: texts.flag().then(|| texts.value()),
    }];
    let data = texts.bytes().to_vec();
    run.attachments = vec![Attachment::new(texts.text(), texts.text(), data)];
}
