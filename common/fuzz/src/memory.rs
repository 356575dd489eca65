//! How much memory a reader may take.

/// Calls `work`, and panics if it held more than `most` bytes at any moment, its result included.
pub(crate) fn within<T>(most: usize, what: &str, work: impl FnOnce() -> T) -> T {
    let mut result = None;
    let used = allocation_counter::measure(|| result = Some(work()));
    let most = u64::try_from(most).unwrap_or(u64::MAX);
    assert!(
        used.bytes_max <= most,
        "{what} held {} bytes at once, {most} are allowed",
        used.bytes_max
    );
    result.expect("the work was done")
}
