//! What broke a target, for people: the words, the input, and how to see it again.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// An input of more bytes than this is shown in part; the file has it whole.
const SHOWN: usize = 512;

/// The newest file that libFuzzer wrote since `began`, if there is one.
pub(super) fn newest(folder: &Path, began: SystemTime) -> Option<PathBuf> {
    let files = fs::read_dir(folder).ok()?.flatten();
    let written =
        files.filter_map(|file| Some((file.metadata().ok()?.modified().ok()?, file.path())));
    let (_, path) = written.filter(|(at, _)| *at >= began).max()?;
    Some(path)
}

/// Chooses from what a target said the lines that tell why it stopped.
pub(super) fn reasons(said: &[String]) -> Vec<String> {
    const MOST: usize = 12;
    let noise = |line: &&String| {
        let line = line.trim();
        line.is_empty()
            || line.starts_with("INFO:")
            || line.starts_with("WARNING:")
            || line.starts_with("stack backtrace:")
            || is_frame(line)
            || line.starts_with("note:")
            || line.starts_with("NOTE:")
            || line.starts_with('#')
            || line.starts_with("0x")
            || line.starts_with("MS:")
            || line.starts_with("stat::")
            || line.starts_with("artifact_prefix=")
            || line.starts_with("Base64:")
            || line.starts_with("Dictionary:")
    };
    let telling = said.iter().filter(|line| !noise(line));
    telling
        .take(MOST)
        .map(|line| line.trim_end().to_owned())
        .collect()
}

/// Says whether a line is one of a backtrace, such as `12: core::panicking::panic`.
fn is_frame(line: &str) -> bool {
    let number = line.split_once(": ").map(|(number, _)| number);
    number.is_some_and(|number| number.parse::<u32>().is_ok())
}

/// Tells of a find in lines that can be pasted into a report.
pub(super) fn told(target: &str, reasons: &[String], input: Option<&Path>) -> Vec<String> {
    let mut lines = vec![format!("\n✗ {target} broke:")];
    lines.extend(reasons.iter().map(|line| format!("    {line}")));
    let Some(path) = input else {
        return lines;
    };
    let bytes = fs::read(path).unwrap_or_default();
    let rest = match bytes.len().saturating_sub(SHOWN) {
        0 => String::new(),
        more => format!(" … and {more} bytes more"),
    };
    lines.push(format!(
        "  input, {} bytes as hex: {}{rest}",
        bytes.len(),
        hex(&bytes)
    ));
    let path = path.display();
    lines.push(format!("  its file: {path}"));
    lines.push(format!(
        "  → see it again: cargo run -p common-fuzz --bin {target} -- {path}"
    ));
    lines.push(format!(
        "  → once mended, keep it: cp {path} common/fuzz/corpus/{target}/"
    ));
    lines
}

fn hex(bytes: &[u8]) -> String {
    let shown = &bytes[..bytes.len().min(SHOWN)];
    shown.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_find_is_told_with_its_words_and_without_the_noise() {
        let said = [
            "INFO: Seed: 1",
            "#2\tINITED cov: 3",
            "thread '<unnamed>' panicked at common/fuzz/src/baggage.rs:9:5:",
            "after strip",
            "stack backtrace:",
            "   0: __rustc::rust_begin_unwind",
            "note: run with `RUST_BACKTRACE=1`",
            "==12== ERROR: libFuzzer: deadly signal",
        ];
        let said: Vec<String> = said.iter().map(|line| (*line).to_owned()).collect();
        let told = told("baggage", &reasons(&said), None);
        assert!(
            told[2].contains("after strip") && told.len() == 4,
            "{told:?}"
        );
    }
}
