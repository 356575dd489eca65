//! Which versions of its peers this program was built with: what the lock file says.

/// The lock file, as it was when the program was built.
const LOCK: &str = include_str!("../../../Cargo.lock");

/// The crates that a reader wants to know the version of.
const NAMED: [&str; 7] = [
    "opentelemetry",
    "opentelemetry-otlp",
    "tracing-opentelemetry",
    "fastrace",
    "fastrace-opentelemetry",
    "axum",
    "tower-http",
];

/// Returns name and version of each.
pub(crate) fn versions() -> Vec<String> {
    let version = |name: &&str| {
        let (_, rest) = LOCK.split_once(&format!("name = \"{name}\"\nversion = \""))?;
        let (version, _) = rest.split_once('"')?;
        Some(format!("{name} {version}"))
    };
    NAMED.iter().filter_map(version).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_named_peer_is_in_the_lock_file() {
        assert_eq!(versions().len(), NAMED.len());
    }
}
