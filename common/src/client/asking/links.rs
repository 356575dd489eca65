//! A link to each trace.

use uuid::Uuid;

use super::error::AskError;
use super::project::ProjectRef;
use super::stored_run::StoredRun;
use super::wait::block_on;
use super::web_app::WebApp;
use crate::client::Client;
use crate::client::config::DEFAULT_PROJECT;
use crate::model::{Run, RunContext, RunId, TraceId};
use crate::trace::RunTree;

/// Where a run is to be found, as far as its holder knows.
///
/// Made of a [`RunTree`], a [`Run`], a [`StoredRun`], a [`RunContext`], or the id of a run or a trace.
/// The less it says, the more has to be asked.
#[derive(Debug, Clone, PartialEq)]
pub struct RunLocator {
    // None: the run is not recorded.
    run: Option<RunId>,
    trace: Option<TraceId>,
    project: WhichProject,
    page: Option<String>,
}

#[derive(Debug, Clone, PartialEq)]
enum WhichProject {
    Known(ProjectRef),
    /// The one that the client sends to.
    Own,
    /// The server knows.
    Unknown,
}

impl From<Option<String>> for WhichProject {
    fn from(name: Option<String>) -> Self {
        name.map_or(Self::Own, |name| Self::Known(name.into()))
    }
}

impl From<RunId> for RunLocator {
    fn from(run: RunId) -> Self {
        Self {
            run: Some(run),
            trace: None,
            project: WhichProject::Unknown,
            page: None,
        }
    }
}

impl From<TraceId> for RunLocator {
    /// Means the root of the trace.
    fn from(trace: TraceId) -> Self {
        Self {
            trace: Some(trace),
            ..RunId::from(trace).into()
        }
    }
}

impl From<&Run> for RunLocator {
    fn from(run: &Run) -> Self {
        Self {
            run: Some(run.id),
            trace: Some(run.trace_id),
            project: run.project.clone().into(),
            page: None,
        }
    }
}

impl From<&RunContext> for RunLocator {
    fn from(context: &RunContext) -> Self {
        Self {
            run: Some(context.run_id()),
            trace: Some(context.trace_id()),
            project: context.baggage.project.clone().into(),
            page: None,
        }
    }
}

impl From<&RunTree> for RunLocator {
    fn from(run: &RunTree) -> Self {
        run.context().as_ref().map_or(
            Self {
                run: None,
                trace: None,
                project: WhichProject::Own,
                page: None,
            },
            Self::from,
        )
    }
}

impl From<&StoredRun> for RunLocator {
    fn from(stored: &StoredRun) -> Self {
        let project = match stored.project_id {
            Some(id) => WhichProject::Known(id.into()),
            None => stored.run.project.clone().into(),
        };
        Self {
            project,
            page: stored.app_path.clone(),
            ..Self::from(&stored.run)
        }
    }
}

/// Where the runs of a project are shown.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place {
    pub(super) workspace: Uuid,
    pub(super) project: Uuid,
}

/// Most projects whose place is remembered.
const MAX_PLACES: usize = 1_000;

/// Links to the web app.
impl Client {
    /// Returns the web app that belongs to the endpoint, which makes links without asking.
    pub fn web_app(&self) -> WebApp {
        match &self.origin.asking.web_url {
            Some(url) => WebApp::at(url.as_str()),
            None => WebApp::of(self.endpoint()),
        }
    }

    /// Returns the address of a run's page in the web app:
    /// `<host>/o/<workspace>/projects/p/<project>/r/<run>?poll=true`, as the Python SDK builds it.
    ///
    /// A run that is still on its way has its link already, and the page waits for it. The first link
    /// into a project asks for the project's id, further ones ask nothing; a bare id is looked up. At a
    /// stand-in on this machine the link leads to its viewer, at the run's trace, and nothing is asked.
    ///
    /// # Errors
    /// [`AskError::NotSending`] for a run that is not recorded; [`AskError::NotFound`] if a bare id or
    /// the project is not stored, or not yet; else as [`AskError`] lists.
    pub async fn run_url(&self, run: impl Into<RunLocator>) -> Result<String, AskError> {
        self.url_of(run.into()).await
    }

    /// Returns the address as [`run_url`](Self::run_url) does, and blocks until it is there.
    ///
    /// # Errors
    /// As [`run_url`](Self::run_url).
    pub fn run_url_blocking(&self, run: impl Into<RunLocator>) -> Result<String, AskError> {
        block_on(self.url_of(run.into()))
    }

    async fn url_of(&self, at: RunLocator) -> Result<String, AskError> {
        let run = at.run.ok_or(AskError::NotSending)?;
        let web = self.web_app();
        if let Some(page) = at.trace.and_then(|trace| web.trace_in_viewer(trace)) {
            return Ok(page);
        }
        let at = match at.project {
            WhichProject::Unknown => RunLocator::from(&self.read_run(run).await?),
            _ => at,
        };
        if let Some(page) = at.trace.and_then(|trace| web.trace_in_viewer(trace)) {
            return Ok(page);
        }
        if let Some(page) = at.page.and_then(|path| web.page(&path)) {
            return Ok(page);
        }
        let project = match at.project {
            WhichProject::Known(project) => project,
            WhichProject::Own | WhichProject::Unknown => {
                self.tracer.project().unwrap_or(DEFAULT_PROJECT).into()
            }
        };
        let place = self.place_of(&project).await?;
        Ok(web.run(place.workspace, place.project, run))
    }

    async fn place_of(&self, project: &ProjectRef) -> Result<Place, AskError> {
        let key = format!(
            "{} {project:?}",
            self.main.as_ref().map_or("", |lane| &lane.label)
        );
        if let Some(place) = self.origin.asking.places().get(&key) {
            return Ok(*place);
        }
        let found = self.look_up(project, false).await?;
        let workspace = found
            .workspace_id
            .ok_or_else(|| AskError::Decode(format!("{project} names no workspace")))?;
        let place = Place {
            workspace,
            project: found.id,
        };
        let mut places = self.origin.asking.places();
        if places.len() >= MAX_PLACES {
            places.clear();
        }
        places.insert(key, place);
        Ok(place)
    }
}
