//! No key, and no other secret, is in what any public type shows of itself, nor in any line of the log.
//!
//! The log is that of the process, so this file has one test.
#![cfg(feature = "client")]

mod exporting;
mod peer;

use std::fmt::{Debug, Display};
use std::sync::{Arc, Mutex};

use common::client::{CheckError, Client, ClientBuilder, Config, Region, Replica};
use common::export::{
    Batch, BatchConfig, BatchExporter, Destination, EncodedBody, Encoder, HttpRequest,
    ReqwestTransport, StartError,
};
use common::model::Attachment;
use common::trace::{MemorySink, Secret, Tracer};
use exporting::{PATIENCE, To, fast, ingest, one_run, patient};
use http::Method;
use peer::{closed_port, status};
use serde_json::json;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

/// Every secret here has this in it.
const MARK: &str = "hush";

fn secret(of: &str) -> String {
    format!("lsv2_pt_{MARK}-{of}-0123456789")
}

/// What was shown, and by what.
#[derive(Clone, Default)]
struct Shown(Arc<Mutex<Vec<(String, String)>>>);

impl Shown {
    fn add(&self, what: &str, text: String) {
        let mut shown = self.0.lock().expect("shown");
        shown.push((what.to_owned(), text));
    }

    fn debug(&self, what: &str, it: &impl Debug) {
        self.add(what, format!("{it:?}\n{it:#?}"));
    }

    fn error(&self, what: &str, it: &(impl Debug + Display)) {
        self.debug(what, it);
        self.add(what, it.to_string());
    }

    fn all(&self) -> Vec<(String, String)> {
        self.0.lock().expect("shown").clone()
    }
}

/// Keeps every line of every level, of this crate and of those below it.
struct Log(Shown);

impl Subscriber for Log {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }
    fn new_span(&self, attributes: &Attributes<'_>) -> Id {
        let mut text = String::new();
        attributes.record(&mut Fields(&mut text));
        self.0.add(attributes.metadata().target(), text);
        Id::from_u64(1)
    }
    fn record(&self, _: &Id, values: &Record<'_>) {
        let mut text = String::new();
        values.record(&mut Fields(&mut text));
        self.0.add("a span", text);
    }
    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn event(&self, event: &Event<'_>) {
        let mut text = String::new();
        event.record(&mut Fields(&mut text));
        self.0.add(event.metadata().target(), text);
    }
    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}
}

struct Fields<'a>(&'a mut String);

impl Visit for Fields<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.0.push_str(&format!("{}={value:?} ", field.name()));
    }
}

/// A place of which everything that may be secret is.
fn destination(endpoint: &str, of: &str) -> Destination {
    let mut to = Destination::new(endpoint).api_key(secret(of));
    to.headers
        .push(("authorization".into(), format!("Bearer {}", secret(of))));
    to.headers.push((secret("as a name"), "x".into()));
    to
}

fn builder(endpoint: &str) -> ClientBuilder {
    Client::builder()
        .endpoint(endpoint)
        .api_key(secret("own"))
        .header("cookie", secret("cookie"))
        .batch(fast())
}

/// A client's handles, its runs and its errors, each time the server answers so.
fn a_client_in_trouble(shown: &Shown, code: u16) {
    let peer = ingest(move |_| status(code));
    let mut batch = fast();
    batch.retry.budget = std::time::Duration::from_millis(5);
    let builder = builder(&peer.url)
        .batch(batch)
        .replica(Replica::in_project("audit").api_key(secret("audit")))
        .also_send_to(Destination::new(closed_port()).api_key(secret("second")));
    shown.debug("ClientBuilder", &builder);
    let current = || Some(secrecy::SecretString::from(secret("source")));
    let of_source = Destination::new(closed_port()).api_key_from(current);
    shown.debug("Destination", &of_source);
    let builder = builder.also_send_to(of_source);
    shown.debug("ClientBuilder", &builder);
    let client = builder.build().expect("a client");
    shown.debug("Client", &client);
    shown.debug("Tracer", client.tracer());
    shown.debug("FlushGuard", &client.flush_guard(PATIENCE));
    shown.debug("RunBuilder", &client.run("r"));
    let run = client.run("r").start();
    shown.debug("RunTree", &run);
    run.end();
    one_run(&client);
    if let Err(error) = client.flush(PATIENCE) {
        shown.error("FlushError", &error);
    }
    match client.check_blocking() {
        Ok(report) => shown.error("CheckReport", &report),
        Err(error) => shown.error("CheckError", &error),
    }
    for (label, stats) in client.stats_by_destination() {
        shown.error(&label, &stats);
        shown.add("label", label);
    }
    let default = client.install_default().expect("the only one");
    shown.debug("DefaultClientGuard", &default);
    let twice = client.install_default().expect_err("there is one");
    shown.error("AlreadyInstalled", &twice);
    shown.debug("default client", &common::client::default_client());
}

