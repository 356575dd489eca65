//! The end that others decide: SIGTERM and SIGINT.
//!
//! ```text
//! signal ──► handler ──► watcher, a thread ──┬─► terminated().await       the program ends itself, in its grace
//!               │ again                      └─► guarded clients: close · flush ──► dies by the signal
//!               └──────────────────────────────────────────────────────────────────► dies at once
//! ```
//!
//! One watcher serves the whole process: it needs no runtime, and with several clients the process ends
//! when the last of them is done. Start at [`Client::flush_on_termination`].

use std::fmt;
use std::future::Future;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, TryLockError, Weak, mpsc};
use std::time::{Duration, Instant};

use tokio::sync::watch;

use super::exporters::Exporters;
use super::handle::Client;
use super::signals::{Signals, die};
use crate::export;
use crate::model::Process;

/// How long after the grace of its clients a process ends at the latest. Until then what is left is booked,
/// and the program hears of it.
const MARGIN: Duration = Duration::from_millis(500);

/// Why a process does not hear of its termination.
#[derive(Debug, thiserror::Error)]
pub enum TerminationError {
    /// The system takes no handler, or gives no thread. Flush at the end of `main`
    /// ([`Client::flush_guard`]), and end the process by other means than a signal.
    #[error("termination signals cannot be watched: {0}")]
    NotWatched(#[from] io::Error),
}

impl Client {
    /// Sends what is held when the process is told to end, by SIGTERM or SIGINT (Ctrl-C), before it ends.
    ///
    /// From then on nothing is taken in; what is held is sent, for at most `grace`; and the process dies by
    /// that very signal, so that whoever sent it sees what it expects. With a spool half of the grace,
    /// five seconds at most, is kept for what is left to go to disk. That takes no runtime, and half a second
    /// more than `grace` at most, even if the server hangs. A second signal ends the process at once.
    ///
    /// A program that ends by itself when it is told, such as a server that first serves the requests it
    /// has, waits for [`terminated`]. Then it has as long as the sending would have had, and intake goes on
    /// until it drops the guard.
    ///
    /// The guard also flushes as [`flush_guard`](Self::flush_guard) does, when `main` returns. A forked
    /// process is watched from its first run on; before, it takes two signals to end it.
    ///
    /// ```
    /// use std::time::Duration;
    /// use common::client::Client;
    ///
    /// let client = Client::builder().endpoint("http://127.0.0.1:1984").build()?;
    /// let _guard = client.flush_on_termination(Duration::from_secs(10))?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// If signals cannot be watched.
    pub fn flush_on_termination(
        &self,
        grace: Duration,
    ) -> Result<TerminationGuard, TerminationError> {
        let exporters: Weak<Exporters> = Arc::downgrade(self.exporters());
        Ok(TerminationGuard {
            client: self.clone(),
            grace,
            watched: Watched::begin(exporters, grace)?,
        })
    }
}

/// Waits until the process is told to end, by SIGTERM or SIGINT (Ctrl-C); on any runtime, or none.
///
/// From the call on, the signals do not end the process: the program does, as it likes. A second signal
/// does at once. If signals cannot be watched, that is logged, and it waits for ever.
///
/// ```no_run
/// use std::time::Duration;
/// use common::client::{Client, terminated};
///
/// # async fn run(app: axum::Router) -> Result<(), Box<dyn std::error::Error>> {
/// let client = Client::from_env()?;
/// let listener = tokio::net::TcpListener::bind("127.0.0.1:3000").await?;
/// axum::serve(listener, app)
///     .with_graceful_shutdown(terminated())
///     .await?;
/// client.shutdown_async(Duration::from_secs(5)).await?;
/// # Ok(())
/// # }
/// ```
pub fn terminated() -> impl Future<Output = ()> + Send + 'static {
    let watch = Watch::here();
    // Counted from now on, not from the first poll.
    let mut waiting = watch
        .as_ref()
        .ok()
        .map(|watch| Waiting::begin(watch.clone()));
    async move {
        let Some(waiting) = &mut waiting else {
            tracing::warn!(
                "termination signals cannot be watched; the program is not told of them"
            );
            return std::future::pending().await;
        };
        // The sender is in what is waited with, so it cannot be gone.
        let _ = waiting.told.wait_for(|told| *told).await;
        waiting.heard = true;
    }
}

