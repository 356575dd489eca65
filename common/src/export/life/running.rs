//! What an exporter has in one process: a queue, a thread, a transport.
//!
//! ```text
//! parent   Running ── queue · thread · transport
//!            │ fork                 none of it is there in the child: the thread is gone, a lock may be
//!            ▼                      held by nobody, the sockets are the parent's
//! child    Running ── queue · thread · transport     its own, made when it first has something to send
//! ```
//!
//! Start at [`Running::here`].

use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, OnceLock, PoisonError, mpsc};
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::runtime::Handle;

use crate::export::batch::{Worker, limits, warn_refused};
use crate::export::config::BatchConfig;
use crate::export::endpoint::{ServerInfo, StartError, Transport};
use crate::export::ledger::DropReason;
use crate::export::queue::Queue;
use crate::export::spool::{Files, Fingerprint, Keeper};
use crate::model::Process;

/// How long the end waits for a function of the program's that is being called just then.
const GRACE: Duration = Duration::from_secs(1);

/// How long the end waits for the disk to take what is left.
const STORE_GRACE: Duration = Duration::from_secs(5);

/// The keeper reads values as deep as they may be nested, in every kind of build.
const KEEPER_STACK: usize = 8 * 1024 * 1024;

/// Where a spool is, for whom, and on what kind of disk.
#[derive(Debug, Clone)]
pub(in crate::export) struct Storage {
    fingerprint: Fingerprint,
    files: Arc<dyn Files>,
}

impl Storage {
    pub(in crate::export) fn new(fingerprint: Fingerprint, files: Arc<dyn Files>) -> Self {
        Self { fingerprint, files }
    }

    /// Makes a keeper, if there is a spool.
    fn keeper(
        &self,
        queue: &Arc<Queue>,
        config: &BatchConfig,
    ) -> Result<Option<Keeper>, StartError> {
        let Some(spool) = config.spool.clone() else {
            return Ok(None);
        };
        let (queue, files) = (queue.clone(), self.files.clone());
        Keeper::open(queue, files, config, spool, self.fingerprint).map(Some)
    }
}

/// Called in a forked process that gets its first exporter.
static AFTER_FORK: OnceLock<fn()> = OnceLock::new();

/// Has a function called in forked processes that send something. The first one named is it.
pub(crate) fn after_fork(hear: fn()) {
    let _ = AFTER_FORK.set(hear);
}

/// An exporter's queue, and what works for it, in the process that made it.
#[derive(Debug)]
pub(in crate::export) struct Running {
    process: Process,
    pub(in crate::export) queue: Arc<Queue>,
    pub(in crate::export) transport: Arc<dyn Transport>,
    // The exporter's own runtime: its clock serves those who flush from a runtime without one. None if
    // a child got no thread.
    pub(in crate::export) runtime: Option<Handle>,
    pub(in crate::export) has_spool: bool,
    thread: Mutex<Option<JoinHandle<()>>>,
    // Of a process that was forked off this one; never set here.
    child: OnceLock<Box<Running>>,
}

impl Running {
    /// Starts the thread.
    pub(in crate::export) fn start(
        transport: Arc<dyn Transport>,
        config: &BatchConfig,
        storage: &Storage,
    ) -> Result<Self, StartError> {
        let queue = Arc::new(Queue::new(config, limits(config, &ServerInfo::default())));
        let keeper = storage.keeper(&queue, config)?;
        let has_spool = keeper.is_some();
        let (tell, told) = mpsc::sync_channel(1);
        let thread = {
            let (queue, transport, config) = (queue.clone(), transport.clone(), config.clone());
            std::thread::Builder::new()
                .name("langsmith-export".to_owned())
                .spawn(move || work(&queue, &transport, &config, &tell))
                .map_err(|error| StartError::Thread(error.to_string()))?
        };
        let runtime = told
            .recv()
            .map_err(|_| StartError::Thread("it ended at once".to_owned()))?
            .map_err(StartError::Thread)?;
        if let Some(keeper) = keeper {
            let started = std::thread::Builder::new()
                .name("langsmith-spool".to_owned())
                .stack_size(KEEPER_STACK)
                .spawn(move || keeper.run());
            if let Err(error) = started {
                queue.end_keeping();
                queue.stop();
                return Err(StartError::Thread(error.to_string()));
            }
        }
        Ok(Self {
            has_spool,
            process: Process::current(),
            queue,
            transport,
            runtime: Some(runtime),
            thread: Mutex::new(Some(thread)),
            child: OnceLock::new(),
        })
    }

