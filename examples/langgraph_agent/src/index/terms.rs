//! What a user typed, as an expression that FTS5 cannot misread.

/// Most words of a question that are looked for; those that follow are not.
pub const MOST_TERMS: usize = 24;
/// Most characters of a question that are read.
const MOST_CHARACTERS: usize = 2_000;
/// Most characters of a word. A longer one is no word.
const LONGEST: usize = 64;

/// Words that questions are made of and that no answer can be told by.
const STOP_WORDS: &str = " \
    a about after all already also am an and another any are as at be been but by can cannot could d did \
    do does doing for from get give goes had happen happened happening happens has have her here him his how \
    i if in into is it its just ll m many me mine much must my need needs no not now of on or other others our please \
    re s should so some such t tell than that the their them then there these they this to us ve want \
    wants was we were what when where which who whose why will with would you your yours \
    ";

/// Words that go with any subject: they are looked for, and tell little of whether an answer was found.
const WEAK_WORDS: &str = " over use used using set setting work works working run runs running ";

/// The words of a question that are worth looking for.
///
/// Nothing but letters and digits gets through, each word in quotes: there is nothing left that could be an
/// operator, a column, a quote that ends too early.
///
/// ```
/// use langgraph_agent::index::Terms;
///
/// let terms = Terms::of("How do I read `langsmith-trace`?");
/// assert_eq!(terms.any().unwrap(), r#""read" OR "langsmith" OR "trace""#);
/// assert_eq!(Terms::of("what is it?").any(), None);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Terms(Vec<String>);

impl Terms {
    /// Takes the words out of any text, each once.
    pub fn of(text: &str) -> Self {
        let text: String = text.chars().take(MOST_CHARACTERS).collect();
        let mut words: Vec<String> = Vec::new();
        for word in text.split(|letter: char| !letter.is_alphanumeric()) {
            let word = word.to_lowercase();
            let wanted = (1..=LONGEST).contains(&word.chars().count()) && !is_stop_word(&word);
            if wanted && !words.contains(&word) && words.len() < MOST_TERMS {
                words.push(word);
            }
        }
        Self(words)
    }

    /// Returns the expression that finds any of the words; none if there is no word.
    pub fn any(&self) -> Option<String> {
        let each: Vec<String> = self.each().collect();
        (!each.is_empty()).then(|| each.join(" OR "))
    }

    /// Returns the expression of each word.
    pub fn each(&self) -> impl Iterator<Item = String> {
        self.0.iter().map(|word| format!("\"{word}\""))
    }

    /// Returns the words.
    pub fn words(&self) -> &[String] {
        &self.0
    }
}

fn is_stop_word(word: &str) -> bool {
    STOP_WORDS.split(' ').any(|stop| stop == word)
}

/// Returns true if a word, in quotes or without, tells little.
pub(super) fn is_weak(term: &str) -> bool {
    WEAK_WORDS.contains(&format!(" {} ", term.trim_matches('"')))
}
