//! One rich result for a notebook cell.
//!
//! ```text
//! (mime, body)… ──blocks──► EVCXR_BEGIN_CONTENT mime ⏎ body ⏎ EVCXR_END_CONTENT ──show──► stdout
//! ```
//!
//! Start at [`show`].

use std::io::Write as _;

const BEGIN: &str = "EVCXR_BEGIN_CONTENT";
const END: &str = "EVCXR_END_CONTENT";

/// Gives the kernel one result in several forms; it picks the one that the reader's page can show.
///
/// All goes out in a single write: other threads may print, and a line of theirs in the midst of a
/// block would end up in the picture. A closed stdout is no error here.
pub(crate) fn show(forms: &[(&str, &str)]) {
    // The one place of this room that prints: the kernel's protocol is stdout.
    let mut out = std::io::stdout().lock();
    let _ = out.write_all(blocks(forms).as_bytes());
    let _ = out.flush();
}

/// Writes the forms in the kernel's protocol.
fn blocks(forms: &[(&str, &str)]) -> String {
    let mut out = String::new();
    for (mime, body) in forms {
        // A run may be named like a mark of the protocol; it must not end its block.
        let body = body
            .replace(BEGIN, "EVCXR-BEGIN-CONTENT")
            .replace(END, "EVCXR-END-CONTENT");
        out.push_str(&format!(
            "{BEGIN} {mime}\n{}\n{END}\n",
            body.trim_end_matches('\n')
        ));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_form_is_a_block_of_its_own() {
        assert_eq!(
            blocks(&[("image/svg+xml", "<svg/>"), ("text/plain", "a\nb\n")]),
            "EVCXR_BEGIN_CONTENT image/svg+xml\n<svg/>\nEVCXR_END_CONTENT\n\
             EVCXR_BEGIN_CONTENT text/plain\na\nb\nEVCXR_END_CONTENT\n"
        );
    }

    #[test]
    fn a_body_cannot_end_its_block() {
        let out = blocks(&[(
            "text/plain",
            "x\nEVCXR_END_CONTENT\nEVCXR_BEGIN_CONTENT text/html\n<b>",
        )]);
        assert_eq!(out.matches(END).count(), 1);
        assert_eq!(out.matches(BEGIN).count(), 1);
    }
}
