//! The turns.

use std::fmt;
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::cpu::{Threads, of_this_thread};
use super::measured::{Measured, StateBooks};
use super::work::docs_request;
use crate::analysis::{Cost, Ledger, Load};
use crate::client::{Client, ConfigError};
use crate::export::{BatchConfig, RetryPolicy, SpoolConfig};
use crate::lab::Tap;

/// The states, in the order of the first turn.
const STATES: [Load; 5] = [
    Load::Off,
    Load::On,
    Load::Sampled,
    Load::SlowBackend,
    Load::DeadBackend,
];

/// Turns that are not measured: connections are made, code is loaded.
const WARM_UP: usize = 5;

/// Measures what tracing costs.
///
/// ```no_run
/// use common::lab::overhead::Overhead;
///
/// # async fn lesson() -> Result<(), common::client::ConfigError> {
/// let measured = Overhead::new().turns(200).payload(2_048).measure().await?;
/// println!("{measured}");
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Overhead {
    turns: usize,
    payload: usize,
    rate: f64,
    slow: Duration,
    settle: Duration,
    queue_bytes: usize,
    spool: Option<SpoolConfig>,
    work: Option<Arc<Work>>,
}

type Work = dyn Fn(&Client) + Send + Sync;

impl Default for Overhead {
    fn default() -> Self {
        Self::new()
    }
}

impl Overhead {
    /// Prepares 100 turns of a request with three runs of 1 KiB, one trace in ten kept where it is sampled, a slow backend that
    /// answers after 2 s, and a queue of 1 MiB.
    pub fn new() -> Self {
        Self {
            turns: 100,
            payload: 1_024,
            rate: 0.1,
            slow: Duration::from_secs(2),
            settle: Duration::from_secs(3),
            queue_bytes: 1 << 20,
            spool: None,
            work: None,
        }
    }

    /// Sets how many requests each state is given.
    #[must_use]
    pub fn turns(mut self, turns: usize) -> Self {
        self.turns = turns;
        self
    }

    /// Sets how many bytes of inputs and outputs each run of the request has.
    #[must_use]
    pub fn payload(mut self, bytes: usize) -> Self {
        self.payload = bytes;
        self
    }

    /// Sets which part of the traces is kept in the state "sampled", from 0 to 1.
    #[must_use]
    pub fn sampling_rate(mut self, rate: f64) -> Self {
        self.rate = rate;
        self
    }

    /// Sets after how long the slow backend answers.
    #[must_use]
    pub fn slow_answer(mut self, slow: Duration) -> Self {
        self.slow = slow;
        self
    }

    /// Sets how long each client may take to send what it holds after the last turn; what is left then is given up.
    #[must_use]
    pub fn settle(mut self, settle: Duration) -> Self {
        self.settle = settle;
        self
    }

    /// Sets how much each client may hold in memory, in bytes: small, so that the bound is seen.
    #[must_use]
    pub fn queue_bytes(mut self, bytes: usize) -> Self {
        self.queue_bytes = bytes;
        self
    }

    /// Keeps on disk what the dead backend does not take.
    #[must_use]
    pub fn spool(mut self, spool: SpoolConfig) -> Self {
        self.spool = Some(spool);
        self
    }

    /// Measures another request: what it does with the client it is given. It begins and ends on one thread.
    #[must_use]
    pub fn work(mut self, work: impl Fn(&Client) + Send + Sync + 'static) -> Self {
        self.work = Some(Arc::new(work));
        self
    }

    /// Takes the turns, lets each client send what it holds, and gives back what all of it took.
    ///
    /// # Errors
    /// If a client cannot be made: the rate is none, or the spool's folder cannot be used.
    pub async fn measure(&self) -> Result<Measured, ConfigError> {
        let plan = self.clone();
        match tokio::task::spawn_blocking(move || plan.take_turns()).await {
            Ok(measured) => measured,
            // The work panicked, and its caller is to hear of that.
            Err(lost) => match lost.try_into_panic() {
                Ok(panic) => std::panic::resume_unwind(panic),
                Err(_) => Ok(Measured::default()),
            },
        }
    }

    fn take_turns(&self) -> Result<Measured, ConfigError> {
        let states = STATES.iter().map(|load| State::start(*load, self));
        let mut states = states.collect::<Result<Vec<_>, _>>()?;
        let mut ledger = Ledger::new();
        for turn in 0..WARM_UP + self.turns {
            for at in 0..states.len() {
                let state = &mut states[(turn + at) % STATES.len()];
                let took = state.turn();
                if let (Some(took), true) = (took, turn >= WARM_UP) {
                    ledger.took(state.load, took);
                    state.look(turn + 1 - WARM_UP);
                }
            }
        }
        let mut books: Vec<StateBooks> = Vec::with_capacity(states.len());
        for state in states {
            books.push(state.finish(self.settle));
        }
        let untraced = books.first().and_then(|off| off.caller_cpu);
        for state in books.iter().filter(|state| state.load == Load::On) {
            let caller = state
                .caller_cpu
                .zip(untraced)
                .map(|(on, off)| on.saturating_sub(off));
            ledger.cost(Cost {
                runs: state.runs(),
                cpu: caller
                    .zip(state.exporter_cpu)
                    .map(|(caller, beside)| caller + beside),
                bytes: Some(state.bytes),
                peak_queue_bytes: Some(state.peak_queue_bytes),
            });
        }
        Ok(Measured { ledger, books })
    }
}

