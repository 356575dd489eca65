//! What a run is given to record: numbers at their ends, types that fail, values without end, and large
//! ones.
#![cfg(feature = "client")]

mod again;
mod exporting;
mod peer;

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::sync::Arc;

#[cfg(target_os = "linux")]
use again::peak;
use again::{part, say, start};
use common::client::Client;
use common::export::BatchConfig;
use common::model::{Attachment, JsonMap, RunStatus};
use common::trace::{MemorySink, OpenAi, Tracer};
use exporting::{KEY, PATIENCE, accept, client_to, patient};
use peer::{Part, Peer, parts_of, status};
use proptest::prelude::*;
use serde::ser::{SerializeMap as _, SerializeSeq as _};
use serde::{Serialize, Serializer};
use serde_json::{Value, json};

/// Records a value as inputs and outputs, among others that are in order.
fn recorded(value: &(impl Serialize + ?Sized)) -> (Value, Value) {
    let sink = Arc::new(MemorySink::new());
    let tracer = Tracer::builder(sink.clone()).build();
    let run = tracer.run("r").inputs_of(value).metadata("kept", 1).start();
    run.end_of(value);
    let mut run = sink.runs().remove(0);
    assert_eq!(run.status(), RunStatus::Success);
    assert_eq!(run.extra.metadata["kept"], 1);
    let (inputs, outputs) = (run.inputs.take(), run.outputs.take());
    (
        inputs.map_or(Value::Null, Value::Object),
        outputs.map_or(Value::Null, Value::Object),
    )
}

fn is_marked(value: &Value) -> bool {
    value.get("ls_error").is_some()
}

#[test]
fn numbers_at_their_ends_are_kept_or_put_in_words_and_fail_nothing() {
    #[derive(Serialize)]
    struct Numbers {
        nan: f64,
        infinite: f32,
        minus_zero: f64,
        small: i64,
        large: u64,
        wide: u128,
        least: i128,
        fits: u128,
        also_fits: i128,
        negative: i128,
    }
    let (inputs, _) = recorded(&Numbers {
        nan: f64::NAN,
        infinite: f32::NEG_INFINITY,
        minus_zero: -0.0,
        small: i64::MIN,
        large: u64::MAX,
        wide: u128::MAX,
        least: i128::MIN,
        fits: u128::from(u64::MAX),
        also_fits: i128::from(u64::MAX),
        negative: -7,
    });
    let expected = json!({
        "nan": null,
        "infinite": null,
        "minus_zero": -0.0,
        "small": i64::MIN,
        "large": u64::MAX,
        "wide": "340282366920938463463374607431768211455",
        "least": "-170141183460469231731687303715884105728",
        "fits": u64::MAX,
        "also_fits": u64::MAX,
        "negative": -7,
    });
    assert_eq!(inputs, expected);
}

#[test]
fn a_map_whose_keys_are_no_strings_is_kept() {
    let pairs = HashMap::from([((1, "a"), true)]);
    assert_eq!(recorded(&pairs).0, json!({"[1,\"a\"]": true}));
    assert_eq!(recorded(&BTreeMap::from([(7, 1)])).0, json!({"7": 1}));
    assert_eq!(
        recorded(&BTreeMap::from([(Some('x'), 1), (None, 2)])).0,
        json!({"null": 2, "x": 1})
    );
    assert_eq!(
        recorded(&BTreeMap::from([(vec![1], 1)])).1,
        json!({"[1]": 1})
    );
}

/// Fails, panics, or does not end.
#[derive(Clone, Copy)]
enum Bad {
    Fails,
    Panics,
    List,
    Map,
    Text,
    Key,
    Keys,
}

impl fmt::Display for Bad {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        loop {
            f.write_str("and so on ")?;
        }
    }
}

impl Serialize for Bad {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Fails => Err(serde::ser::Error::custom("on purpose")),
            Self::Panics => panic!("on purpose"),
            Self::List => {
                let mut list = serializer.serialize_seq(None)?;
                loop {
                    list.serialize_element(&[(); 3])?;
                }
            }
            Self::Map => {
                let mut map = serializer.serialize_map(None)?;
                loop {
                    map.serialize_entry("again", &1)?;
                }
            }
            Self::Text => serializer.collect_str(self),
            Self::Key => serializer.collect_map([(Self::Text, 1)]),
            Self::Keys => {
                let mut map = serializer.serialize_map(None)?;
                for number in 0.. {
                    map.serialize_entry(&format!("{number}{}", "k".repeat(1 << 20)), &1)?;
                }
                map.end()
            }
        }
    }
}

