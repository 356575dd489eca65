//! Batches of spans that are no larger than what LangSmith takes at once.
//!
//! The SDK counts spans, 512 in a batch, and long prompts make more than 20 MiB of them. A request that is too
//! large is refused whole. Start at [`requests`].

use opentelemetry::{Array, KeyValue, Value};
use opentelemetry_sdk::trace::SpanData;

use crate::export::DEFAULT_BATCH_BYTES;

/// Most bytes of spans in a request. The rest is for the resource.
const MOST_BYTES: usize = DEFAULT_BATCH_BYTES / 10 * 9;
/// What a span, an event or an attribute weighs at most besides its texts.
const FRAME: usize = 32;
/// The ids, times and flags of a span, and the names of what made it.
const SPAN: usize = 512;

/// Divides a batch, in its order. A span that is too large for any request is alone in one.
pub(super) fn requests(batch: Vec<SpanData>) -> Vec<Vec<SpanData>> {
    let (mut all, mut request, mut held) = (Vec::new(), Vec::new(), 0);
    for span in batch {
        let bytes = size_of(&span);
        if held + bytes > MOST_BYTES && !request.is_empty() {
            all.push(std::mem::take(&mut request));
            held = 0;
        }
        held += bytes;
        request.push(span);
    }
    if !request.is_empty() {
        all.push(request);
    }
    all
}

/// Returns how many bytes a span is on the wire, or somewhat more.
fn size_of(span: &SpanData) -> usize {
    let events = span.events.iter().map(|event| {
        let told = attributes(&event.attributes);
        FRAME + event.name.len() + told
    });
    let links = span.links.iter().map(|link| {
        let state = link.span_context.trace_state().header().len();
        2 * FRAME + state + attributes(&link.attributes)
    });
    let own = SPAN + span.name.len() + attributes(&span.attributes);
    own + events.sum::<usize>() + links.sum::<usize>()
}

fn attributes(attributes: &[KeyValue]) -> usize {
    let one = |one: &KeyValue| FRAME + one.key.as_str().len() + value(&one.value);
    attributes.iter().map(one).sum()
}

fn value(value: &Value) -> usize {
    match value {
        Value::String(text) => text.as_str().len(),
        Value::Array(Array::String(texts)) => {
            let text = |text: &opentelemetry::StringValue| FRAME + text.as_str().len();
            texts.iter().map(text).sum()
        }
        Value::Array(Array::Bool(list)) => FRAME * list.len(),
        Value::Array(Array::I64(list)) => FRAME * list.len(),
        Value::Array(Array::F64(list)) => FRAME * list.len(),
        _ => 0,
    }
}
