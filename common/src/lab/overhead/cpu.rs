//! Time of the processor, by thread.

use std::collections::BTreeSet;
use std::fs;
use std::time::Duration;

/// How the threads of exporters begin to be named; the system keeps 15 bytes of a name.
const OURS: &str = "langsmith-";

/// Returns how long the calling thread has been on a processor; none where the system does not say.
pub(super) fn of_this_thread() -> Option<Duration> {
    read("/proc/thread-self/schedstat")
}

/// The threads of an exporter.
#[derive(Debug, Default)]
pub(super) struct Threads(BTreeSet<String>);

impl Threads {
    /// Returns the threads of exporters that there are.
    pub(super) fn now() -> Self {
        let tasks = fs::read_dir("/proc/self/task")
            .into_iter()
            .flatten()
            .flatten();
        let ids = tasks.map(|task| task.file_name().to_string_lossy().into_owned());
        let is_ours = |id: &String| {
            let name = fs::read_to_string(format!("/proc/self/task/{id}/comm"));
            name.is_ok_and(|name| name.starts_with(OURS))
        };
        Self(ids.filter(is_ours).collect())
    }

    /// Leaves those that were there before.
    pub(super) fn since(mut self, before: &Self) -> Self {
        self.0.retain(|id| !before.0.contains(id));
        self
    }

    /// Returns how long they have been on a processor together.
    pub(super) fn time(&self) -> Option<Duration> {
        let each = self
            .0
            .iter()
            .map(|id| read(&format!("/proc/self/task/{id}/schedstat")));
        each.sum()
    }
}

/// Reads the first number of a `schedstat`: nanoseconds on a processor.
fn read(path: &str) -> Option<Duration> {
    let text = fs::read_to_string(path).ok()?;
    let nanos = text.split_whitespace().next()?.parse().ok()?;
    Some(Duration::from_nanos(nanos))
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn a_thread_that_works_has_been_on_a_processor() {
        let before = of_this_thread().expect("Linux says it");
        let mut sum = 0_u64;
        while of_this_thread().expect("Linux says it") <= before {
            sum = std::hint::black_box(sum.wrapping_mul(31).wrapping_add(7));
        }
        assert_eq!(Threads::default().time(), Some(Duration::ZERO));
    }
}
