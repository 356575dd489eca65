//! Minutes at the highest rate that the machine sustains: does memory stay flat?
//!
//! ```text
//!   driver: trace, trace, … as fast as the queue takes them ─► sink that forgets
//!     └─ every ten seconds: runs so far, memory ─► terminal, chart
//! ```
//!
//! The loop is closed: it waits while the queue holds plenty, so nothing is refused, and the rate is what the
//! exporter gets rid of. Start at [`soak`].

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use common::client::Client;
use serde::{Deserialize, Serialize};

use crate::clocks;
use crate::contestants::{Contestant, Runtime};
use crate::drivers::one_trace;
use crate::process::Process;
use crate::protocol::{Ending, Order};
use crate::sink::{Script, Sink};
use crate::workload::{Payloads, Workload, write_prose};

/// How often memory is looked at.
const INTERVAL: Duration = Duration::from_secs(10);

/// Traces between two looks at the queue.
const STRETCH: usize = 16;

/// Bytes in the queue from which on the loop waits: the exporter is never idle, and nothing is refused.
const ENOUGH: usize = 16 * 1024 * 1024;

/// What was seen at one moment.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Moment {
    /// Since the start.
    pub seconds: f64,
    /// Runs created and ended so far.
    pub runs: u64,
    /// Memory held, in megabytes.
    pub held_mb: f64,
    /// CPU of the process so far, in seconds.
    pub cpu: f64,
    /// The books.
    pub said: String,
}

/// Has a process trace for so long and tells what it holds, a line each ten seconds.
///
/// # Errors
/// If the process does not start.
pub fn soak(time: Duration, mut told: impl FnMut(&Moment)) -> Result<Vec<Moment>> {
    let folder = crate::folders::make()?;
    let sink = Sink::start(Script::forgetful())?;
    let order = Order {
        url: sink.url.clone(),
        prose: write_prose(folder.path())?,
        workload: Workload {
            traces: 0,
            spans: 5,
            bytes: 1_024,
        },
        warm_up: 0,
        rate: None,
        ending: Ending::Flush,
        spool: None,
        odd: None,
        tells_ids: false,
        patience: time.as_secs_f64(),
    };
    let who = Contestant {
        name: "soak",
        title: "common, minutes long",
        runtime: Runtime::Rust,
        sends: true,
    };
    let process = Process::start(who, &order)?;
    let mut moments = Vec::new();
    while let Some(line) = process.line(Instant::now() + 3 * INTERVAL + Duration::from_secs(60)) {
        let moment: Moment = serde_json::from_str(&line).context("what the process holds")?;
        told(&moment);
        moments.push(moment);
    }
    anyhow::ensure!(
        !moments.is_empty(),
        "the process ended before it told anything"
    );
    Ok(moments)
}

/// The process's part: traces until the time that the order gives is over.
pub(crate) fn drive(order: &Order) -> Result<()> {
    let client = Client::builder()
        .endpoint(&order.url)
        .api_key("not-a-real-key")
        .project("bench")
        .build()?;
    let mut payloads = Payloads::read(&order.prose, order.workload.bytes)?;
    let began = Instant::now();
    let whole = Duration::from_secs_f64(order.patience);
    let mut runs = 0;
    let mut due = INTERVAL.min(whole);
    let mut texts = Vec::new();
    loop {
        for _ in 0..STRETCH {
            texts.extend((0..order.workload.spans).map(|_| payloads.next_pair()));
            one_trace(&client, &mut texts);
            runs += order.workload.spans as u64;
        }
        while client.stats().queued_bytes > ENOUGH {
            std::thread::sleep(Duration::from_micros(500));
        }
        let elapsed = began.elapsed();
        if elapsed < due {
            continue;
        }
        let is_over = elapsed >= whole;
        if is_over {
            let _ = client.flush(Duration::from_secs(30));
        }
        let moment = Moment {
            seconds: elapsed.as_secs_f64(),
            runs,
            held_mb: clocks::memory().map_or(0.0, |it| it.held as f64 / 1024.0),
            cpu: clocks::process_cpu().as_secs_f64(),
            said: client.stats().to_string(),
        };
        println!("{}", serde_json::to_string(&moment)?);
        if is_over {
            return Ok(());
        }
        due = (due + INTERVAL).min(whole);
    }
}
