//! The search as a step of a trace: a `retriever` run, with documents as LangSmith shows them.
//!
//! Start at [`retrieve`].

use common::model::RunType;
use common::trace::{child, spawn_blocking};
use serde_json::{Value, json};

use crate::corpus::{Place, Source};
use crate::index::{Hit, Index};

/// Most passages that a retriever finds.
pub const MOST_FOUND: usize = 4;

/// Why nothing was looked for.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RetrieveError {
    /// SQLite refused, which no question can make it do; the cause says why.
    #[error("the index cannot be searched")]
    Index(#[from] rusqlite::Error),
    /// The search panicked, or the program is ending.
    #[error("the search did not end")]
    Lost(#[from] tokio::task::JoinError),
}

/// Finds passages of one source, below the current run. None at all is an answer, not an error.
///
/// The documents in the trace are all that were found; a metadata key says how many of them are good, as
/// [`Hit::is_good`] has it.
///
/// # Errors
/// If the search itself fails; the run then says so.
pub async fn retrieve(
    index: &Index,
    source: Source,
    query: &str,
) -> Result<Vec<Hit>, RetrieveError> {
    let run = child(format!("search {source}"))
        .run_type(RunType::Retriever)
        .metadata("ls_retriever_name", "sqlite_fts5")
        .inputs(json!({ "query": query }))
        .start();
    let (index, query) = (index.clone(), query.to_owned());
    // SQLite blocks: on a thread of its own, and with ours in place of Tokio's, what it does stays in the trace.
    let searched = spawn_blocking(move || index.search(&query, &[source], MOST_FOUND)).await;
    let found = searched
        .map_err(RetrieveError::from)
        .and_then(|found| Ok(found?));
    match &found {
        Ok(hits) => {
            run.add_metadata(
                "good_documents",
                hits.iter().filter(|hit| hit.is_good()).count(),
            );
            run.end_with(documents(hits));
        }
        Err(error) => run.fail_with(error),
    }
    found
}

/// Writes passages as LangSmith reads the outputs of a retriever.
pub fn documents(hits: &[Hit]) -> Value {
    let document = |hit: &Hit| {
        let (passage, place) = (&hit.passage, &hit.passage.place);
        let (unit, number) = match place {
            Place::Line(line) => ("line", line),
            Place::Cell(cell) => ("cell", cell),
        };
        json!({
            "page_content": passage.text,
            "metadata": {
                "source": passage.citation(), "title": passage.title(), unit: number,
                "score": rounded(hit.score), "support": rounded(hit.support),
            },
            "type": "Document",
        })
    };
    json!({ "documents": hits.iter().map(document).collect::<Vec<_>>() })
}

/// Nobody reads more than two decimals.
fn rounded(number: f64) -> f64 {
    (number * 100.0).round() / 100.0
}
