//! The files for containers are held to the program: no engine is at hand here, so what can be known is checked.

use std::collections::{BTreeMap, BTreeSet};

use clap::{CommandFactory as _, Parser as _};
use multi_service_app::cli::Cli;
use multi_service_app::role::Role;
use multi_service_app::service::{FINISH, FLUSH};
use saphyr::{LoadableYamlNode as _, Scalar, Yaml};
use serde_json::{Map, Value, json};

const COMPOSE: &str = include_str!("../deploy/compose.yaml");
const KUBERNETES: &str = include_str!("../deploy/kubernetes.yaml");
const COLLECTOR: &str = include_str!("../deploy/collector.yaml");
const DOCKERFILE: &str = include_str!("../deploy/Dockerfile");

/// The documents of a file as JSON; `<<` takes over what the mapping itself does not say.
fn documents(text: &str) -> Vec<Value> {
    let documents = Yaml::load_from_str(text).expect("YAML");
    documents.iter().map(value).collect()
}

fn value(yaml: &Yaml<'_>) -> Value {
    match yaml {
        Yaml::Value(Scalar::Null) => Value::Null,
        Yaml::Value(Scalar::Boolean(is)) => json!(is),
        Yaml::Value(Scalar::Integer(number)) => json!(number),
        Yaml::Value(Scalar::FloatingPoint(number)) => json!(number.into_inner()),
        Yaml::Value(Scalar::String(text)) => json!(text),
        Yaml::Sequence(items) => items.iter().map(value).collect(),
        Yaml::Mapping(pairs) => {
            let (mut own, mut merged) = (Map::new(), Map::new());
            for (key, item) in pairs {
                match (key.as_str().expect("a text"), value(item)) {
                    ("<<", Value::Object(others)) => merged.extend(others),
                    (key, item) => drop(own.insert(key.to_owned(), item)),
                }
            }
            merged.extend(own);
            Value::Object(merged)
        }
        other => panic!("{other:?}"),
    }
}

fn texts(list: &Value) -> Vec<&str> {
    let list = list.as_array().map(Vec::as_slice).unwrap_or_default();
    list.iter().filter_map(Value::as_str).collect()
}

/// The variables that a service reads, besides those of the client.
fn known(role: Role) -> BTreeSet<String> {
    let program = Cli::command();
    let command = program.find_subcommand(role.name()).expect("a subcommand");
    let names = command
        .get_arguments()
        .filter_map(|argument| argument.get_env());
    names
        .map(|name| name.to_string_lossy().into_owned())
        .collect()
}

/// Variables that the client of every service reads, as `common` documents them.
const CLIENT: [&str; 4] = [
    "LANGSMITH_TRACING",
    "LANGSMITH_API_KEY",
    "LANGSMITH_ENDPOINT",
    "LANGSMITH_PROJECT",
];

/// Holds the addresses of a service's environment to names and ports of the program.
fn addresses_are_right(environment: &BTreeMap<String, String>) {
    for (name, address) in environment {
        let asked = Role::ALL
            .into_iter()
            .find(|role| name == &format!("DOCS_{}", role.name().to_uppercase()));
        if let Some(role) = asked {
            assert_eq!(*address, format!("http://{role}:{}", role.port()), "{name}");
        }
    }
    if let Some(queue) = environment.get("DOCS_QUEUE") {
        assert_eq!(queue, "redis://redis:6379/");
    }
}

fn environment(object: &Value) -> BTreeMap<String, String> {
    let pairs = object.as_object().into_iter().flatten();
    let text = |value: &Value| value.as_str().expect("a text").to_owned();
    pairs
        .map(|(name, value)| (name.clone(), text(value)))
        .collect()
}

#[test]
fn compose_starts_the_six_services_with_options_and_variables_that_they_know() {
    let file = documents(COMPOSE).remove(0);
    for role in Role::ALL {
        let service = &file["services"][role.name()];
        let command = texts(&service["command"]);
        let parsed = Cli::try_parse_from(std::iter::once("multi_service_app").chain(command));
        parsed.unwrap_or_else(|error| panic!("{role}: {error}"));
        let environment = environment(&service["environment"]);
        let known = known(role);
        for name in environment.keys() {
            assert!(
                known.contains(name) || CLIENT.contains(&&**name),
                "{role}: {name}"
            );
        }
        // Nobody is left with the default, which is an address of this machine.
        for name in known
            .iter()
            .filter(|name| !["DOCS_PORT", "DOCS_HOST", "DOCS_ROOT"].contains(&&***name))
        {
            let has_default = name.ends_with("_MS");
            assert!(
                has_default || environment.contains_key(name),
                "{role} lacks {name}"
            );
        }
        addresses_are_right(&environment);
        for other in texts(&service["depends_on"]) {
            assert!(
                file["services"].get(other).is_some(),
                "{role} waits for {other}"
            );
        }
        for network in texts(&service["networks"]) {
            assert!(
                file["networks"].get(network).is_some(),
                "{role} is in {network}"
            );
        }
        let grace = service["stop_grace_period"]
            .as_str()
            .and_then(|text| text.strip_suffix('s'));
        let grace: u64 = grace.expect("seconds").parse().expect("a number");
        assert!(grace > (FINISH + FLUSH).as_secs());
    }
    let published: Vec<_> = Role::ALL
        .into_iter()
        .filter(|role| file["services"][role.name()].get("ports").is_some())
        .collect();
    assert_eq!(published, [Role::Gateway]);
    assert_eq!(
        texts(&file["services"]["gateway"]["ports"]),
        ["127.0.0.1:8080:8080"]
    );
}

