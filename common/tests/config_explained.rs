//! What was understood of the settings, and what of them reaches the runs.
#![cfg(feature = "client")]

use std::sync::Arc;

use common::client::{Client, ClientBuilder, Config};
use common::trace::MemorySink;

fn config(variables: &[(&str, &str)]) -> Config {
    Config::from_lookup(|name| {
        let found = variables.iter().find(|(known, _)| *known == name);
        found.map(|(_, value)| (*value).to_owned())
    })
    .expect("valid settings")
}

#[test]
fn a_value_that_was_meant_to_switch_tracing_on_is_answered_with_the_one_that_does() {
    for value in ["True", "TRUE", "1", "yes", "on", " true "] {
        let config = config(&[("LANGSMITH_TRACING", value)]);
        assert!(!config.tracing);
        let warning = format!(
            "LANGSMITH_TRACING is {value:?}, and tracing stays off: exactly `true` is needed"
        );
        assert_eq!(config.sources.warnings(), [warning]);
    }
    for value in ["true", "false", "False", "0", "off", " "] {
        let config = config(&[("LANGSMITH_TRACING", value)]);
        assert!(config.sources.warnings().is_empty(), "{value:?}");
    }
}

#[test]
fn a_switch_that_was_meant_to_be_on_and_is_not_is_said() {
    for (name, value, words) in [
        (
            "HIDE_INPUTS",
            "True",
            "is \"True\", and inputs are sent as they are: exactly `true` is needed",
        ),
        (
            "HIDE_OUTPUTS",
            "1",
            "is \"1\", and outputs are sent as they are: exactly `true` is needed",
        ),
        (
            "HIDE_METADATA",
            "yes",
            "is \"yes\", and metadata are sent as they are: exactly `true` is needed",
        ),
        (
            "DISABLE_RUN_COMPRESSION",
            "on",
            "is \"on\", which counts as `false`: `true` or `1` is needed",
        ),
        (
            "ALLOW_UNPROCESSED_PAYLOADS",
            "y",
            "is \"y\", which counts as `false`: `true` or `1` is needed",
        ),
    ] {
        let variable = format!("LANGSMITH_{name}");
        let warnings = |value| config(&[(&variable, value)]).sources.warnings().to_vec();
        assert_eq!(warnings(value), [format!("{variable} {words}")]);
        for fine in ["true", "false", "0", "Off"] {
            assert!(warnings(fine).is_empty(), "{variable} {fine}");
        }
    }
}

#[test]
fn each_variable_that_hides_something_is_named() {
    let told = config(&[
        ("LANGSMITH_HIDE_INPUTS", "true"),
        ("LANGCHAIN_HIDE_METADATA", "true"),
    ])
    .explain();
    let row = told.settings.iter().find(|row| row.name == "masking");
    let row = row.expect("a row");
    assert_eq!(row.source, "LANGSMITH_HIDE_INPUTS, LANGCHAIN_HIDE_METADATA");
}

#[test]
fn a_key_in_the_variable_of_a_switch_does_not_show() {
    for name in ["TRACING", "HIDE_INPUTS", "DISABLE_RUN_COMPRESSION"] {
        let variable = format!("LANGSMITH_{name}");
        let told = config(&[(&variable, "lsv2_pt_not-a-real-key")]).explain();
        let told = told.to_string();
        assert!(!told.contains("lsv2"), "{told}");
        assert!(told.contains("a text of 22 characters"), "{told}");
    }
}

#[test]
fn quotes_around_nothing_are_nothing_and_the_next_name_counts() {
    let config = config(&[
        ("LANGSMITH_ENDPOINT", "\"\""),
        ("LANGCHAIN_ENDPOINT", "http://h"),
        ("LANGSMITH_API_KEY", " '' "),
        ("LANGCHAIN_PROJECT", "\"\""),
    ]);
    assert_eq!(config.endpoint, "http://h");
    let told = config.explain();
    let source = |name| {
        let row = told.settings.iter().find(|row| row.name == name);
        row.expect(name).source.clone()
    };
    assert_eq!(source("endpoint"), "LANGCHAIN_ENDPOINT");
    assert_eq!(source("API key"), "default");
    assert_eq!(source("project"), "default");
}

#[test]
fn what_is_set_and_not_read_is_said() {
    let config = config(&[
        ("LANGSMITH_TRACING_MODE", "otel"),
        ("LANGSMITH_AGENT_ID", "a"),
        ("LANGCHAIN_RUN_COMPRESSION_THREADS", "4"),
        ("LANGSMITH_CUSTOM_HEADERS", "a-secret-without-a-colon"),
    ]);
    assert_eq!(
        config.sources.warnings(),
        [
            "LANGSMITH_CUSTOM_HEADERS: a line is left out, it is no `Name: value`",
            "LANGSMITH_TRACING_MODE is set, and this client does not read it",
            "LANGSMITH_AGENT_ID is set, and this client does not read it",
            "LANGCHAIN_RUN_COMPRESSION_THREADS is set, and this client does not read it",
        ]
    );
}

#[test]
fn the_mode_that_there_is_anyway_is_not_worth_a_word() {
    let config = config(&[("LANGSMITH_TRACING_MODE", "langsmith")]);
    assert!(config.sources.warnings().is_empty());
}

