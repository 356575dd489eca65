//! Whatever is typed is looked for, and never read as a language.

use std::sync::LazyLock;

use langgraph_agent::corpus::{Corpus, Source, markdown};
use langgraph_agent::index::{Index, MOST_TERMS, Terms};
use proptest::prelude::*;

static INDEX: LazyLock<Index> = LazyLock::new(|| {
    let text = "# Trace\nKeep the trace across spawn.\n## Near\nThe word near is no operator.\n## Ünï ١٢ 東京\n𝔘 ﬁ";
    let passages = markdown(Source::Docs, "x.md", text);
    Index::of(Corpus { passages }).expect("an index")
});

fn found(query: &str) -> usize {
    INDEX
        .search(query, &Source::ALL, 9)
        .unwrap_or_else(|error| panic!("{query:?}: {error}"))
        .len()
}

#[test]
fn operators_columns_and_quotes_are_words_or_nothing() {
    for query in [
        "",
        " ",
        "\"",
        "'",
        "\"trace",
        "trace\"\"",
        "*",
        "trace*",
        "^trace",
        "heading:trace",
        "-trace",
        "NOT",
        "AND OR",
        "NEAR(trace spawn, 5)",
        "{heading text}:trace",
        "trace AND",
        "(trace",
        "trace + spawn",
        "\0",
        "trace\0spawn",
        "'; DROP TABLE passages; --",
        "?1",
        ":x",
        "\u{202e}trace",
        "%s%n",
        "🚀",
        "\u{301}\u{301}",
    ] {
        found(query);
    }
    assert_eq!(found("NEAR"), 1);
    assert_eq!(
        found("'; DROP TABLE passages; -- trace"),
        3,
        "all of them are below the heading Trace"
    );
    assert_eq!(found("spawned"), 1, "by its stem");
}

#[test]
fn what_is_too_long_or_says_nothing_is_not_looked_for() {
    assert_eq!(
        Terms::of("what is it, and how do I do that?").words(),
        [""; 0]
    );
    let many: String = (0..1_000).map(|number| format!("w{number} ")).collect();
    assert_eq!(Terms::of(&many).words().len(), MOST_TERMS);
    assert_eq!(Terms::of(&"x".repeat(65)).words(), [""; 0]);
    assert_eq!(Terms::of("trace Trace TRACE").words(), ["trace"]);
    assert_eq!(found(&many), 0);
}

#[test]
fn only_the_sources_that_are_asked_answer() {
    let found = INDEX
        .search("trace", &[Source::Notebooks], 9)
        .expect("a search");
    assert_eq!(found, []);
    let none = INDEX.search("trace", &[], 9).expect("a search");
    assert_eq!(none, []);
}

proptest! {
    #[test]
    fn no_text_at_all_is_an_error(query in any::<String>()) {
        found(&query);
    }

    #[test]
    fn no_text_of_the_languages_own_signs_is_an_error(
        query in "([\"'*^:(){}+\\-;,\\x00%?@ ]|AND|OR|NOT|NEAR|trace|heading|rowid|--){0,40}",
    ) {
        found(&query);
    }
}
