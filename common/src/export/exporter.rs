//! The exporter: a queue in front, a thread behind.

use std::fmt;
use std::future::Future;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};
use std::time::Duration;

use super::config::{BatchConfig, Destination};
use super::endpoint::{
    HttpRequest, HttpResponse, ReqwestTransport, StartError, Transport, TransportError,
};
use super::ledger::{ExportStats, FlushError};
use super::life::{Running, Storage};
use super::queue::FlushMark;
use super::spool::{Disk, Files, SpoolMode};
use crate::model::{Place, RunOp, Unwritten};

/// Sends operations to one destination from a thread of its own.
///
/// It needs no runtime and works from any: [`submit`](Self::submit) is a push onto a bounded queue.
/// Dropping it sends what it holds and blocks for that, at most [`BatchConfig::shutdown_timeout`]; async
/// code calls [`shutdown_async`](Self::shutdown_async) first.
///
/// In a process that was forked off, it starts clean with the first operation: a queue, a thread and
/// connections of its own, and books that begin at nothing. What the parent held is the parent's to send.
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
    // Of the process that made the exporter; those of its children hang below.
    running: Running,
    config: BatchConfig,
    storage: Storage,
    closed: AtomicBool,
}

impl BatchExporter {
    /// Starts an exporter to a destination.
    ///
    /// # Errors
    /// If the destination cannot be used as it is written, or the system gives no thread.
    pub fn start(to: &Destination, config: BatchConfig) -> Result<Self, StartError> {
        let storage = Storage::new(to.fingerprint(), Arc::new(Disk));
        Self::over(Arc::new(ReqwestTransport::new(to)?), config, storage)
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
        let fingerprint = Destination::new("").fingerprint();
        Self::over(transport, config, Storage::new(fingerprint, files))
    }

    fn over(
        transport: Arc<dyn Transport>,
        config: BatchConfig,
        storage: Storage,
    ) -> Result<Self, StartError> {
        Ok(Self {
            running: Running::start(transport, &config, &storage)?,
            config,
            storage,
            closed: AtomicBool::new(false),
        })
    }

    fn running(&self) -> &Running {
        let closed = self.closed.load(Ordering::Acquire);
        self.running
            .here_or_start(&self.config, &self.storage, closed)
    }

    /// Takes one operation. Never blocks; if it cannot be held, that is counted. Only with a spool in
    /// [`SpoolMode::Durable`](super::SpoolMode::Durable) it waits, boundedly, until the operation is on
    /// disk.
    ///
    /// What is nested deeper than [`MAX_VALUE_DEPTH`](crate::model::MAX_VALUE_DEPTH) is replaced by a
    /// marker: it could not be written.
    pub fn submit(&self, op: RunOp) {
        self.offer(op);
    }

    /// Takes one operation as [`submit`](Self::submit) does, and returns false if it could not be held.
    pub fn offer(&self, op: RunOp) -> bool {
        self.running().queue.submit(op)
    }

    /// Takes operations that belong together, in order, as [`submit`](Self::submit) takes one. In durable mode it waits
    /// for the disk once, not once for each.
    pub fn submit_all(&self, ops: Vec<RunOp>) {
        self.running().queue.submit_all(ops);
    }

    /// Returns true if it waits until what it takes is on disk.
    pub(crate) fn is_durable(&self) -> bool {
        let spool = self.config.spool.as_ref();
        spool.is_some_and(|spool| spool.mode == SpoolMode::Durable)
    }

    /// Returns how many operations it holds: in memory, and on disk alone.
    pub(crate) fn held(&self) -> (u64, u64) {
        let stats = self.stats();
        (stats.queued, stats.spooled)
    }

    /// Takes a run that has begun, as [`submit`](Self::submit) takes an operation; it is written when it
    /// leaves. Returns where it waits, for [`end_run`](Self::end_run).
    pub fn begin_run(&self, run: Arc<dyn Unwritten>, bytes: usize) -> Option<Place> {
        self.running().queue.begin(run, bytes)
    }

    /// Takes a run that has ended. If its beginning is still held, the two leave as one.
    pub fn end_run(&self, run: Arc<dyn Unwritten>, place: Option<Place>, bytes: usize) {
        self.running().queue.end(run, place, bytes);
    }

    /// Returns the books.
    pub fn stats(&self) -> ExportStats {
        let running = self.running.here();
        running.map_or_else(ExportStats::default, |it| it.queue.stats())
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
        let running = self.running.here();
        Flush(running.map(|running| (running, running.queue.begin_flush())))
    }

    /// Takes nothing in any more; what is held leaves without delay.
    pub(crate) fn close(&self) {
        self.closed.store(true, Ordering::Release);
        if let Some(running) = self.running.here() {
            running.queue.close();
        }
    }

    /// Takes nothing in any more, sends what is held for at most `timeout`, and ends the thread.
    ///
    /// What is left then is dropped and counted, or written to the spool.
    ///
    /// # Errors
    /// As [`flush`](Self::flush).
    pub fn shutdown(&self, timeout: Duration) -> Result<(), FlushError> {
        self.begin_shutdown(timeout).wait()
    }

