//! What strangers can write, and what must hold whatever they do.
//!
//! ```text
//! corpus/<target>/ ─┐                     ┌─► the code of `common` that reads it
//! libFuzzer ────────┼─► bytes ─► target ──┤
//! a crash's file ───┘                     └─► invariants: bounds, round trips, agreement of two ways
//! ```
//!
//! A target is a function of bytes that panics if something does not hold. Under `cargo test` it reads
//! its corpus; under `cargo workbook fuzz` libFuzzer makes the bytes up, led by the code that they
//! reach; a program of the target's name reads the files it is given. Start at [`TARGETS`].

mod baggage;
mod dotted_order;
mod extracted;
mod filter;
mod headers;
mod html;
mod memory;
mod multipart;
mod otlp;
mod request;
mod retry_after;
mod runs;
mod spool;
mod stand_in;
mod writer;

pub use baggage::baggage;
pub use dotted_order::dotted_order;
pub use filter::filter;
pub use headers::headers;
pub use html::html;
pub use multipart::multipart;
pub use otlp::otlp;
pub use retry_after::retry_after;
pub use spool::spool;
pub use writer::writer;

#[cfg(fuzzing)]
#[doc(hidden)]
pub use libfuzzer_sys;

/// A function that panics if the bytes show that something does not hold.
pub type Target = fn(&[u8]);

/// All targets by name; each has a program and a folder of the corpus of that name.
pub const TARGETS: [(&str, Target); 10] = [
    ("baggage", baggage),
    ("dotted_order", dotted_order),
    ("filter", filter),
    ("headers", headers),
    ("html", html),
    ("multipart", multipart),
    ("otlp", otlp),
    ("retry_after", retry_after),
    ("spool", spool),
    ("writer", writer),
];

/// Makes the program of a target: libFuzzer's under `cfg(fuzzing)`, else one that reads files.
#[macro_export]
macro_rules! fuzz_target {
    ($target:ident) => {
        #[cfg(fuzzing)]
        use $crate::libfuzzer_sys;

        #[cfg(fuzzing)]
        libfuzzer_sys::fuzz_target!(|data: &[u8]| $crate::$target(data));

        #[cfg(not(fuzzing))]
        fn main() -> std::io::Result<()> {
            $crate::replay($crate::$target)
        }
    };
}

/// Reads the files that the command line names, one after the other.
///
/// # Errors
/// If a file cannot be read.
pub fn replay(target: Target) -> std::io::Result<()> {
    for file in std::env::args_os().skip(1) {
        target(&std::fs::read(file)?);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::TARGETS;

    #[test]
    fn what_was_found_once_stays_mended() {
        for (name, target) in TARGETS {
            let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
                .join("corpus")
                .join(name);
            let seeds = std::fs::read_dir(&folder).expect("each target has its corpus");
            let mut read = 0;
            for seed in seeds {
                let path = seed.expect("a file").path();
                println!("{}", path.display());
                target(&std::fs::read(&path).expect("a file"));
                read += 1;
            }
            assert!(read > 0, "{name} has no seeds");
        }
    }
}
