//! The exporter: a queue in front, a thread behind.

use std::fmt;
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::runtime::Handle;

use super::config::{BatchConfig, Destination};
use super::info::ServerInfo;
use super::keeper::Keeper;
use super::ledger::{DropReason, ExportStats, FlushError};
use super::queue::{FlushMark, Queue};
use super::spool::{Disk, Files, Fingerprint};
use super::transport::{
    HttpRequest, HttpResponse, ReqwestTransport, StartError, Transport, TransportError,
};
use super::worker::{Worker, limits, warn_refused};
use crate::model::RunOp;

/// Sends operations to one destination from a thread of its own.
///
/// It needs no runtime and works from any: [`submit`](Self::submit) is a push onto a bounded queue.
/// Dropping it sends what it holds and blocks for that, at most [`BatchConfig::shutdown_timeout`]; async
/// code calls [`shutdown_async`](Self::shutdown_async) first.
///
/// ```no_run
/// use std::time::Duration;
/// use common::export::{BatchConfig, BatchExporter, Destination};
///
/// let to = Destination::new("https://api.smith.langchain.com").api_key("…");
/// let exporter = BatchExporter::start(&to, BatchConfig::default())?;
/// // exporter.submit(op);
/// exporter.flush(Duration::from_secs(5))?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct BatchExporter {
    queue: Arc<Queue>,
    transport: Arc<dyn Transport>,
    // The exporter's own runtime: its clock serves those who flush from a runtime without one.
    runtime: Handle,
    thread: Mutex<Option<JoinHandle<()>>>,
    shutdown_timeout: Duration,
    has_spool: bool,
}

impl BatchExporter {
    /// Starts an exporter to a destination.
    ///
    /// # Errors
    /// If the destination cannot be used as it is written, or the system gives no thread.
    pub fn start(to: &Destination, config: BatchConfig) -> Result<Self, StartError> {
        let transport = Arc::new(ReqwestTransport::new(to)?);
        Self::over(transport, config, to.fingerprint(), Arc::new(Disk))
    }

    /// Starts an exporter over another transport. As nobody knows where that leads, what one of them
    /// left in a spool is sent by any other with the same folder.
    ///
    /// # Errors
    /// If the system gives no thread, or the spool's folder must not be used.
    pub fn with_transport(
        transport: Arc<dyn Transport>,
        config: BatchConfig,
    ) -> Result<Self, StartError> {
        Self::with_files(transport, config, Arc::new(Disk))
    }

    /// Starts an exporter over another transport and another disk; for tests.
    #[doc(hidden)]
    pub fn with_files(
        transport: Arc<dyn Transport>,
        config: BatchConfig,
        files: Arc<dyn Files>,
    ) -> Result<Self, StartError> {
        Self::over(transport, config, Destination::new("").fingerprint(), files)
    }