fn settings(shown: &Shown) {
    let list = json!([
        {"api_url": "http://h:1", "api_key": secret("list")},
        {"api_url": format!("http://u:{}@h:2", secret("userinfo")), "api_key": secret("list")},
        {"api_url": secret("as an address"), "api_key": "k"},
        {"api_url": "http://h:3", "api_key": format!("{}\n", secret("list")), "primary": secret("flag")},
    ])
    .to_string();
    let tables: [&[(&str, String)]; 4] = [
        &[
            ("LANGSMITH_API_KEY", secret("env")),
            (
                "LANGSMITH_ENDPOINT",
                format!("https://u:{}@host/?k={}", secret("p"), secret("q")),
            ),
            (
                "LANGSMITH_CUSTOM_HEADERS",
                format!(
                    "X-A: {}\n{}\nBearer {}: x",
                    secret("h"),
                    secret("no colon"),
                    secret("name")
                ),
            ),
        ],
        &[("LANGSMITH_RUNS_ENDPOINTS", list.clone())],
        &[(
            "LANGSMITH_RUNS_ENDPOINTS",
            list.replace("http://h:1", "ftp://h"),
        )],
        &[
            ("LANGSMITH_TRACING", secret("on")),
            ("LANGSMITH_HIDE_INPUTS", secret("on")),
            ("LANGSMITH_DISABLE_RUN_COMPRESSION", secret("on")),
            ("LANGSMITH_RUNS_ENDPOINTS", " ".into()),
        ],
    ];
    let mut variables = tables.map(<[_]>::to_vec).to_vec();
    for name in [
        "RUNS_ENDPOINTS",
        "TRACING_SAMPLING_RATE",
        "RUN_COMPRESSION_LEVEL",
        "BATCH_INGEST_SIZE_LIMIT",
    ] {
        let name: &str = Box::leak(format!("LANGSMITH_{name}").into_boxed_str());
        variables.push(vec![(name, secret("wrong"))]);
    }
    for variables in variables {
        let read = Config::from_lookup(|name| {
            let found = variables.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| value.clone())
        });
        let config = match read {
            Ok(config) => config,
            Err(error) => {
                shown.error("ConfigError", &error);
                continue;
            }
        };
        shown.debug("Config", &config);
        shown.debug("Sources", &config.sources);
        shown.error("Explanation", &config.explain());
        shown.debug("Destination", &config.destination());
        shown.debug("Replica", &config.replicas);
        let builder = ClientBuilder::from(config).enabled(true);
        shown.debug("ClientBuilder", &builder);
        match builder.batch(fast()).build() {
            Ok(client) => shown.debug("Client", &client),
            Err(error) => shown.error("ConfigError", &error),
        }
    }
}

