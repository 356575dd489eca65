//! The official middleware and ours, asked the same over raw sockets: where it answers 500, ours does not.

mod wire;

use std::net::SocketAddr;

use fastapi_middleware::peers::Peers;
use fastapi_middleware::stage::Stage;
use wire::recorded;

fn address(url: &str) -> SocketAddr {
    url.trim_start_matches("http://")
        .parse()
        .expect("an address")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_header_that_costs_the_official_middleware_the_request_costs_ours_nothing() {
    if !wire::python_is_here() {
        return;
    }
    let peers = Peers {
        python: true,
        node: false,
    };
    let stage = Stage::set(peers).await.expect("both services start");
    let (theirs, ours) = (address(&stage.peer.url), address(&stage.axum));
    let (mut asked, mut broken) = (0, 0);
    for case in recorded::cases() {
        let headers = recorded::headers(&case);
        // Headers that name hosts elsewhere are for our service only; here nothing leaves the machine.
        if headers.iter().any(|(_, value)| value.contains("evil")) {
            continue;
        }
        assert_eq!(wire::get(ours, "/", &headers).await.0, 200, "{case}");
        let outcome = case["python_tracing_middleware"]["outcome"]
            .as_str()
            .expect("recorded");
        let expected = if outcome.contains("HTTP 500") {
            500
        } else {
            200
        };
        let (status, _) = wire::get(theirs, "/", &headers).await;
        assert_eq!(status, expected, "{outcome}: {case}");
        asked += 1;
        broken += usize::from(status == 500);
    }
    assert!(asked > 50 && broken > 10, "{broken} of {asked}");
}
