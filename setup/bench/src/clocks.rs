//! What a process has cost so far: CPU of a thread and of the whole, memory at its highest.

use std::fs;
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

/// Returns the CPU time of the calling thread.
pub fn thread_cpu() -> Duration {
    read(ClockId::ThreadCPUTime)
}

/// Returns the CPU time of the whole process.
pub fn process_cpu() -> Duration {
    read(ClockId::ProcessCPUTime)
}

fn read(clock: ClockId) -> Duration {
    let time = clock_gettime(clock);
    let seconds = u64::try_from(time.tv_sec).unwrap_or_default();
    Duration::from_secs(seconds) + Duration::from_nanos(u64::try_from(time.tv_nsec).unwrap_or(0))
}

/// Returns what two readings of [`thread_cpu`] cost by themselves: the smallest of many.
pub fn cost_of_reading() -> Duration {
    let once = || {
        let before = thread_cpu();
        thread_cpu().saturating_sub(before)
    };
    (0..1_000).map(|_| once()).min().unwrap_or_default()
}

/// Forgets how much memory the process held at most so far; does nothing where that is not to be had.
pub fn forget_peak() {
    let _ = fs::write("/proc/self/clear_refs", "5");
}

/// Memory of a process, in kilobytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Memory {
    /// Now.
    pub held: u64,
    /// At most, since the start or since [`forget_peak`].
    pub peak: u64,
}

/// Returns the memory of this process; none where the system has no `/proc`.
pub fn memory() -> Option<Memory> {
    memory_of("self")
}

/// Returns the memory of another process.
pub fn memory_of(process: &str) -> Option<Memory> {
    let status = fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let field = |name: &str| {
        let line = status.lines().find(|line| line.starts_with(name))?;
        line.split_whitespace().nth(1)?.parse().ok()
    };
    Some(Memory {
        held: field("VmRSS:")?,
        peak: field("VmHWM:")?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_costs_cpu_in_the_thread_and_in_the_process() {
        let (thread, process) = (thread_cpu(), process_cpu());
        let sum: u64 = std::hint::black_box((0..2_000_000_u64).map(std::hint::black_box).sum());
        assert!(sum > 0);
        assert!(thread_cpu() > thread);
        assert!(process_cpu() > process);
    }
}
