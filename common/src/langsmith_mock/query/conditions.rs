//! What a request asks for: the body of `/runs/query`, `/runs/stats` and their second versions.

use serde_json::Value;
use uuid::Uuid;

use super::filter::{self, Filter};
use super::holds::holds;
use super::scene::{Scene, Seen};
use crate::langsmith_mock::decode::{self, read_id};
use crate::langsmith_mock::request::MockResponse;
use crate::langsmith_mock::store::Standing;
use crate::model::{JsonMap, Timestamp};

/// Conditions that a run fulfils all together.
#[derive(Debug, Default)]
pub(in crate::langsmith_mock) struct Conditions {
    pub(in crate::langsmith_mock) sessions: Option<Vec<Uuid>>,
    pub(in crate::langsmith_mock) ids: Option<Vec<Uuid>>,
    pub(in crate::langsmith_mock) trace: Option<Uuid>,
    pub(in crate::langsmith_mock) traces: Option<Vec<Uuid>>,
    pub(in crate::langsmith_mock) parent_run: Option<Uuid>,
    pub(in crate::langsmith_mock) reference_examples: Option<Vec<Uuid>>,
    pub(in crate::langsmith_mock) is_root: Option<bool>,
    pub(in crate::langsmith_mock) run_type: Option<String>,
    pub(in crate::langsmith_mock) error: Option<bool>,
    pub(in crate::langsmith_mock) from: Option<Timestamp>,
    pub(in crate::langsmith_mock) to: Option<Timestamp>,
    pub(in crate::langsmith_mock) thread: Option<String>,
    filter: Option<Filter>,
    trace_filter: Option<Filter>,
    tree_filter: Option<Filter>,
}

/// Why a question is none: the status says whose language it breaks.
#[derive(Debug)]
pub(in crate::langsmith_mock) enum Unclear {
    /// 422: a field of the body.
    Field(String),
    /// 400: a filter.
    Filter(String),
}

impl From<String> for Unclear {
    fn from(why: String) -> Self {
        Self::Field(why)
    }
}

impl Unclear {
    pub(in crate::langsmith_mock) fn answer(&self) -> MockResponse {
        match self {
            Self::Field(why) => MockResponse::unprocessable(why),
            Self::Filter(why) => MockResponse::detail(http::StatusCode::BAD_REQUEST, why),
        }
    }
}

/// A JSON object that is a question.
#[derive(Debug, Clone, Copy)]
pub(in crate::langsmith_mock) struct Body<'a>(pub(in crate::langsmith_mock) &'a JsonMap);

