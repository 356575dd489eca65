//! Text in pieces, about as a tokenizer cuts it.
//!
//! Not a real vocabulary: a word and the blank before it are a token, a long word several, and what is neither
//! letter nor digit one by itself. The pieces put together are the text.

/// Most characters of a token.
const LONGEST: usize = 8;

/// Cuts a text.
pub(super) fn tokens(text: &str) -> Vec<String> {
    let mut pieces: Vec<String> = Vec::new();
    let mut open = false;
    for letter in text.chars() {
        let word = letter.is_alphanumeric();
        let last = pieces.last_mut();
        match last {
            Some(piece)
                if word
                    && (open || piece == " ")
                    && piece.trim_start().chars().count() < LONGEST =>
            {
                piece.push(letter);
            }
            _ => pieces.push(letter.to_string()),
        }
        open = word;
    }
    pieces
}

/// Returns how many tokens a text has.
pub(super) fn count(text: &str) -> u64 {
    tokens(text).len() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_make_the_text_again() {
        let text = "A layer reads `langsmith-trace`,\n  and a ünïversally long word — ✓ done.";
        assert_eq!(tokens(text).concat(), text);
        assert_eq!(tokens("the caller sends"), ["the", " caller", " sends"]);
        assert_eq!(tokens("universally"), ["universa", "lly"]);
        assert!(tokens("").is_empty());
    }
}
