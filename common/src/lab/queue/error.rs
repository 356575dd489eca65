//! Why a queue does not work.

use std::fmt;

/// Why a queue does not work. Its `Debug` is its `Display`, so that `expect` reads well.
#[derive(thiserror::Error)]
pub enum QueueError {
    /// The broker's program is not here: install the package of that name, or take [`Queue::start`](super::Queue::start), which
    /// does without.
    #[error("{program} is not installed; on Debian and Ubuntu, `apt install {program}` brings it")]
    Missing {
        /// Which program.
        program: &'static str,
    },
    /// The name has letters that not every broker takes: use letters, digits, `-` and `_`.
    #[error("the name of a queue is letters, digits, `-` and `_`")]
    Name,
    /// The broker does not start: its last words say why.
    #[error("the broker does not start\n{0}")]
    Start(String),
    /// Its process cannot be started, or its folder not made: look at the temporary folder.
    #[error("the broker cannot be started: {0}")]
    Io(#[from] std::io::Error),
    /// Redis refused, or is gone: run the cell that starts it again.
    #[error("Redis: {0}")]
    Redis(#[from] redis::RedisError),
    /// NATS refused, or is gone: run the cell that starts it again.
    #[error("NATS: {0}")]
    Nats(String),
    /// The process that serves the queue refused, or is gone: look whether it still runs.
    #[error("the queue of another process: {0}")]
    Served(String),
    /// That is no address of a queue: take `redis://…`, `redis+unix://…`, `nats://…` or `http://…`.
    #[error("a queue is at `redis://…`, `redis+unix://…`, `nats://…` or `http://…`")]
    Address,
    /// The runtime that asked the broker has ended.
    #[error("nobody asks the broker any more")]
    Stopped,
}

impl fmt::Debug for QueueError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