/// Watches for termination on behalf of a client. Made by [`Client::flush_on_termination`].
///
/// Bind it to a name: `let _guard = …` lives to the end of the block, `let _ = …` is dropped at once.
#[must_use = "dropped at once it watches nothing; bind it as `let _guard = …`"]
pub struct TerminationGuard {
    client: Client,
    grace: Duration,
    // Released after the flush.
    watched: Watched,
}

impl Drop for TerminationGuard {
    fn drop(&mut self) {
        if let Err(error) = self.client.flush(self.grace) {
            tracing::warn!("not everything was delivered to LangSmith: {error}");
        }
        self.watched.release();
    }
}

/// What is ended when the process is told to end.
pub(crate) trait Ends: Send + Sync {
    /// Sends what is held without delay, and does not wait for it.
    fn hurry(&self);

    /// Returns the part of a grace that is kept for what goes to disk at the end.
    fn for_the_disk(&self, _grace: Duration) -> Duration {
        Duration::ZERO
    }

    /// Takes nothing in any more and sends what is held, when so much is left of a grace. What could not
    /// be sent it tells itself.
    fn leave(&self, left: Duration, grace: Duration);
}

impl Ends for Exporters {
    fn hurry(&self) {
        Self::hurry(self);
    }

    fn for_the_disk(&self, grace: Duration) -> Duration {
        Self::for_the_disk(self, grace)
    }

    fn leave(&self, left: Duration, grace: Duration) {
        let _ = Self::leave(self, left, grace);
    }
}

/// Something that the watcher ends; until it is released.
pub(crate) struct Watched {
    watch: Arc<Watch>,
    id: u64,
}

impl Watched {
    pub(crate) fn begin(ends: Weak<dyn Ends>, grace: Duration) -> Result<Self, TerminationError> {
        let watch = Watch::here()?;
        let id = watch.guard(Guarded { id: 0, ends, grace });
        Ok(Self { watch, id })
    }

    pub(crate) fn release(&self) {
        if self.watch.process.is_current() {
            self.watch.release(self.id);
        } else if let Some(watch) = Watch::of_child() {
            watch.release(self.id);
        }
    }
}

impl fmt::Debug for TerminationGuard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TerminationGuard")
            .field("client", &self.client)
            .field("grace", &self.grace)
            .finish_non_exhaustive()
    }
}

/// The watcher of this process, or of the one that forked it off.
static WATCH: Mutex<Option<Arc<Watch>>> = Mutex::new(None);

/// Who waits for termination, and whom the watcher ends.
struct Watch {
    process: Process,
    // While it is set the signals do what they do by default. The handler sets it, too: a second signal
    // ends the process whatever hangs.
    by_default: Arc<AtomicBool>,
    told: watch::Sender<bool>,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    guarded: Vec<Guarded>,
    ids: u64,
    // Futures of `terminated` that are waiting, or that have told the program.
    waiting: usize,
}

#[derive(Clone)]
struct Guarded {
    id: u64,
    ends: Weak<dyn Ends>,
    grace: Duration,
}

impl Watch {
    /// Returns the watcher of this process; starts it if there is none.
    fn here() -> io::Result<Arc<Self>> {
        let mut slot = WATCH.lock().unwrap_or_else(PoisonError::into_inner);
        Self::start_in(&mut slot)
    }

    fn start_in(slot: &mut Option<Arc<Self>>) -> io::Result<Arc<Self>> {
        if let Some(watch) = slot.as_ref().filter(|watch| watch.process.is_current()) {
            return Ok(watch.clone());
        }
        let by_default = Arc::new(AtomicBool::new(true));
        let signals = Signals::watch(&by_default)?;
        // A forked process guards what its parent did, if no thread held that list just then.
        let parent = slot
            .as_ref()
            .and_then(|parent| parent.state.try_lock().ok());
        let guarded = parent.map_or_else(Vec::new, |state| state.guarded.clone());
        by_default.store(guarded.is_empty(), Ordering::SeqCst);
        let watch = Arc::new(Self {
            process: Process::current(),
            by_default,
            told: watch::Sender::new(false),
            state: Mutex::new(State {
                ids: guarded.iter().map(|it| it.id).max().unwrap_or_default(),
                guarded,
                waiting: 0,
            }),
            changed: Condvar::new(),
        });
        let watcher = watch.clone();
        std::thread::Builder::new()
            .name("langsmith-signals".to_owned())
            .spawn(move || watcher.run(signals))?;
        *slot = Some(watch.clone());
        export::after_fork(|| drop(Self::of_child()));
        Ok(watch)
    }

