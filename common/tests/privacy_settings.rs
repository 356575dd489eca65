//! Sampling and masking as settings of a client: in code, and from the environment.
#![cfg(feature = "client")]

mod peer;

use std::sync::Arc;
use std::time::Duration;

use common::client::{Client, ClientBuilder, Config, ConfigError};
use common::trace::{Anonymizer, MemorySink, SAMPLE_RATE};
use peer::{Peer, parts_of, status};
use serde_json::{Value, json};

fn read(variables: &[(&str, &str)]) -> Result<Config, ConfigError> {
    Config::from_lookup(|name| {
        let found = variables.iter().find(|(variable, _)| *variable == name);
        found.map(|(_, value)| (*value).to_owned())
    })
}

/// Builds a client that sends nothing, and keeps what it would send.
fn local(builder: ClientBuilder) -> (Arc<MemorySink>, Client) {
    let sink = Arc::new(MemorySink::new());
    let client = builder
        .enabled(true)
        .endpoint("http://127.0.0.1:9")
        .sink(sink.clone());
    (sink, client.build().expect("a client"))
}

/// Returns inputs, outputs and metadata as they would be sent.
fn sent(builder: ClientBuilder) -> [Value; 3] {
    let (sink, client) = local(builder);
    let run = client
        .run("r")
        .inputs(json!({"i": 1}))
        .metadata("m", 1)
        .start();
    run.end_with(json!({"o": 1}));
    let run = sink.runs().remove(0);
    let object = |map: Option<_>| map.map_or(Value::Null, Value::Object);
    [
        object(run.inputs),
        object(run.outputs),
        Value::Object((*run.extra.metadata).clone()),
    ]
}

#[test]
fn hide_flags_are_on_for_exactly_true_under_both_prefixes() {
    let shown = [json!({"i": 1}), json!({"o": 1}), json!({"m": 1})];
    let hidden = json!({});
    for (at, name) in ["HIDE_INPUTS", "HIDE_OUTPUTS", "HIDE_METADATA"]
        .into_iter()
        .enumerate()
    {
        for (prefix, value, on) in [
            ("LANGSMITH_", "true", true),
            ("LANGCHAIN_", "true", true),
            ("LANGSMITH_", "True", false),
            ("LANGSMITH_", "1", false),
            ("LANGSMITH_", "", false),
        ] {
            let variable = format!("{prefix}{name}");
            let config = read(&[(&variable, value)]).expect("valid");
            let mut expected = shown.clone();
            if on {
                expected[at] = hidden.clone();
            }
            assert_eq!(sent(config.into()), expected, "{variable}={value}");
        }
    }
}

#[test]
fn code_wins_over_the_environment_in_masking_too() {
    let all = [
        ("LANGSMITH_HIDE_INPUTS", "true"),
        ("LANGSMITH_HIDE_OUTPUTS", "true"),
        ("LANGSMITH_HIDE_METADATA", "true"),
        ("LANGSMITH_TRACING_SAMPLING_RATE", "0"),
    ];
    let from_env = || ClientBuilder::from(read(&all).expect("valid"));
    let (sink, client) = local(from_env());
    assert!(!client.run("dropped").start().is_recording());
    assert!(sink.ops().is_empty());
    let [inputs, outputs, metadata] = sent(
        from_env()
            .sampling_rate(1.0)
            .hide_inputs(false)
            .hide_outputs_with(|_| {
                json!({"mine": true})
                    .as_object()
                    .cloned()
                    .unwrap_or_default()
            })
            .anonymizer(Anonymizer::secrets()),
    );
    assert_eq!(inputs, json!({"i": 1}));
    assert_eq!(outputs, json!({"mine": true}));
    assert_eq!(metadata, json!({}));
    let function = |_| json!({"mine": 2}).as_object().cloned().unwrap_or_default();
    let [inputs, _, metadata] = sent(
        Client::builder()
            .hide_inputs_with(function)
            .hide_metadata_with(function)
            .hide_outputs(true),
    );
    assert_eq!((inputs, metadata), (json!({"mine": 2}), json!({"mine": 2})));
}

