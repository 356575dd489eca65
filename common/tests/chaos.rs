//! The chaos proxy: each switch, what arrives behind it, what our layer counts, and what the log says.
#![cfg(feature = "lab")]

#[path = "chaos/wire.rs"]
mod wire;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::http::HeaderMap;
use axum::routing::{get, post};
use common::chaos::{ChaosError, ChaosOrders, ChaosOutcome, ChaosTarget};
use common::model::RunContext;
use common::prelude::*;
use common::propagation::PropagationCounters;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

const ORDER: &str = "20261122T100538926531Z01a202b7-f0ee-7646-9e7b-a245c1fc89c2";
const BAGGAGE: &str = "langsmith-metadata=%7B%22customer%22%3A%22u-1%22%7D,langsmith-tags=beta,\
    langsmith-project=docs";

/// A service behind a layer, a proxy before it, and what both know.
struct Scene {
    sink: Arc<MemorySink>,
    layer: TracingLayer,
    chaos: Chaos,
    _service: Service,
}

impl Scene {
    fn start() -> Self {
        let sink = Arc::new(MemorySink::new());
        let tracer = Tracer::builder(sink.clone()).build();
        let layer = TracingLayer::new(&tracer)
            .policy(TrustPolicy::Continue)
            .allow_projects(["docs"]);
        let handler = || async { "forty-two" };
        let router = Router::new()
            .route("/ask", get(handler).post(handler))
            .route("/other", get(handler));
        let service = Service::start("service", router.layer(layer.clone()));
        let chaos = Chaos::before(&service);
        Self {
            sink,
            layer,
            chaos,
            _service: service,
        }
    }

    async fn get(&self, path: &str) -> Result<u16, reqwest::Error> {
        let request = http_client().get(self.chaos.url(path));
        let request = request
            .header("langsmith-trace", ORDER)
            .header("baggage", BAGGAGE);
        let answer = request.send().await?;
        let status = answer.status().as_u16();
        answer.text().await.map(|_| status)
    }

    /// Returns what the layer counted: the outcome, and the ignored entries.
    fn counted(&self) -> String {
        let PropagationCounters { ignored, .. } = self.layer.counters();
        let all = self.layer.counters().to_string();
        let outcomes = all.split(';').next().expect("outcomes");
        format!("{outcomes}; {ignored}")
    }
}

/// What came of the caller's context in the service's run: `parent project tags metadata`.
fn came(run: &Run) -> String {
    let parent = if run.parent_run_id.is_some() {
        "below"
    } else {
        "root"
    };
    let project = run.project.as_deref().unwrap_or("-");
    let customer = run.extra.metadata.get("customer").and_then(Value::as_str);
    format!(
        "{parent} {project} [{}] {}",
        run.tags.join(","),
        customer.unwrap_or("-")
    )
}

/// Each switch on headers, with what the layer counts and what its run has.
const ON_HEADERS: &[(&str, &str, &str)] = &[
    ("calm", "continued 1; none", "below docs [beta] u-1"),
    ("strip=langsmith-trace", "absent 1; none", "root - [] -"),
    ("strip=baggage", "continued 1; none", "below - [] -"),
    (
        "duplicate=langsmith-trace",
        "ambiguous 1; none",
        "root - [] -",
    ),
    (
        "duplicate=baggage",
        "continued 1; none",
        "below docs [beta] u-1",
    ),
    ("fold=langsmith-trace", "ambiguous 1; none", "root - [] -"),
    (
        "recase=langsmith-trace",
        "continued 1; none",
        "below docs [beta] u-1",
    ),
    (
        "recase=Baggage",
        "continued 1; none",
        "below docs [beta] u-1",
    ),
    (
        "truncate=langsmith-trace@55",
        "malformed 1; none",
        "root - [] -",
    ),
    (
        "truncate=langsmith-trace@0",
        "absent 1; none",
        "root - [] -",
    ),
    // In the middle of the JSON of the metadata; the members behind it are gone.
    (
        "truncate=baggage@40",
        "continued 1; bad_metadata 1",
        "below - [] -",
    ),
    // In the middle of the next member's name: that is a member without `=`.
    (
        "truncate=baggage@55",
        "continued 1; bad_member 1",
        "below - [] u-1",
    ),
    ("reorder", "continued 1; none", "below docs [beta] u-1"),
    (
        "reorder=baggage",
        "continued 1; none",
        "below docs [beta] u-1",
    ),
    (
        "blanks=langsmith-trace",
        "continued 1; none",
        "below docs [beta] u-1",
    ),
    (
        "blanks=baggage",
        "continued 1; none",
        "below docs [beta] u-1",
    ),
    (
        "property=baggage",
        "continued 1; none",
        "below docs [beta] u-1",
    ),
    (
        "replace=langsmith-trace@garbage",
        "malformed 1; none",
        "root - [] -",
    ),
    (
        "replace=baggage@langsmith-project=another",
        "continued 1; project_not_allowed 1",
        "below - [] -",
    ),
    (
        "pad=langsmith-trace@8193",
        "oversize 1; none",
        "root - [] -",
    ),
    // The padding itself and all that is behind it are over the budget.
    (
        "pad=baggage@8300",
        "continued 1; over_budget 4",
        "below - [] -",
    ),
    ("delay=1ms", "continued 1; none", "below docs [beta] u-1"),
    ("trickle=1us", "continued 1; none", "below docs [beta] u-1"),
];

