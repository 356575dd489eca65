//! Whether what people say and models answer goes onto spans.

use std::fmt;
use std::sync::Arc;

use opentelemetry::KeyValue;

/// Which half of a call content is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ContentSide {
    /// What was given.
    Inputs,
    /// What was answered.
    Outputs,
}

/// Keeps content somewhere else, and says where.
///
/// It is called where a span starts or ends, so it should hand the content over and return. None leaves
/// the span without a word of it.
#[derive(Clone)]
pub struct ContentHook(Arc<Keep>);

type Keep = dyn Fn(ContentSide, &str) -> Option<String> + Send + Sync;

impl ContentHook {
    /// Wraps a function of the side and the content, which is JSON.
    pub fn new(keep: impl Fn(ContentSide, &str) -> Option<String> + Send + Sync + 'static) -> Self {
        Self(Arc::new(keep))
    }
}

impl fmt::Debug for ContentHook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ContentHook")
    }
}

/// What becomes of content: the three modes of the conventions. Messages may hold anything that people
/// say, so by default a span has none of it.
#[derive(Debug, Clone, Default)]
pub enum ContentCapture {
    /// It is left out. The default.
    #[default]
    None,
    /// It goes onto the span, where every exporter sees it.
    Attributes,
    /// A function keeps it elsewhere; the span says where, as metadata `inputs_reference` and
    /// `outputs_reference`.
    Reference(ContentHook),
}

impl ContentCapture {
    /// Adds content to attributes: under these keys, or where it is to be found.
    pub(super) fn add(
        &self,
        side: ContentSide,
        content: &[(&'static str, String)],
        attributes: &mut Vec<KeyValue>,
    ) {
        match self {
            Self::None => {}
            Self::Attributes => {
                let all = content.iter();
                attributes.extend(all.map(|(key, text)| KeyValue::new(*key, text.clone())));
            }
            Self::Reference(hook) => {
                let Some((_, text)) = content.first() else {
                    return;
                };
                let key = match side {
                    ContentSide::Inputs => "langsmith.metadata.inputs_reference",
                    ContentSide::Outputs => "langsmith.metadata.outputs_reference",
                };
                let call = std::panic::AssertUnwindSafe(|| (hook.0)(side, text));
                // A hook that panics keeps nothing; the program goes on.
                if let Ok(Some(reference)) = std::panic::catch_unwind(call) {
                    attributes.push(KeyValue::new(key, reference));
                }
            }
        }
    }
}
