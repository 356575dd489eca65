//! Every destination of a client, under one deadline.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock, PoisonError, RwLock, Weak};
use std::time::{Duration, Instant};

use super::config::{ConfigError, is_hosted};
use crate::export::{BatchConfig, BatchExporter, Destination, FlushError, show_endpoint};
use crate::trace::TailBuffer;

/// One destination with its queue, its thread and its books. Runs of two workspaces never share one.
#[derive(Debug)]
pub(super) struct Lane {
    destination: Destination,
    // The address as configured, for the books; with the workspace where the address is not enough.
    pub(super) label: String,
    pub(super) exporter: BatchExporter,
}

impl Lane {
    /// Returns the address as configured.
    pub(super) fn endpoint(&self) -> &str {
        &self.destination.endpoint
    }

    /// Returns where it sends, with what must not show.
    pub(super) fn destination(&self) -> &Destination {
        &self.destination
    }

    /// Returns the address as it may be shown.
    pub(super) fn shown(&self) -> String {
        show_endpoint(&self.destination.endpoint)
    }
}

/// The exporters of a client. They live as long as its last handle or its last run.
///
/// Whatever takes time begins with all of them before it waits for any: a destination that is away
/// uses up the deadline, and meanwhile the others do their work.
#[derive(Debug)]
pub(super) struct Exporters {
    // In order of first mention; the main destination is first.
    lanes: RwLock<Vec<Arc<Lane>>>,
    closed: AtomicBool,
    batch: BatchConfig,
    // What holds runs back on their way here. It holds the way too, so it is not held.
    held_back: OnceLock<Weak<TailBuffer>>,
}

/// Most destinations of one client. Each costs a thread, for as long as the client lives.
const MAX_DESTINATIONS: usize = 64;

/// How much of a grace is kept for the disk at most: what an exporter that ends gives it.
const DISK_TIME: Duration = Duration::from_secs(5);

impl Exporters {
    pub(super) fn new(batch: BatchConfig) -> Self {
        Self {
            lanes: RwLock::new(Vec::new()),
            closed: AtomicBool::new(false),
            batch,
            held_back: OnceLock::new(),
        }
    }

    /// Names what holds runs back on their way here.
    pub(super) fn hold_back(&self, tail: &Arc<TailBuffer>) {
        // There is one for as long as the exporters live.
        let _ = self.held_back.set(Arc::downgrade(tail));
    }

    /// Returns what holds runs back on their way here.
    pub(super) fn held_back(&self) -> Option<Arc<TailBuffer>> {
        self.held_back.get()?.upgrade()
    }

    /// Lets go what is known by now of what was held back; at the end all of it is decided.
    fn settle(&self, end: bool) {
        if let Some(tail) = self.held_back() {
            tail.settle(end);
        }
    }

    /// Waits for what other threads let go at this moment; returns how many operations have not arrived in time.
    fn wait_released(&self, timeout: Duration) -> u64 {
        let tail = self.held_back();
        tail.map_or(0, |tail| tail.wait_released(timeout))
    }

    /// Waits as [`wait_released`](Self::wait_released) does, without blocking; on any runtime.
    async fn wait_released_async(&self, timeout: Duration) -> u64 {
        let left = self.wait_released(Duration::ZERO);
        let (Some(tail), Some(lane)) = (self.held_back(), self.each().into_iter().next()) else {
            return left;
        };
        // As it is nearly always.
        if left == 0 {
            return left;
        }
        let wait = |_| tokio::task::spawn_blocking(move || tail.wait_released(timeout));
        let waited = lane.exporter.run(wait).await;
        waited.ok().and_then(Result::ok).unwrap_or(left)
    }

    /// Returns the exporter to a destination; it is started if there is none yet.
    pub(super) fn lane(&self, mut to: Destination) -> Result<Arc<Lane>, ConfigError> {
        to.endpoint = to.endpoint.trim().trim_end_matches('/').to_owned();
        let mut lanes = self.lanes.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(lane) = lanes.iter().find(|lane| lane.destination.is_same(&to)) {
            return Ok(lane.clone());
        }
        if !to.has_key() && is_hosted(&to.endpoint) {
            return Err(ConfigError::MissingApiKey);
        }
        let is_twin = |lane: &Arc<Lane>| lane.destination.fingerprint() == to.fingerprint();
        if self.batch.spool.is_some() && lanes.iter().any(is_twin) {
            return Err(ConfigError::SharedSpool {
                endpoint: show_endpoint(&to.endpoint),
            });
        }
        if lanes.len() == MAX_DESTINATIONS {
            return Err(ConfigError::TooManyDestinations(MAX_DESTINATIONS));
        }
        let exporter = BatchExporter::start(&to, self.batch.clone())?;
        if self.closed.load(Ordering::Acquire) {
            exporter.close();
        }
        let lane = Arc::new(Lane {
            label: label(&to, &lanes),
            destination: to,
            exporter,
        });
        lanes.push(lane.clone());
        Ok(lane)
    }

