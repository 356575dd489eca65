//! A queue without a broker: it is lost with the process, and no other process sees it.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use super::message::{Fate, Message};

#[derive(Debug, Default)]
pub(super) struct InProcess {
    waiting: Mutex<VecDeque<Message>>,
    aside: Mutex<Vec<Message>>,
    arrived: Notify,
    // Waiting, or in hands.
    outstanding: AtomicU64,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl InProcess {
    pub(super) fn push(&self, message: Message) {
        self.outstanding.fetch_add(1, Ordering::Relaxed);
        self.line_up(message);
    }

    fn line_up(&self, message: Message) {
        lock(&self.waiting).push_back(message);
        self.arrived.notify_one();
    }

    pub(super) async fn pull(&self) -> Message {
        loop {
            let next = {
                let mut waiting = lock(&self.waiting);
                let next = waiting.pop_front();
                // One notice may have stood for several messages.
                if !waiting.is_empty() {
                    self.arrived.notify_one();
                }
                next
            };
            match next {
                Some(message) => return message,
                None => self.arrived.notified().await,
            }
        }
    }

    pub(super) fn settle(&self, fate: Fate) {
        match fate {
            Fate::Done => {}
            Fate::Again(message) => return self.line_up(message),
            Fate::Aside(message) => lock(&self.aside).push(message),
        }
        self.outstanding.fetch_sub(1, Ordering::Relaxed);
    }

    pub(super) fn outstanding(&self) -> u64 {
        self.outstanding.load(Ordering::Relaxed)
    }

    pub(super) fn aside(&self) -> Vec<Message> {
        lock(&self.aside).clone()
    }
}
