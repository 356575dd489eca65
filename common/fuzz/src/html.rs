//! The pages of the stand-in about runs that say the worst.

use common::langsmith_mock::LangSmithMock;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::json;

use crate::runs;

#[path = "../../tests/pages/mod.rs"]
#[allow(clippy::redundant_pub_crate, reason = "shared with the tests")]
mod pages;

#[path = "../../tests/langsmith_mock_support/mod.rs"]
mod support;

/// Longer texts are cut by the pages anyway, and the parser is slow.
const LONGEST: usize = 1024;

/// Shows runs out of the data on every page. A real HTML parser finds no error in any of them, none but
/// known elements and attributes, no script, and no link that leads elsewhere.
pub fn html(data: &[u8]) {
    let data = &data[..data.len().min(LONGEST)];
    let mock = LangSmithMock::builder().lenient().unmounted();
    let strict = LangSmithMock::builder().unmounted();
    let (mut created, mut updated) = (Vec::new(), Vec::new());
    for op in runs::of(data) {
        let list = match op {
            common::model::RunOp::Post(_) => &mut created,
            _ => &mut updated,
        };
        list.extend(op.run().map(|run| json!(run)));
    }
    let trace = created[0]["trace_id"].as_str().expect("an id").to_owned();
    let text = String::from_utf8_lossy(data);
    // An id, a place and a parent that are none are shown in the objections to them.
    let mut broken = created[0].clone();
    broken["dotted_order"] = json!(text);
    broken["parent_run_id"] = json!(text);
    let nothing = json!({ "id": text, "name": text, "trace_id": text, "dotted_order": text });
    created.extend([broken, nothing]);
    support::batch(&mock, &created, &updated);
    support::batch(&strict, &created, &updated);
    let feedback = json!({
        "run_id": trace, "key": text, "comment": text, "value": text, "correction": { &*text: text },
        "feedback_source": { "type": text },
    });
    let feedback = support::json_request(http::Method::POST, "/feedback", &feedback);
    mock.handle(feedback);

    let encoded = utf8_percent_encode(&text, NON_ALPHANUMERIC);
    for target in [
        "/".to_owned(),
        format!("/?q={encoded}&project={encoded}&status={encoded}&page={encoded}"),
        format!("/?trace={trace}"),
        format!("/traces/{encoded}"),
        "/violations".to_owned(),
    ] {
        pages::page(&mock, &target);
    }
    pages::page(&strict, "/violations");
}
