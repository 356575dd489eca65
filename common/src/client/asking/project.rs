//! What a project is, and what can be wanted of one.

use std::fmt;

use serde::{Deserialize, Deserializer};
use serde_json::Value;
use uuid::Uuid;

use super::detail::shown;
use super::fields::Fields;
use super::run_stats::RunStats;
use crate::model::{JsonMap, Timestamp};

/// A project by its name or its id.
///
/// Text is always a name, also if it looks like an id: `"docs".into()`, `project.id.into()`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ProjectRef {
    /// The project of that name.
    Name(String),
    /// The project of that id.
    Id(Uuid),
}

impl From<&str> for ProjectRef {
    fn from(name: &str) -> Self {
        Self::Name(name.to_owned())
    }
}

impl From<String> for ProjectRef {
    fn from(name: String) -> Self {
        Self::Name(name)
    }
}

impl From<Uuid> for ProjectRef {
    fn from(id: Uuid) -> Self {
        Self::Id(id)
    }
}

impl From<&Project> for ProjectRef {
    fn from(project: &Project) -> Self {
        Self::Id(project.id)
    }
}

impl fmt::Display for ProjectRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => write!(f, "project \"{}\"", shown(name)),
            Self::Id(id) => write!(f, "project {id}"),
        }
    }
}

/// A project as LangSmith tells it.
#[derive(Debug, Clone, PartialEq)]
pub struct Project {
    /// Its id, which runs carry as `session_id`.
    pub id: Uuid,
    /// Its name.
    pub name: String,
    /// The workspace that it is in (`tenant_id` on the wire).
    pub workspace_id: Option<Uuid>,
    /// Words for people.
    pub description: Option<String>,
    /// When it was made.
    pub start_time: Option<Timestamp>,
    /// When it was closed; experiments are.
    pub end_time: Option<Timestamp>,
    /// Metadata and whatever else rides along.
    pub extra: JsonMap,
    /// Figures over its runs, if they were asked for.
    pub stats: RunStats,
    /// What else the server said.
    pub other: JsonMap,
}

impl Project {
    pub(super) fn read(fields: JsonMap) -> Result<Self, String> {
        let mut fields = Fields(fields);
        Ok(Self {
            id: fields.id("id").ok_or("a project without an id")?,
            name: fields.text("name").unwrap_or_default(),
            workspace_id: fields.id("tenant_id"),
            description: fields.text("description"),
            start_time: fields.time("start_time"),
            end_time: fields.time("end_time"),
            extra: fields.object("extra").unwrap_or_default(),
            stats: RunStats::take(&mut fields),
            other: fields.0,
        })
    }
}

impl<'de> Deserialize<'de> for Project {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::read(JsonMap::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}

/// A project to be made; a bare name will do.
#[derive(Debug, Clone, PartialEq)]
#[must_use = "nothing is made until a client is told"]
pub struct NewProject(pub(super) JsonMap);

impl NewProject {
    /// Names a project.
    pub fn new(name: impl Into<String>) -> Self {
        let mut fields = JsonMap::new();
        fields.insert("name".to_owned(), Value::from(name.into()));
        fields.insert("id".to_owned(), Value::from(Uuid::now_v7().to_string()));
        Self(fields)
    }

    /// Adds words for people.
    pub fn description(mut self, description: impl Into<String>) -> Self {
        self.0
            .insert("description".to_owned(), Value::from(description.into()));
        self
    }

    /// Adds one key of metadata.
    pub fn metadata(mut self, key: impl Into<String>, value: impl Into<Value>) -> Self {
        add_metadata(&mut self.0, key.into(), value.into());
        self
    }

    /// Names the dataset that its runs are an experiment on.
    pub fn reference_dataset(mut self, dataset: Uuid) -> Self {
        let dataset = Value::from(dataset.to_string());
        self.0.insert("reference_dataset_id".to_owned(), dataset);
        self
    }
}

impl From<&str> for NewProject {
    fn from(name: &str) -> Self {
        Self::new(name)
    }
}

/// What is to change in a project; the rest stays.
#[derive(Debug, Clone, PartialEq, Default)]
#[must_use = "nothing changes until a client is told"]
pub struct ProjectUpdate(pub(super) JsonMap);

impl ProjectUpdate {
    /// Begins an update that changes nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the name, which LangSmith allows for a project that was closed.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.0.insert("name".to_owned(), Value::from(name.into()));
        self
    }

    /// Sets the words for people.
    pub fn description(mut self, description: impl Into<String>) -> Self {
        self.0
            .insert("description".to_owned(), Value::from(description.into()));
        self
    }

    /// Sets one key of metadata. The metadata of the project is replaced by what the update holds.
    pub fn metadata(mut self, key: impl Into<String>, value: impl Into<Value>) -> Self {
        add_metadata(&mut self.0, key.into(), value.into());
        self
    }

    /// Closes the project at a time.
    pub fn end_time(mut self, end: Timestamp) -> Self {
        self.0
            .insert("end_time".to_owned(), Value::from(end.to_rfc3339()));
        self
    }
}

fn add_metadata(fields: &mut JsonMap, key: String, value: Value) {
    let object = |parent: &mut JsonMap, name: &str| -> JsonMap {
        match parent.shift_remove(name) {
            Some(Value::Object(fields)) => fields,
            _ => JsonMap::new(),
        }
    };
    let mut extra = object(fields, "extra");
    let mut metadata = object(&mut extra, "metadata");
    metadata.insert(key, value);
    extra.insert("metadata".to_owned(), metadata.into());
    fields.insert("extra".to_owned(), extra.into());
}

/// Which projects are wanted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[must_use = "a query does nothing until a client asks it"]
pub struct ProjectQuery {
    pub(super) name_contains: Option<String>,
    pub(super) stats: bool,
    pub(super) limit: Option<usize>,
}

impl ProjectQuery {
    /// Begins a query for all projects.
    pub fn new() -> Self {
        Self::default()
    }

    /// Wants projects with these words in their names.
    pub fn name_contains(mut self, part: impl Into<String>) -> Self {
        self.name_contains = Some(part.into());
        self
    }

    /// Wants the figures over each project's runs as well, which takes the server longer.
    pub fn stats(mut self) -> Self {
        self.stats = true;
        self
    }

    /// Wants that many at most, over all pages.
    pub fn limit(mut self, limit: usize) -> Self {
        self.limit = Some(limit);
        self
    }
}

/// The workspace that the key leads to.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct WorkspaceSettings {
    /// The workspace's id.
    pub id: String,
    /// Its name for people.
    #[serde(default)]
    pub display_name: Option<String>,
    /// Its name in public addresses.
    #[serde(default)]
    pub tenant_handle: Option<String>,
}
