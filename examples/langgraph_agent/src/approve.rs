//! The human who has the last word. Start at [`decide`].

use std::io::{BufRead, Write};

use serde::{Deserialize, Serialize};

/// Who lets an answer out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Approver {
    /// Somebody at a terminal.
    Human,
    /// The program, because it was told to: `--yes`.
    Flag,
    /// The program, because there is nobody to ask.
    Nobody,
}

impl Approver {
    /// Chooses: a human if one is wanted and there is a terminal.
    pub fn of(yes: bool, interactive: bool, terminal: bool) -> Self {
        match (yes, interactive && terminal) {
            (true, _) => Self::Flag,
            (false, true) => Self::Human,
            (false, false) => Self::Nobody,
        }
    }
}

/// What was said of a draft: it goes out, it does not, or the writer shall mind a comment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decision {
    /// Whether the answer goes out.
    pub approved: bool,
    /// What the writer shall mind; then there is another draft.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comment: Option<String>,
    /// How it came about, for people.
    pub told: String,
}

impl Decision {
    /// Lets the answer out, or not.
    pub fn new(approved: bool, told: &str) -> Self {
        Self {
            approved,
            comment: None,
            told: told.to_owned(),
        }
    }

    /// Sends it back to the writer.
    pub fn comment(comment: &str) -> Self {
        Self {
            approved: false,
            comment: Some(comment.trim().to_owned()),
            told: format!("sent back to the writer: {}", comment.trim()),
        }
    }
}

/// Decides on an answer that the reviewer let pass. A human says `y` or an empty line for yes, `n` or the end of
/// the input for no; anything else is a comment.
pub fn decide(approver: Approver, input: &mut impl BufRead, output: &mut impl Write) -> Decision {
    match approver {
        Approver::Flag => Decision::new(true, "approved by --yes"),
        Approver::Nobody => Decision::new(
            true,
            "approved by itself: there is nobody to ask (--interactive, at a terminal)",
        ),
        Approver::Human => {
            let question = "Let this answer out? [Y/n, or what the writer shall mind] ";
            // If the question cannot be written, nobody answers it: then the answer is no.
            let _ = write!(output, "{question}").and_then(|()| output.flush());
            let mut line = String::new();
            let read = input.read_line(&mut line).unwrap_or(0);
            match line.trim() {
                _ if read == 0 => Decision::new(false, "rejected by you"),
                "" => Decision::new(true, "approved by you"),
                said => match said.to_lowercase().as_str() {
                    "y" | "yes" => Decision::new(true, "approved by you"),
                    "n" | "no" => Decision::new(false, "rejected by you"),
                    _ => Decision::comment(said),
                },
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(input: &str) -> Decision {
        decide(Approver::Human, &mut input.as_bytes(), &mut Vec::new())
    }

    #[test]
    fn a_human_says_yes_by_return_and_no_by_a_letter_or_by_leaving() {
        for yes in ["\n", "Yes\n", " y \n"] {
            assert!(asked(yes).approved, "{yes:?}");
        }
        for no in ["n\n", "NO\n", ""] {
            let decision = asked(no);
            assert!(!decision.approved && decision.comment.is_none(), "{no:?}");
        }
    }

    #[test]
    fn anything_else_is_a_comment_and_lets_nothing_out() {
        let decision = asked(" shorter, please\n");
        assert_eq!(decision.comment.as_deref(), Some("shorter, please"));
        assert!(!decision.approved);
    }

    #[test]
    fn a_human_is_asked_only_if_wanted_and_there() {
        assert_eq!(Approver::of(false, true, true), Approver::Human);
        assert_eq!(Approver::of(true, true, true), Approver::Flag);
        for (interactive, terminal) in [(true, false), (false, true), (false, false)] {
            assert_eq!(Approver::of(false, interactive, terminal), Approver::Nobody);
        }
    }
}
