//! Bytes on the wire: resets, heads in pieces, bodies of any length, WebSockets.

use super::*;

#[tokio::test(flavor = "multi_thread")]
async fn a_reset_is_an_error_for_the_caller_and_work_that_is_done_for_the_service() {
    for (at, counted) in [
        (ChaosReset::InAnswer, "continued 1; none"),
        (ChaosReset::BeforeAnswer, "continued 1; none"),
        (ChaosReset::InRequest, "nothing yet; none"),
    ] {
        let scene = Scene::start();
        scene.chaos.reset(at);
        assert!(scene.get("/ask").await.is_err(), "{at:?}");
        assert_eq!(scene.counted(), counted, "{at:?}");
        assert_eq!(scene.chaos.log()[0].outcome, ChaosOutcome::Reset);
        assert_eq!(scene.chaos.counters().reset, 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reset_in_the_answer_comes_after_half_of_its_body() {
    let scene = Scene::start();
    scene.chaos.reset(ChaosReset::InAnswer);
    let address = scene.chaos.url("");
    let mut stream = TcpStream::connect(address.trim_start_matches("http://"))
        .await
        .expect("loopback");
    let request = b"GET /ask HTTP/1.1\r\nhost: x\r\n\r\n";
    stream.write_all(request).await.expect("sent");
    let mut answer = Vec::new();
    let ended = stream.read_to_end(&mut answer).await;
    assert_eq!(
        ended.expect_err("it is reset").kind(),
        std::io::ErrorKind::ConnectionReset
    );
    let answer = String::from_utf8(answer).expect("text");
    assert!(
        answer.contains("content-length: 9\r\n") && answer.ends_with("\r\n\r\nfort"),
        "{answer}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reset_in_the_request_comes_after_half_of_its_body_whatever_its_length() {
    let reads = |body: axum::body::Bytes| async move { body.len().to_string() };
    let service = Service::start("reads", Router::new().route("/ask", post(reads)));
    let chaos = Chaos::before(&service);
    chaos.reset(ChaosReset::InRequest);
    let address = chaos.url("");
    let mut stream = TcpStream::connect(address.trim_start_matches("http://"))
        .await
        .expect("loopback");
    // It sends half of its body, and waits.
    let head =
        "POST /ask HTTP/1.1\r\nhost: x\r\nexpect: 100-continue\r\ncontent-length: 200000\r\n\r\n";
    stream.write_all(head.as_bytes()).await.expect("sent");
    let mut leave = [0; 25];
    stream.read_exact(&mut leave).await.expect("leave to send");
    assert_eq!(&leave, b"HTTP/1.1 100 Continue\r\n\r\n");
    stream.write_all(&[b'x'; 100_000]).await.expect("sent");
    let mut answer = Vec::new();
    let ended = stream.read_to_end(&mut answer).await;
    assert_eq!(
        ended.expect_err("it is reset").kind(),
        std::io::ErrorKind::ConnectionReset
    );
    assert_eq!(chaos.log()[0].outcome, ChaosOutcome::Reset);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_head_may_come_byte_by_byte_and_what_is_kept_of_it_is_short_and_harmless() {
    let scene = Scene::start();
    let address = scene.chaos.url("");
    let say = async |start: &str| {
        let mut stream = TcpStream::connect(address.trim_start_matches("http://"))
            .await
            .expect("loopback");
        stream.set_nodelay(true).expect("set");
        for byte in format!("{start} HTTP/1.1\r\nhost: x\r\n\r\n").into_bytes() {
            stream.write_all(&[byte]).await.expect("sent");
            tokio::task::yield_now().await;
        }
        let mut answer = Vec::new();
        // One that the service refuses may end with a reset.
        let _ = stream.read_to_end(&mut answer).await;
        String::from_utf8(answer).expect("text")
    };
    let answer = say("GET /ask?key=1").await;
    assert!(
        answer.starts_with("HTTP/1.1 200 OK\r\n") && answer.ends_with("forty-two"),
        "{answer}"
    );
    say(&format!("GE\u{1b}[2J /{}", "a".repeat(5_000))).await;
    let log = scene.chaos.log();
    assert_eq!((&*log[0].method, &*log[0].path), ("GET", "/ask"));
    assert_eq!(log[1].path, format!("/{}…", "a".repeat(199)));
    let printed = log[1].to_string();
    assert!(
        printed.starts_with("2 GE") && !printed.contains('\u{1b}'),
        "{printed:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn bodies_pass_whatever_their_length_and_a_refusal_reaches_who_still_sends() {
    let echo = Router::new().route(
        "/",
        post(|headers: HeaderMap, body: String| async move {
            assert!(headers.contains_key("content-type"));
            body
        }),
    );
    let service = Service::start(
        "echo",
        echo.layer(axum::extract::DefaultBodyLimit::max(8 << 20)),
    );
    let chaos = Chaos::before(&service);
    let body = "x".repeat(3 << 20);
    let request = http_client()
        .post(chaos.url("/"))
        .header("content-type", "text/plain");
    let answer = request.body(body.clone()).send().await.expect("an answer");
    assert_eq!(answer.text().await.expect("a body"), body);

    // A refusal reaches a caller that is still sending.
    chaos.status(503);
    let answer = http_client().post(chaos.url("/")).body(body).send().await;
    assert_eq!(answer.expect("an answer").status(), 503);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_websocket_passes_and_the_headers_of_its_upgrade_are_changed_like_others() {
    use axum::extract::ws::{Message, WebSocketUpgrade};
    use futures_util::{SinkExt as _, StreamExt as _};
    use tokio_tungstenite::tungstenite;

    let talk = get(|headers: HeaderMap, upgrade: WebSocketUpgrade| async move {
        let lines = headers.get_all("baggage").iter().count();
        upgrade.on_upgrade(move |mut socket| async move {
            while let Some(Ok(Message::Text(text))) = socket.recv().await {
                let answer = Message::text(format!("{text} {lines}"));
                if socket.send(answer).await.is_err() {
                    break;
                }
            }
        })
    });
    let service = Service::start("talk", Router::new().route("/", talk));
    let chaos = Chaos::before(&service);
    chaos.duplicate("baggage");
    let url = chaos.url("/").replace("http://", "ws://");
    let mut request =
        tungstenite::client::IntoClientRequest::into_client_request(url).expect("a request");
    request
        .headers_mut()
        .insert("baggage", "a=1".parse().expect("a value"));
    let (mut socket, _) = tokio_tungstenite::connect_async(request)
        .await
        .expect("connected");
    for word in ["one", "two"] {
        socket
            .send(tungstenite::Message::text(word))
            .await
            .expect("sent");
        let answer = socket.next().await.expect("an answer").expect("a frame");
        assert_eq!(
            answer.into_text().expect("text").as_str(),
            format!("{word} 2")
        );
    }
    assert_eq!(chaos.log()[0].outcome, ChaosOutcome::Passed(101));
}