impl<'a> Body<'a> {
    pub(in crate::langsmith_mock) fn get(self, key: &str) -> Option<&'a Value> {
        self.0.get(key).filter(|value| !value.is_null())
    }

    pub(in crate::langsmith_mock) fn id(self, key: &str) -> Result<Option<Uuid>, String> {
        let read = |value: &Value| {
            let id = value.as_str().and_then(read_id);
            id.ok_or_else(|| format!("{key:?} is no UUID"))
        };
        self.get(key).map(read).transpose()
    }

    pub(in crate::langsmith_mock) fn ids(self, key: &str) -> Result<Option<Vec<Uuid>>, String> {
        let read = |value: &Value| -> Option<Vec<Uuid>> {
            let ids = value.as_array()?.iter();
            ids.map(|id| id.as_str().and_then(read_id)).collect()
        };
        let wrong = || format!("{key:?} is no list of UUIDs");
        self.get(key)
            .map(|value| read(value).ok_or_else(wrong))
            .transpose()
    }

    pub(in crate::langsmith_mock) fn flag(self, key: &str) -> Result<Option<bool>, String> {
        let read = |value: &Value| {
            let flag = value.as_bool();
            flag.ok_or_else(|| format!("{key:?} is neither true nor false"))
        };
        self.get(key).map(read).transpose()
    }

    pub(in crate::langsmith_mock) fn text(self, key: &str) -> Result<Option<&'a str>, String> {
        let read = |value: &'a Value| {
            let text = value.as_str();
            text.ok_or_else(|| format!("{key:?} is no text"))
        };
        self.get(key).map(read).transpose()
    }

    pub(in crate::langsmith_mock) fn time(self, key: &str) -> Result<Option<Timestamp>, String> {
        let wrong = || format!("{key:?} is no time");
        self.get(key)
            .map(|value| decode::run::time_of(Some(value)).ok_or_else(wrong))
            .transpose()
    }

    /// Returns a list of texts.
    pub(in crate::langsmith_mock) fn texts(self, key: &str) -> Result<Option<Vec<String>>, String> {
        let read = |value: &Value| -> Option<Vec<String>> {
            let texts = value.as_array()?.iter();
            texts.map(|text| Some(text.as_str()?.to_owned())).collect()
        };
        let wrong = || format!("{key:?} is no list of texts");
        self.get(key)
            .map(|value| read(value).ok_or_else(wrong))
            .transpose()
    }

    /// Returns how many to give at most.
    pub(in crate::langsmith_mock) fn page(
        self,
        key: &str,
        usual: usize,
        most: usize,
    ) -> Result<usize, String> {
        let given = match self.get(key) {
            None => return Ok(usual),
            Some(value) => value
                .as_u64()
                .and_then(|number| usize::try_from(number).ok()),
        };
        given
            .filter(|number| (1..=most).contains(number))
            .ok_or_else(|| format!("{key:?} is not within 1 to {most}"))
    }
}

impl Conditions {
    /// Asks for all runs of one project.
    pub(in crate::langsmith_mock) fn of_session(session: Uuid) -> Self {
        Self {
            sessions: Some(vec![session]),
            ..Self::default()
        }
    }

    /// Reads those of the first version.
    pub(in crate::langsmith_mock) fn first(body: Body<'_>) -> Result<Self, Unclear> {
        let mut this = Self {
            sessions: body.ids("session")?,
            ids: body.ids("id")?,
            trace: body.id("trace")?,
            parent_run: body.id("parent_run")?,
            reference_examples: body.ids("reference_example")?,
            is_root: body.flag("is_root")?,
            run_type: body.text("run_type")?.map(str::to_owned),
            error: body.flag("error")?,
            from: body.time("start_time")?,
            to: body.time("end_time")?,
            ..Self::default()
        };
        this.filters(body)?;
        // The old full-text search, and the language's own are one.
        if let Some(text) = body.text("query")? {
            let search = Filter::Search(None, text.to_owned());
            this.filter = Some(match this.filter.take() {
                None => search,
                Some(filter) => Filter::And(vec![filter, search]),
            });
        }
        Ok(this)
    }

    /// Reads those of the second version.
    pub(in crate::langsmith_mock) fn second(body: Body<'_>) -> Result<Self, Unclear> {
        for key in ["ai_search", "sem_filter"] {
            if body.get(key).is_some() {
                return Err(Unclear::Field(format!("the stand-in has no {key:?}")));
            }
        }
        let mut this = Self {
            sessions: body.ids("project_ids")?,
            ids: body.ids("ids")?,
            trace: body.id("trace_id")?,
            traces: body.ids("trace_ids")?,
            reference_examples: body.ids("reference_examples")?,
            is_root: body.flag("is_root")?,
            run_type: body.text("run_type")?.map(str::to_lowercase),
            error: body.flag("has_error")?,
            from: body.time("min_start_time")?,
            to: body.time("max_start_time")?,
            ..Self::default()
        };
        this.filters(body)?;
        Ok(this)
    }

