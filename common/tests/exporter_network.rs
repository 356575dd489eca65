//! A network on a bad day: what is cut, slow, endless, stale or elsewhere.
#![cfg(feature = "client")]

mod exporting;
mod faulty;
mod peer;

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use common::client::Client;
use common::export::{BatchConfig, Delivery, DropReason};
use common::model::Attachment;
use exporting::{KEY, PATIENCE, fast, held_for, one_run, patient};
use faulty::{Act, Faulty, answer, ok};
use peer::closed_port;

fn client(url: &str, batch: BatchConfig) -> Client {
    let builder = Client::builder().endpoint(url).api_key(KEY);
    builder.batch(batch).build().expect("a client")
}

/// One request for each run, and no question of what the server prefers: each connection's script is for
/// what the test sends.
fn plain() -> BatchConfig {
    BatchConfig {
        delivery: Delivery::Unbatched,
        max_in_flight: 1,
        ..fast()
    }
}

/// Starts a run; that is one operation.
fn post(client: &Client) -> common::trace::RunTree {
    client.run("r").start()
}

#[test]
fn a_connection_that_breaks_costs_a_repetition_of_the_same_and_no_run() {
    let half = b"HTTP/1.1 202 X\r\nContent-Le".to_vec();
    for (what, fault) in [
        ("closed at once", vec![]),
        ("closed before the answer", vec![Act::Read]),
        (
            "half-closed before the answer",
            vec![Act::Read, Act::HalfClose],
        ),
        ("half-closed at once", vec![Act::HalfClose]),
        ("reset at once", vec![Act::Reset]),
        ("reset in mid body", vec![Act::ReadSome(200), Act::Reset]),
        ("accepted, then reset", vec![Act::Read, Act::Reset]),
        ("cut within the head", vec![Act::Read, Act::Write(half)]),
        ("garbage", vec![Act::Read, Act::Write(vec![0xff; 5_000])]),
        (
            "nothing but line breaks",
            vec![Act::Read, Act::Write(b"\r\n".repeat(5_000))],
        ),
        (
            "another protocol",
            vec![Act::Read, Act::Write(b"SSH-2.0-x\r\n".to_vec())],
        ),
    ] {
        let server = Faulty::start([fault, vec![Act::Read, answer(202), Act::Read]]);
        let client = client(&server.url(), plain());
        let run = post(&client);
        client
            .flush(PATIENCE)
            .unwrap_or_else(|error| panic!("{what}: {error}"));
        let stats = client.stats();
        assert_eq!((stats.delivered, stats.retries), (1, 1), "{what}");
        let seen = server.seen();
        let requests = seen.ingest();
        assert!(requests.iter().all(|it| it.1 == requests[0].1), "{what}");
        drop(run);
    }
}

#[test]
fn a_success_whose_words_are_cut_slow_or_endless_is_a_success_and_not_read_to_the_end() {
    let head =
        |length: usize| format!("HTTP/1.1 202 X\r\nContent-Length: {length}\r\n\r\n").into_bytes();
    let chunked = b"HTTP/1.1 200 X\r\nTransfer-Encoding: chunked\r\n\r\n".to_vec();
    let chunk = [b"10000\r\n".to_vec(), vec![b'x'; 0x10000], b"\r\n".to_vec()].concat();
    for (what, words) in [
        (
            "cut",
            vec![Act::Write(head(1_000)), Act::Write(vec![b'x'; 10])],
        ),
        ("reset", vec![Act::Write(head(1_000)), Act::Reset]),
        (
            "100 MB",
            vec![
                Act::Write(head(100 << 20)),
                Act::Endless(vec![b'x'; 1 << 16]),
            ],
        ),
        ("endless", vec![Act::Write(chunked), Act::Endless(chunk)]),
        (
            "slow",
            vec![
                Act::Write(head(1_000_000)),
                Act::Trickle(vec![b'x'; 1_000_000], Duration::from_millis(20)),
            ],
        ),
    ] {
        let script = [vec![Act::Read], words].concat();
        let server = Faulty::start([script]);
        let mut batch = plain();
        batch.request_timeout = Duration::from_secs(2);
        let client = client(&server.url(), batch);
        let run = post(&client);
        client
            .flush(PATIENCE)
            .unwrap_or_else(|error| panic!("{what}: {error}"));
        assert_eq!(client.stats().requests, 1, "{what}");
        // Nobody reads on: the server's writing comes to an end.
        server.wait(|seen| seen.ended == 1);
        let written = server.seen().written;
        assert!(written < 16 << 20, "{what}: {written} bytes");
        drop(run);
    }
}

