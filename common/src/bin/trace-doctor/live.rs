//! Runs of a live endpoint: the stand-in's capture, or a project of LangSmith.

use common::analysis::doctor::Evidence;

#[cfg(feature = "client")]
pub(crate) fn take(
    evidence: &mut Evidence,
    url: &str,
    project: Option<&str>,
    limit: usize,
) -> Result<(), String> {
    if let Some(capture) = capture(url)? {
        return evidence
            .read_more(capture.as_slice())
            .map_err(|error| error.to_string());
    }
    stored(evidence, url, project, limit)
}

/// Asks for the capture of a stand-in; none if the endpoint has no such thing. No key goes along.
#[cfg(feature = "client")]
fn capture(url: &str) -> Result<Option<Vec<u8>>, String> {
    let address = format!("{}/_stand_in/capture", url.trim_end_matches('/'));
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let runtime = runtime.map_err(|error| error.to_string())?;
    // The provider is that of the exporter; another choice by the program stays.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let asked = async {
        let client = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .timeout(std::time::Duration::from_secs(60))
            .build()?;
        let answer = client.get(address).send().await?;
        if !answer.status().is_success() {
            return Ok(None);
        }
        answer.bytes().await.map(|bytes| Some(bytes.to_vec()))
    };
    let answer: Result<_, reqwest::Error> = runtime.block_on(asked);
    answer.map_err(|error| error.without_url().to_string())
}

/// Reads the runs of a project, with the key of the environment.
#[cfg(feature = "client")]
fn stored(
    evidence: &mut Evidence,
    url: &str,
    project: Option<&str>,
    limit: usize,
) -> Result<(), String> {
    use common::client::{ClientBuilder, Config, RunQuery};
    use common::model::{Run, TraceTree};

    let config = Config::from_env().map_err(|error| error.to_string())?;
    // Nothing is traced here, so nothing is sent but the question.
    let client = ClientBuilder::from(config).endpoint(url).build();
    let client = client.map_err(|error| error.to_string())?;
    let project = project.ok_or("name the project to read: --project NAME")?;
    let query = RunQuery::new().project(project).limit(limit);
    let runs: Result<Vec<_>, _> = client.list_runs(query).blocking().collect();
    let runs = runs.map_err(|error| error.to_string())?;
    let tree = TraceTree::build(runs.into_iter().map(Run::from));
    evidence.add_tree(&tree);
    Ok(())
}

#[cfg(not(feature = "client"))]
pub(crate) fn take(
    _evidence: &mut Evidence,
    _url: &str,
    _project: Option<&str>,
    _limit: usize,
) -> Result<(), String> {
    Err("this trace-doctor was built without the feature `client`, and reads files only".to_owned())
}
