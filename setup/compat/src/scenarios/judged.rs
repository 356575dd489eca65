//! What is said of runs.

use anyhow::Result;
use common::model::{Clock as _, Feedback, SystemClock};
use serde_json::{Value, json};

use super::given::{ROOT, id};
use super::{Setup, finish};

pub(super) fn feedback(setup: &Setup<'_>) -> Result<Value> {
    let client = setup.client()?;
    let root = id(ROOT)?;
    client.run("judged").id(root).start().end_with(json!({}));
    finish(&client)?;
    let on = |key: &str| Feedback::on(root, key, SystemClock.now());
    let rating = on("user_rating").score(0.123456).comment("nice é");
    let correct = on("correct").value("yes").correction(json!({ "a": 1 }));
    for (mut judgement, last) in [(rating, "f1"), (correct, "f2")] {
        judgement.id = format!("01990000-0000-7000-8000-0000000000{last}").parse()?;
        client.create_feedback_blocking(judgement)?;
    }
    finish(&client)
}
