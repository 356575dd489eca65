//! The model that a lesson asks, through a client crate as a program would.

use std::fmt;
use std::sync::Arc;

use futures_util::StreamExt as _;
use futures_util::stream::BoxStream;
use genai::adapter::AdapterKind;
use genai::chat::{ChatOptions, ChatRequest, ChatResponse, ChatStreamEvent};
use genai::resolver::{AuthData, Endpoint};
use genai::{Client, ModelIden, ServiceTarget};
use secrecy::{ExposeSecret as _, SecretString};

use super::server::ScriptedLlm;
use crate::lab::lesson::Environment;

/// The environment variable that says who answers: `openai`, or nobody but the script.
const WHO: &str = "WORKBOOK_LLM";
/// The environment variable with the name of the real model.
const WHICH: &str = "WORKBOOK_LLM_MODEL";
/// The real model if none is named.
const DEFAULT_MODEL: &str = "gpt-4o-mini";
/// Where the real one is if `OPENAI_BASE_URL` says nothing else.
const DEFAULT_BASE: &str = "https://api.openai.com/v1";
/// The key that is shown to the script. It opens nothing.
const SCRIPTED_KEY: &str = "scripted-key";

/// Who answers a lesson's questions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Provider {
    /// The scripted model. The default, also when a provider's key is exported.
    Scripted,
    /// OpenAI, or who speaks like it at `OPENAI_BASE_URL`: `WORKBOOK_LLM=openai` and `OPENAI_API_KEY`.
    OpenAi,
}

impl Provider {
    fn from_env(env: &Environment) -> Self {
        match env.get(WHO).as_deref().map(str::trim) {
            Some("openai") => Self::OpenAi,
            _ => Self::Scripted,
        }
    }
}

/// A streamed answer as it comes: pieces of text and of tool calls, then its end.
///
/// The crate's own stream begins with an event that says no more than that the connection is there. It is left
/// out, so that the first thing in the stream is the first thing that the model said.
pub type ChatEvents = BoxStream<'static, genai::Result<ChatStreamEvent>>;

/// A model behind the client crate [`genai`]. A cheap clone.
///
/// ```
/// use common::lab::llm::{Answer, Model, ScriptedLlm};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), genai::Error> {
/// let llm = ScriptedLlm::builder().then(Answer::text("In a header.")).start();
/// let model = Model::scripted(&llm);
/// let answer = model.ask("Where is the parent?").await?;
/// assert_eq!(answer.first_text(), Some("In a header."));
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Model {
    provider: Provider,
    client: Client,
    name: Arc<str>,
    base: Arc<str>,
    key: Arc<SecretString>,
}

/// Why the model that was asked for cannot be asked.
#[derive(Debug, thiserror::Error)]
pub enum ModelError {
    /// Set `OPENAI_API_KEY`, or take `WORKBOOK_LLM` away to be answered by the script.
    #[error("WORKBOOK_LLM=openai needs OPENAI_API_KEY")]
    NoKey,
}

impl Model {
    /// Returns the client of a scripted model.
    pub fn scripted(llm: &ScriptedLlm) -> Self {
        let key = SecretString::from(SCRIPTED_KEY);
        Self::new(Provider::Scripted, llm.model(), &llm.url(), key)
    }

    /// Returns the client of a scripted model; with `WORKBOOK_LLM=openai` and a key, that of the real one in its
    /// place: `WORKBOOK_LLM_MODEL` (`gpt-4o-mini` by default) at `OPENAI_BASE_URL`.
    ///
    /// # Errors
    /// When the real one is asked for and there is no key.
    pub fn from_env(llm: &ScriptedLlm) -> Result<Self, ModelError> {
        Self::chosen(&Environment::load(), llm)
    }

    fn chosen(env: &Environment, llm: &ScriptedLlm) -> Result<Self, ModelError> {
        if Provider::from_env(env) == Provider::Scripted {
            return Ok(Self::scripted(llm));
        }
        let key = env.get("OPENAI_API_KEY").ok_or(ModelError::NoKey)?;
        let name = env.get(WHICH).unwrap_or_else(|| DEFAULT_MODEL.to_owned());
        let base = env
            .get("OPENAI_BASE_URL")
            .unwrap_or_else(|| DEFAULT_BASE.to_owned());
        let key = SecretString::from(key.trim().to_owned());
        Ok(Self::new(Provider::OpenAi, name.trim(), &base, key))
    }