#[test]
fn one_deadline_ends_what_is_slow_whichever_side_it_is() {
    let slow_head = b"HTTP/1.1 202 X\r\nContent-Length: 0\r\n\r\n".to_vec();
    for (what, fault) in [
        ("no answer", vec![Act::Read, Act::Stall]),
        (
            "a slow head",
            vec![Act::Read, Act::Trickle(slow_head, Duration::from_secs(1))],
        ),
        ("reads nothing", vec![Act::Stall]),
    ] {
        // With the script of the first connection it never ends.
        let server = Faulty::start([fault, ok()]);
        let mut batch = BatchConfig {
            // The body does not fit into the buffers on the way.
            queue_bytes: 1 << 30,
            ..patient()
        };
        batch.request_timeout = Duration::from_millis(700);
        batch.linger = Duration::from_millis(1);
        let client = client(&server.url(), batch);
        let file = Attachment::new("file", "text/plain", vec![b'a'; 15 << 20]);
        let run = client.run("r").attachment(file).start();
        client
            .flush(PATIENCE)
            .unwrap_or_else(|error| panic!("{what}: {error}"));
        assert_eq!(client.stats().delivered, 1, "{what}");
        drop(run);
    }
}

#[test]
fn ten_thousand_headers_are_no_answer_and_nothing_breaks() {
    let mut head = "HTTP/1.1 202 X\r\n".to_owned();
    for number in 0..10_000 {
        head.push_str(&format!("x-{number}: y\r\n"));
    }
    let many = vec![Act::Read, Act::Write(format!("{head}\r\n").into_bytes())];
    let server = Faulty::start([many, ok()]);
    let client = client(&server.url(), plain());
    let run = post(&client);
    client
        .flush(PATIENCE)
        .expect("the second connection answers");
    assert_eq!(client.stats().delivered, 1);
    drop(run);
}

#[test]
fn a_connection_that_was_closed_meanwhile_is_replaced_in_silence() {
    for end in [vec![], vec![Act::Reset]] {
        // It takes the second request as far as its first bytes: as if it had closed just before.
        let stale = [vec![Act::Read, answer(202), Act::ReadSome(1)], end].concat();
        let server = Faulty::start([stale, vec![Act::Read, answer(202), Act::Read]]);
        let client = client(&server.url(), plain());
        let first = post(&client);
        client.flush(PATIENCE).expect("delivered");
        let second = post(&client);
        client.flush(PATIENCE).expect("delivered");
        let stats = client.stats();
        assert_eq!((stats.delivered, stats.requests, stats.retries), (2, 2, 0));
        assert_eq!(server.seen().connections, 2);
        drop((first, second));
    }
}

#[test]
fn a_server_that_closes_after_each_answer_costs_no_repetition() {
    let server = Faulty::start([ok()]);
    let client = client(&server.url(), plain());
    let runs: Vec<_> = (0..20).map(|_| post(&client)).collect();
    client.flush(PATIENCE).expect("delivered");
    let stats = client.stats();
    assert_eq!(
        (stats.delivered, stats.requests, stats.retries),
        (20, 20, 0)
    );
    drop(runs);
}

#[test]
fn a_server_that_was_away_gets_everything_once_it_is_there() {
    let url = closed_port();
    let client = client(&url, fast());
    for _ in 0..10 {
        one_run(&client);
    }
    assert_eq!(held_for(&client), DropReason::Unreachable);
    let address: SocketAddr = url
        .trim_start_matches("http://")
        .parse()
        .expect("an address");
    let twice: Vec<Act> = (0..50).flat_map(|_| ok()).collect();
    let Ok(server) = Faulty::at(address, [twice]) else {
        return; // Another program has taken the port.
    };
    client.flush(PATIENCE).expect("delivered");
    assert_eq!(client.stats().delivered, 20);
    assert!(!server.seen().ingest().is_empty());
}

#[test]
fn a_name_that_nobody_knows_is_trouble_with_the_endpoint_and_no_loss() {
    let client = client("https://langsmith.invalid", fast());
    one_run(&client);
    assert_eq!(held_for(&client), DropReason::Unreachable);
    assert_eq!(client.stats().total_dropped(), 0);
}

