//! Settings from the environment, without touching the process's own.
#![cfg(feature = "client")]

use std::collections::HashMap;

use common::client::{Client, ClientBuilder, Config, ConfigError, DEFAULT_PROJECT, Region};
use common::export::{BatchConfig, DEFAULT_ENDPOINT, Destination, SpoolConfig, StartError};
use secrecy::ExposeSecret as _;

fn read(variables: &[(&str, &str)]) -> Result<Config, ConfigError> {
    let variables: HashMap<String, String> = variables
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect();
    Config::from_lookup(|name| variables.get(name).cloned())
}

fn config(variables: &[(&str, &str)]) -> Config {
    read(variables).expect("valid settings")
}

#[test]
fn an_empty_environment_means_the_defaults_and_no_tracing() {
    let config = config(&[]);
    assert!(!config.tracing);
    assert_eq!(config.endpoint, DEFAULT_ENDPOINT);
    assert_eq!(config.project, DEFAULT_PROJECT);
    assert!(config.api_key.is_none() && config.workspace_id.is_none());
    assert_eq!(config.batch, BatchConfig::default());
}

#[test]
fn tracing_is_on_for_exactly_true_and_the_v2_name_is_asked_first() {
    for (variables, on) in [
        (&[("LANGSMITH_TRACING", "true")][..], true),
        (&[("LANGCHAIN_TRACING", "true")], true),
        (&[("LANGSMITH_TRACING_V2", "true")], true),
        (&[("LANGCHAIN_TRACING_V2", "true")], true),
        (&[("LANGSMITH_TRACING", "True")], false),
        (&[("LANGSMITH_TRACING", "TRUE")], false),
        (&[("LANGSMITH_TRACING", "1")], false),
        (&[("LANGSMITH_TRACING", "yes")], false),
        (&[("LANGSMITH_TRACING", " true ")], false),
        (&[("LANGSMITH_TRACING", "")], false),
        (
            &[
                ("LANGSMITH_TRACING", "true"),
                ("LANGCHAIN_TRACING_V2", "false"),
            ],
            false,
        ),
        (
            &[
                ("LANGSMITH_TRACING", "false"),
                ("LANGCHAIN_TRACING_V2", "true"),
            ],
            true,
        ),
        (
            &[("LANGSMITH_TRACING", "true"), ("LANGSMITH_TRACING_V2", " ")],
            true,
        ),
        (
            &[
                ("LANGSMITH_TRACING_V2", "false"),
                ("LANGCHAIN_TRACING_V2", "true"),
            ],
            false,
        ),
    ] {
        assert_eq!(config(variables).tracing, on, "{variables:?}");
    }
}

#[test]
fn langsmith_names_win_over_langchain_names_and_blank_is_unset() {
    for (variables, project) in [
        (
            &[("LANGSMITH_PROJECT", "a"), ("LANGCHAIN_PROJECT", "b")][..],
            "a",
        ),
        (
            &[("LANGSMITH_PROJECT", "  "), ("LANGCHAIN_PROJECT", "b")],
            "b",
        ),
        (&[("LANGCHAIN_SESSION", "legacy")], "legacy"),
        (
            &[("LANGCHAIN_SESSION", "legacy"), ("LANGCHAIN_PROJECT", "b")],
            "b",
        ),
        (
            &[
                ("HOSTED_LANGSERVE_PROJECT_NAME", "h"),
                ("LANGSMITH_PROJECT", "a"),
            ],
            "h",
        ),
        (&[("LANGSMITH_PROJECT", "")], "default"),
    ] {
        assert_eq!(config(variables).project, project, "{variables:?}");
    }
}

#[test]
fn addresses_and_keys_lose_blanks_quotes_and_the_last_slash() {
    for (value, endpoint) in [
        (
            "https://eu.api.smith.langchain.com",
            "https://eu.api.smith.langchain.com",
        ),
        ("https://host/api/v1/", "https://host/api/v1"),
        (" \"https://host/api/v1/\" ", "https://host/api/v1"),
        ("'http://127.0.0.1:1984/'", "http://127.0.0.1:1984"),
        ("\"\"", DEFAULT_ENDPOINT),
    ] {
        assert_eq!(config(&[("LANGSMITH_ENDPOINT", value)]).endpoint, endpoint);
    }
    for value in ["k-1", " k-1 ", "\"k-1\"", "'k-1'\n"] {
        let key = config(&[("LANGCHAIN_API_KEY", value)]).api_key;
        assert_eq!(key.expect("a key").expose_secret(), "k-1");
    }
    let workspace = config(&[("LANGSMITH_WORKSPACE_ID", "w")]).workspace_id;
    assert_eq!(workspace.as_deref(), Some("w"));
}

