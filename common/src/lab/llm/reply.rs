//! The events of a streamed answer, added up for its run; and its text alone.

use futures_util::{Stream, StreamExt as _};
use genai::chat::ChatStreamEvent;
use serde_json::{Value, json};

use crate::model::Usage;
use crate::trace::{JoinedText, Reduce};

/// Adds up the events of the client crate [`genai`]: the text joined as `content`, the usage from the end.
///
/// A stream that is dropped after its end event was not broken off.
///
/// ```
/// use common::lab::Lesson;
/// use common::lab::llm::{Answer, ChatReply, Model, ScriptedLlm};
/// use common::trace::TraceStreamExt as _;
/// use futures_util::StreamExt as _;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), genai::Error> {
/// let lesson = Lesson::start("doc").await;
/// let llm = ScriptedLlm::builder().then(Answer::text("In a header.")).start();
/// let run = lesson.client("generator").run("write answer").run_type("llm");
/// let events = Model::scripted(&llm).stream("Where?").await?;
/// events.traced_by(run, ChatReply::new()).count().await;
/// let tree = lesson.tree(1).await;
/// let run = &tree.nodes()[0].run;
/// assert_eq!(run.outputs.as_ref().map(|it| &it["content"]), Some(&"In a header.".into()));
/// assert_eq!(run.usage().map(|usage| usage.output_tokens), Some(4));
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, Default)]
pub struct ChatReply {
    content: JoinedText,
    usage: Option<Usage>,
    is_whole: bool,
}

impl ChatReply {
    /// Makes a reducer that has seen no event.
    pub fn new() -> Self {
        Self::default()
    }
}

impl Reduce<ChatStreamEvent> for ChatReply {
    fn take(&mut self, event: &ChatStreamEvent) {
        match event {
            ChatStreamEvent::Chunk(chunk) => self.content.take(&chunk.content),
            ChatStreamEvent::End(end) => {
                self.is_whole = true;
                let told = end.captured_usage.as_ref();
                // The crate's own type has the names of OpenAI's.
                self.usage = told.and_then(|usage| Usage::from_openai(&json!({"usage": usage})));
            }
            _ => {}
        }
    }

    fn outputs(&self) -> Value {
        let content = Reduce::<str>::outputs(&self.content);
        json!({"role": "assistant", "content": content})
    }

    fn usage(&self) -> Option<Usage> {
        self.usage.clone()
    }

    fn is_whole(&self) -> bool {
        self.is_whole
    }
}

/// Leaves of a stream of events its text, and its error.
pub fn text_of(
    events: impl Stream<Item = genai::Result<ChatStreamEvent>>,
) -> impl Stream<Item = genai::Result<String>> {
    events.filter_map(async |event| match event {
        Ok(ChatStreamEvent::Chunk(chunk)) => Some(Ok(chunk.content)),
        Ok(_) => None,
        Err(error) => Some(Err(error)),
    })
}