#[test]
fn kubernetes_runs_the_six_services_with_their_ports_and_health_checks() {
    let all = documents(KUBERNETES);
    let find = |kind: &str, name: &str| {
        let found = all
            .iter()
            .find(|it| it["kind"] == kind && it["metadata"]["name"] == name);
        found.unwrap_or_else(|| panic!("no {kind} {name}"))
    };
    let shared = environment(&find("ConfigMap", "docs-assistant")["data"]);
    addresses_are_right(&shared);
    let everybody: BTreeSet<String> = Role::ALL.into_iter().flat_map(known).collect();
    for name in shared.keys() {
        assert!(
            everybody.contains(name) || CLIENT.contains(&&**name),
            "{name}"
        );
    }
    for role in Role::ALL {
        let pod = &find("Deployment", role.name())["spec"]["template"]["spec"];
        let container = &pod["containers"][0];
        assert_eq!(texts(&container["args"]), [role.name()]);
        assert_eq!(container["ports"][0]["containerPort"], role.port());
        for probe in ["startupProbe", "livenessProbe", "readinessProbe"] {
            let probe = &container[probe];
            let (asked, expected) = match role {
                Role::Tools => (
                    &probe["grpc"],
                    json!({"port": 8083, "service": "tools.v1.Tools"}),
                ),
                _ => (
                    &probe["httpGet"],
                    json!({"path": "/healthz", "port": role.port()}),
                ),
            };
            assert_eq!(*asked, expected, "{role}");
        }
        let pause = container["lifecycle"]["preStop"]["sleep"]["seconds"]
            .as_u64()
            .expect("seconds");
        let grace = pod["terminationGracePeriodSeconds"]
            .as_u64()
            .expect("seconds");
        assert!(grace > pause + (FINISH + FLUSH).as_secs(), "{role}");
        // Who is asked has a name in the cluster.
        if role != Role::Worker {
            let service = &find("Service", role.name())["spec"];
            assert_eq!(service["selector"]["app"], role.name());
            assert_eq!(service["ports"][0]["port"], role.port());
        }
    }
    for name in ["redis", "collector"] {
        find("Service", name);
    }
}

#[test]
fn the_image_has_the_program_and_what_the_retriever_reads() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let copied = DOCKERFILE
        .lines()
        .filter(|line| line.starts_with("COPY --from=build"));
    let mut files = 0;
    for path in copied.flat_map(|line| line.split_whitespace()) {
        if let Some(path) = path
            .strip_prefix("/src/")
            .filter(|path| !path.starts_with("target/"))
        {
            assert!(root.join(path).exists(), "{path}");
            files += 1;
        }
    }
    assert_eq!(files, 6);
    assert!(DOCKERFILE.contains("-p multi_service_app\n"));
    for name in ["DOCS_HOST", "DOCS_ROOT"] {
        assert!(DOCKERFILE.contains(&format!("{name}=")), "{name}");
        assert!(known(Role::Retriever).contains(name), "{name}");
    }
    let toolchain = format!("FROM rust:{}", env!("CARGO_PKG_RUST_VERSION"));
    assert!(DOCKERFILE.contains(&toolchain), "{toolchain}");
}

#[test]
fn the_collector_takes_spans_where_the_manifests_send_them() {
    let file = documents(COLLECTOR).remove(0);
    let endpoint = &file["receivers"]["otlp"]["protocols"]["http"]["endpoint"];
    assert_eq!(endpoint, "0.0.0.0:4318");
    let pipeline = &file["service"]["pipelines"]["traces"];
    for (part, of) in [
        ("receivers", "receivers"),
        ("processors", "processors"),
        ("exporters", "exporters"),
    ] {
        for name in texts(&pipeline[part]) {
            assert!(file[of].get(name).is_some(), "{name}");
        }
    }
    assert!(KUBERNETES.contains("containerPort: 4318"));
    assert!(COMPOSE.contains("./collector.yaml:/etc/otelcol/collector.yaml:ro"));
}