    fn filters(&mut self, body: Body<'_>) -> Result<(), Unclear> {
        let read = |key: &str| -> Result<Option<Filter>, Unclear> {
            let Some(text) = body.text(key)? else {
                return Ok(None);
            };
            let wrong = |error| Unclear::Filter(format!("invalid {key:?} {error}"));
            filter::parse(text).map(Some).map_err(wrong)
        };
        self.filter = read("filter")?;
        self.trace_filter = read("trace_filter")?;
        self.tree_filter = read("tree_filter")?;
        Ok(())
    }

    /// Adds a filter in the language that came by another way than a body.
    pub(in crate::langsmith_mock) fn and_filter(
        &mut self,
        text: Option<&str>,
    ) -> Result<(), Unclear> {
        let Some(text) = text else { return Ok(()) };
        let wrong = |error| Unclear::Filter(format!("invalid \"filter\" {error}"));
        self.filter = Some(filter::parse(text).map_err(wrong)?);
        Ok(())
    }

    /// Tells whether a run may fit, of which no more is known than where it stands.
    pub(super) fn may_fit(&self, run: &Standing) -> bool {
        let among = |wanted: &Option<Vec<Uuid>>, has: Uuid| {
            wanted.as_ref().is_none_or(|list| list.contains(&has))
        };
        among(&self.ids, run.id)
            && among(&self.traces, run.trace)
            && self.from.is_none_or(|from| run.start >= from)
            && self.to.is_none_or(|to| run.start <= to)
    }

    /// Tells whether runs of a project may fit.
    pub(super) fn may_be_in(&self, session: Uuid) -> bool {
        let sessions = self.sessions.as_ref();
        sessions.is_none_or(|list| list.contains(&session))
    }

    pub(in crate::langsmith_mock) fn fit(&self, scene: &Scene<'_>, seen: &Seen<'_>) -> bool {
        let run = &seen.run;
        let is = |wanted: Option<Uuid>, has: Option<Uuid>| wanted.is_none() || wanted == has;
        let among = |wanted: &Option<Vec<Uuid>>, has: Option<Uuid>| {
            wanted
                .as_ref()
                .is_none_or(|list| has.is_some_and(|has| list.contains(&has)))
        };
        let filter = |filter: &Option<Filter>, seen: &Seen<'_>| {
            filter.as_ref().is_none_or(|filter| holds(filter, seen))
        };
        among(&self.ids, Some(run.id.0))
            && among(&self.sessions, Some(seen.session))
            && among(&self.traces, Some(run.trace_id.0))
            && among(&self.reference_examples, run.reference_example_id)
            && is(self.trace, Some(run.trace_id.0))
            && is(self.parent_run, run.parent_run_id.map(|id| id.0))
            && self.is_root.is_none_or(|root| root == run.is_root())
            && self
                .run_type
                .as_ref()
                .is_none_or(|wanted| wanted == run.run_type.as_str())
            && self.error.is_none_or(|error| error == run.error.is_some())
            && self.from.is_none_or(|from| run.start_time >= from)
            && self.to.is_none_or(|to| run.start_time <= to)
            && (self.thread.is_none() || self.thread == seen.thread)
            && filter(&self.filter, seen)
            && (self.trace_filter.is_none()
                || scene
                    .root(run.trace_id)
                    .is_some_and(|root| filter(&self.trace_filter, root)))
            && (self.tree_filter.is_none()
                || scene
                    .trace(run.trace_id)
                    .any(|other| filter(&self.tree_filter, other)))
    }

    /// Returns the runs that fulfil them, the latest first or last.
    pub(in crate::langsmith_mock) fn find<'s, 'a>(
        &self,
        scene: &'s Scene<'a>,
        ascending: bool,
    ) -> Vec<&'s Seen<'a>> {
        let fitting = scene.seen.iter().filter(|seen| self.fit(scene, seen));
        let mut found: Vec<&Seen<'a>> = fitting.collect();
        found.sort_by_key(|seen| (seen.run.start_time, seen.run.id));
        if !ascending {
            found.reverse();
        }
        found
    }
}