#[tokio::test(flavor = "multi_thread")]
async fn each_switch_shows_in_the_counters_of_the_service_as_what_it_is() {
    for (words, counted, run) in ON_HEADERS {
        let scene = Scene::start();
        let switch: ChaosSwitch = words.parse().expect(words);
        assert_eq!(
            switch.to_string().split('@').next(),
            words.split('@').next()
        );
        scene.chaos.switch(switch.clone());
        assert_eq!(scene.get("/ask").await.expect(words), 200, "{words}");
        assert_eq!(scene.counted(), *counted, "{words}");
        assert_eq!(came(&scene.sink.runs()[0]), *run, "{words}");
        let entry = &scene.chaos.log()[0];
        assert_eq!(entry.outcome, ChaosOutcome::Passed(200), "{words}");
        let did: Vec<String> = match *words {
            "calm" => Vec::new(),
            _ => vec![switch.to_string()],
        };
        assert_eq!(entry.did, did, "{words}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_proxy_answers_the_service_never_hears_of() {
    for (words, status) in [
        ("431", 431),
        ("status=500", 500),
        ("503", 503),
        ("limit=100", 431),
    ] {
        let scene = Scene::start();
        scene.chaos.switch(words.parse().expect(words));
        assert_eq!(scene.get("/ask").await.expect(words), status);
        assert_eq!(scene.counted(), "nothing yet; none", "{words}");
        assert_eq!(scene.chaos.log()[0].outcome, ChaosOutcome::Answered(status));
        let counters = scene.chaos.counters();
        assert_eq!(
            (counters.requests, counters.answered, counters.untouched),
            (1, 1, 0)
        );
    }
    let scene = Scene::start();
    scene.chaos.limit(BAGGAGE.len() + "baggage: ".len());
    assert_eq!(
        scene.get("/ask").await.expect("an answer"),
        200,
        "the limit itself fits"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn names_lines_and_blanks_arrive_as_the_switch_made_them() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
        .await
        .expect("a free port");
    let address = listener.local_addr().expect("bound");
    let raw = tokio::spawn(async move {
        let mut heads = Vec::new();
        for _ in 0..3 {
            let (mut stream, _) = listener.accept().await.expect("the proxy");
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                assert!(stream.read_buf(&mut head).await.expect("read") > 0);
            }
            let answer = b"HTTP/1.1 204 No Content\r\n\r\n";
            stream.write_all(answer).await.expect("sent");
            heads.push(String::from_utf8(head).expect("text"));
        }
        heads
    });
    let chaos = Chaos::before(format!("http://{address}"));
    chaos.script([
        ChaosSwitch::recase("baggage"),
        ChaosSwitch::blanks("baggage").and(ChaosSwitch::property("baggage", "ttl=3")),
        ChaosSwitch::reorder(),
    ]);
    let proxy = chaos.url("");
    for _ in 0..3 {
        let mut stream = TcpStream::connect(proxy.trim_start_matches("http://"))
            .await
            .expect("loopback");
        let request =
            b"GET / HTTP/1.1\r\nHost: x\r\nbaggage: a=1,b=2\r\nConnection: keep-alive\r\n\r\n";
        stream.write_all(request).await.expect("sent");
        let mut answer = String::new();
        stream
            .read_to_string(&mut answer)
            .await
            .expect("answered, and closed");
        assert_eq!(
            answer,
            "HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n"
        );
    }
    assert_eq!(chaos.script_left(), 0);
    let heads = raw.await.expect("a service");
    let expected = [
        "Host: x\r\nBAGGAGE: a=1,b=2\r\nconnection: close",
        "Host: x\r\nbaggage: a=1;ttl=3,b=2;ttl=3\r\nconnection: close",
        "baggage: a=1,b=2\r\nHost: x\r\nconnection: close",
    ];
    for (head, lines) in heads.iter().zip(expected) {
        assert_eq!(*head, format!("GET / HTTP/1.1\r\n{lines}\r\n\r\n"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_script_has_a_switch_for_each_request_and_leaves_what_stays_in_force() {
    let scene = Scene::start();
    scene.chaos.strip("accept").script([
        ChaosSwitch::strip("baggage").times(2),
        ChaosSwitch::calm(),
        ChaosSwitch::status(503).on("/ask"),
    ]);
    assert_eq!(scene.chaos.script_left(), 4);
    let mut statuses = Vec::new();
    for path in ["/ask", "/ask", "/ask", "/other", "/ask", "/ask"] {
        statuses.push(scene.get(path).await.expect("an answer"));
    }
    assert_eq!(statuses, [200, 200, 200, 200, 503, 200]);
    let did: Vec<String> = scene
        .chaos
        .log()
        .iter()
        .map(|entry| entry.did.join(" "))
        .collect();
    assert_eq!(
        did,
        [
            "strip=baggage strip=accept",
            "strip=baggage strip=accept",
            "strip=accept",
            "strip=accept",
            "status=503 strip=accept",
            "strip=accept",
        ]
    );
    scene.chaos.calm();
    assert_eq!(scene.get("/ask").await.expect("an answer"), 200);
    let counters = scene.chaos.counters();
    assert_eq!(counters.by_switch["strip=baggage"], 2);
    assert_eq!(
        counters.to_string(),
        "7 requests: 1 untouched, 6 passed, 1 answered by the proxy, 0 reset, 0 without an answer; \
         status=503 1; strip=accept 6; strip=baggage 2"
    );
    assert_eq!(
        scene.chaos.log()[4].to_string(),
        "5 GET /ask: status=503, strip=accept → 503 by the proxy"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_route_a_share_and_a_number_limit_a_switch_and_chance_comes_from_the_seed() {
    let drawn = |seed: u64| async move {
        let scene = Scene::start();
        scene
            .chaos
            .seed(seed)
            .switch(ChaosSwitch::status(500).percent(30));
        let mut drawn = Vec::new();
        for _ in 0..40 {
            drawn.push(scene.get("/ask").await.expect("an answer") == 500);
        }
        drawn
    };
    let (first, again, other) = (drawn(7).await, drawn(7).await, drawn(8).await);
    assert_eq!(first, again);
    assert_ne!(first, other);
    let share = first.iter().filter(|drawn| **drawn).count();
    assert!((6..=18).contains(&share), "{share} of 40 at 30 %");

    let scene = Scene::start();
    scene
        .chaos
        .switch(ChaosSwitch::status(500).on("/oth*").times(1));
    for (path, status) in [("/ask", 200), ("/other", 500), ("/other", 200)] {
        assert_eq!(scene.get(path).await.expect("an answer"), status);
    }
}

#[test]
fn the_page_on_chaos_has_each_switch_with_what_is_counted() {
    let page = include_str!("../../docs/chaos.md");
    for (words, counted, _) in ON_HEADERS.iter().filter(|(words, _, _)| *words != "calm") {
        let row = format!("| `{words}` | {counted} |");
        assert!(page.contains(&row), "no row: {row}");
    }
    let rows = page
        .lines()
        .filter(|line| line.starts_with("| `") && line.contains(" 1; "))
        .count();
    assert_eq!(rows, ON_HEADERS.len() - 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_that_is_not_there_is_a_502_and_an_address_that_is_none_is_refused() {
    let gone = {
        let service = Service::start("gone", Router::new());
        service.url("")
    };
    // The port is free again once nobody answers on it.
    while TcpStream::connect(gone.trim_start_matches("http://"))
        .await
        .is_ok()
    {
        tokio::task::yield_now().await;
    }
    let chaos = Chaos::before(gone);
    let answer = http_client()
        .get(chaos.url("/"))
        .send()
        .await
        .expect("an answer");
    assert_eq!(answer.status(), 502);
    assert_eq!(chaos.log()[0].outcome, ChaosOutcome::Lost);
    for bad in [
        "",
        "127.0.0.1:80",
        "https://127.0.0.1",
        "http://127.0.0.1/path",
        "http:// /",
    ] {
        let refused = Chaos::try_before(ChaosTarget::from(bad), 0);
        assert!(matches!(refused, Err(ChaosError::Target(_))), "{bad}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn runs_arrive_through_a_bad_network_before_the_stand_in_each_once() {
    let mock = LangSmithMock::serve(([127, 0, 0, 1], 0).into())
        .await
        .expect("a stand-in");
    let chaos = Chaos::before(&mock);
    chaos.script([
        ChaosSwitch::status(503).on("/runs*"),
        ChaosSwitch::reset_at(ChaosReset::BeforeAnswer).on("/runs*"),
        ChaosSwitch::reset_at(ChaosReset::InRequest).on("/runs*"),
        ChaosSwitch::reset().on("/runs*"),
    ]);
    let client = Client::builder()
        .endpoint(chaos.url(""))
        .api_key("a-key-for-tests-only-0001")
        .build()
        .expect("a client");
    let root = client.run("answer").start();
    root.child("search").start().end();
    root.end();
    client
        .flush_async(Duration::from_secs(60))
        .await
        .expect("delivered");
    assert_eq!(chaos.script_left(), 0);
    assert_eq!(mock.tree().len(), 2);
    assert!(mock.tree().is_whole());
    assert_eq!(chaos.counters().reset, 3);
}

#[test]
fn orders_are_read_as_they_are_written_and_nonsense_is_refused_in_words() {
    let all = "strip=a,duplicate=a,fold=a,recase=a,truncate=a@3,reorder,reorder=a,blanks=a,property=a@ttl=3,\
        replace=a@b=c,pad=a@9,limit=8192,delay=1500us,delay=200ms,delay=2s,reset,reset=before-answer,\
        reset=in-request,status=431,trickle=5ms,calm,strip=a+delay=1ms:/runs/*:20%:3x,seed=7";
    let orders: ChaosOrders = all.parse().expect("orders");
    assert_eq!(
        (orders.switches.len(), orders.to_string()),
        (22, all.to_owned())
    );
    let padded = ChaosSwitch::pad("a", usize::MAX);
    assert_eq!(padded.to_string(), "pad=a@1048576");
    let short: ChaosOrders = " property=a , 503 ,".parse().expect("orders");
    assert_eq!(short.to_string(), "property=a@ttl=3,status=503");
    for (bad, words) in [
        ("stripp=a", "`stripp=a` is no switch; there are strip, "),
        ("strip", "write strip=NAME"),
        ("truncate=a", "write truncate=NAME@BYTES"),
        ("delay=5", "write delay=200ms"),
        ("status=200", "write status=400 to status=599"),
        ("200", "`200` is no switch"),
        ("reset=never", "write reset, reset=in-request"),
        ("seed=x", "write seed=NUMBER"),
        (
            "pad=baggage@18446744073709551615",
            "write pad=NAME@BYTES, with at most 1048576 bytes",
        ),
        ("pad=a@1048577", "with at most 1048576 bytes"),
        ("503:101%", "`101%` limits nothing"),
        ("503:often", "`often` limits nothing"),
    ] {
        let error = bad.parse::<ChaosOrders>().expect_err(bad).to_string();
        assert!(error.contains(words), "{bad}: {error}");
    }
}

proptest::proptest! {
    #[test]
    fn whatever_is_ordered_is_read_or_refused_and_what_is_read_is_written_as_it_was(
        words in "[a-z@=+:/*%0-9 ,-]{0,40}",
        known in "(strip|delay|reset|status|truncate|pad|property|limit)=?[a-z0-9@]{0,6}(:[/a-z0-9%x]{0,4})?",
    ) {
        for text in [words, known] {
            if let Ok(orders) = text.parse::<ChaosOrders>() {
                let written = orders.to_string();
                proptest::prop_assert_eq!(written.parse::<ChaosOrders>().expect("written"), orders, "{}", text);
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_with_a_wrong_clock_is_seen_in_its_runs_and_its_trace_stays_right() {
    let (lesson, clock) = (Lesson::start("clocks").await, SkewedClock::new());
    clock.behind(Duration::from_secs(3600));
    let (gateway, told) = (lesson.client("gateway"), clock.clone());
    let retriever = lesson.client_with("retriever", |client| client.clock(Arc::new(told)));
    let root = gateway.run("gateway").start();
    let context: RunContext = root.context().expect("recorded");
    retriever
        .run("retriever")
        .parent(context.clone())
        .start()
        .end();
    clock.right();
    retriever.run("mended").parent(context).start().end();
    root.end();
    let tree = lesson.tree(3).await;
    assert!(tree.is_whole());
    let run = |name: &str| tree.find(name).cloned().expect(name);
    let skew = |run: &Run| {
        run.extra
            .metadata
            .get("clock_skew_ms")
            .and_then(Value::as_i64)
    };
    assert_eq!(run("retriever").start_time, run("gateway").start_time);
    let behind = skew(&run("retriever")).expect("told");
    assert!((3_590_000..=3_600_000).contains(&behind), "{behind}");
    assert_eq!(skew(&run("mended")), None);
    assert!(lesson.mock().errors().is_empty());
}
