//! SIGKILL, again and again, at moments that nobody chose: what a durable spool has stored must arrive.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use rustix::process::Signal;

use super::recover;
use crate::contestants;
use crate::folders;
use crate::process::Process;
use crate::protocol::{Ending, Order};
use crate::rounds::bar;
use crate::sink::{Script, Sink};
use crate::workload::{Workload, write_prose};

/// Kills a durable program `times` times, starts it once more, and looks for every run that it stored.
///
/// # Errors
/// If a run whose end call had returned did not arrive.
pub fn kills(times: usize, seed: u64) -> Result<String> {
    let folder = folders::make()?;
    let durable = contestants::named("ours-durable")?;
    let sink = Sink::start(Script::default())?;
    let order = Order {
        url: sink.url.clone(),
        prose: write_prose(folder.path())?,
        workload: Workload {
            traces: 1_000_000,
            spans: 5,
            bytes: 200,
        },
        warm_up: 0,
        rate: Some(200.0),
        ending: Ending::Signal,
        spool: Some(folder.path().join("spool")),
        odd: None,
        tells_ids: true,
        patience: 120.0,
    };
    let mut moments = Moments(seed);
    let mut ids = Vec::new();
    let bar = bar(times);
    for _ in 0..times {
        let mut process = Process::start(durable, &order)?;
        let due = Instant::now() + moments.next();
        while let Some(line) = process.line(due) {
            ids.extend(line.split(' ').map(str::to_owned));
        }
        process.signal(Signal::KILL)?;
        process.end(Duration::from_secs(10))?;
        // What it had told before it died, and the pipe still held.
        while let Some(line) = process.line(Instant::now() + Duration::from_secs(5)) {
            ids.extend(line.split(' ').map(str::to_owned));
        }
        bar.inc(1);
    }
    bar.finish_and_clear();
    recover(durable, &order)?;
    let tally = sink.finish()?;
    let delivered = tally.complete_of(&ids);
    let told = format!(
        "{times} kills, seed {seed}: {} runs stored, {delivered} delivered, {} beginnings or ends again",
        ids.len(),
        tally.duplicates(),
    );
    ensure!(
        !ids.is_empty(),
        "no run was stored, so nothing is shown: {told}"
    );
    ensure!(delivered == ids.len(), "{told}");
    Ok(told)
}

/// Draws how long a process may live: from none of its time to two thirds of a second.
struct Moments(u64);

impl Moments {
    fn next(&mut self) -> Duration {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        Duration::from_micros((self.0 >> 33) % 660_000)
    }
}
