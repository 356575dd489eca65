//! Where should we look?

use common::lab::llm::Model;

use super::ask::{AgentError, ask};
use super::prompt::prompt;
use crate::corpus::Source;
use crate::state::{State, Update};

/// Chooses the sources that may have the answer. A model that names none of them gets all of them.
///
/// # Errors
/// If the model does not answer.
pub async fn route(model: &Model, state: &State) -> Result<Update, AgentError> {
    let mut system = String::from(
        "You are the router of a documentation assistant. Reply with the names of the sources that may have the \
         answer, separated by commas, and nothing else.\n",
    );
    for source in Source::ALL {
        system.push_str(&format!("- {source}: {}\n", source.holds()));
    }
    let said = ask(
        model,
        "router",
        &system,
        &prompt(&[], &state.question, None, None),
    )
    .await?;
    let said = said.to_lowercase();
    let named = |source: &Source| {
        said.split(|c: char| !c.is_alphanumeric())
            .any(|word| word == source.name())
    };
    let mut sources: Vec<Source> = Source::ALL.into_iter().filter(named).collect();
    if sources.is_empty() {
        sources = Source::ALL.into();
    }
    Ok(Update {
        sources: Some(sources),
        ..Update::default()
    })
}