#[test]
fn every_variable_is_read_under_both_prefixes_and_explained_with_its_name() {
    // variable, value, setting, as it is shown
    let table = [
        ("TRACING_V2", "true", "tracing", "on"),
        ("TRACING", "true", "tracing", "on"),
        ("ENDPOINT", "'http://h/'", "endpoint", "http://h"),
        ("API_KEY", "a-secret", "API key", "set, not shown"),
        ("WORKSPACE_ID", "\"w\"", "workspace", "w"),
        ("TENANT_ID", "w", "workspace", "w"),
        ("PROJECT", "p", "project", "p"),
        ("SESSION", "p", "project", "p"),
        (
            "RUNS_ENDPOINTS",
            "{\"http://h/\": \"k\"}",
            "replicas",
            "http://h (the run's project)",
        ),
        (
            "CUSTOM_HEADERS",
            "X-A: a-secret\n\n x-b : 2:3 ",
            "headers",
            "X-A, x-b",
        ),
        ("REVISION_ID", "v1.2-3-gabc", "revision", "v1.2-3-gabc"),
        (
            "EXCLUDE_INPUTS_ON_PATCH",
            "false",
            "inputs on patch",
            "sent again",
        ),
        ("BATCH_INGEST_SIZE_LIMIT", "7", "operations a request", "7"),
        ("TRACING_QUEUE_MAX_SIZE", " 8 ", "operations held", "8"),
        ("MAX_INGEST_MEMORY_BYTES", "9", "bytes held", "9"),
        ("DISABLE_RUN_COMPRESSION", "1", "compression", "off"),
        ("RUN_COMPRESSION_LEVEL", "9", "compression level", "9"),
        (
            "SPOOL_DIR",
            "spool/of-mine",
            "spool folder",
            "spool/of-mine",
        ),
        ("TRACING_SAMPLING_RATE", "0.25", "sampling rate", "0.25"),
        ("HIDE_OUTPUTS", "true", "masking", "hides outputs"),
        (
            "ALLOW_UNPROCESSED_PAYLOADS",
            "True",
            "unprocessed payloads",
            "sent",
        ),
    ];
    let page = include_str!("../src/client/config/mod.rs");
    for (name, value, setting, shown) in table {
        for prefix in ["LANGSMITH_", "LANGCHAIN_"] {
            let variable = format!("{prefix}{name}");
            let config = config(&[(&variable, value)]);
            let told = config.explain();
            let row = told.settings.iter().find(|row| row.name == setting);
            let row = row.expect(setting);
            assert_eq!((&*row.value, &row.source), (shown, &variable));
            assert!(told.warnings.is_empty(), "{told}");
            assert!(!told.to_string().contains("a-secret"), "{told}");
            assert!(!format!("{config:?}").contains("a-secret"));
        }
        assert!(
            page.contains(&format!("`LANGSMITH_{name}`")),
            "no row for {name}"
        );
    }
    // What else is set is the default's, and said to be.
    let told = config(&[]).explain();
    assert!(
        told.settings.iter().all(|row| row.source == "default"),
        "{told}"
    );
    assert_eq!(told.settings.len(), 21);
}

