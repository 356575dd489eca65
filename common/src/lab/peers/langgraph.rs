//! A real LangGraph agent in Python, which Rust asks and which asks Rust.
//!
//! ```text
//! your run ──ask · stream · draft · resume──► docs_agent, approval_flow (setup/python/peers/graphs.py)
//!   one trace, both ways                         └─ search_docs ──► a Rust retriever behind called_by_agent()
//! ```
//!
//! Start at [`LangGraphAgent::start`].

use serde_json::{Value, json};

use super::agent_events::AgentEvents;
use super::env::PeerEnv;
use super::peer::PeerError;
use super::python::PythonService;
use crate::client::Client;
use crate::middleware::TracingLayer;
use crate::propagation::TrustPolicy;
use crate::propagation::limits::{LANGGRAPH_METADATA, LANGGRAPH_TAGS};
use crate::trace::RunTree;

/// The header by which the agent's tool says who is calling, and what it says.
const CALLER: (&str, &str) = ("x-caller", "docs_agent");

/// A LangGraph agent in a Python process of its own, traced by the official SDK. It ends with this handle.
///
/// Whatever it is asked is asked below a run of yours, whose headers go with the request.
///
/// ```no_run
/// use common::lab::{AgentQuestion, LangGraphAgent, Lesson, Service, called_by_agent, story};
///
/// # #[tokio::main]
/// # async fn main() -> Result<(), common::lab::PeerError> {
/// let lesson = Lesson::start("agents").await;
/// let layer = called_by_agent(&lesson.client("retriever"), &lesson.project());
/// let retriever = Service::start("retriever", story::retriever(layer));
/// let agent = LangGraphAgent::start(&lesson.peer_env()).await?;
///
/// let root = lesson.client("supervisor").run("supervisor").start();
/// let question = AgentQuestion::new(story::QUESTION).retriever(retriever.url("/retrieve"));
/// println!("{}", agent.ask(&question, &root).await?);
/// root.end();
/// agent.flush().await?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct LangGraphAgent(PythonService);

impl LangGraphAgent {
    /// Starts `setup/python/peers/agent.py`, and waits until it answers.
    ///
    /// # Errors
    /// When the peers are not installed, or the service does not start.
    pub async fn start(env: &PeerEnv) -> Result<Self, PeerError> {
        PythonService::start("agent", env).await.map(Self)
    }

    /// Returns which SDK and which LangGraph it runs, such as `langsmith 0.15.0, langgraph 1.2.22`.
    pub fn sdk(&self) -> &str {
        self.0.sdk()
    }

    /// Returns the process behind it, for what is not asked of an agent.
    pub fn service(&self) -> &PythonService {
        &self.0
    }

    /// Asks a question below `run`; returns the answer.
    ///
    /// # Errors
    /// When the agent has ended, takes too long, or answers with an error.
    pub async fn ask(&self, question: &AgentQuestion, run: &RunTree) -> Result<String, PeerError> {
        let said = self.0.call("/ask", &question.body, run).await?;
        Ok(text(&said["answer"]))
    }

    /// Asks a question below `run`; returns what the agent says of its work, as it comes.
    ///
    /// # Errors
    /// When the agent has ended, takes too long to begin, or answers with an error.
    pub async fn stream(
        &self,
        question: &AgentQuestion,
        run: &RunTree,
    ) -> Result<AgentEvents, PeerError> {
        let response = self.0.open("/stream", &question.body, run).await?;
        Ok(AgentEvents::of(response))
    }

    /// Has a draft written below `run`. The flow then waits for a person, in the thread `thread_id`, and the
    /// request is over: what the person says comes with [`resume`](Self::resume).
    ///
    /// # Errors
    /// When the agent has ended, takes too long, or answers with an error.
    pub async fn draft(
        &self,
        question: &str,
        thread_id: &str,
        run: &RunTree,
    ) -> Result<AgentDraft, PeerError> {
        let body = json!({"question": question, "thread_id": thread_id});
        self.0.call("/draft", &body, run).await.map(AgentDraft::of)
    }