    fn over(
        transport: Arc<dyn Transport>,
        config: BatchConfig,
        fingerprint: Fingerprint,
        files: Arc<dyn Files>,
    ) -> Result<Self, StartError> {
        let limits = limits(&config, &ServerInfo::default());
        let queue = Arc::new(Queue::new(&config, limits));
        let shutdown_timeout = config.shutdown_timeout;
        let keeper = match config.spool.clone() {
            Some(spool) => Some(Keeper::open(
                queue.clone(),
                files,
                &config,
                spool,
                fingerprint,
            )?),
            None => None,
        };
        let has_spool = keeper.is_some();
        let (tell, told) = mpsc::sync_channel(1);
        let thread = {
            let (queue, transport) = (queue.clone(), transport.clone());
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
            queue,
            transport,
            runtime,
            thread: Mutex::new(Some(thread)),
            shutdown_timeout,
        })
    }

    /// Takes one operation. Never blocks; if it cannot be held, that is counted.
    ///
    /// What is nested deeper than [`MAX_VALUE_DEPTH`](crate::model::MAX_VALUE_DEPTH) is replaced by a
    /// marker: it could not be written.
    pub fn submit(&self, mut op: RunOp) {
        // A tracer has seen to it; others submit too.
        op.withhold_deep();
        self.queue.submit(op);
    }

    /// Returns the books.
    pub fn stats(&self) -> ExportStats {
        self.queue.stats()
    }

    /// Waits until everything submitted before is delivered, for at most `timeout`; with a spool also
    /// what earlier processes left there.
    ///
    /// It blocks the thread. Inside of a runtime that also serves the endpoint, such as a test's, use
    /// [`flush_async`](Self::flush_async).
    ///
    /// # Errors
    /// If time ran out, or operations were dropped or refused since the last flush. If what is left when
    /// time runs out is on disk, that is [`FlushError::Stored`].
    pub fn flush(&self, timeout: Duration) -> Result<(), FlushError> {
        self.begin_flush().wait(timeout)
    }

    /// Waits as [`flush`](Self::flush) does, without blocking; on any runtime.
    ///
    /// # Errors
    /// As [`flush`](Self::flush).
    pub async fn flush_async(&self, timeout: Duration) -> Result<(), FlushError> {
        self.begin_flush().wait_async(timeout).await
    }

    /// Asks for everything submitted before, without waiting.
    pub(crate) fn begin_flush(&self) -> Flush<'_> {
        Flush {
            exporter: self,
            mark: self.queue.begin_flush(),
        }
    }

    /// Takes nothing in any more; what is held leaves without delay.
    pub(crate) fn close(&self) {
        self.queue.close();
    }

    /// Takes nothing in any more, sends what is held for at most `timeout`, and ends the thread.
    ///
    /// What is left then is dropped and counted, or written to the spool.
    ///
    /// # Errors
    /// As [`flush`](Self::flush).
    pub fn shutdown(&self, timeout: Duration) -> Result<(), FlushError> {
        self.close();
        let mark = self.queue.begin_flush();
        self.queue.wait_settled_blocking(&mark, timeout);
        let result = self.queue.end_flush(&mark);
        self.stop();
        self.after_stop(&mark, result)
    }

    /// Says what is left after the end: with a spool it was written meanwhile.
    fn after_stop(
        &self,
        mark: &FlushMark,
        result: Result<(), FlushError>,
    ) -> Result<(), FlushError> {
        match result {
            Err(FlushError::Timeout { .. }) if self.has_spool => self.queue.end_flush(mark),
            result => result,
        }
    }

    /// Shuts down as [`shutdown`](Self::shutdown) does; what was lost is left to the next report.
    pub(crate) fn end(&self, timeout: Duration) {
        self.close();
        let mark = self.queue.begin_flush();
        self.queue.wait_settled_blocking(&mark, timeout);
        self.stop();
    }

    /// Drops what is left, and ends the thread.
    fn stop(&self) {
        self.queue.stop();
        let thread = self
            .thread
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        if let Some(thread) = thread
            && thread.thread().id() != std::thread::current().id()
        {
            // It has been told to stop, so it waits for nothing but the program's own functions.
            if self.queue.wait_gone_blocking(GRACE + STORE_GRACE) {
                let _ = thread.join();
            } else {
                tracing::warn!(
                    "the LangSmith exporter is left alone: a transform or listener hangs"
                );
            }
        }
    }

    /// Shuts down as [`shutdown`](Self::shutdown) does, without blocking; on any runtime.
    ///
    /// # Errors
    /// As [`flush`](Self::flush).
    pub async fn shutdown_async(&self, timeout: Duration) -> Result<(), FlushError> {
        self.close();
        let flush = self.begin_flush();
        let mark = flush.mark;
        let result = flush.wait_async(timeout).await;
        self.queue.stop();
        // The thread books what is left and goes, which ends this wait one way or the other.
        let queue = self.queue.clone();
        let emptied = self.runtime.spawn(async move { queue.emptied().await });
        let _ = emptied.await;
        self.after_stop(&mark, result)
    }

    /// Runs a task where sockets and clock are: on the exporter's own runtime, whatever runs the caller.
    ///
    /// # Errors
    /// If the exporter was shut down before the task's end.
    pub(crate) async fn run<T, F>(
        &self,
        task: impl FnOnce(Arc<dyn Transport>) -> F,
    ) -> Result<T, TransportError>
    where
        T: Send + 'static,
        F: Future<Output = T> + Send + 'static,
    {
        let task = self.runtime.spawn(task(self.transport.clone()));
        task.await
            .map_err(|_| TransportError::Interrupted("exporter shut down".to_owned()))
    }

    /// Sends one request of the caller's own to the destination, outside of queue and books.
    ///
    /// # Errors
    /// If there was no answer.
    pub async fn exchange(&self, request: HttpRequest) -> Result<HttpResponse, TransportError> {
        let transport = self.transport.clone();
        self.runtime
            .spawn(async move { transport.exchange(request).await })
            .await
            .unwrap_or_else(|_| Err(TransportError::Interrupted("exporter shut down".to_owned())))
    }

    /// Sends one request as [`exchange`](Self::exchange) does, and blocks until the answer.
    ///
    /// # Errors
    /// If there was no answer.
    pub fn exchange_blocking(&self, request: HttpRequest) -> Result<HttpResponse, TransportError> {
        let transport = self.transport.clone();
        let (tell, told) = mpsc::sync_channel(1);
        self.runtime.spawn(async move {
            // Nobody waits any more if this fails.
            let _ = tell.send(transport.exchange(request).await);
        });
        told.recv()
            .unwrap_or_else(|_| Err(TransportError::Interrupted("exporter shut down".to_owned())))
    }
}