#[test]
fn a_spool_is_where_and_how_the_environment_says_and_nowhere_by_default() {
    assert_eq!(config(&[]).batch.spool, None);
    let only_dir = config(&[("LANGSMITH_SPOOL_DIR", " 'a folder' ")]);
    assert_eq!(only_dir.batch.spool, Some(SpoolConfig::new("a folder")));
    let whole = config(&[
        ("LANGSMITH_SPOOL_DIR", "s"),
        ("LANGCHAIN_SPOOL_MODE", "durable"),
        ("LANGSMITH_SPOOL_MAX_BYTES", "1000000"),
    ]);
    let expected = SpoolConfig::new("s").durable().max_bytes(1_000_000);
    assert_eq!(whole.batch.spool, Some(expected));
    let told = whole.explain();
    for (name, value, source) in [
        ("spool folder", "s", "LANGSMITH_SPOOL_DIR"),
        ("spool mode", "durable", "LANGCHAIN_SPOOL_MODE"),
        ("spool bytes", "1000000", "LANGSMITH_SPOOL_MAX_BYTES"),
    ] {
        let row = told.settings.iter().find(|row| row.name == name);
        let row = row.expect(name);
        assert_eq!((&*row.value, &*row.source), (value, source));
    }
    let page = include_str!("../src/client/config/mod.rs");
    for name in ["SPOOL_MODE", "SPOOL_MAX_BYTES"] {
        assert!(page.contains(&format!("`LANGSMITH_{name}`")), "{name}");
        let variable = format!("LANGSMITH_{name}");
        let alone = config(&[(&variable, "1")]);
        assert_eq!(
            alone.sources.warnings(),
            [format!(
                "{variable} is set, and no folder is: LANGSMITH_SPOOL_DIR is needed"
            )]
        );
        let error = read(&[("LANGSMITH_SPOOL_DIR", "s"), (&variable, "a lot")]);
        assert!(error.expect_err(name).to_string().contains(&variable));
    }
}

#[test]
fn the_first_variable_of_a_setting_wins_and_is_the_one_that_is_named() {
    for (first, second, setting) in [
        ("LANGCHAIN_TRACING_V2", "LANGSMITH_TRACING", "tracing"),
        (
            "LANGSMITH_WORKSPACE_ID",
            "LANGCHAIN_WORKSPACE_ID",
            "workspace",
        ),
        ("LANGCHAIN_WORKSPACE_ID", "LANGSMITH_TENANT_ID", "workspace"),
        (
            "HOSTED_LANGSERVE_PROJECT_NAME",
            "LANGSMITH_PROJECT",
            "project",
        ),
        ("LANGCHAIN_PROJECT", "LANGSMITH_SESSION", "project"),
        ("LANGSMITH_REVISION_ID", "LANGCHAIN_REVISION_ID", "revision"),
        ("LANGSMITH_API_KEY", "LANGCHAIN_API_KEY", "API key"),
    ] {
        let source = |variables: &[(&str, &str)]| {
            let told = config(variables).explain().settings;
            let row = told.into_iter().find(|row| row.name == setting);
            row.expect(setting).source
        };
        assert_eq!(source(&[(second, "true"), (first, "true")]), first);
        assert_eq!(source(&[(second, "true"), (first, " ")]), second);
    }
}

#[test]
fn a_switch_is_on_for_true_in_any_case_or_1() {
    for (value, again) in [
        ("true", false),
        ("TRUE", false),
        ("1", false),
        ("", false),
        ("false", true),
        ("0", true),
        ("yes", true),
    ] {
        let config = config(&[("LANGSMITH_EXCLUDE_INPUTS_ON_PATCH", value)]);
        assert_eq!(config.inputs_on_patch, again, "{value:?}");
    }
}

#[test]
fn every_region_has_its_address() {
    let names = Region::ALL.map(|region| region.to_string());
    assert_eq!(names[0], DEFAULT_ENDPOINT);
    for (name, prefix) in names[1..].iter().zip(["eu", "apac", "aws"]) {
        assert_eq!(*name, format!("https://{prefix}.api.smith.langchain.com"));
    }
    for region in Region::ALL {
        let missing = Client::builder().endpoint(region).build();
        assert_eq!(missing.expect_err("hosted"), ConfigError::MissingApiKey);
    }
}

#[test]
fn bounds_are_numbers_above_zero() {
    let config = config(&[
        ("LANGSMITH_TRACING_QUEUE_MAX_SIZE", "7"),
        ("LANGCHAIN_BATCH_INGEST_SIZE_LIMIT", " 8 "),
        ("LANGSMITH_MAX_INGEST_MEMORY_BYTES", "9"),
    ]);
    assert_eq!(config.batch.queue_ops, 7);
    assert_eq!(config.batch.max_ops, Some(8));
    assert_eq!(config.batch.queue_bytes, 9);
    for value in ["0", "-1", "many", "1.5"] {
        let error = read(&[("LANGCHAIN_TRACING_QUEUE_MAX_SIZE", value)]).expect_err(value);
        assert_eq!(
            error.to_string(),
            "LANGCHAIN_TRACING_QUEUE_MAX_SIZE must be a whole number above zero"
        );
    }
}