    /// Returns the watcher of a process that was forked off a watched one; none if a lock is in the way.
    fn of_child() -> Option<Arc<Self>> {
        let slot = match WATCH.try_lock() {
            Ok(slot) => Some(slot),
            Err(TryLockError::Poisoned(slot)) => Some(slot.into_inner()),
            Err(TryLockError::WouldBlock) => None,
        };
        Self::start_in(&mut *slot?).ok()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        let mut state = self.lock();
        let was_idle = state.is_idle();
        let result = change(&mut state);
        if was_idle != state.is_idle() && !*self.told.borrow() {
            self.by_default.store(state.is_idle(), Ordering::SeqCst);
        }
        drop(state);
        self.changed.notify_all();
        result
    }

    fn guard(&self, guarded: Guarded) -> u64 {
        self.change(|state| {
            state.ids += 1;
            let id = state.ids;
            state.guarded.push(Guarded { id, ..guarded });
            id
        })
    }

    fn release(&self, id: u64) {
        self.change(|state| state.guarded.retain(|guarded| guarded.id != id));
    }

    /// The life of the watcher.
    fn run(&self, mut signals: Signals) {
        while let Some(signal) = signals.next() {
            let begun = Instant::now();
            self.told.send_replace(true);
            let (guarded, is_awaited) = {
                let state = self.lock();
                (state.guarded.clone(), state.waiting > 0)
            };
            let grace = guarded.iter().map(|it| it.grace).max().unwrap_or_default();
            if is_awaited && self.ends_itself(&guarded, grace) {
                continue;
            }
            end(&guarded, begun, grace);
            die(signal);
        }
    }

    /// Waits until the program has dropped its guards, as long as `grace` lets it; false if it has not.
    fn ends_itself(&self, guarded: &[Guarded], grace: Duration) -> bool {
        let mut for_the_disk = Duration::ZERO;
        for ends in guarded.iter().filter_map(|it| it.ends.upgrade()) {
            ends.hurry();
            for_the_disk = for_the_disk.max(ends.for_the_disk(grace));
        }
        let patience = grace.saturating_sub(for_the_disk);
        let waited = self
            .changed
            .wait_timeout_while(self.lock(), patience, |state| !state.guarded.is_empty());
        !waited.unwrap_or_else(PoisonError::into_inner).1.timed_out()
    }
}

impl State {
    fn is_idle(&self) -> bool {
        self.guarded.is_empty() && self.waiting == 0
    }
}

/// Shuts all down side by side, each within what is left of its grace.
fn end(guarded: &[Guarded], begun: Instant, longest: Duration) {
    let (tell, told) = mpsc::channel();
    for Guarded { ends, grace, .. } in guarded.iter().cloned() {
        let Some(ends) = ends.upgrade() else {
            continue;
        };
        let (tell, left) = (tell.clone(), grace.saturating_sub(begun.elapsed()));
        let work = move || {
            ends.leave(left, grace);
            let _ = tell.send(());
        };
        // A transform that hangs holds up its own thread, and not the end.
        let _ = std::thread::Builder::new().spawn(work);
    }
    drop(tell);
    let left = || (longest + MARGIN).saturating_sub(begun.elapsed());
    while told.recv_timeout(left()).is_ok() {}
}

/// A future of [`terminated`]. Once it has told the program, ending is the program's.
struct Waiting {
    watch: Arc<Watch>,
    told: watch::Receiver<bool>,
    heard: bool,
}

impl Waiting {
    fn begin(watch: Arc<Watch>) -> Self {
        watch.change(|state| state.waiting += 1);
        Self {
            told: watch.told.subscribe(),
            watch,
            heard: false,
        }
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        if !self.heard && self.watch.process.is_current() {
            self.watch.change(|state| state.waiting -= 1);
        }
    }
}
