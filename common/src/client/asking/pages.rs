//! Lists that come in pages.

use std::collections::VecDeque;
use std::fmt;

use http::Method;
use serde::Deserialize;
use serde_json::Value;

use super::error::AskError;
use super::path::Path;
use super::question::{Question, decode};
use super::run_query::RunQuery;
use super::wait::block_on;
use crate::client::Client;
use crate::model::JsonMap;

/// Most entries in one page, as LangSmith says.
pub(super) const PAGE: usize = 100;

/// Pages in a row without an entry that are passed over: a server that looks through many runs may
/// find none for a while, and one that never says its end must not keep its reader for ever.
const MAX_EMPTY: usize = 100;

/// A list that is fetched page by page, as far as it is read.
///
/// ```no_run
/// # async fn list(client: common::client::Client) -> Result<(), common::client::AskError> {
/// use common::client::RunQuery;
///
/// let mut runs = client.list_runs(RunQuery::new().project("docs-assistant").error(true));
/// while let Some(run) = runs.next().await? {
///     println!("{}: {}", run.run.name, run.run.error.unwrap_or_default());
/// }
/// // Without a runtime:
/// for run in client.list_runs(RunQuery::new().limit(10)).blocking() {
///     println!("{}", run?.run.name);
/// }
/// # Ok(()) }
/// ```
#[must_use = "nothing is asked before the first entry is wanted"]
pub struct Pages<T> {
    client: Client,
    read: fn(JsonMap) -> Result<T, String>,
    source: Source,
    fetched: VecDeque<JsonMap>,
    left: usize,
    ended: bool,
}

/// How the next page is asked for.
enum Source {
    /// Runs: a cursor in the answer.
    Query {
        query: Box<RunQuery>,
        body: Option<JsonMap>,
    },
    /// Others: how many to pass over.
    List {
        path: Path,
        what: &'static str,
        offset: usize,
    },
}

/// A page of runs.
#[derive(Deserialize)]
struct RunPage {
    #[serde(default)]
    runs: Option<Vec<JsonMap>>,
    #[serde(default)]
    cursors: Option<JsonMap>,
}

impl<T> Pages<T> {
    fn new(
        client: &Client,
        read: fn(JsonMap) -> Result<T, String>,
        source: Source,
        limit: Option<usize>,
    ) -> Self {
        Self {
            client: client.clone(),
            read,
            source,
            fetched: VecDeque::new(),
            left: limit.unwrap_or(usize::MAX),
            ended: false,
        }
    }

    pub(super) fn of_runs(
        client: &Client,
        read: fn(JsonMap) -> Result<T, String>,
        query: RunQuery,
    ) -> Self {
        let limit = query.most();
        let (query, body) = (Box::new(query), None);
        Self::new(client, read, Source::Query { query, body }, limit)
    }

    pub(super) fn of_list(
        client: &Client,
        read: fn(JsonMap) -> Result<T, String>,
        path: Path,
        what: &'static str,
        limit: Option<usize>,
    ) -> Self {
        let offset = 0;
        Self::new(client, read, Source::List { path, what, offset }, limit)
    }

    /// Returns the next entry; none at the end of the list.
    ///
    /// # Errors
    /// If its page could not be had; to go on is to ask for that page again.
    pub async fn next(&mut self) -> Result<Option<T>, AskError> {
        if self.left == 0 {
            return Ok(None);
        }
        let mut empty = 0;
        while self.fetched.is_empty() && !self.ended {
            self.fetch().await?;
            empty += 1;
            self.ended |= empty == MAX_EMPTY;
        }
        let Some(fields) = self.fetched.pop_front() else {
            return Ok(None);
        };
        self.left -= 1;
        (self.read)(fields).map(Some).map_err(AskError::Decode)
    }

    /// Returns the next entry as [`next`](Self::next) does, and blocks until it is there.
    ///
    /// # Errors
    /// As [`next`](Self::next).
    pub fn next_blocking(&mut self) -> Result<Option<T>, AskError> {
        block_on(self.next())
    }

    /// Returns all entries.
    ///
    /// # Errors
    /// If one of the pages could not be had.
    pub async fn collect(mut self) -> Result<Vec<T>, AskError> {
        let mut all = Vec::new();
        while let Some(entry) = self.next().await? {
            all.push(entry);
        }
        Ok(all)
    }

    /// Returns all entries as [`collect`](Self::collect) does, and blocks until they are there.
    ///
    /// # Errors
    /// As [`collect`](Self::collect).
    pub fn collect_blocking(self) -> Result<Vec<T>, AskError> {
        block_on(self.collect())
    }

    /// Turns the list into an iterator that blocks. It ends after the first error.
    pub fn blocking(mut self) -> impl Iterator<Item = Result<T, AskError>> {
        let mut failed = false;
        std::iter::from_fn(move || {
            if failed {
                return None;
            }
            let next = self.next_blocking().transpose();
            failed = matches!(next, Some(Err(_)));
            next
        })
    }

    async fn fetch(&mut self) -> Result<(), AskError> {
        let most = self.left.min(PAGE);
        match &mut self.source {
            Source::Query { query, body } => {
                let fields = match body {
                    Some(fields) => fields,
                    None => body.insert(query.to_body(&self.client).await?),
                };
                fields.insert("limit".to_owned(), Value::from(most));
                let question =
                    Question::send(Method::POST, Path::of("runs").then("query"), fields, "runs")?;
                let page: RunPage = decode(&self.client.ask(question).await?)?;
                let next = page
                    .cursors
                    .and_then(|mut cursors| cursors.shift_remove("next"));
                let next =
                    next.filter(|cursor| cursor.as_str().is_some_and(|text| !text.is_empty()));
                self.fetched.extend(page.runs.unwrap_or_default());
                // A cursor that stays where it is would lead round in a circle.
                self.ended = next.is_none() || fields.get("cursor") == next.as_ref();
                if let Some(next) = next {
                    fields.insert("cursor".to_owned(), next);
                }
            }
            Source::List { path, what, offset } => {
                let page = path.clone().query("limit", most).query("offset", *offset);
                let answer = self.client.ask(Question::get(page, *what)).await?;
                let entries: Vec<JsonMap> = decode(&answer)?;
                *offset += entries.len();
                self.ended = entries.len() < most;
                self.fetched.extend(entries);
            }
        }
        Ok(())
    }
}

impl<T> fmt::Debug for Pages<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pages")
            .field("fetched", &self.fetched.len())
            .field("ended", &self.ended)
            .finish_non_exhaustive()
    }
}
