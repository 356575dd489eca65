//! One question to a model, as a run.

use common::lab::llm::Model;
use common::trace::{OpenAi, child};
use genai::chat::{ChatMessage, ChatOptions, ChatRequest};
use serde_json::json;

/// Why an agent has nothing to add.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AgentError {
    /// The provider refused or could not be reached; its own words say which.
    #[error("the model did not answer")]
    Model(#[from] genai::Error),
    /// It answered with no text, as after a refusal or when the limit is 0 tokens.
    #[error("the model answered without a word")]
    NoText,
}

/// Asks, below the current run, and returns the text of the answer. The run has the messages, the answer and its
/// usage.
pub(super) async fn ask(
    model: &Model,
    agent: &str,
    system: &str,
    prompt: &str,
) -> Result<String, AgentError> {
    let messages = json!([
        {"role": "system", "content": system},
        {"role": "user", "content": prompt},
    ]);
    let request = json!({"model": model.name(), "messages": messages, "temperature": 0.0});
    let run = child(format!("{agent} model"))
        .llm_request(&OpenAi, &request)
        .start();
    let request =
        ChatRequest::from_messages(vec![ChatMessage::system(system), ChatMessage::user(prompt)]);
    let options = ChatOptions::default().with_temperature(0.0);
    let asked = model.ask_with(request, &options).await;
    let answer = asked.map_err(AgentError::from).and_then(|answer| {
        let text = answer
            .first_text()
            .map(str::to_owned)
            .ok_or(AgentError::NoText)?;
        Ok((text, answer.usage))
    });
    match answer {
        Ok((text, usage)) => {
            let message = json!({"role": "assistant", "content": text});
            run.end_with_answer(
                &OpenAi,
                &json!({"choices": [{"message": message}], "usage": usage}),
            );
            Ok(text)
        }
        Err(error) => {
            run.fail_with(&error);
            Err(error)
        }
    }
}