#[test]
fn an_address_is_joined_with_its_path_whatever_it_looks_like() {
    let v4: SocketAddr = (Ipv4Addr::LOCALHOST, 0).into();
    let v6: SocketAddr = (Ipv6Addr::LOCALHOST, 0).into();
    for (address, path, expected) in [
        (v4, "", "/runs/multipart"),
        (v4, "/", "/runs/multipart"),
        (v4, "/api/v1", "/api/v1/runs/multipart"),
        (v4, "/api/v1//", "/api/v1/runs/multipart"),
        (v6, "", "/runs/multipart"),
        (v6, "/api/v1/", "/api/v1/runs/multipart"),
    ] {
        let script: Vec<Act> = (0..50).flat_map(|_| ok()).collect();
        let Ok(server) = Faulty::at(address, [script]) else {
            assert!(address.is_ipv6(), "{address}");
            continue; // A machine without IPv6.
        };
        let client = client(&format!("{}{path}", server.url()), fast());
        one_run(&client);
        client.flush(PATIENCE).expect("delivered");
        let seen = server.seen();
        let head = &seen.ingest()[0].0;
        assert!(
            head.starts_with(&format!("POST {expected} HTTP/1.1\r\n")),
            "{head}"
        );
        let host = format!("host: {}\r\n", server.address);
        assert!(head.to_lowercase().contains(&host), "{head}");
    }
}

#[test]
fn no_redirect_is_followed_and_no_other_host_sees_the_key_or_anything() {
    let elsewhere: SocketAddr = (Ipv4Addr::new(127, 0, 0, 2), 0).into();
    let other = Faulty::at(elsewhere, [ok()])
        .or_else(|_| Faulty::at((Ipv4Addr::LOCALHOST, 0).into(), [ok()]));
    let other = other.expect("loopback");
    for code in [301, 302, 303, 307, 308] {
        for to in [
            format!("{}/runs/multipart", other.url()),
            format!("https://{}/", other.address),
            format!("//{}/", other.address),
            "/elsewhere".to_owned(),
        ] {
            let head = format!("HTTP/1.1 {code} X\r\nLocation: {to}\r\nContent-Length: 0\r\n\r\n");
            let turn = [Act::Read, Act::Write(head.into_bytes())];
            let script: Vec<Act> = (0..100).flat_map(|_| turn.clone()).collect();
            let server = Faulty::start([script]);
            let client = client(&server.url(), fast());
            one_run(&client);
            assert_eq!(held_for(&client), DropReason::Redirected);
            let seen = server.seen();
            assert!(
                seen.requests
                    .iter()
                    .all(|(head, _)| !head.contains("elsewhere"))
            );
            assert!(seen.ingest()[0].0.contains(KEY));
        }
    }
    assert_eq!(other.seen().connections, 0);
}

/// Set for the child process that has a proxy in its environment.
const CHILD: &str = "EXPORTER_NETWORK_CHILD";

#[test]
fn a_proxy_of_the_environment_sees_no_key() {
    if let Ok(endpoint) = std::env::var(CHILD) {
        let client = client(&endpoint, fast());
        one_run(&client);
        assert_eq!(held_for(&client), DropReason::Unreachable);
        return;
    }
    for (endpoint, no_proxy, expected) in [
        (
            "https://langsmith.invalid",
            "",
            Some("CONNECT langsmith.invalid:443"),
        ),
        ("https://langsmith.invalid", "langsmith.invalid", None),
        ("https://langsmith.invalid", ".invalid", None),
        // A key would be readable for the proxy; so it is not used.
        ("http://langsmith.invalid", "", None),
        ("http://127.0.0.1:9", "", None),
    ] {
        let refusal = b"HTTP/1.1 407 X\r\nContent-Length: 0\r\n\r\n".to_vec();
        let proxy = Faulty::start([vec![Act::Read, Act::Write(refusal)]]);
        let mut child = std::process::Command::new(std::env::current_exe().expect("this test"));
        child.args(["--exact", "a_proxy_of_the_environment_sees_no_key"]);
        for name in [
            "HTTP_PROXY",
            "http_proxy",
            "HTTPS_PROXY",
            "https_proxy",
            "ALL_PROXY",
        ] {
            child.env(name, proxy.url());
        }
        child.env("NO_PROXY", no_proxy).env("no_proxy", no_proxy);
        child.env_remove("REQUEST_METHOD").env(CHILD, endpoint);
        let output = child.output().expect("it runs");
        assert!(output.status.success(), "{output:?}");
        let seen = proxy.seen();
        let read = String::from_utf8_lossy(&seen.read);
        match expected {
            Some(line) => assert!(read.starts_with(line), "{endpoint}: {read}"),
            None => assert_eq!(seen.connections, 0, "{endpoint}, not {no_proxy}: {read}"),
        }
        assert!(!read.contains(KEY), "{read}");
    }
}
