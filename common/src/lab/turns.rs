//! The same work in several ways, taken in turns, so that all of them meet the same machine.
//!
//! ```text
//! round 1: a b c · round 2: b c a · …  ──► the middle of each way's times
//! ```
//!
//! Start at [`in_turns`], which is for requests; [`in_rounds`] is for work too short to be measured once.

use std::time::{Duration, Instant};

use reqwest::RequestBuilder;

/// Rounds that are not measured: connections are made, code is loaded.
const WARM_UP: usize = 20;

/// Sends the request of each way `rounds` times, one at a time, and returns the median time of each.
///
/// Every round begins with another way: a neighbor on the machine disturbs all of them alike. A request
/// that fails is left out; a way of which nothing is left took no time.
///
/// ```
/// use axum::{Router, routing::get};
/// use common::lab::{Service, http_client, in_turns};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let service = Service::start("service", Router::new().route("/", get(|| async { "42" })));
/// let plain = http_client().get(service.url("/"));
/// let longer = http_client().get(service.url("/")).header("baggage", "a=1");
/// let took = in_turns(3, [("plain", plain), ("with baggage", longer)]).await;
/// assert_eq!(took.len(), 2);
/// # }
/// ```
pub async fn in_turns<L: Into<String>>(
    rounds: usize,
    ways: impl IntoIterator<Item = (L, RequestBuilder)>,
) -> Vec<(String, Duration)> {
    let mut ways: Vec<(String, RequestBuilder, Vec<Duration>)> = ways
        .into_iter()
        .map(|(label, request)| (label.into(), request, Vec::with_capacity(rounds)))
        .collect();
    let count = ways.len();
    for round in 0..WARM_UP + rounds {
        for at in 0..count {
            let (_, request, times) = &mut ways[(round + at) % count];
            let took = once(request).await;
            if round >= WARM_UP {
                times.extend(took);
            }
        }
    }
    ways.into_iter()
        .map(|(label, _, times)| (label, median(times)))
        .collect()
}

/// Does the work of each way `times` in a row, `rounds` times over, and returns the median time of doing it
/// once. Every round begins with another way.
///
/// ```
/// use common::lab::in_rounds;
///
/// let text = "42".repeat(100);
/// let took = in_rounds(3, 100, &[("copy", &|| drop(text.clone())), ("parse", &|| drop("42".parse::<u8>()))]);
/// assert_eq!(took.len(), 2);
/// ```
pub fn in_rounds(rounds: usize, times: u32, ways: &[(&str, &dyn Fn())]) -> Vec<(String, Duration)> {
    let mut took: Vec<Vec<Duration>> = vec![Vec::with_capacity(rounds); ways.len()];
    for round in 0..rounds {
        for at in 0..ways.len() {
            let at = (round + at) % ways.len();
            let begun = Instant::now();
            (0..times).for_each(|_| (ways[at].1)());
            took[at].push(begun.elapsed() / times.max(1));
        }
    }
    let labels = ways.iter().map(|(label, _)| (*label).to_owned());
    labels.zip(took.into_iter().map(median)).collect()
}

async fn once(request: &RequestBuilder) -> Option<Duration> {
    // A body that is no stream can always be sent again.
    let request = request.try_clone()?;
    let begun = Instant::now();
    let answer = request.send().await.ok()?.error_for_status().ok()?;
    answer.bytes().await.ok()?;
    Some(begun.elapsed())
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times.get(times.len() / 2).copied().unwrap_or_default()
}