fn broken_destinations(shown: &Shown) {
    for endpoint in [
        secret("as an address"),
        format!("http://u:{}@h", secret("password")),
        format!("http://{}@h", secret("user")),
        format!("http://h/?key={}", secret("query")),
        format!("http://h/#{}", secret("fragment")),
        format!("ftp://{}", secret("host")),
    ] {
        let to = destination(&endpoint, "key");
        shown.debug("Destination", &to);
        shown.debug("Replica", &Replica::at(to.clone()).api_key(secret("other")));
        let error = ReqwestTransport::new(&to).expect_err("no address");
        assert!(matches!(error, StartError::InvalidEndpoint { .. }));
        shown.error("StartError", &error);
        let repeated = builder(&endpoint).replica(Replica::own()).build();
        shown.error("ConfigError", &repeated.expect_err("no address"));
    }
    for builder in [
        builder("http://127.0.0.1:9").api_key(format!("{}\n-", secret("broken"))),
        builder("http://127.0.0.1:9").workspace_id(format!("{}\n", secret("workspace"))),
        builder("http://127.0.0.1:9").header("x-a", format!("{}\n", secret("value"))),
        builder("http://127.0.0.1:9").header(format!("Bearer {}", secret("name")), "x"),
        builder("https://127.0.0.1:9").extra_ca_pem(secret("certificate")),
        builder("http://127.0.0.1:9").replica(Replica::own()),
        builder(Region::Eu.endpoint()).api_key(" "),
    ] {
        // As headers are: what is no id is shown by nobody but its owner.
        shown.error("ConfigError", &builder.build().expect_err("unusable"));
    }
}

fn bodies(shown: &Shown) {
    let sink = Arc::new(MemorySink::new());
    let run = Tracer::builder(sink.clone()).build().run("r");
    run.inputs(json!({"text": secret("input")})).start().end();
    let mut encoder = Encoder::new();
    let body = encoder
        .multipart(&Batch::merge(sink.ops()))
        .expect("written");
    let packed = encoder.compress(&body).expect("packed");
    let exporter = Arc::new(
        BatchExporter::start(
            &Destination::new(closed_port()).api_key(secret("key")),
            patient(),
        )
        .expect("an exporter"),
    );
    shown.debug("Encoder", &encoder);
    shown.debug("EncodedBody", &packed);
    shown.debug(
        "HttpRequest",
        &HttpRequest::new(Method::POST, "/runs", PATIENCE).body(body),
    );
    shown.debug("EncodedBody", &EncodedBody::json(secret("text")));
    shown.debug(
        "Attachment",
        &Attachment::new("a", "text/plain", secret("file").into_bytes()),
    );
    shown.debug("BatchExporter", &exporter);
    shown.debug("a sink", &To(exporter));
    shown.debug("BatchConfig", &BatchConfig::default());
    shown.debug("Secret", &Secret::from(secret("text")));
    shown.add("Secret", Secret::from(secret("text")).to_string());
}

#[cfg(feature = "langsmith_mock")]
fn stand_in(shown: &Shown) {
    use common::langsmith_mock::{LangSmithMock, MockRequest};
    let builder = LangSmithMock::builder().keys([secret("allowed")]);
    shown.debug("MockBuilder", &builder);
    let mut request = MockRequest::new(Method::GET, "/info", secret("body").into_bytes());
    let key = http::HeaderValue::from_str(&secret("key")).expect("a value");
    request.headers.insert("x-api-key", key);
    shown.debug("MockRequest", &request);
}

#[test]
fn no_key_shows_whatever_is_formatted_and_whatever_goes_wrong() {
    let shown = Shown::default();
    tracing::subscriber::set_global_default(Log(shown.clone())).expect("the only one");
    for code in [202, 301, 401, 403, 404, 413, 415, 422, 429, 500] {
        a_client_in_trouble(&shown, code);
    }
    shown.error("CheckError", &CheckError::NotSending);
    settings(&shown);
    broken_destinations(&shown);
    bodies(&shown);
    #[cfg(feature = "langsmith_mock")]
    stand_in(&shown);
    let shown = shown.all();
    assert!(
        shown.iter().any(|(what, _)| what.starts_with("hyper")),
        "what lies below is listened to"
    );
    assert!(
        shown.iter().any(|(_, text)| text.contains("trying again")),
        "the client speaks of its trouble"
    );
    for (what, text) in shown {
        assert!(!text.contains(MARK), "{what}: {text}");
    }
}
