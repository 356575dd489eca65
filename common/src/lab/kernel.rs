//! How the process behind a notebook is set up.

use std::io::Write as _;
use std::sync::Once;

static STARTED: Once = Once::new();

/// Prepares the process behind a notebook; later calls do nothing.
///
/// A panic in a cell is reported on standard output as one line that begins with `PANIC`, because the
/// kernel calls such a cell a success, and its standard error may arrive too late to be noticed. And
/// the TLS library is told which cryptography to use, so that a cell can make a `reqwest::Client`.
pub fn start() {
    STARTED.call_once(|| {
        std::panic::set_hook(Box::new(|panic| {
            let mut out = std::io::stdout();
            // Nothing is left to tell if standard output is gone.
            let _ = writeln!(out, "PANIC {panic}");
            let _ = out.flush();
        }));
        // An error only says that somebody was earlier.
        let _ = rustls::crypto::ring::default_provider().install_default();
    });
}

/// Says whether this process is a kernel of the workbook's own.
pub(super) fn is_ours() -> bool {
    std::env::var_os("WORKBOOK_ROOT").is_some()
}

/// Says which versions a notebook runs on.
pub fn versions() -> String {
    start();
    let kernel = match is_ours() {
        true => "the workbook's own kernel",
        false => "a stock evcxr kernel",
    };
    format!("common {} on {kernel}", env!("CARGO_PKG_VERSION"))
}
