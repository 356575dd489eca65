//! `LANGSMITH_RUNS_ENDPOINTS`: replicas from the environment.
#![cfg(feature = "client")]

mod exporting;
mod peer;

use common::client::{Client, ClientBuilder, Config, ConfigError, Replica};
use common::export::Destination;
use common::model::{RunId, replica_id};
use exporting::{PATIENCE, accept, one_run, patient};
use peer::{Peer, closed_port, parts_of};
use serde_json::{Value, json};

fn read(variables: &[(&str, String)]) -> Result<Config, ConfigError> {
    Config::from_lookup(|name| {
        let found = variables.iter().find(|(known, _)| *known == name);
        found.map(|(_, value)| value.clone())
    })
}

/// What the environment says when it holds nothing but the list.
fn listed(value: &Value) -> Result<Config, ConfigError> {
    read(&[
        ("LANGSMITH_TRACING", "true".into()),
        ("LANGSMITH_API_KEY", "the-main-key".into()),
        ("LANGSMITH_PROJECT", "golden-vectors".into()),
        ("LANGSMITH_RUNS_ENDPOINTS", value.to_string()),
    ])
}

fn client(config: Config) -> Client {
    let builder = ClientBuilder::from(config).batch(patient());
    builder.build().expect("a client")
}

/// The main part of the only run that arrived, and the request's key and workspace.
fn only_run(peer: &Peer) -> (Value, [Option<String>; 2]) {
    let requests = peer.to("/runs/multipart");
    let [request] = &requests[..] else {
        panic!("{} requests", requests.len());
    };
    let header = |name| request.header(name).map(str::to_owned);
    let main = parts_of(request).swap_remove(0).json;
    (main, [header("x-api-key"), header("x-tenant-id")])
}

/// The list of the recording, with other addresses.
fn recorded() -> (Value, Vec<Value>) {
    let text = include_str!("vectors/13_runs_endpoints_env_primary.json");
    let recording: Value = serde_json::from_str(text).expect("JSON");
    let list = recording["env"]["LANGSMITH_RUNS_ENDPOINTS"].as_str();
    let list = serde_json::from_str(list.expect("a list")).expect("JSON");
    let requests = recording["requests"].as_array().expect("requests");
    (list, requests.clone())
}

#[test]
fn the_list_sends_where_the_python_sdk_sends_and_under_the_same_ids() {
    let (mut list, requests) = recorded();
    let (first, second) = (accept(), accept());
    list[0]["api_url"] = json!(first.url);
    list[1]["api_url"] = json!(format!("{}/", second.url));
    let client = client(listed(&list).expect("settings"));
    // The primary replica kept the id: the run is started under it.
    let theirs = |at: usize| requests[at]["parts"][0]["json"].clone();
    let id: RunId = serde_json::from_value(theirs(1)["id"].clone()).expect("an id");
    let start = serde_json::from_value(theirs(1)["start_time"].clone()).expect("a time");
    let run = client.run("env-replicated").id(id).start_time(start);
    run.start().end();
    client.flush(PATIENCE).expect("delivered");
    for (at, peer, key, workspace) in [
        (0, &first, "lsv2_pt_first_CCCCCC", None),
        (
            1,
            &second,
            "lsv2_pt_second_DDDDDD",
            list[1]["workspace_id"].as_str(),
        ),
    ] {
        let (ours, headers) = only_run(peer);
        for field in [
            "id",
            "trace_id",
            "dotted_order",
            "session_name",
            "name",
            "run_type",
            "tags",
        ] {
            assert_eq!(ours[field], theirs(at)[field], "{field}");
        }
        assert!(ours.get("parent_run_id").is_none());
        assert_eq!(
            headers,
            [Some(key.to_owned()), workspace.map(str::to_owned)]
        );
    }
}

#[test]
fn the_object_form_sends_the_same_ids_to_every_address() {
    let (first, second) = (accept(), accept());
    let config = listed(&json!({&first.url: "k-1", &second.url: "k-2"})).expect("settings");
    let client = client(config);
    one_run(&client);
    client.flush(PATIENCE).expect("delivered");
    let ((a, [key_a, _]), (b, [key_b, _])) = (only_run(&first), only_run(&second));
    assert_eq!(a, b);
    assert_eq!(a["session_name"], "golden-vectors");
    assert_eq!(
        (key_a.as_deref(), key_b.as_deref()),
        (Some("k-1"), Some("k-2"))
    );
}

#[test]
fn with_the_list_alone_nothing_is_asked_of_the_default_address() {
    let (listed_peer, main) = (accept(), accept());
    let mut config = listed(&json!({&listed_peer.url: "k"})).expect("settings");
    assert_eq!(config.endpoint, common::client::DEFAULT_ENDPOINT);
    // The default address is not on loopback; this one stands for it.
    config.endpoint.clone_from(&main.url);
    let client = client(config);
    one_run(&client);
    client.flush(PATIENCE).expect("delivered");
    client.check_blocking().ok();
    assert_eq!(main.requests().len(), 0);
    assert_eq!(client.endpoint(), listed_peer.url);
    let places = client.stats_by_destination();
    assert_eq!(places.len(), 1);
    assert_eq!(places[0].0, listed_peer.url);
    let asked: Vec<String> = listed_peer
        .requests()
        .into_iter()
        .map(|it| it.path)
        .collect();
    assert!(asked.iter().any(|path| path == "/info"), "{asked:?}");
    for request in listed_peer.requests() {
        assert_eq!(
            request.header("x-api-key"),
            Some("k"),
            "the main key is not for this address"
        );
    }
}

