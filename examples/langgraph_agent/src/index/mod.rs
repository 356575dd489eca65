//! Finds passages by words: SQLite's FTS5, in memory.
//!
//! ```text
//! Corpus ──► fts5(heading ×4, above ×2, text; porter) ◄──MATCH── words ◄── Terms ◄── what a user typed
//!                     │ BM25, on one source or several
//!                     ▼
//!                   Hit { passage, score, support } ──support ≥ 0.36─► a good document, or none
//! ```
//!
//! **Why in memory.** To read the repository takes some 40 ms in a build for debugging, and to make the index 15 more,
//! so a file of it would save next to nothing and could be stale. **Why two numbers.** BM25 orders the passages for one
//! question; it says nothing of whether the first one is any good, as it grows with the number of words.
//! [`Hit::support`] does: how much of what was asked is in the passage. Start at [`Index::search`].

mod terms;

use std::collections::HashSet;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rusqlite::{Connection, params};
use serde::{Deserialize, Serialize};

use self::terms::is_weak;
pub use self::terms::{MOST_TERMS, Terms};
use crate::corpus::{Corpus, Passage, Source};

/// How much more a word in the section's own heading counts than one in the text.
const HEADING_WEIGHT: f64 = 4.0;
/// How much more one in the headings above it counts: less, as all sections of a page share them.
const ABOVE_WEIGHT: f64 = 2.0;

/// How many words a passage must share with a question that has a word that is nowhere. That word is what the question
/// is about: one other is chance, as the weather of an example is for the weather in Paris.
const LEAST_SHARED: usize = 2;
/// How much a word counts that goes with any subject: `use`, `work`.
const WEAK: f64 = 0.3;

/// The least support of a good document: somewhat more than a third of what was asked, weighed by how rare each word is.
///
/// Chosen on `questions.toml`: of the questions that the documentation answers, the worst has about that much; of the
/// others nearly all have less. Between the two mistakes the lower number is the smaller one: what gets through is
/// looked at again by the reviewer, what is refused is looked at by nobody.
pub const LEAST_SUPPORT: f64 = 0.36;

/// A passage that was found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Hit {
    /// The passage.
    pub passage: Passage,
    /// BM25, the higher the better. Comparable within one question only.
    pub score: f64,
    /// How much of what was asked is in the passage, from 0 to 1: each word weighs by how rare it is in all of the
    /// documentation, and one that is nowhere weighs most.
    pub support: f64,
}

impl Hit {
    /// Returns true if the passage has enough of what was asked to answer from it.
    pub fn is_good(&self) -> bool {
        self.support >= LEAST_SUPPORT
    }
}

/// The index. A cheap clone.
#[derive(Clone)]
pub struct Index(Arc<Inner>);

struct Inner {
    passages: Vec<Passage>,
    connection: Mutex<Connection>,
}

