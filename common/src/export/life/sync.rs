//! What threads and tasks of the exporter meet at.
//!
//! It is the standard library's and tokio's. In the tests inside of this crate alone it is shuttle's: there
//! the queue and the keeper, these very files, run under thousands of schedules (`queue/model/`), and
//! nothing else of the exporter runs.

#[cfg(not(test))]
pub(in crate::export) use std::{
    sync::{Condvar, Mutex, MutexGuard},
    thread::ThreadId,
    time::Instant as Clock,
};

#[cfg(not(test))]
pub(in crate::export) use tokio::{
    sync::Notify,
    time::{Instant, timeout_at},
};

#[cfg(test)]
pub(in crate::export) use super::shuttled::{
    Condvar, Instant, Instant as Clock, Mutex, MutexGuard, Notify, ThreadId, this_thread,
    timeout_at,
};

/// Names the thread that calls.
#[cfg(not(test))]
pub(in crate::export) fn this_thread() -> ThreadId {
    std::thread::current().id()
}
