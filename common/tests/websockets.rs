//! Contexts on a real WebSocket: in the headers of its upgrade, or, as from a browser, in its first frame.
#![cfg(feature = "lab")]

use axum::extract::ws::{Message, WebSocket, WebSocketUpgrade};
use axum::{Extension, Router, routing::get};
use common::prelude::*;
use common::propagation::carrier::stream;
use common::propagation::{Entries, LangSmithPropagator};
use futures_util::{SinkExt as _, StreamExt as _};
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::{self, Message as Frame};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

type Socket = WebSocketStream<MaybeTlsStream<tokio::net::TcpStream>>;

fn trusting() -> LangSmithPropagator {
    LangSmithPropagator::new().policy(TrustPolicy::Continue)
}

/// Answers each message with how many there were, and makes a run of the session and of each message. Its
/// run is below the upgrade's, or else below what the first frame says.
async fn session(mut socket: WebSocket, client: Client, upgraded: Option<RunTree>) {
    let mut waiting = None;
    let mut parent = upgraded.and_then(|run| run.context());
    if parent.is_none() {
        let Some(Ok(Message::Text(first))) = socket.recv().await else {
            return;
        };
        match stream::read_first_frame(&first) {
            Some(entries) => parent = trusting().extract(&entries).context,
            // It was the first message.
            None => waiting = Some(first),
        }
    }
    let session = client.run("session").parent(parent).start();
    let mut count = 0;
    loop {
        let text = match waiting.take() {
            Some(text) => text,
            None => match socket.recv().await {
                Some(Ok(Message::Text(text))) => text,
                _ => break,
            },
        };
        count += 1;
        let run = session
            .child("message")
            .inputs(json!({"text": text.as_str()}))
            .start();
        let sent = socket.send(Message::text(count.to_string())).await;
        run.end();
        if sent.is_err() {
            break;
        }
    }
    session.end_with(json!({"messages": count}));
}

/// Starts a service; with `layer` it reads the headers of the upgrade.
fn serve(client: &Client, layer: bool) -> Service {
    let of_session = client.clone();
    let upgrade = |upgrade: WebSocketUpgrade, trace: Option<Extension<IncomingTrace>>| async move {
        let run = trace.and_then(|Extension(trace)| trace.run().cloned());
        upgrade.on_upgrade(move |socket| session(socket, of_session, run))
    };
    let mut router = Router::new().route("/chat", get(upgrade));
    if layer {
        let layer = TracingLayer::new(client.tracer()).policy(TrustPolicy::Continue);
        router = router.layer(layer.name(|_| "upgrade".into()));
    }
    Service::start("chat", router)
}

async fn connect(request: tungstenite::handshake::client::Request) -> Socket {
    connect_async(request).await.expect("it listens").0
}

fn request(service: &Service) -> tungstenite::handshake::client::Request {
    let address = service.url("/chat").replace("http:", "ws:");
    address.into_client_request().expect("an address")
}

async fn ask(socket: &mut Socket, text: &str) -> String {
    socket.send(Frame::text(text)).await.expect("sent");
    let answer = socket.next().await.expect("connected").expect("a frame");
    answer.to_text().expect("a text").to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_headers_of_the_upgrade_say_where_a_session_belongs() {
    let lesson = Lesson::start("socket").await;
    let service = serve(&lesson.client("chat"), true);
    let root = lesson.client("gateway").run("gateway").start();
    let mut upgrade = request(&service);
    trusting().inject(&root.context().expect("recorded"), upgrade.headers_mut());
    let mut socket = connect(upgrade).await;
    assert_eq!(ask(&mut socket, "a").await, "1");
    assert_eq!(ask(&mut socket, "b").await, "2");
    socket.close(None).await.expect("closed");
    root.end();
    let tree = lesson.tree(5).await;
    assert!(tree.is_whole(), "{}", text_tree(&tree));
    let upgrade = tree.find("upgrade").expect("the request's run");
    let session = tree.find("session").expect("the session's run");
    assert_eq!(
        (upgrade.parent_run_id, session.parent_run_id),
        (root.id(), Some(upgrade.id))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_frame_says_it_where_no_header_can_and_is_no_message() {
    let lesson = Lesson::start("socket").await;
    let service = serve(&lesson.client("chat"), false);
    let root = lesson.client("browser").run("browser").start();
    let entries = Entries::of(&trusting(), &root.context().expect("recorded"));
    let mut socket = connect(request(&service)).await;
    let frame = stream::first_frame(&entries);
    socket.send(Frame::text(frame)).await.expect("sent");
    assert_eq!(ask(&mut socket, "a").await, "1");
    socket.close(None).await.expect("closed");
    root.end();
    let tree = lesson.tree(3).await;
    let session = tree.find("session").expect("the session's run");
    assert_eq!(session.parent_run_id, root.id());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_knows_nothing_of_it_is_answered_and_a_hostile_one_too() {
    let lesson = Lesson::start("socket").await;
    let service = serve(&lesson.client("chat"), false);
    let long = format!(
        r#"{{"trace_context":{{"langsmith-trace":"{}"}}}}"#,
        "x".repeat(100_000)
    );
    for (first, answer) in [
        (r#"{"question":"why?"}"#, "1"),
        (r#"{"trace_contexts":{}}"#, "1"),
        ("{", "1"),
        ("", "1"),
        // These are frames of the kind, and broken: nothing is handed on to the service.
        (r#"{"trace_context":7}"#, "none"),
        (
            r#" { "trace_context" : {"langsmith-trace":["x"]}} "#,
            "none",
        ),
        (r#"{"trace_context":"#, "none"),
        (&long, "none"),
    ] {
        let mut socket = connect(request(&service)).await;
        socket.send(Frame::text(first)).await.expect("sent");
        if answer == "1" {
            let got = socket.next().await.expect("connected").expect("a frame");
            assert_eq!(got.to_text().expect("a text"), answer, "{first}");
        } else {
            assert_eq!(ask(&mut socket, "a").await, "1", "{first}");
        }
        socket.close(None).await.expect("closed");
    }
    // Each session is a trace of its own, with one message.
    let tree = lesson.tree(16).await;
    assert_eq!(tree.trace_ids().len(), 8);
}