    pub(super) fn each(&self) -> Vec<Arc<Lane>> {
        let lanes = self.lanes.read();
        lanes.unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Takes nothing in any more; returns what there is to end.
    fn close(&self) -> Vec<Arc<Lane>> {
        self.closed.store(true, Ordering::Release);
        let lanes = self.each();
        exporters(&lanes).for_each(BatchExporter::close);
        lanes
    }

    /// Sends what is held without delay, and does not wait for it.
    pub(super) fn hurry(&self) {
        self.settle(false);
        for exporter in exporters(&self.each()) {
            let _ = exporter.begin_flush();
        }
    }

    /// Flushes all within one deadline; the first problem is the result.
    pub(super) fn flush(&self, timeout: Duration) -> Result<(), FlushError> {
        let deadline = Deadline::after(timeout);
        self.settle(false);
        let left = self.wait_released(deadline.left());
        let lanes = self.each();
        let begun: Vec<_> = exporters(&lanes).map(BatchExporter::begin_flush).collect();
        let ends = begun.into_iter().map(|flush| flush.wait(deadline.left()));
        first_problem(&lanes, ends).and(arrived(left))
    }

    pub(super) async fn flush_async(&self, timeout: Duration) -> Result<(), FlushError> {
        let deadline = Deadline::after(timeout);
        self.settle(false);
        let left = self.wait_released_async(deadline.left()).await;
        let lanes = self.each();
        let begun: Vec<_> = exporters(&lanes).map(BatchExporter::begin_flush).collect();
        let mut ends = Vec::with_capacity(begun.len());
        for flush in begun {
            ends.push(flush.wait_async(deadline.left()).await);
        }
        first_problem(&lanes, ends).and(arrived(left))
    }

    /// Shuts all down within one deadline; the first problem is the result.
    pub(super) fn shutdown(&self, timeout: Duration) -> Result<(), FlushError> {
        let deadline = Deadline::after(timeout);
        self.settle(true);
        self.wait_released(deadline.left());
        let lanes = self.close();
        let begun = exporters(&lanes).map(|exporter| exporter.begin_shutdown(deadline.left()));
        // All put away what they hold before any is waited for.
        let begun: Vec<_> = begun.collect();
        first_problem(&lanes, begun.into_iter().map(|end| end.wait()))
    }

    /// Shuts down as [`shutdown`](Self::shutdown) does, when so much is left of a grace; what goes to disk
    /// at the end has its part of that.
    pub(super) fn leave(&self, left: Duration, grace: Duration) -> Result<(), FlushError> {
        self.shutdown(left.saturating_sub(self.for_the_disk(grace)))
    }

    /// Returns the part of a grace that is kept for what goes to disk at the end.
    pub(super) fn for_the_disk(&self, grace: Duration) -> Duration {
        match &self.batch.spool {
            // What is on disk is not lost; what a server that hangs was sent is.
            Some(_) => (grace / 2).min(DISK_TIME),
            None => Duration::ZERO,
        }
    }

    pub(super) async fn shutdown_async(&self, timeout: Duration) -> Result<(), FlushError> {
        let deadline = Deadline::after(timeout);
        self.settle(true);
        self.wait_released_async(deadline.left()).await;
        let lanes = self.close();
        let mut ends = Vec::with_capacity(lanes.len());
        for exporter in exporters(&lanes) {
            ends.push(exporter.shutdown_async(deadline.left()).await);
        }
        first_problem(&lanes, ends)
    }
}

/// Returns what the books of a destination are headed with: its address, and no other's heading.
fn label(to: &Destination, others: &[Arc<Lane>]) -> String {
    let address = to.endpoint.clone();
    let beside = match &to.workspace_id {
        Some(workspace) => format!("{address} (workspace {workspace})"),
        None => format!("{address} (another key)"),
    };
    let more = (2..).map(|number| format!("{beside} {number}"));
    let mut labels = [address, beside.clone()].into_iter().chain(more);
    let is_free = |label: &String| others.iter().all(|lane| lane.label != *label);
    labels.find(is_free).unwrap_or_default()
}

/// Says what a flush did not wait for, if there is anything.
fn arrived(left: u64) -> Result<(), FlushError> {
    match left {
        0 => Ok(()),
        left => Err(FlushError::Timeout {
            left,
            because: None,
        }),
    }
}

/// Waits for all; returns the first problem, with its place if there are several.
fn first_problem(
    lanes: &[Arc<Lane>],
    ends: impl IntoIterator<Item = Result<(), FlushError>>,
) -> Result<(), FlushError> {
    let ends: Vec<_> = ends.into_iter().collect();
    let named = lanes.iter().zip(ends).map(|(lane, end)| match lanes.len() {
        1 => end,
        _ => end.map_err(|error| error.at(&lane.label)),
    });
    named.fold(Ok(()), Result::and)
}

fn exporters(lanes: &[Arc<Lane>]) -> impl Iterator<Item = &BatchExporter> {
    lanes.iter().map(|lane| &lane.exporter)
}

impl Drop for Exporters {
    fn drop(&mut self) {
        let deadline = Deadline::after(self.batch.shutdown_timeout);
        self.settle(true);
        self.wait_released(deadline.left());
        let lanes = self.close();
        for exporter in exporters(&lanes) {
            // What was lost is told by the exporter itself, which is dropped next.
            exporter.end(deadline.left());
        }
    }
}

/// One span of time for several waits.
#[derive(Clone, Copy)]
struct Deadline {
    begun: Instant,
    timeout: Duration,
}

impl Deadline {
    fn after(timeout: Duration) -> Self {
        Self {
            begun: Instant::now(),
            timeout,
        }
    }

    fn left(&self) -> Duration {
        self.timeout.saturating_sub(self.begun.elapsed())
    }
}