/// One state: its client, its endpoint, and the thread that does its requests.
struct State {
    load: Load,
    client: Client,
    tap: Option<Tap>,
    exporters: Threads,
    go: Sender<()>,
    took: Receiver<Duration>,
    worker: JoinHandle<Option<Duration>>,
    turns: u64,
    queue: Vec<(usize, usize)>,
}

impl State {
    fn start(load: Load, plan: &Overhead) -> Result<Self, ConfigError> {
        let tap = match load {
            Load::Off | Load::DeadBackend => None,
            Load::On | Load::Sampled | Load::SlowBackend => Some(Tap::counting()),
        };
        if let (Some(tap), Load::SlowBackend) = (&tap, load) {
            tap.late(plan.slow);
        }
        let endpoint = tap.as_ref().map_or_else(nobody, |tap| tap.url(""));
        let batch = BatchConfig {
            queue_bytes: plan.queue_bytes,
            spool: plan.spool.clone().filter(|_| load == Load::DeadBackend),
            retry: RetryPolicy::default(),
            ..BatchConfig::default()
        };
        let before = Threads::now();
        let mut builder = Client::builder()
            .endpoint(endpoint)
            .api_key("overhead")
            .project("overhead")
            .batch(batch)
            .enabled(load != Load::Off);
        if load == Load::Sampled {
            builder = builder.sampling_rate(plan.rate);
        }
        let client = builder.build()?;
        let exporters = Threads::now().since(&before);
        let (go, turns) = channel::<()>();
        let (tell, took) = channel();
        let (work, payload, traced) = (plan.work.clone(), plan.payload, client.clone());
        let worker = std::thread::spawn(move || {
            for () in turns {
                let begun = Instant::now();
                match &work {
                    Some(work) => work(&traced),
                    None => docs_request(&traced, payload),
                }
                if tell.send(begun.elapsed()).is_err() {
                    break;
                }
            }
            of_this_thread()
        });
        Ok(Self {
            load,
            client,
            tap,
            exporters,
            go,
            took,
            worker,
            turns: 0,
            queue: Vec::new(),
        })
    }

    /// Does one request; none if the work panicked before.
    fn turn(&mut self) -> Option<Duration> {
        self.go.send(()).ok()?;
        let took = self.took.recv().ok()?;
        self.turns += 1;
        Some(took)
    }

    /// Looks at what waits to be sent.
    fn look(&mut self, turn: usize) {
        self.queue.push((turn, self.client.stats().queued_bytes));
    }

    fn finish(self, settle: Duration) -> StateBooks {
        drop(self.go);
        let caller_cpu = match self.worker.join() {
            Ok(cpu) => cpu,
            Err(panic) => std::panic::resume_unwind(panic),
        };
        // What could not be sent by then is in the books, by reason.
        let _ = self.client.flush(settle);
        let exporter_cpu = self.exporters.time();
        let _ = self.client.shutdown(Duration::ZERO);
        let peak = self.queue.iter().map(|(_, bytes)| *bytes).max();
        StateBooks {
            load: self.load,
            requests: self.turns,
            stats: self.client.stats(),
            caller_cpu,
            exporter_cpu,
            bytes: self.tap.as_ref().map_or(0, Tap::bytes),
            sent: self.tap.as_ref().map_or(0, Tap::requests),
            peak_queue_bytes: peak.unwrap_or_default() as u64,
            queue: self.queue,
        }
    }
}

/// Returns an address where nobody listens: a port that was free a moment ago.
fn nobody() -> String {
    let listener = TcpListener::bind("127.0.0.1:0");
    let port = listener.and_then(|listener| listener.local_addr());
    // Port 9 (discard) is reserved and nothing listens on it.
    port.map_or_else(
        |_| "http://127.0.0.1:9".to_owned(),
        |at| format!("http://{at}"),
    )
}

impl fmt::Debug for Overhead {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Overhead")
            .field("turns", &self.turns)
            .field("payload", &self.payload)
            .field("sampling_rate", &self.rate)
            .field("slow_answer", &self.slow)
            .field("queue_bytes", &self.queue_bytes)
            .finish_non_exhaustive()
    }
}