#[test]
fn replicas_from_the_environment_are_told_with_the_variable_that_names_them() {
    let list = r#"[{"api_url": "http://h/api/v1", "api_key": "a-secret", "project_name": "p", "primary": true}]"#;
    let told = config(&[("LANGSMITH_RUNS_ENDPOINTS", list)]).explain();
    for (name, value) in [
        ("endpoint", "none, only replicas"),
        ("replicas", "http://h/api/v1 (p, primary)"),
    ] {
        let row = told
            .settings
            .iter()
            .find(|row| row.name == name)
            .expect(name);
        assert_eq!(
            (&*row.value, &*row.source),
            (value, "LANGSMITH_RUNS_ENDPOINTS")
        );
    }
}

#[test]
fn the_table_has_a_line_for_each_setting_and_each_warning() {
    let config = config(&[("LANGSMITH_PROJECT", "p"), ("LANGSMITH_TRACING", "True")]);
    let told = config.explain().to_string();
    let lines: Vec<&str> = told.lines().collect();
    assert_eq!(lines.len(), 21 + 1);
    assert_eq!(lines[0], "tracing               LANGSMITH_TRACING  off");
    assert_eq!(lines[4], "project               LANGSMITH_PROJECT  p");
    assert!(lines[21].starts_with("warning: LANGSMITH_TRACING is \"True\""));
}

#[test]
fn what_code_changes_is_said_to_come_from_code() {
    let mut config = config(&[("LANGSMITH_PROJECT", "p"), ("LANGSMITH_API_KEY", "k-1")]);
    config.api_key = Some("k-2".into());
    config.batch.queue_ops = 3;
    let told = config.explain();
    let source = |name| {
        let row = told.settings.iter().find(|row| row.name == name);
        row.expect(name).source.clone()
    };
    assert_eq!(source("project"), "LANGSMITH_PROJECT");
    assert_eq!(source("API key"), "code");
    assert_eq!(source("operations held"), "code");
    assert_eq!(source("bytes held"), "default");
}

#[test]
fn the_environment_is_copied_into_metadata_by_name_only_and_never_a_secret() {
    let variables = [
        ("LANGSMITH_TRACING", "true"),
        ("LANGSMITH_PROJECT", "p"),
        ("LANGSMITH_REVISION_ID", "v1"),
        ("LANGSMITH_API_KEY", "a-secret"),
        ("DEPLOYMENT", "blue"),
        ("DATABASE_PASSWORD", "a-secret"),
        ("LANGSMITH_RUNS_ENDPOINTS_OF_OLD", "a-secret"),
        ("GITHUB_SHA", "abc"),
    ];
    let sink = Arc::new(MemorySink::new());
    let lookup = |name: &str| {
        let found = variables.iter().find(|(known, _)| *known == name);
        found.map(|(_, value)| (*value).to_owned())
    };
    let named = [
        "DEPLOYMENT",
        "ABSENT",
        "LANGSMITH_API_KEY",
        "DATABASE_PASSWORD",
        "LANGSMITH_RUNS_ENDPOINTS_OF_OLD",
    ];
    let metadata = |builder: ClientBuilder| {
        let client = builder.sink(sink.clone()).build().expect("a client");
        let run = client.run("r").metadata("own", 1).start();
        let inherited = run
            .context()
            .expect("recorded")
            .baggage
            .into_inner()
            .metadata;
        assert_eq!(
            inherited.keys().collect::<Vec<_>>(),
            ["own"],
            "it does not travel"
        );
        let id = run.id();
        run.end();
        let run = sink.runs().into_iter().find(|it| Some(it.id) == id);
        serde_json::Value::Object((*run.expect("the run").extra.metadata).clone())
    };
    let plain = ClientBuilder::from(config(&variables));
    assert_eq!(
        metadata(plain),
        serde_json::json!({"own": 1, "revision_id": "v1"})
    );
    let asked = ClientBuilder::from(config(&variables)).metadata_from(named, lookup);
    let expected = serde_json::json!({"own": 1, "revision_id": "v1", "DEPLOYMENT": "blue"});
    assert_eq!(metadata(asked), expected);
}

#[test]
fn a_runs_own_metadata_wins_over_what_every_run_has() {
    let sink = Arc::new(MemorySink::new());
    let client = Client::builder()
        .revision_id("v1")
        .sink(sink.clone())
        .build();
    let run = client
        .expect("a client")
        .run("r")
        .metadata("revision_id", "own");
    run.start().end();
    assert_eq!(sink.runs()[0].extra.metadata["revision_id"], "own");
}

#[test]
fn inputs_go_again_with_the_end_only_if_that_is_asked_for() {
    for (value, again) in [("true", false), ("false", true)] {
        let sink = Arc::new(MemorySink::new());
        let variables = [
            ("LANGSMITH_TRACING", "true"),
            ("LANGSMITH_EXCLUDE_INPUTS_ON_PATCH", value),
        ];
        let builder = ClientBuilder::from(config(&variables)).sink(sink.clone());
        let client = builder.build().expect("a client");
        client.run("r").inputs("q").start().end();
        let inputs: Vec<bool> = sink
            .ops()
            .iter()
            .map(|op| op.run().is_some_and(|run| run.inputs.is_some()))
            .collect();
        assert_eq!(inputs, [true, again]);
    }
}
