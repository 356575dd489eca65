//! Projects, which the wire calls sessions.

use http::Method;
use uuid::Uuid;

use super::error::AskError;
use super::pages::Pages;
use super::path::Path;
use super::project::{
    NewProject, Project, ProjectQuery, ProjectRef, ProjectUpdate, WorkspaceSettings,
};
use super::question::{Question, decode};
use super::wait::block_on;
use crate::client::Client;

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