    /// Makes one that takes nothing in.
    fn closed(transport: Arc<dyn Transport>, config: &BatchConfig) -> Self {
        let queue = Queue::new(config, limits(config, &ServerInfo::default()));
        queue.close();
        queue.end_keeping();
        queue.leave();
        Self {
            has_spool: false,
            process: Process::current(),
            queue: Arc::new(queue),
            transport,
            runtime: None,
            thread: Mutex::new(None),
            child: OnceLock::new(),
        }
    }

    /// Returns what runs in this process; in a child that has had nothing to send yet, none.
    pub(in crate::export) fn here(&self) -> Option<&Self> {
        let mut found = self;
        while !found.process.is_current() {
            found = found.child.get()?;
        }
        Some(found)
    }

    /// Returns what runs in this process; a child gets its own if it has none. Closed, it takes nothing
    /// in.
    pub(in crate::export) fn here_or_start(
        &self,
        config: &BatchConfig,
        storage: &Storage,
        closed: bool,
    ) -> &Self {
        let mut found = self;
        while !found.process.is_current() {
            found = match found.child.get() {
                Some(child) => child,
                None => found.start_child(config, storage, closed),
            };
        }
        found
    }

    #[cold]
    fn start_child(&self, config: &BatchConfig, storage: &Storage, closed: bool) -> &Self {
        let transport = self.transport.renew();
        let transport = transport.unwrap_or_else(|| self.transport.clone());
        let child = if closed {
            Self::closed(transport, config)
        } else {
            Self::start(transport.clone(), config, storage).unwrap_or_else(|error| {
                tracing::warn!("runs of a forked process are refused: {error}");
                Self::closed(transport, config)
            })
        };
        // Made before it is put there, so that a fork within the fork finds no half of it. If another
        // thread was faster, this one ends unused.
        match (self.child.set(Box::new(child)), AFTER_FORK.get()) {
            (Ok(()), Some(hear)) => hear(),
            (Ok(()), None) => {}
            (Err(unused), _) => unused.stop(),
        }
        self.child.get().map_or(self, |child| &**child)
    }

    /// Drops what is left, and ends the thread.
    pub(in crate::export) fn stop(&self) {
        self.queue.stop();
        let thread = self
            .thread
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        if let Some(thread) = thread
            && thread.thread().id() != std::thread::current().id()
        {
            // It has been told to stop, so it waits for nothing but the program's own functions (with a
            // spool, for a transform and then for a listener) and the disk.
            let grace = match self.has_spool {
                true => GRACE + STORE_GRACE + GRACE,
                false => GRACE,
            };
            if self.queue.wait_gone_blocking(grace) {
                let _ = thread.join();
            } else {
                tracing::warn!(
                    "the LangSmith exporter is left alone: a transform or listener hangs"
                );
            }
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if !self.process.is_current()
            && let Ok(thread) = self.thread.get_mut()
        {
            // There is no such thread here; letting go of it could hit another that has its place.
            std::mem::forget(thread.take());
        }
    }
}

/// The life of the exporter's thread.
fn work(
    queue: &Arc<Queue>,
    transport: &Arc<dyn Transport>,
    config: &BatchConfig,
    tell: &mpsc::SyncSender<Result<Handle, String>>,
) {
    let runtime = match tokio::runtime::Builder::new_current_thread()
        .thread_name("langsmith-beside")
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => {
            let _ = tell.send(Err(error.to_string()));
            return;
        }
    };
    let _ = tell.send(Ok(runtime.handle().clone()));
    let mut worker = Worker::new(queue.clone(), transport.clone(), config.clone());
    loop {
        let life = std::panic::catch_unwind(AssertUnwindSafe(|| {
            runtime.block_on(async {
                tokio::select! {
                    biased;
                    () = queue.stopped() => {}
                    () = warn_refused(queue) => {}
                    () = queue.losses.clone().tell() => {}
                    () = worker.run() => {}
                }
            });
        }));
        if life.is_ok() {
            break;
        }
        // A panic costs the batch that was being gathered, which is booked: each life leaves less to
        // do, so this cannot spin.
        tracing::error!("the LangSmith exporter failed and starts again; please report it");
    }
    runtime.block_on(worker.give_up(GRACE));
    queue.abandon(queue.trouble().unwrap_or(DropReason::Shutdown));
    // This runtime's clock serves those who wait for the end meanwhile.
    runtime.block_on(async {
        let _ = tokio::time::timeout(STORE_GRACE, queue.kept()).await;
    });
    queue.losses.tell_rest();
    let stats = queue.stats();
    if stats.total_dropped() + stats.total_refused() > 0 {
        tracing::warn!("not all runs reached LangSmith: {stats}");
    }
    queue.leave();
    // A name lookup under way must not hold up the end of the program.
    runtime.shutdown_background();
}