    /// Tells the flow that waits in `thread_id` what a person decided. It goes on below `run`, which is the run
    /// of another request and of another trace: the thread's id alone ties the two together.
    ///
    /// # Errors
    /// When nothing waits in that thread (409), or the agent has ended or takes too long.
    pub async fn resume(
        &self,
        thread_id: &str,
        approved: bool,
        run: &RunTree,
    ) -> Result<AgentDraft, PeerError> {
        let body = json!({"thread_id": thread_id, "approved": approved});
        self.0.call("/resume", &body, run).await.map(AgentDraft::of)
    }

    /// Returns the pictures of both graphs as LangGraph draws them, as Mermaid text: the agent's, and that of
    /// the flow that waits.
    ///
    /// # Errors
    /// When the agent has ended, takes too long, or answers with an error.
    pub async fn mermaid(&self) -> Result<(String, String), PeerError> {
        let drawn = self.0.get("/graph").await?;
        Ok((text(&drawn["docs_agent"]), text(&drawn["approval_flow"])))
    }

    /// Asks the agent to send the runs it has kept back.
    ///
    /// # Errors
    /// When the agent has ended, takes too long, or answers with an error.
    pub async fn flush(&self) -> Result<(), PeerError> {
        self.0.flush().await
    }
}

/// A question to the agent, and how it goes about it.
#[derive(Debug, Clone, PartialEq)]
pub struct AgentQuestion {
    body: Value,
}

impl AgentQuestion {
    /// Asks about the documentation. The parts that semicolons separate are looked up by a tool call each, at
    /// the same time.
    pub fn new(question: &str) -> Self {
        Self {
            body: json!({"question": question}),
        }
    }

    /// Asks in the conversation `thread_id`: the agent knows what was said in it, and LangGraph makes the id
    /// metadata of its runs. A thread of its own by default.
    ///
    /// Your own runs have it only if you say so, on the root: `client.run("…").metadata("thread_id", id)`.
    #[must_use]
    pub fn thread(self, thread_id: &str) -> Self {
        self.with("thread_id", thread_id)
    }

    /// Says where the agent's tool searches: the address of `POST /retrieve`, on this machine. By default it
    /// has a few pages of its own.
    #[must_use]
    pub fn retriever(self, address: impl Into<String>) -> Self {
        self.with("retriever", address.into())
    }

    /// Makes a mistake: the tool calls the retriever from a thread that knows of no run.
    #[must_use]
    pub fn detached(self) -> Self {
        self.with("detached", true)
    }

    /// Makes a mistake: each call of the model is recorded by two layers, with its tokens.
    #[must_use]
    pub fn doubled(self) -> Self {
        self.with("doubled", true)
    }

    /// Makes a mistake: the thread's id is in the body of the request alone, and no run is told of it. Not for
    /// [`stream`](LangGraphAgent::stream).
    #[must_use]
    pub fn unnamed(self) -> Self {
        self.with("unnamed", true)
    }

    fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.body[name] = value.into();
        self
    }
}

/// What a flow gives that may wait for a person.
#[derive(Debug, Clone, PartialEq)]
pub struct AgentDraft {
    /// The draft as it is by now.
    pub draft: String,
    /// What the person is asked; nothing if the flow has come to its end.
    pub asks: Option<Value>,
}

impl AgentDraft {
    fn of(mut said: Value) -> Self {
        Self {
            draft: text(&said["draft"]),
            asks: Some(said["asks"].take()).filter(|asks| !asks.is_null()),
        }
    }

    /// Returns true if the flow waits for a person.
    pub fn waits(&self) -> bool {
        self.asks.is_some()
    }
}

/// Makes the layer of a Rust service that the agent's tool calls.
///
/// It continues the traces of whoever says in a header that it is the agent (`x-caller`), lets them choose
/// `project` alone, takes over their thread, and leaves out where in the graph the agent was: its service is no
/// node of that graph.
///
/// Anybody can send such a header. That is enough on loopback, and not at an edge: there a secret or mTLS says
/// who calls.
pub fn called_by_agent(client: &Client, project: &str) -> TracingLayer {
    let (header, name) = CALLER;
    TracingLayer::new(client.tracer())
        .policy(TrustPolicy::trust_if(move |headers| {
            headers.first(header) == Some(name)
        }))
        .allow_projects([project])
        .allow_metadata(["thread_id"])
        .leave_out_metadata(LANGGRAPH_METADATA)
        .leave_out_tags(LANGGRAPH_TAGS)
        .name(|_| "retriever".into())
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}