impl Drop for BatchExporter {
    fn drop(&mut self) {
        if let Err(error) = self.shutdown(self.shutdown_timeout) {
            tracing::warn!("the last runs may be lost: {error}");
        }
    }
}

impl fmt::Debug for BatchExporter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "BatchExporter({:?}: {})", self.transport, self.stats())
    }
}

/// How long the end waits for a function of the program's that is being called just then.
const GRACE: Duration = Duration::from_secs(1);

/// How long the end waits for the disk to take what is left.
const STORE_GRACE: Duration = Duration::from_secs(5);

/// The keeper reads values as deep as they may be nested, in every kind of build.
const KEEPER_STACK: usize = 8 * 1024 * 1024;

/// A flush under way.
pub(crate) struct Flush<'a> {
    exporter: &'a BatchExporter,
    mark: FlushMark,
}

impl Flush<'_> {
    /// Waits for its end, for at most `timeout`.
    pub(crate) fn wait(self, timeout: Duration) -> Result<(), FlushError> {
        let queue = &self.exporter.queue;
        queue.wait_settled_blocking(&self.mark, timeout);
        queue.end_flush(&self.mark)
    }

    /// Waits as [`wait`](Self::wait) does, without blocking; on any runtime.
    pub(crate) async fn wait_async(self, timeout: Duration) -> Result<(), FlushError> {
        let (queue, mark) = (self.exporter.queue.clone(), self.mark);
        let waiting = self.exporter.runtime.spawn(async move {
            // Whether time ran out shows in the books.
            let _ = tokio::time::timeout(timeout, queue.wait_settled(&mark)).await;
        });
        // Fails only when the exporter's thread is gone, and then everything is settled.
        let _ = waiting.await;
        self.exporter.queue.end_flush(&self.mark)
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
    runtime.block_on(worker.give_up());
    queue.abandon(DropReason::Shutdown);
    // This runtime's clock serves those who wait for the end meanwhile.
    runtime.block_on(async {
        let _ = tokio::time::timeout(STORE_GRACE, queue.kept()).await;
    });
    queue.leave();
    // A name lookup under way must not hold up the end of the program.
    runtime.shutdown_background();
}
