//! Projects, which the wire calls sessions.

use std::fmt;

use http::Method;
use serde::{Deserialize, Deserializer};
use serde_json::Value;
use uuid::Uuid;

use super::detail::shown;
use super::error::AskError;
use super::fields::Fields;
use super::pages::Pages;
use super::path::Path;
use super::question::{Question, decode};
use super::run_stats::RunStats;
use super::wait::block_on;
use crate::client::Client;
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
            Self::Name(name) => write!(f, "project {:?}", shown(name)),
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
pub struct NewProject(JsonMap);

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
pub struct ProjectUpdate(JsonMap);

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
    name_contains: Option<String>,
    stats: bool,
    limit: Option<usize>,
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

/// Projects, and the workspace that they are in.
impl Client {
    /// Makes a project, or updates the one of that name if there is one (`upsert`).
    ///
    /// Nobody needs it to send runs: their project comes into being with the first of them.
    ///
    /// # Errors
    /// As [`AskError`] lists.
    pub async fn create_project(
        &self,
        project: impl Into<NewProject>,
    ) -> Result<Project, AskError> {
        self.make(project.into()).await
    }

    /// Makes a project as [`create_project`](Self::create_project) does, and blocks until it is there.
    ///
    /// # Errors
    /// As [`create_project`](Self::create_project).
    pub fn create_project_blocking(
        &self,
        project: impl Into<NewProject>,
    ) -> Result<Project, AskError> {
        block_on(self.make(project.into()))
    }

    async fn make(&self, project: NewProject) -> Result<Project, AskError> {
        let path = Path::of("sessions").query("upsert", true);
        let question = Question::send(Method::POST, path, &project.0, "the workspace")?;
        decode(&self.ask(question).await?)
    }

    /// Reads a project with the figures over its runs.
    ///
    /// # Errors
    /// [`AskError::NotFound`] if there is none of that name or id; else as [`AskError`] lists.
    pub async fn read_project(&self, project: impl Into<ProjectRef>) -> Result<Project, AskError> {
        self.look_up(&project.into(), true).await
    }

    /// Reads a project as [`read_project`](Self::read_project) does, and blocks until it is there.
    ///
    /// # Errors
    /// As [`read_project`](Self::read_project).
    pub fn read_project_blocking(
        &self,
        project: impl Into<ProjectRef>,
    ) -> Result<Project, AskError> {
        block_on(self.look_up(&project.into(), true))
    }

    /// Lists projects, page by page as they are read; [`Pages`] has both forms.
    pub fn list_projects(&self, query: ProjectQuery) -> Pages<Project> {
        let path = Path::of("sessions")
            .query_if("name_contains", query.name_contains)
            .query("include_stats", query.stats);
        Pages::of_list(self, Project::read, path, "the workspace", query.limit)
    }

    /// Changes a project, and returns it as it is then.
    ///
    /// # Errors
    /// [`AskError::NotFound`] if there is none of that name or id; else as [`AskError`] lists.
    pub async fn update_project(
        &self,
        project: impl Into<ProjectRef>,
        update: ProjectUpdate,
    ) -> Result<Project, AskError> {
        self.change(project.into(), update).await
    }

    /// Changes as [`update_project`](Self::update_project) does, and blocks until it is done.
    ///
    /// # Errors
    /// As [`update_project`](Self::update_project).
    pub fn update_project_blocking(
        &self,
        project: impl Into<ProjectRef>,
        update: ProjectUpdate,
    ) -> Result<Project, AskError> {
        block_on(self.change(project.into(), update))
    }

    async fn change(
        &self,
        project: ProjectRef,
        update: ProjectUpdate,
    ) -> Result<Project, AskError> {
        let id = self.project_id(&project).await?;
        let path = Path::of("sessions").id(id);
        let question = Question::send(Method::PATCH, path, &update.0, project.to_string())?;
        let answer = self.ask(question).await?;
        self.origin.asking.places().clear();
        decode(&answer)
    }

    /// Deletes a project with all its runs. That cannot be undone.
    ///
    /// # Errors
    /// [`AskError::NotFound`] if there is none of that name or id; else as [`AskError`] lists.
    pub async fn delete_project(&self, project: impl Into<ProjectRef>) -> Result<(), AskError> {
        self.remove(project.into()).await
    }

    /// Deletes as [`delete_project`](Self::delete_project) does, and blocks until it is done.
    ///
    /// # Errors
    /// As [`delete_project`](Self::delete_project).
    pub fn delete_project_blocking(&self, project: impl Into<ProjectRef>) -> Result<(), AskError> {
        block_on(self.remove(project.into()))
    }

    async fn remove(&self, project: ProjectRef) -> Result<(), AskError> {
        let id = self.project_id(&project).await?;
        let path = Path::of("sessions").id(id);
        self.ask(Question::delete(path, project.to_string()))
            .await?;
        self.origin.asking.places().clear();
        Ok(())
    }

    /// Reads which workspace the key leads to.
    ///
    /// # Errors
    /// As [`AskError`] lists.
    pub async fn settings(&self) -> Result<WorkspaceSettings, AskError> {
        let question = Question::get(Path::of("settings"), "the settings");
        decode(&self.ask(question).await?)
    }

    /// Reads as [`settings`](Self::settings) does, and blocks until they are there.
    ///
    /// # Errors
    /// As [`settings`](Self::settings).
    pub fn settings_blocking(&self) -> Result<WorkspaceSettings, AskError> {
        block_on(self.settings())
    }

    /// Returns the id of a project; asks only if it is given by name.
    pub(super) async fn project_id(&self, project: &ProjectRef) -> Result<Uuid, AskError> {
        match project {
            ProjectRef::Id(id) => Ok(*id),
            ProjectRef::Name(_) => Ok(self.look_up(project, false).await?.id),
        }
    }

    pub(super) async fn look_up(
        &self,
        project: &ProjectRef,
        stats: bool,
    ) -> Result<Project, AskError> {
        let what = project.to_string();
        let sessions = Path::of("sessions");
        match project {
            ProjectRef::Id(id) => {
                let path = sessions.id(*id).query("include_stats", stats);
                decode(&self.ask(Question::get(path, what)).await?)
            }
            ProjectRef::Name(name) => {
                let path = sessions.query("limit", 1).query("name", name);
                let path = path.query("include_stats", stats);
                let answer = self.ask(Question::get(path, what.as_str())).await?;
                let found: Vec<Project> = decode(&answer)?;
                // What is found may be deleted next: nothing but that very name will do.
                let found = found.into_iter().find(|project| project.name == *name);
                found.ok_or(AskError::NotFound { what })
            }
        }
    }
}
