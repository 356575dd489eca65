//! The sink takes what is sent and fails in the ways that it is told to.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use bench::sink::{Script, Sink, Trouble};

fn post(sink: &Sink, path: &str, body: &str) -> String {
    let request = format!(
        "POST {path} HTTP/1.1\r\nhost: sink\r\nx-api-key: k\r\ncontent-length: {}\r\n\
         connection: close\r\n\r\n{body}",
        body.len()
    );
    exchange(sink, &request).unwrap_or_default()
}

/// Sends a request and returns the head of the answer.
fn exchange(sink: &Sink, request: &str) -> std::io::Result<String> {
    let mut stream = TcpStream::connect(sink.url.trim_start_matches("http://"))?;
    stream.set_read_timeout(Some(Duration::from_millis(500)))?;
    stream.write_all(request.as_bytes())?;
    let mut answer = [0; 512];
    let read = stream.read(&mut answer)?;
    Ok(String::from_utf8_lossy(&answer[..read]).into_owned())
}

const RUN: &str = r#"{"post":[{"id":"1","name":"bad","inputs":{},"outputs":{},"end_time":"now"}]}"#;

#[test]
fn what_is_taken_is_counted_once() {
    let sink = Sink::start(Script::default()).expect("a sink");
    for _ in 0..2 {
        assert!(post(&sink, "/runs/batch", RUN).starts_with("HTTP/1.1 202"));
    }
    let tally = sink.finish().expect("readable");
    assert_eq!((tally.requests, tally.complete()), (2, 1));
    assert_eq!(tally.duplicates(), 2, "a beginning and an end");
}

#[test]
fn a_chunked_body_is_a_body() {
    let sink = Sink::start(Script::default()).expect("a sink");
    let request = format!(
        "POST /runs/batch HTTP/1.1\r\nhost: sink\r\ntransfer-encoding: chunked\r\n\r\n\
         {:x}\r\n{RUN}\r\n0\r\n\r\n",
        RUN.len()
    );
    let answer = exchange(&sink, &request).expect("an answer");
    assert!(answer.starts_with("HTTP/1.1 202"), "{answer}");
    assert_eq!(sink.finish().expect("readable").complete(), 1);
}

#[test]
fn what_is_refused_is_not_delivered() {
    let always = |status| Trouble::Status {
        status,
        percent: 100,
    };
    for (trouble, status) in [
        (always(503), "503"),
        (Trouble::TooMany, "429"),
        (Trouble::Refuse { status: 422 }, "422"),
        (Trouble::TooLarge { over: 10 }, "413"),
    ] {
        let sink = Sink::start(Script::always(trouble)).expect("a sink");
        let answer = post(&sink, "/runs/batch", RUN);
        assert_eq!(&answer[9..12], status);
        assert_eq!(sink.finish().expect("readable").complete(), 0);
    }
}

#[test]
fn a_redirect_names_the_other_place() {
    let to = "http://127.0.0.1:9".to_owned();
    let sink = Sink::start(Script::always(Trouble::Redirect { to })).expect("a sink");
    let answer = post(&sink, "/runs/batch", RUN);
    assert!(answer.contains("location: http://127.0.0.1:9/runs/batch"));
    assert!(sink.saw_key());
}

#[test]
fn silence_resets_and_absence_are_no_answer() {
    for trouble in [
        Trouble::Hang,
        Trouble::ResetInBody { percent: 100 },
        Trouble::ResetAtOnce { percent: 100 },
    ] {
        let sink = Sink::start(Script::always(trouble)).expect("a sink");
        assert_eq!(post(&sink, "/runs/batch", RUN), "");
    }
}

#[test]
fn one_that_was_away_comes_back() {
    let away = Duration::from_millis(50);
    let script = Script::passing(Trouble::Down, Duration::ZERO, away);
    let sink = Sink::start(script).expect("a sink");
    let answered = (0..400).any(|_| {
        std::thread::sleep(Duration::from_millis(10));
        post(&sink, "/runs/batch", RUN).starts_with("HTTP/1.1 202")
    });
    assert!(answered, "it listens again");
}

#[test]
fn questions_are_answered_whatever_is_wrong() {
    let trouble = Trouble::Status {
        status: 500,
        percent: 100,
    };
    let sink = Sink::start(Script::always(trouble)).expect("a sink");
    let answer = exchange(&sink, "GET /info HTTP/1.1\r\nhost: sink\r\n\r\n").expect("an answer");
    assert!(answer.contains("zstd_compression_enabled"), "{answer}");
}