#[test]
fn an_address_in_code_takes_the_place_of_the_list() {
    let (production, here, beside) = (accept(), accept(), accept());
    let config = listed(&json!({&production.url: "k-1"})).expect("settings");
    let builder = ClientBuilder::from(config)
        .endpoint(&here.url)
        .replica(Replica::at(Destination::new(&beside.url)))
        .batch(patient());
    let client = builder.build().expect("a client");
    one_run(&client);
    client.flush(PATIENCE).expect("delivered");
    assert_eq!(production.requests().len(), 0);
    let (_, [key, _]) = only_run(&here);
    assert_eq!(key.as_deref(), Some("the-main-key"));
    let (_, [key, _]) = only_run(&beside);
    assert_eq!(key, None);
}

#[test]
fn the_list_beside_an_address_is_an_error_that_names_both_variables() {
    for (endpoint, list) in [
        ("LANGSMITH_ENDPOINT", "LANGSMITH_RUNS_ENDPOINTS"),
        ("LANGCHAIN_ENDPOINT", "LANGCHAIN_RUNS_ENDPOINTS"),
    ] {
        for value in [
            json!([{"api_url": "http://h", "api_key": "k"}]),
            json!({"http://h": "k"}),
        ] {
            let error = read(&[
                (endpoint, "http://127.0.0.1:9".into()),
                (list, value.to_string()),
            ])
            .expect_err("both");
            let (endpoint, runs_endpoints) = (endpoint.to_owned(), list.to_owned());
            assert_eq!(
                error,
                ConfigError::TwoEndpoints {
                    endpoint,
                    runs_endpoints
                }
            );
        }
    }
}

#[test]
fn bad_items_are_left_out_and_counted_and_no_key_of_theirs_shows() {
    let good = closed_port();
    let list = json!([
        "text",
        {"api_key": "k-secret"},
        {"api_url": 7, "api_key": "k-secret"},
        {"api_url": &good},
        {"api_url": &good, "api_key": " "},
        {"api_url": &good, "api_key": "k-secret", "project_name": 7},
        {"api_url": &good, "api_key": "k-secret", "primary": "yes"},
        {"api_url": "k-secret", "api_key": &good},
        {"api_url": format!("{good}/?k-secret"), "api_key": "k"},
        {"api_url": &good, "api_key": "k-secret", "workspace_id": 7, "project_name": null},
    ]);
    let config = listed(&list).expect("one is good");
    assert_eq!(config.replicas.len(), 1);
    assert_eq!(config.sources.warnings().len(), 9);
    let told = config.explain().to_string();
    assert!(
        told.contains("LANGSMITH_RUNS_ENDPOINTS: item 1 is left out, it is no object"),
        "{told}"
    );
    assert!(
        told.contains("item 9 is left out, it has a query or a fragment"),
        "{told}"
    );
    assert!(!format!("{told}{config:?}").contains("k-secret"), "{told}");
}

#[test]
fn a_list_without_a_place_is_an_error_and_not_the_default_address() {
    for (text, why) in [
        ("not json", "no JSON, from line 1, column 2 on"),
        ("7", "neither a list nor an object"),
        ("[]", "it is empty"),
        (
            "{\"http://h\": 7}",
            "entry 1 cannot be used, its key is no text",
        ),
        (
            "[{\"api_url\": \"https://h\", \"key\": \"k-secret\"}, 7]",
            "item 1 cannot be used, it has no api_key",
        ),
        (
            "{\"http://h\": \"k-\\nsecret\"}",
            "entry 1 cannot be used, its key has a character that a header cannot carry",
        ),
        (
            "[{\"api_url\": \"http://h\", \"api_key\": \"k\", \"workspace_id\": \"w\\u0001\"}]",
            "item 1 cannot be used, its workspace_id has a character that a header cannot carry",
        ),
    ] {
        let error = read(&[("LANGSMITH_RUNS_ENDPOINTS", text.into())]).expect_err(text);
        assert_eq!(
            error.to_string(),
            format!("LANGSMITH_RUNS_ENDPOINTS names no place that runs can be sent to: {why}")
        );
    }
    let blank = read(&[("LANGSMITH_RUNS_ENDPOINTS", " ".into())]).expect("unset");
    assert!(blank.replicas.is_empty() && !blank.only_replicas);
    let two = listed(&json!([
        {"api_url": closed_port(), "api_key": "k", "primary": true},
        {"api_url": closed_port(), "api_key": "k", "primary": true},
    ]));
    let two = ClientBuilder::from(two.expect("settings")).build();
    assert_eq!(two.expect_err("two"), ConfigError::TwoPrimaries);
}

#[test]
fn an_item_that_says_primary_false_has_new_ids_even_alone() {
    let peer = accept();
    let list = json!([{"api_url": &peer.url, "api_key": "k", "primary": false}]);
    let client = client(listed(&list).expect("settings"));
    let run = client.run("r").start();
    let id = run.id().expect("recorded");
    run.end();
    client.flush(PATIENCE).expect("delivered");
    let (main, _) = only_run(&peer);
    assert_eq!(main["id"], replica_id(id.0, "golden-vectors").to_string());
}
