//! JSON objects, and the one that MCP keeps for what is not the message: `_meta`.

use std::sync::LazyLock;

use serde_json::Value;

use super::{Extractor, Injector};
use crate::model::JsonMap;

/// The member of an MCP message's parameters that belongs to nobody's method.
const META: &str = "_meta";

/// Returns the `_meta` of an MCP request or notification, to write a context into. It is made if it is
/// missing. None, and the message as it was, if it calls no method, as an answer does, or with parameters
/// that have no names.
///
/// MCP over standard input and output has no headers, so this is the only place there. The names stay
/// bare, as MCP reserves `traceparent`, `tracestate` and `baggage` (SEP-414): a server with OpenTelemetry
/// reads them, and `langsmith-trace` beside them is a legal name. A tool server over it, and calls of its
/// tools, are in the feature `lab`: `McpServer` and `McpTools`.
///
/// ```
/// use common::propagation::{LangSmithPropagator, Propagator as _, TrustPolicy, carrier::mcp};
/// # use common::model::RunContext;
/// # let order = "20261122T100538926531Z01a202b7-f0ee-7646-9e7b-a245c1fc89c2";
/// # let context = RunContext::new(order.parse()?);
///
/// let propagator = LangSmithPropagator::new().policy(TrustPolicy::Continue);
/// let mut call = serde_json::json!({"method": "tools/call", "params": {"name": "search"}});
/// if let Some(meta) = mcp::meta_mut(&mut call) {
///     propagator.inject(&context, meta);
/// }
/// assert_eq!(call["params"]["_meta"]["langsmith-trace"], order);
///
/// // In the server; with `rmcp`, `&context.meta.0.0` is such an object.
/// let read = propagator.extract(mcp::meta(&call));
/// assert_eq!(read.context, Some(context));
/// # Ok::<(), common::model::ParseDottedOrderError>(())
/// ```
pub fn meta_mut(message: &mut Value) -> Option<&mut JsonMap> {
    let message = message.as_object_mut()?;
    message.get("method")?.as_str()?;
    let params = message
        .entry("params")
        .or_insert_with(|| Value::Object(JsonMap::new()));
    let meta = params
        .as_object_mut()?
        .entry(META)
        .or_insert_with(|| Value::Object(JsonMap::new()));
    meta.as_object_mut()
}

/// Returns the `_meta` of an MCP request or notification; an empty one if there is none, or it is no
/// object.
pub fn meta(message: &Value) -> &JsonMap {
    static NONE: LazyLock<JsonMap> = LazyLock::new(JsonMap::new);
    let found = message
        .get("params")
        .and_then(|params| params.get(META)?.as_object());
    found.unwrap_or(&NONE)
}

impl Extractor for JsonMap {
    fn values<'a>(&'a self, name: &str, visit: &mut dyn FnMut(&'a [u8])) {
        for (key, value) in self {
            if let (true, Value::String(text)) = (key.eq_ignore_ascii_case(name), value) {
                visit(text.as_bytes());
            }
        }
    }
}

impl Injector for JsonMap {
    fn set(&mut self, name: &str, value: String) {
        Injector::remove(self, name);
        self.insert(name.to_owned(), Value::String(value));
    }

    fn remove(&mut self, name: &str) {
        self.retain(|key, _| !key.eq_ignore_ascii_case(name));
    }
}
