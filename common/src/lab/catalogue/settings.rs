//! Rows 26 to 28: what a process is set to, and what its library makes of it.

use std::collections::BTreeMap;

use super::endings::unhurried;
use super::stage::{PATIENCE, Played, SceneError, Stage, Way};
use crate::analysis::doctor::Process;
use crate::client::{Client, ClientBuilder, Config};
use crate::lab::lesson::STAND_IN_KEY;
use crate::langsmith_mock::MockBuilder;

/// A key that opens with a workspace only.
const OF_ORGANIZATION: &str = "key-of-an-organization";

pub(super) fn of_organization(mock: MockBuilder) -> MockBuilder {
    mock.keys([STAND_IN_KEY, OF_ORGANIZATION])
        .org_key(OF_ORGANIZATION)
}

/// Row 26: a key of an organization, and no workspace.
pub(super) async fn no_workspace(stage: &Stage, way: Way) -> Played {
    let config = Config {
        batch: unhurried(),
        workspace_id: way.pick(
            None,
            Some("2f1a7e54-6f0f-4a86-9df5-0c1a5e0f7b11".to_owned()),
        ),
        ..Config::default()
    };
    // Held by the client until the key changes; nobody waits for it here.
    let client = stage.frozen("gateway", config, |b| b.api_key(OF_ORGANIZATION))?;
    client.run("answer").start().end();
    if client.check().await.is_ok() {
        client.flush_async(PATIENCE).await.map_err(SceneError::of)?;
    }
    stage.keep(client);
    Ok(())
}

/// Row 27: a course switches tracing on, and whoever takes it has no key.
pub(super) async fn no_key(stage: &Stage, way: Way) -> Played {
    let variables = match way {
        Way::Broken => variables([("LANGSMITH_TRACING", "true")]),
        Way::Repaired => variables([("LANGSMITH_PROJECT", "course")]),
    };
    let config = read(&variables)?;
    stage.process(&described("course", &variables, &config));
    Ok(())
}

/// Row 28: `True`, as Python writes it.
pub(super) async fn misread(stage: &Stage, way: Way) -> Played {
    let word = way.pick("True", "true");
    let variables = variables([
        ("LANGSMITH_TRACING", word),
        ("LANGSMITH_API_KEY", STAND_IN_KEY),
        ("LANGSMITH_ENDPOINT", stage.mock().url()),
    ]);
    let config = read(&variables)?;
    stage.process(&described("gateway", &variables, &config));
    let client: Client = ClientBuilder::from(config).service("gateway").build()?;
    client.run("answer").start().end();
    let _ = client.flush_async(PATIENCE).await;
    Ok(())
}

fn variables<const N: usize>(pairs: [(&str, &str); N]) -> BTreeMap<String, String> {
    let owned = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
    pairs.map(owned).into()
}

fn read(variables: &BTreeMap<String, String>) -> Result<Config, crate::client::ConfigError> {
    Config::from_lookup(|name| variables.get(name).cloned())
}

/// Says what a process is set to; never its key.
pub(super) fn described(
    process: &str,
    variables: &BTreeMap<String, String>,
    config: &Config,
) -> Process {
    let mut variables = variables.clone();
    variables.retain(|name, _| !name.contains("KEY"));
    Process {
        process: process.to_owned(),
        variables,
        tracing: Some(config.tracing),
        has_key: Some(config.api_key.is_some()),
        project: None,
        sampling_rate: config.sampling_rate,
        endpoint: Some(config.endpoint.clone()),
    }
}
