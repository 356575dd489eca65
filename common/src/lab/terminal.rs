//! What the programs of the examples say to people: answers on standard output, the rest on standard error.
//!
//! ```text
//! text of a model, a peer, a process ──clean──► say · ask (standard output) · complain (standard error)
//! ```
//!
//! Start at [`say`].

use std::io::Write as _;

/// Prints on standard output, [cleaned](clean); a reader who has gone (`| head`) is no failure.
pub fn say(text: &str) {
    ask(&format!("{text}\n"));
}

/// Prints on standard output, cleaned, and leaves the line open: for an answer, or for more of it.
pub fn ask(question: &str) {
    let mut out = std::io::stdout().lock();
    let _ = write!(out, "{}", clean(question));
    let _ = out.flush();
}

/// Prints on standard error, cleaned.
pub fn complain(text: &str) {
    let _ = writeln!(std::io::stderr().lock(), "{}", clean(text));
}

/// Leaves out what commands a terminal or turns the direction of writing: what is printed was written by a model, by
/// whoever asked it, and by other processes.
pub fn clean(text: &str) -> String {
    let shows = |letter: &char| {
        let turns = ['\u{61c}', '\u{200e}', '\u{200f}'].contains(letter)
            || ('\u{202a}'..='\u{202e}').contains(letter)
            || ('\u{2066}'..='\u{2069}').contains(letter);
        !turns && (!letter.is_control() || matches!(letter, '\n' | '\t'))
    };
    text.chars().filter(shows).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_commands_a_terminal_is_left_out_and_lines_stay() {
        let said = "\u{1b}[2Jtwo\nlines\t\u{202e}turned\u{2069} \u{200f}ünïcode 🙂\r";
        assert_eq!(clean(said), "[2Jtwo\nlines\tturned ünïcode 🙂");
    }
}
