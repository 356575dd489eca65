//! Contexts into headers and out of them.

use anyhow::{Context as _, Result};
use common::propagation::{LangSmithPropagator, Propagator as _, TrustPolicy};
use serde_json::{Map, Value, json};

use super::{Setup, finish};

/// A project, tags and metadata with everything in them that escaping can get wrong.
pub(super) fn awkward() -> Value {
    json!({
        "metadata": {
            "naïve": "日本語 ☃", "eq": "a=b", "comma": "x,y", "pct": "100%25", "semi": "p;q",
            "quote": "\"quoted\"", "plus": "a+b c", "n": 1, "b": true, "nested": { "a": [1, 2.5] },
        },
        "tags": ["50%", "tag=eq", "émoji 😀"],
        "project": "my project/ünï, =%",
    })
}

/// Headers as a caller wrote them, escaped more than is needed.
pub(super) fn awkward_headers() -> Value {
    let metadata = "%7B%22na%C3%AFve%22%3A%22%E6%97%A5%E6%9C%AC%20%E2%98%83%22%2C%22pct%22%3A%22100%2525%22\
        %2C%22n%22%3A1%2C%22nested%22%3A%7B%22a%22%3A%5B1%2C2.5%5D%7D%7D";
    json!({
        "langsmith-trace": "20260102T030405678000Z01990000-0000-7000-8000-00000000000a\
            .20260102T030405679000Z01990000-0000-7000-8000-00000000000b",
        "baggage": format!(
            "langsmith-metadata={metadata},langsmith-tags=50%25%2Ctag%3Deq,\
             langsmith-project=my%20project%2F%C3%BCn%C3%AF%2C%20%3D%25"
        ),
    })
}

pub(super) fn baggage_out(setup: &Setup<'_>) -> Result<Value> {
    let client = setup.client()?;
    let mut run = client.run("caller");
    let given = setup.input;
    for (key, value) in given["metadata"].as_object().into_iter().flatten() {
        run = run.metadata(key, value.clone());
    }
    for tag in given["tags"].as_array().into_iter().flatten() {
        run = run.tag(tag.as_str().unwrap_or_default());
    }
    let run = run
        .project(given["project"].as_str().unwrap_or_default())
        .start();
    let context = run.context().context("tracing is on")?;
    let headers = LangSmithPropagator::new().headers(&context);
    run.end_with(json!({}));
    finish(&client)?;
    let headers = headers
        .into_iter()
        .map(|(name, value)| (name, Value::from(value)));
    Ok(json!({ "headers": headers.collect::<Map<_, _>>() }))
}

pub(super) fn baggage_in(setup: &Setup<'_>) -> Result<Value> {
    let client = setup.client()?;
    let headers = setup.input.as_object().into_iter().flatten();
    let headers: Vec<(String, String)> = headers
        .map(|(name, value)| (name.clone(), value.as_str().unwrap_or_default().to_owned()))
        .collect();
    let propagator = LangSmithPropagator::new()
        .policy(TrustPolicy::Continue)
        .allow_any_project();
    let parent = propagator.extract(&headers).context;
    client
        .run("callee")
        .parent(parent)
        .start()
        .end_with(json!({}));
    finish(&client)
}