impl Index {
    /// Makes the index of a corpus.
    ///
    /// # Errors
    /// If SQLite refuses: it was built without FTS5, or there is no memory left.
    pub fn of(corpus: Corpus) -> rusqlite::Result<Self> {
        let mut connection = Connection::open_in_memory()?;
        connection.execute_batch(
            "CREATE VIRTUAL TABLE passages USING fts5(
                 heading, above, text, source UNINDEXED, tokenize = 'porter unicode61'
             )",
        )?;
        let filling = connection.transaction()?;
        {
            let mut insert = filling.prepare(
                "INSERT INTO passages (rowid, heading, above, text, source) VALUES (?1, ?2, ?3, ?4, ?5)",
            )?;
            for (number, passage) in (0_i64..).zip(&corpus.passages) {
                let source = passage.source.name();
                let (heading, mut above) = match passage.headings.split_last() {
                    Some((heading, above)) => (heading.as_str(), above.join(" ")),
                    None => ("", String::new()),
                };
                // All pages of packages have one name: there the folder tells what the page is about.
                if passage.source == Source::Packages {
                    above.push_str(&format!(" {}", passage.file));
                }
                insert.execute(params![number, heading, above, passage.text, source])?;
            }
        }
        filling.commit()?;
        Ok(Self(Arc::new(Inner {
            passages: corpus.passages,
            connection: Mutex::new(connection),
        })))
    }

    /// Finds at most so many passages, the best first, on these sources only. Any text may be asked.
    ///
    /// It blocks for well under a millisecond.
    ///
    /// # Errors
    /// If SQLite refuses, which no question can make it do.
    pub fn search(
        &self,
        query: &str,
        sources: &[Source],
        most: usize,
    ) -> rusqlite::Result<Vec<Hit>> {
        let terms = Terms::of(query);
        let Some(expression) = terms.any() else {
            return Ok(Vec::new());
        };
        let connection = self.connection();
        let support = Support::of(&terms, &connection, self.0.passages.len())?;
        let mut select = connection.prepare(
            "SELECT rowid, bm25(passages, ?2, ?3) FROM passages
             WHERE passages MATCH ?1 AND instr(?4, source) > 0
             ORDER BY bm25(passages, ?2, ?3), rowid LIMIT ?5",
        )?;
        let shelves: Vec<&str> = sources.iter().map(|source| source.name()).collect();
        let most = i64::try_from(most).unwrap_or(i64::MAX);
        let found = select.query_map(
            params![
                expression,
                HEADING_WEIGHT,
                ABOVE_WEIGHT,
                shelves.join(" "),
                most
            ],
            |row| Ok((row.get::<_, i64>(0)?, row.get::<_, f64>(1)?)),
        )?;
        let mut hits = Vec::new();
        for row in found {
            let (number, bm25) = row?;
            let passage = usize::try_from(number)
                .ok()
                .and_then(|at| self.0.passages.get(at));
            hits.extend(passage.map(|passage| Hit {
                passage: passage.clone(),
                // SQLite's is the lower the better.
                score: -bm25,
                support: support.of_passage(number),
            }));
        }
        Ok(hits)
    }

    /// Returns the passages.
    pub fn passages(&self) -> &[Passage] {
        &self.0.passages
    }

    fn connection(&self) -> MutexGuard<'_, Connection> {
        let connection = &self.0.connection;
        connection.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Index {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Index({} passages)", self.0.passages.len())
    }
}

/// The weight of each word of a question, and which passages have it.
struct Support {
    words: Vec<Word>,
}

struct Word {
    weight: f64,
    is_weak: bool,
    having: HashSet<i64>,
}

impl Support {
    fn of(terms: &Terms, connection: &Connection, passages: usize) -> rusqlite::Result<Self> {
        let mut select =
            connection.prepare("SELECT rowid FROM passages WHERE passages MATCH ?1")?;
        let mut words = Vec::new();
        for term in terms.each() {
            let rows = select.query_map([&term], |row| row.get::<_, i64>(0))?;
            let having = rows.collect::<rusqlite::Result<HashSet<_>>>()?;
            let (all, some) = (passages as f64, having.len() as f64);
            let rare = (1.0_f64 + all / (some + 0.5)).ln();
            words.push(Word {
                weight: if is_weak(&term) { rare * WEAK } else { rare },
                is_weak: is_weak(&term),
                having,
            });
        }
        Ok(Self { words })
    }

    fn of_passage(&self, number: i64) -> f64 {
        let shared = self.words.iter().filter(|it| it.having.contains(&number));
        let strong = shared.clone().filter(|word| !word.is_weak).count();
        let is_about_another = self
            .words
            .iter()
            .any(|it| it.having.is_empty() && !it.is_weak);
        if is_about_another && strong < LEAST_SHARED {
            return 0.0;
        }
        let all: f64 = self.words.iter().map(|word| word.weight).sum();
        let some: f64 = shared.map(|word| word.weight).sum();
        if all > 0.0 { some / all } else { 0.0 }
    }
}
