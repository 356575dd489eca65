//! The libraries, each driven in a process of its own: this program, started again.
//!
//! ```text
//!   Order ─► library(name) ─► Payloads ─► trace · trace · trace ─► flush ─► Report
//!                                         └ timed ┘
//! ```
//!
//! What is timed is what a program waits for: the calls that create and end the runs of one trace. The
//! text is there before, as it would be in a program that has just read or made it. Start at [`drive`].

#[cfg(feature = "peers")]
mod fast;
#[cfg(feature = "peers")]
pub(crate) mod otel;
mod ours;

use std::io::{BufRead as _, Write as _};
use std::ops::Range;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};

use crate::clocks;
use crate::protocol::{Ending, Oddness, Order, Report};
use crate::workload::Payloads;

pub(crate) use ours::one_trace;

/// Inputs and outputs of the runs of one trace, the root's first.
pub(crate) type Texts = Vec<(String, String)>;

/// A tracing library, ready to be used.
pub(crate) trait Library {
    /// Creates and ends the runs of a trace; the root is named `root`.
    fn trace(&mut self, root: &'static str, texts: &mut Texts);

    /// Returns the ids of the last trace's runs, if it was made to remember them and took them in before
    /// it was told to end.
    fn last_ids(&mut self) -> Vec<String> {
        Vec::new()
    }

    /// Sends what is held and goes on, so that nothing of it is left when the measurement begins.
    fn settle(&mut self, patience: Duration);

    /// Sends what is held; returns what the library says of losses.
    fn flush(&mut self, patience: Duration) -> Option<String>;

    /// Returns what the library says of losses before it was flushed.
    fn said(&self) -> Option<String> {
        None
    }
}

/// Makes the library that is known as `name`.
fn library(name: &str, order: &Order) -> Result<Box<dyn Library>> {
    if let Some(library) = ours::library(name, order)? {
        return Ok(library);
    }
    #[cfg(feature = "peers")]
    {
        if let Some(library) = otel::library(name, order)? {
            return Ok(library);
        }
        if let Some(library) = fast::library(name, order)? {
            return Ok(library);
        }
    }
    bail!("there is no driver {name:?} in this build")
}

/// Reads an order from standard input, does it with the library `name`, and reports.
///
/// # Errors
/// If the order cannot be read, or the library does not start.
pub fn drive(name: &str) -> Result<()> {
    let mut line = String::new();
    std::io::stdin()
        .lock()
        .read_line(&mut line)
        .context("reading the order")?;
    let order: Order = serde_json::from_str(&line).context("understanding the order")?;
    if name == "soak" {
        return crate::soak::drive(&order);
    }
    let mut library = library(name, &order)?;
    let mut driver = Driver::new(&order)?;
    let patience = Duration::from_secs_f64(order.patience);
    driver.warm_up(library.as_mut(), patience);
    if order.ending == Ending::Fork {
        return driver.forked(library.as_mut(), patience);
    }
    driver.work(library.as_mut(), 0..order.workload.traces);
    match order.ending {
        Ending::Flush => {
            driver.report.said = library.flush(patience);
            driver.tell()
        }
        Ending::Exit => {
            driver.report.said = library.said();
            driver.tell()?;
            std::process::exit(0)
        }
        _ => {
            driver.report.said = library.said();
            driver.tell()
        }
    }
}

struct Driver<'a> {
    order: &'a Order,
    payloads: Payloads,
    report: Report,
    began: Instant,
    cpu_before: Duration,
}

impl<'a> Driver<'a> {
    fn new(order: &'a Order) -> Result<Self> {
        Ok(Self {
            order,
            payloads: Payloads::read(&order.prose, order.workload.bytes)?,
            report: Report::default(),
            began: Instant::now(),
            cpu_before: Duration::ZERO,
        })
    }

    /// What happens once in a process is over before the measurement begins.
    fn warm_up(&mut self, library: &mut dyn Library, patience: Duration) {
        let mut texts = Texts::with_capacity(self.order.workload.spans);
        for _ in 0..self.order.warm_up {
            texts.extend((0..self.order.workload.spans).map(|_| self.payloads.next_pair()));
            library.trace("answer", &mut texts);
            texts.clear();
        }
        if self.order.warm_up > 0 {
            library.settle(patience);
        }
    }

    /// Half of the traces, then the other half in this process and, once more, in a child of it.
    fn forked(&mut self, library: &mut dyn Library, patience: Duration) -> Result<()> {
        let (half, traces) = (self.order.workload.traces / 2, self.order.workload.traces);
        self.work(library, 0..half);
        let child = fork::fork().context("forking")?;
        self.work(library, half..traces);
        self.report.said = library.flush(patience);
        match child {
            fork::Fork::Child => std::process::exit(0),
            fork::Fork::Parent(child) => fork::waitpid(child).context("waiting for the child")?,
        };
        self.tell()
    }

    fn work(&mut self, library: &mut dyn Library, traces: Range<usize>) {
        let reading = clocks::cost_of_reading();
        let mut texts = Texts::with_capacity(self.order.workload.spans);
        self.report.trace_ns.reserve(traces.len());
        clocks::forget_peak();
        self.report.before_kb = clocks::memory().map_or(0, |memory| memory.held);
        self.began = Instant::now();
        self.cpu_before = clocks::process_cpu();
        let mut caller = Duration::ZERO;
        for (done, at) in traces.enumerate() {
            let root = self.fill(at, &mut texts);
            let cpu = clocks::thread_cpu();
            let clock = Instant::now();
            library.trace(root, &mut texts);
            let took = clock.elapsed();
            caller += (clocks::thread_cpu() - cpu).saturating_sub(reading);
            let took = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX);
            self.report.trace_ns.push(took);
            if self.order.tells_ids {
                let ids = library.last_ids();
                if !ids.is_empty() {
                    say(&ids.join(" "));
                }
            }
            self.pace(done + 1);
        }
        self.report.caller_cpu_ns = u64::try_from(caller.as_nanos()).unwrap_or(u64::MAX);
    }

    /// Puts the texts of the trace `at` into `texts`; returns the name of its root.
    fn fill(&mut self, at: usize, texts: &mut Texts) -> &'static str {
        texts.clear();
        for _ in 0..self.order.workload.spans {
            texts.push(self.payloads.next_pair());
        }
        match self.order.odd.filter(|odd| odd.at == at) {
            Some(odd) if odd.kind == Oddness::Bad => "bad",
            Some(_) => {
                texts[0].0 = texts[0].0.repeat(65_536 / texts[0].0.len().max(1));
                "huge"
            }
            None => "answer",
        }
    }

    fn pace(&self, done: usize) {
        let Some(rate) = self.order.rate else { return };
        let due = self.began + Duration::from_secs_f64(done as f64 / rate);
        std::thread::sleep(due.saturating_duration_since(Instant::now()));
    }

    /// Prints the report. What has to be measured after the flush is measured here.
    fn tell(&mut self) -> Result<()> {
        let nanos = |time: Duration| u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        self.report.wall_ns = nanos(self.began.elapsed());
        self.report.cpu_ns = nanos(clocks::process_cpu().saturating_sub(self.cpu_before));
        self.report.peak_kb = clocks::memory().map_or(0, |memory| memory.peak);
        say(&serde_json::to_string(&self.report)?);
        Ok(())
    }
}

/// Prints a line at once; a harness that has gone is no failure.
fn say(line: &str) {
    let mut out = std::io::stdout().lock();
    let _ = writeln!(out, "{line}").and_then(|()| out.flush());
}
