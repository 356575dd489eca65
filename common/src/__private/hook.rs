//! What the hooks `process_inputs` and `process_outputs` make of a payload.

use std::any::type_name;
use std::panic::{AssertUnwindSafe, catch_unwind};

use serde_json::Value;

use crate::model::JsonMap;
use crate::trace::Tracer;

/// What a hook may give back: an object, any value, or a `Result` of one.
#[diagnostic::on_unimplemented(
    message = "a hook of `#[traceable]` cannot give back `{Self}`",
    label = "this hook gives back `{Self}`",
    note = "a hook takes a `JsonMap` and gives back a `JsonMap`, a `serde_json::Value`, or a `Result` of one"
)]
pub trait Payload {
    fn payload(self, key: &str) -> Result<JsonMap, &'static str>;
}

impl Payload for JsonMap {
    fn payload(self, _key: &str) -> Result<JsonMap, &'static str> {
        Ok(self)
    }
}

impl Payload for Value {
    fn payload(self, key: &str) -> Result<JsonMap, &'static str> {
        Ok(match self {
            Self::Object(map) => map,
            other => JsonMap::from_iter([(key.to_owned(), other)]),
        })
    }
}

impl<P: Payload, E> Payload for Result<P, E> {
    fn payload(self, key: &str) -> Result<JsonMap, &'static str> {
        match self {
            Ok(payload) => payload.payload(key),
            Err(_) => Err(short_name(type_name::<E>())),
        }
    }
}

/// Returns the last segment of a type's path, without its parameters.
fn short_name(name: &'static str) -> &'static str {
    let path = name.split('<').next().unwrap_or(name);
    path.rsplit("::").next().unwrap_or(path)
}

/// Applies a hook. If it fails, the payload is replaced by a marker that names the error's type and
/// nothing of its text, as the Python SDK 0.15 does.
pub(super) fn process<P: Payload>(
    tracer: &Tracer,
    what: &str,
    payload: JsonMap,
    hook: impl FnOnce(JsonMap) -> P,
) -> JsonMap {
    let raw = tracer.allows_unprocessed().then(|| payload.clone());
    let key = what.trim_end_matches('s');
    let processed = catch_unwind(AssertUnwindSafe(|| hook(payload).payload(key)));
    let failed = match processed {
        Ok(Ok(processed)) => return processed,
        Ok(Err(error)) => error,
        Err(_) => "Panic",
    };
    raw.unwrap_or_else(|| {
        let text = format!("Processing failed; {what} dropped (process_{what}: {failed})");
        JsonMap::from_iter([("ls_error".to_owned(), text.into())])
    })
}
