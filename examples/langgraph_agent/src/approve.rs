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

/// A decision, and how it came about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decision {
    /// Whether the answer goes out.
    pub approved: bool,
    /// How it came about, for people.
    pub told: String,
}

/// Decides on an answer; of a human, an empty line means yes, and the end of the input no.
pub fn decide(
    approver: Approver,
    reviewed: bool,
    input: &mut impl BufRead,
    output: &mut impl Write,
) -> Decision {
    let told = match approver {
        _ if !reviewed => "not approved: the reviewer rejected it",
        Approver::Flag => "approved by --yes",
        Approver::Nobody => {
            "approved by itself: there is nobody to ask (--interactive, at a terminal)"
        }
        Approver::Human => {
            // If the question cannot be written, nobody answers it: then the answer is no.
            let _ = write!(output, "Let this answer out? [Y/n] ").and_then(|()| output.flush());
            let mut line = String::new();
            let read = input.read_line(&mut line).unwrap_or(0);
            let yes = matches!(line.trim().to_lowercase().as_str(), "" | "y" | "yes");
            if read > 0 && yes {
                "approved by you"
            } else {
                "rejected by you"
            }
        }
    };
    Decision {
        approved: told.starts_with("approved"),
        told: told.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(input: &str, reviewed: bool) -> bool {
        decide(
            Approver::Human,
            reviewed,
            &mut input.as_bytes(),
            &mut Vec::new(),
        )
        .approved
    }

    #[test]
    fn a_human_says_yes_by_return_and_no_by_anything_else_or_by_leaving() {
        assert!(asked("\n", true) && asked("Yes\n", true));
        assert!(!asked("n\n", true) && !asked("what?\n", true) && !asked("", true));
    }

    #[test]
    fn what_the_reviewer_rejected_goes_out_by_nobodys_word() {
        assert!(!asked("y\n", false));
        for approver in [Approver::Flag, Approver::Nobody] {
            let decision = decide(approver, false, &mut "".as_bytes(), &mut Vec::new());
            assert!(!decision.approved);
        }
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