    fn new(provider: Provider, name: &str, base: &str, key: SecretString) -> Self {
        let http = match provider {
            Provider::Scripted => crate::lab::http_client(),
            Provider::OpenAi => crate::lab::services::outside().build().unwrap_or_default(),
        };
        Self {
            provider,
            client: client(http),
            name: name.into(),
            // The client crate joins addresses: without the blank segment, `v1` would be replaced.
            base: format!("{}/", base.trim().trim_end_matches('/')).into(),
            key: Arc::new(key),
        }
    }

    /// Asks, and waits for the whole answer.
    ///
    /// # Errors
    /// When the provider refuses, or cannot be reached.
    pub async fn ask(&self, prompt: impl Into<String>) -> genai::Result<ChatResponse> {
        self.ask_with(ChatRequest::from_user(prompt), &ChatOptions::default())
            .await
    }

    /// Asks with a request and options of the client crate, such as tools.
    ///
    /// # Errors
    /// When the provider refuses, or cannot be reached.
    pub async fn ask_with(
        &self,
        request: ChatRequest,
        options: &ChatOptions,
    ) -> genai::Result<ChatResponse> {
        self.client
            .exec_chat(self.target(), request, Some(options))
            .await
    }

    /// Asks, and returns the answer as it comes. The usage is asked for: without that, none is sent.
    ///
    /// # Errors
    /// When the provider refuses, or cannot be reached. What goes wrong later is in the stream.
    pub async fn stream(&self, prompt: impl Into<String>) -> genai::Result<ChatEvents> {
        let options = ChatOptions::default().with_capture_usage(true);
        self.stream_with(ChatRequest::from_user(prompt), &options)
            .await
    }

    /// Asks with a request and options of the client crate, and returns the answer as it comes.
    ///
    /// # Errors
    /// When the provider refuses, or cannot be reached. What goes wrong later is in the stream.
    pub async fn stream_with(
        &self,
        request: ChatRequest,
        options: &ChatOptions,
    ) -> genai::Result<ChatEvents> {
        let answer = self
            .client
            .exec_chat_stream(self.target(), request, Some(options));
        let says = |event: &genai::Result<ChatStreamEvent>| {
            !matches!(
                event,
                Ok(ChatStreamEvent::Start | ChatStreamEvent::Heartbeat)
            )
        };
        let events = answer.await?.stream;
        Ok(events
            .filter(move |event| std::future::ready(says(event)))
            .boxed())
    }

    /// Returns the model's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns who answers.
    pub fn provider(&self) -> Provider {
        self.provider
    }

    /// Returns the client crate's own client, for what this handle does not do.
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// Returns where the client crate sends what it is asked with [`client`](Self::client).
    pub fn target(&self) -> ServiceTarget {
        ServiceTarget {
            endpoint: Endpoint::from_owned(self.base.clone()),
            auth: AuthData::from_single(self.key.expose_secret()),
            model: ModelIden::new(AdapterKind::OpenAI, self.name.as_ref()),
        }
    }
}

#[allow(
    clippy::expect_used,
    reason = "settings that contradict one another; there is only one"
)]
fn client(http: reqwest::Client) -> Client {
    Client::builder()
        .with_reqwest(http)
        .build()
        .expect("one setting")
}

impl fmt::Debug for Model {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Model({}, {:?})", self.name, self.provider)
    }
}

impl fmt::Display for Model {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.provider {
            Provider::Scripted => write!(
                f,
                "`{}` is scripted, at {}, and knows this workbook's documentation.\n\
                 To ask a real one: WORKBOOK_LLM=openai and OPENAI_API_KEY.",
                self.name, self.base
            ),
            Provider::OpenAi => write!(f, "`{}` is asked at {}.", self.name, self.base),
        }
    }
}