#[test]
fn a_sampling_rate_is_read_from_the_environment_and_marks_the_runs_kept() {
    for variable in [
        "LANGSMITH_TRACING_SAMPLING_RATE",
        "LANGCHAIN_TRACING_SAMPLING_RATE",
    ] {
        let config = read(&[(variable, " 1.0 ")]).expect("valid");
        assert_eq!(config.sampling_rate, Some(1.0));
        let [_, _, metadata] = sent(config.into());
        assert_eq!(metadata[SAMPLE_RATE], 1.0);
    }
    for blank in [&[][..], &[("LANGSMITH_TRACING_SAMPLING_RATE", " ")]] {
        assert_eq!(read(blank).expect("valid").sampling_rate, None);
    }
}

#[test]
fn a_rate_that_is_no_part_of_a_whole_is_refused_where_it_is_set() {
    for value in ["-0.1", "1.1", "nan", "inf", "half", "10%"] {
        let error = read(&[("LANGCHAIN_TRACING_SAMPLING_RATE", value)]).expect_err(value);
        assert_eq!(
            error.to_string(),
            "LANGCHAIN_TRACING_SAMPLING_RATE must be a number from 0 to 1"
        );
    }
    for rate in [-0.1, 1.1, f64::NAN] {
        let built = Client::builder().enabled(false).sampling_rate(rate).build();
        assert_eq!(
            built.expect_err("no rate").to_string(),
            "the sampling rate must be a number from 0 to 1"
        );
    }
}

#[test]
fn unprocessed_payloads_are_allowed_by_true_in_any_case_and_by_one() {
    for (value, allowed) in [
        (Some("true"), true),
        (Some("TRUE"), true),
        (Some("1"), true),
        (Some("yes"), false),
        (Some("false"), false),
        (None, false),
    ] {
        let config = Config::from_lookup(|name| {
            (name == "LANGSMITH_ALLOW_UNPROCESSED_PAYLOADS").then(|| value.map(str::to_owned))?
        });
        let builder = ClientBuilder::from(config.expect("valid"));
        let [inputs, ..] = sent(builder.hide_inputs_with(|_| panic!("on purpose")));
        assert_eq!(inputs == json!({"i": 1}), allowed, "{value:?}");
    }
    let allowing = Client::builder().allow_unprocessed_payloads(true);
    let [inputs, ..] = sent(allowing.hide_inputs_with(|_| panic!("on purpose")));
    assert_eq!(inputs, json!({"i": 1}));
}

#[test]
fn settings_show_what_is_masked_and_nothing_of_the_functions() {
    let config = read(&[("LANGSMITH_HIDE_INPUTS", "true")]).expect("valid");
    let text = format!("{config:?}");
    assert!(
        text.contains("hide_inputs: yes") && text.contains("hide_outputs: no"),
        "{text}"
    );
}

#[test]
fn on_the_wire_no_byte_of_a_secret_is_seen_and_a_sampled_out_trace_not_at_all() {
    let core = "0123456789abcdef0123456789abcdef";
    let secret = ["lsv2", "_pt_", core, "_", core].concat();
    let peer = Peer::start(|_, _| status(202));
    let client = Client::builder()
        .endpoint(&peer.url)
        .api_key("k")
        .anonymizer(Anonymizer::secrets())
        .sampling_rate(0.5)
        .build()
        .expect("a client");
    // As vector 09 has them: the first is in the sample, the second is not.
    for id in [
        "01990000-0000-7000-8000-000000000000",
        "01990000-0000-7000-8000-000000001111",
    ] {
        let run = client
            .run(format!("with {secret}"))
            .id(id.parse().expect("an id"));
        let run = run.tag(&secret).metadata(&secret, json!([secret]));
        let run = run.inputs(json!({"q": {secret.clone(): 1}})).start();
        run.add_event(&secret);
        run.fail(format!("refused: {secret}"));
    }
    client.flush(Duration::from_secs(60)).expect("delivered");
    let bodies = peer.to("/runs/multipart");
    assert!(!bodies.is_empty());
    for request in &bodies {
        let text = String::from_utf8_lossy(&request.body);
        assert!(!text.contains(&core[..16]), "{text}");
        assert!(text.contains("[SECRET_DETECTED]"), "{text}");
        let of_the_first = |name: &str| name.contains("01990000-0000-7000-8000-000000000000");
        assert!(
            parts_of(request)
                .iter()
                .all(|part| of_the_first(&part.name))
        );
    }
    assert_eq!(client.tracer().gate_counts().sampled_out_runs, 1);
}