#[test]
fn compression_is_on_unless_it_is_switched_off_and_its_level_is_checked() {
    for (value, off) in [
        ("true", true),
        ("True", true),
        (" TRUE ", true),
        ("1", true),
        ("yes", false),
        ("on", false),
        ("0", false),
        ("false", false),
        ("", false),
    ] {
        let config = config(&[("LANGCHAIN_DISABLE_RUN_COMPRESSION", value)]);
        assert_eq!(config.batch.compress, !off, "{value:?}");
    }
    for level in [-7, 0, 1, 22] {
        let config = config(&[("LANGSMITH_RUN_COMPRESSION_LEVEL", &level.to_string())]);
        assert_eq!(config.batch.compression_level, level);
    }
    for value in ["-8", "23", "fast", "1.5", "99999999999"] {
        let error = read(&[("LANGCHAIN_RUN_COMPRESSION_LEVEL", value)]).expect_err(value);
        assert_eq!(
            error.to_string(),
            "LANGCHAIN_RUN_COMPRESSION_LEVEL must be a whole number from -7 to 22"
        );
    }
    let variables = [
        ("LANGSMITH_DISABLE_RUN_COMPRESSION", "true"),
        ("LANGSMITH_RUN_COMPRESSION_LEVEL", "9"),
    ];
    let built = ClientBuilder::from(config(&variables))
        .compress(true)
        .compression_level(3);
    let shown = format!("{built:?}");
    assert!(
        shown.contains("compress: true, compression_level: 3"),
        "{shown}"
    );
}

#[test]
fn the_hosted_service_needs_a_key_unless_tracing_is_off() {
    let hosted = |variables| ClientBuilder::from(config(variables)).build();
    assert_eq!(
        hosted(&[("LANGSMITH_TRACING", "true")]).expect_err("no key"),
        ConfigError::MissingApiKey
    );
    let off = hosted(&[]).expect("tracing is off");
    assert!(!off.is_enabled());
    assert!(!off.run("quiet").start().is_recording());
    let local = hosted(&[
        ("LANGSMITH_TRACING", "true"),
        ("LANGSMITH_ENDPOINT", "http://127.0.0.1:9"),
    ]);
    assert!(
        local
            .expect("a server of one's own may need no key")
            .is_enabled()
    );
}

#[test]
fn code_wins_over_the_environment() {
    let variables = [
        ("LANGSMITH_ENDPOINT", "http://127.0.0.1:9/"),
        ("LANGSMITH_TRACING", "false"),
        ("LANGSMITH_PROJECT", "env"),
    ];
    let client = ClientBuilder::from(config(&variables))
        .enabled(true)
        .project("code")
        .service("gateway")
        .build()
        .expect("a client");
    assert_eq!(client.endpoint(), "http://127.0.0.1:9");
    assert_eq!(client.tracer().project(), Some("code"));
    let run = client.run("r").start();
    let metadata = run
        .context()
        .expect("recorded")
        .baggage
        .into_inner()
        .metadata;
    assert_eq!(metadata["service"], "gateway");
    run.end();
    let _ = client.shutdown(std::time::Duration::ZERO);
}