#[test]
fn a_type_that_fails_panics_or_has_no_end_costs_its_own_value() {
    for bad in [
        Bad::Fails,
        Bad::Panics,
        Bad::List,
        Bad::Map,
        Bad::Text,
        Bad::Key,
        Bad::Keys,
    ] {
        let (inputs, outputs) = recorded(&json!({"good": 1}));
        assert_eq!((inputs, outputs), (json!({"good": 1}), json!({"good": 1})));
        let (inputs, outputs) = recorded(&bad);
        assert!(is_marked(&inputs) && is_marked(&outputs), "{inputs}");
        let (inputs, _) = recorded(&BTreeMap::from([("within", bad)]));
        assert!(is_marked(&inputs), "{inputs}");
    }
}

#[test]
fn a_providers_type_that_panics_does_not_reach_the_caller_either() {
    let sink = Arc::new(MemorySink::new());
    let tracer = Tracer::builder(sink.clone()).build();
    let run = tracer
        .run("chat")
        .llm_request(&OpenAi, &Bad::Panics)
        .start();
    run.end_with_answer(&OpenAi, &Bad::Fails);
    let run = sink.runs().remove(0);
    assert_eq!(run.extra.metadata["ls_provider"], "openai");
    assert!(
        run.inputs
            .is_some_and(|inputs| inputs.contains_key("ls_error"))
    );
}

fn parts_named(peer: &Peer, end: &str) -> Vec<Part> {
    let requests = peer.to("/runs/multipart");
    let mut parts: Vec<Part> = requests.iter().flat_map(parts_of).collect();
    parts.retain(|part| part.name.ends_with(end));
    parts
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn no_text_of_the_callers_makes_a_part_or_a_header(
        name in "(\r\n|--|\"|[a-z]|:|\u{0}|\u{202e}|;|\\\\){0,20}",
        text in "(\r\n--[0-9a-f]{0,8}(--)?\r\n|Content-Disposition: form-data; name=\"post.x\"\r\n|.){0,20}",
    ) {
        let peer = accept();
        let client = client_to(&peer, patient());
        let file = Attachment::new("file", "text/plain", text.clone().into_bytes());
        let run = client.run(name.clone()).inputs(json!({name.clone(): text.clone()}));
        let run = run.metadata(name.clone(), text.clone()).tag(name.clone()).attachment(file).start();
        run.end_with(json!({"text": text.clone()}));
        client.flush(PATIENCE).expect("delivered");
        let requests = peer.to("/runs/multipart");
        // The peer reads the body strictly, and fails where a byte is out of place.
        let names: Vec<String> = requests.iter().flat_map(parts_of).map(|part| part.name).collect();
        let ends: Vec<&str> = names.iter().map(|name| name.splitn(3, '.').nth(2).unwrap_or("")).collect();
        prop_assert_eq!(ends, ["", "inputs", "outputs", "events", "extra", "file"]);
        prop_assert_eq!(&parts_named(&peer, ".inputs")[0].json, &json!({name: text.clone()}));
        prop_assert_eq!(&parts_named(&peer, ".outputs")[0].json, &json!({"text": text}));
    }
}

/// Not a test by itself: what the programs of the tests below do.
#[cfg(target_os = "linux")]
#[test]
fn the_program() {
    let Some((part, url)) = part() else { return };
    let bytes: usize = part.parse::<usize>().expect("a size") << 20;
    let client = Client::builder()
        .endpoint(&url)
        .api_key(KEY)
        .project("test");
    let batch = BatchConfig {
        queue_bytes: 4 * bytes,
        max_bytes: Some(2 * bytes),
        request_timeout: PATIENCE,
        ..patient()
    };
    let client = client.batch(batch).build().expect("a client");
    client.run("warm").start().end();
    client.flush(PATIENCE).expect("delivered");
    let before = peak();
    let text = "a line of a long document\n".repeat(bytes / 26);
    // Moved, not copied: what is measured is ours.
    let inputs = JsonMap::from_iter([("text".to_owned(), Value::String(text))]);
    let run = client.run("large").inputs(inputs).start();
    run.end();
    client.flush(PATIENCE).expect("delivered");
    say((peak() - before) as f64 / bytes as f64);
}

#[cfg(target_os = "linux")]
#[test]
fn a_large_value_is_held_no_more_than_two_and_a_half_times() {
    for (megabytes, zstd) in [("10", false), ("25", true), ("100", false)] {
        let info = json!({"instance_flags": {"zstd_compression_enabled": zstd}}).to_string();
        let peer = Peer::start(move |request, _| match &*request.path {
            "/info" => (200, Vec::new(), info.clone()),
            _ => status(202),
        });
        let (status, said) = start(megabytes, &peer.url).wait(PATIENCE);
        assert!(status.success(), "{megabytes} MB");
        let times: f64 = said[0].parse().expect("a number");
        assert!(times <= 2.5, "{megabytes} MB: {times} times");
    }
}
