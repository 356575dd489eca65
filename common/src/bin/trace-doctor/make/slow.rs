//! Faults of time, each in a trace of its own beside the request's: a nightly job that takes too long.

use serde_json::json;

use super::clean::{ROOT, Sketch, add, time};
use super::faults::{micros, remove, trace};
use super::{Dice, Made};

const MS: i64 = 1_000;

/// Adds the root of a job that lasts so many milliseconds; returns its place and start.
fn job(dice: &mut Dice, made: &mut Made, name: &str, lasts: i64) -> (usize, i64) {
    let from = micros(&made.runs[ROOT]["start_time"]) + 40 * MS;
    let at = put(dice, made, None, ("reporter", name, "chain"), from, lasts);
    (at, from)
}

/// Adds a run of so many milliseconds that is of no request.
fn put(
    dice: &mut Dice,
    made: &mut Made,
    above: Option<usize>,
    (service, name, kind): (&str, &str, &str),
    from: i64,
    lasts: i64,
) -> usize {
    let to = from + lasts * MS;
    let sketch = Sketch {
        service,
        name,
        kind,
        from,
        to,
    };
    let at = add(dice, made, above, &sketch);
    remove(&mut made.runs[at]["extra"]["metadata"], "request_id");
    at
}

pub(super) fn one_after_the_other(dice: &mut Dice, made: &mut Made) -> String {
    let calls = 3 + dice.below(4) as i64;
    let (root, mut from) = job(dice, made, "weekly report", calls * 210);
    for page in 0..calls {
        let lasts = 150 + dice.below(50) as i64;
        let at = put(
            dice,
            made,
            Some(root),
            ("reporter", "fetch page", "tool"),
            from,
            lasts,
        );
        made.runs[at]["inputs"] = json!({ "page": format!("page number {page}") });
        made.runs[at]["outputs"] = json!({ "lines": dice.below(1_000_000) });
        from += (lasts + 5) * MS;
    }
    trace(made, root)
}

pub(super) fn again_and_again(dice: &mut Dice, made: &mut Made) -> String {
    let attempts = 4 + dice.below(5) as i64;
    let (root, from) = job(dice, made, "charge cards", attempts * 50);
    for attempt in 0..attempts {
        let at = put(
            dice,
            made,
            Some(root),
            ("reporter", "charge card", "tool"),
            from + attempt * 40 * MS,
            20,
        );
        made.runs[at]["inputs"] = json!({ "card": made.number });
        made.runs[at]["error"] = json!("503 Service Unavailable");
        remove(&mut made.runs[at], "outputs");
    }
    trace(made, root)
}

pub(super) fn gathered_stream(dice: &mut Dice, made: &mut Made) -> String {
    let (root, from) = job(dice, made, "write summary", 3_000);
    let model = ("reporter", "ask large model", "llm");
    let at = put(dice, made, Some(root), model, from + 5 * MS, 2_900);
    let token = from + (2_500 + dice.below(390) as i64) * MS;
    made.runs[at]["events"] = json!([{ "name": "new_token", "time": time(token) }]);
    made.runs[at]["outputs"]["usage_metadata"] = json!({ "total_tokens": 2_000 });
    trace(made, root)
}

pub(super) fn long_queue(dice: &mut Dice, made: &mut Made) -> String {
    let (root, from) = job(dice, made, "put into queue", 30);
    let waits = 1_200 + dice.below(60_000) as i64;
    let worker = ("mailer", "send mail", "chain");
    put(dice, made, Some(root), worker, from + waits * MS, 200);
    trace(made, root)
}

pub(super) fn asked_again(dice: &mut Dice, made: &mut Made) -> String {
    let calls = 4 + dice.below(4) as i64;
    let (root, from) = job(dice, made, "price list", calls * 130);
    let article = dice.below(1_000_000);
    for call in 0..calls {
        let at = put(
            dice,
            made,
            Some(root),
            ("reporter", "look up price", "retriever"),
            from + call * 120 * MS,
            110,
        );
        made.runs[at]["inputs"] = json!({ "article": article });
        made.runs[at]["outputs"] = json!({ "price": article + 7 });
    }
    trace(made, root)
}