#[test]
fn what_cannot_be_used_is_named_with_its_remedy() {
    let build = |endpoint: &str| Client::builder().endpoint(endpoint).api_key("k").build();
    for (endpoint, why) in [
        ("api.smith.langchain.com", "it is no URL"),
        ("ftp://host", "it begins with neither https:// nor http://"),
        ("http://", "it is no URL"),
        (
            "http://user:hunter2@host",
            "it holds a user name or password",
        ),
        ("http://host/?key=1", "it has a query or a fragment"),
    ] {
        let error = build(endpoint).expect_err(endpoint);
        let ConfigError::Start(StartError::InvalidEndpoint { why: found, .. }) = &error else {
            panic!("{endpoint}: {error}");
        };
        assert_eq!(*found, why, "{endpoint}");
        assert!(!error.to_string().contains("hunter2"));
    }
    let local = || Client::builder().endpoint("http://127.0.0.1:9");
    let broken = |builder: ClientBuilder| match builder.build() {
        Err(ConfigError::Start(error)) => error,
        other => panic!("{other:?}"),
    };
    assert_eq!(
        broken(local().api_key("a\u{7f}b")),
        StartError::InvalidApiKey
    );
    assert_eq!(broken(local().api_key("a\nb")), StartError::InvalidApiKey);
    assert_eq!(
        broken(local().header("x-team", "a\nb")),
        StartError::InvalidHeader("x-team".into())
    );
    // What cannot be a name may be a value.
    let bearer = broken(local().header("Bearer hunter2", "x"));
    assert_eq!(
        bearer,
        StartError::InvalidHeader("not a name: 14 characters".into())
    );
    assert_eq!(
        broken(local().workspace_id("w\n")),
        StartError::InvalidWorkspace
    );
    for (error, variable) in [
        (bearer, "LANGSMITH_CUSTOM_HEADERS"),
        (StartError::InvalidWorkspace, "LANGSMITH_WORKSPACE_ID"),
        (StartError::InvalidApiKey, "LANGSMITH_API_KEY"),
    ] {
        assert!(error.to_string().contains(variable), "{error}");
    }
    let secure = Client::builder().endpoint("https://127.0.0.1:9");
    assert_eq!(
        broken(secure.extra_ca_pem("no certificate")),
        StartError::InvalidCertificate
    );
}

/// Not a key, and as long as one.
const SECRET: &str = "lsv2_pt_not-a-real-key-not-a-real-key-01_0123456789";

#[test]
fn whatever_is_given_as_an_address_no_secret_in_it_shows() {
    let secure = format!("https://host:8443/api/v1?api_key={SECRET}");
    for (endpoint, shown) in [
        (SECRET.to_owned(), "not an address: 51 characters"),
        (format!("{SECRET}@host"), "not an address: 56 characters"),
        (format!("key:{SECRET}"), "not an address: 55 characters"),
        (format!("sk://{SECRET}"), "not an address: 56 characters"),
        (
            format!("https://host:{SECRET}"),
            "not an address: 64 characters",
        ),
        (format!("https://host/?api_key={SECRET}"), "https://host"),
        (secure, "https://host:8443/api/v1"),
        (format!("https://host/#{SECRET}"), "https://host"),
        (format!("https://user:{SECRET}@host/a"), "https://host/a"),
        (format!("https://{SECRET}@host"), "https://host"),
        (format!("https://host/?at={SECRET}@x"), "https://host"),
    ] {
        let destination = Destination::new(&endpoint);
        let settings = Config {
            endpoint: endpoint.clone(),
            ..Config::default()
        };
        let builder = Client::builder()
            .endpoint(&endpoint)
            .api_key("k")
            .also_send_to(destination.clone());
        let mut words = vec![
            format!("{destination:?}"),
            format!("{settings:?}"),
            format!("{builder:?}"),
        ];
        let error = builder.build().expect_err("no address");
        assert!(
            matches!(
                error,
                ConfigError::Start(StartError::InvalidEndpoint { .. })
            ),
            "{error}"
        );
        words.extend([format!("{error}"), format!("{error:?}")]);
        for text in words {
            assert!(!text.contains(SECRET), "{text}");
            assert!(text.contains(shown), "{text}");
        }
    }
    let plain = format!("{:?}", Destination::new("http://127.0.0.1:1984/"));
    assert!(plain.contains("\"http://127.0.0.1:1984\""), "{plain}");
}

#[test]
fn a_blank_key_is_no_key_and_blanks_around_one_are_removed() {
    for blank in ["", "  ", "\n", "\t \r\n"] {
        let missing = Client::builder().api_key(blank).build();
        assert_eq!(missing.expect_err("no key"), ConfigError::MissingApiKey);
        let second = Client::builder()
            .endpoint("http://127.0.0.1:9")
            .also_send_to(Destination::new(DEFAULT_ENDPOINT).api_key(blank))
            .build();
        assert_eq!(second.expect_err("no key"), ConfigError::MissingApiKey);
        assert!(
            Destination::new("http://h")
                .api_key(blank)
                .api_key
                .is_none()
        );
        let settings = Config {
            api_key: Some(blank.into()),
            ..Config::default()
        };
        let missing = ClientBuilder::from(settings).build();
        assert_eq!(missing.expect_err("no key"), ConfigError::MissingApiKey);
    }
    let key = Destination::new("http://h").api_key(" k-1\n").api_key;
    assert_eq!(key.expect("a key").expose_secret(), "k-1");
}