    /// Shuts down as [`shutdown`](Self::shutdown) does, but for the wait for the thread.
    pub(crate) fn begin_shutdown(&self, timeout: Duration) -> Shutdown<'_> {
        self.close();
        let Flush(begun) = self.begin_flush();
        Shutdown(begun.map(|(running, mark)| {
            running.queue.wait_settled_blocking(&mark, timeout);
            let result = running.queue.end_flush(&mark);
            running.queue.stop();
            (running, mark, result)
        }))
    }

    /// Shuts down as [`shutdown`](Self::shutdown) does; what was lost is left to the next report.
    pub(crate) fn end(&self, timeout: Duration) {
        self.close();
        if let Some(Running { queue, .. }) = self.running.here() {
            let mark = queue.begin_flush();
            queue.wait_settled_blocking(&mark, timeout);
        }
        self.stop();
    }

    /// Drops what is left, and ends the thread.
    fn stop(&self) {
        if let Some(running) = self.running.here() {
            running.stop();
        }
    }

    /// Shuts down as [`shutdown`](Self::shutdown) does, without blocking; on any runtime.
    ///
    /// # Errors
    /// As [`flush`](Self::flush).
    pub async fn shutdown_async(&self, timeout: Duration) -> Result<(), FlushError> {
        self.close();
        let Flush(begun) = self.begin_flush();
        let Some((running, mark)) = begun else {
            return Ok(());
        };
        let result = Flush(begun).wait_async(timeout).await;
        if let Some(runtime) = &running.runtime {
            running.queue.stop();
            // The thread books what is left and goes, which ends this wait one way or the other.
            let queue = running.queue.clone();
            let _ = runtime.spawn(async move { queue.emptied().await }).await;
        }
        after_stop(running, &mark, result)
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
        let running = self.running();
        let runtime = running.runtime.as_ref().ok_or_else(shut_down)?;
        let task = runtime.spawn(task(running.transport.clone()));
        task.await.map_err(|_| shut_down())
    }

    /// Sends one request of the caller's own to the destination, outside of queue and books.
    ///
    /// # Errors
    /// If there was no answer.
    pub async fn exchange(&self, request: HttpRequest) -> Result<HttpResponse, TransportError> {
        self.run(|transport| async move { transport.exchange(request).await })
            .await?
    }

    /// Sends one request as [`exchange`](Self::exchange) does, and blocks until the answer.
    ///
    /// # Errors
    /// If there was no answer.
    pub fn exchange_blocking(&self, request: HttpRequest) -> Result<HttpResponse, TransportError> {
        let running = self.running();
        let runtime = running.runtime.as_ref().ok_or_else(shut_down)?;
        let transport = running.transport.clone();
        let (tell, told) = mpsc::sync_channel(1);
        runtime.spawn(async move {
            // Nobody waits any more if this fails.
            let _ = tell.send(transport.exchange(request).await);
        });
        told.recv().unwrap_or_else(|_| Err(shut_down()))
    }
}

fn shut_down() -> TransportError {
    TransportError::Interrupted("exporter shut down".to_owned())
}

impl Drop for BatchExporter {
    fn drop(&mut self) {
        if let Err(error) = self.shutdown(self.config.shutdown_timeout) {
            tracing::warn!("the last runs may be lost: {error}");
        }
    }
}

impl fmt::Debug for BatchExporter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let transport = &self.running.transport;
        write!(f, "BatchExporter({transport:?}: {})", self.stats())
    }
}

/// Says what is left after the end: with a spool it was written meanwhile.
fn after_stop(
    running: &Running,
    mark: &FlushMark,
    result: Result<(), FlushError>,
) -> Result<(), FlushError> {
    match result {
        Err(FlushError::Timeout { .. }) if running.has_spool => running.queue.end_flush(mark),
        result => result,
    }
}

/// What is left of a shutdown once its time is over: the thread puts away what it holds, and goes.
pub(crate) struct Shutdown<'a>(Option<(&'a Running, FlushMark, Result<(), FlushError>)>);

impl Shutdown<'_> {
    /// Waits for its end.
    pub(crate) fn wait(self) -> Result<(), FlushError> {
        let Some((running, mark, result)) = self.0 else {
            return Ok(());
        };
        running.stop();
        after_stop(running, &mark, result)
    }
}

/// A flush under way; in a process that has had nothing to send, of nothing.
pub(crate) struct Flush<'a>(Option<(&'a Running, FlushMark)>);

impl Flush<'_> {
    /// Waits for its end, for at most `timeout`.
    pub(crate) fn wait(self, timeout: Duration) -> Result<(), FlushError> {
        let Some((Running { queue, .. }, mark)) = self.0 else {
            return Ok(());
        };
        queue.wait_settled_blocking(&mark, timeout);
        queue.end_flush(&mark)
    }

    /// Waits as [`wait`](Self::wait) does, without blocking; on any runtime.
    pub(crate) async fn wait_async(self, timeout: Duration) -> Result<(), FlushError> {
        let Some((running, mark)) = self.0 else {
            return Ok(());
        };
        if let Some(runtime) = &running.runtime {
            let queue = running.queue.clone();
            let waiting = runtime.spawn(async move {
                // Whether time ran out shows in the books.
                let _ = tokio::time::timeout(timeout, queue.wait_settled(&mark)).await;
            });
            // Fails only when the exporter's thread is gone, and then everything is settled.
            let _ = waiting.await;
        }
        running.queue.end_flush(&mark)
    }
}
