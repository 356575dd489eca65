//! Values nested so deep that whoever writes, copies or drops them overflows the stack.
//!
//! `serde_json` does all three by recursion. So a value is cut where it enters, before anything else is
//! done with it; here the way down ends at the limit, and what is cut off is taken apart without the
//! call stack.

use std::mem;
use std::sync::Arc;

use serde_json::Value;

use super::JsonMap;
use super::feedback::Feedback;
use super::op::RunOp;
use super::run::Run;

/// How deep a value of a run may be nested: 512 levels. A map or a list further down is replaced by
/// [`TOO_DEEP`].
///
/// It is far more than any server takes, and a quarter of a thread's usual stack at most.
pub const MAX_VALUE_DEPTH: usize = 512;

/// What stands in place of what is nested deeper than [`MAX_VALUE_DEPTH`].
pub const TOO_DEEP: &str = "[withheld: nested too deep]";

/// Cuts a value that stands in a map, which is a level itself; returns how many parts were cut off.
pub(crate) fn withhold_deep(value: &mut Value) -> u64 {
    cut(value, MAX_VALUE_DEPTH - 1)
}

/// Cuts the values of a map.
pub(crate) fn withhold_deep_in(map: &mut JsonMap) -> u64 {
    map.values_mut().map(withhold_deep).sum()
}

/// Cuts the values of a map that others may hold too; theirs stays as it is.
pub(crate) fn withhold_deep_in_shared(map: &mut Arc<JsonMap>) -> u64 {
    if !map
        .values()
        .any(|value| is_deep(value, MAX_VALUE_DEPTH - 1))
    {
        return 0;
    }
    if let Some(own) = Arc::get_mut(map) {
        return withhold_deep_in(own);
    }
    let mut withheld = 0;
    let copied = map.iter().map(|(key, value)| {
        let value = copy(value, MAX_VALUE_DEPTH - 1, &mut withheld);
        (key.clone(), value)
    });
    *map = Arc::new(copied.collect());
    withheld
}

/// Drops a value without the call stack.
pub(crate) fn discard(value: Value) {
    let mut open = vec![value];
    while let Some(value) = open.pop() {
        match value {
            Value::Array(items) => open.extend(items),
            Value::Object(map) => open.extend(map.into_iter().map(|(_, value)| value)),
            _ => {}
        }
    }
}

fn cut(value: &mut Value, levels: usize) -> u64 {
    match value {
        Value::Array(_) | Value::Object(_) if levels == 0 => {
            discard(mem::replace(value, TOO_DEEP.into()));
            1
        }
        Value::Array(items) => items.iter_mut().map(|item| cut(item, levels - 1)).sum(),
        Value::Object(map) => map.values_mut().map(|value| cut(value, levels - 1)).sum(),
        _ => 0,
    }
}

fn is_deep(value: &Value, levels: usize) -> bool {
    match value {
        Value::Array(_) | Value::Object(_) if levels == 0 => true,
        Value::Array(items) => items.iter().any(|item| is_deep(item, levels - 1)),
        Value::Object(map) => map.values().any(|value| is_deep(value, levels - 1)),
        _ => false,
    }
}

fn copy(value: &Value, levels: usize, withheld: &mut u64) -> Value {
    match value {
        Value::Array(_) | Value::Object(_) if levels == 0 => {
            *withheld += 1;
            TOO_DEEP.into()
        }
        Value::Array(items) => {
            let copied = items.iter().map(|item| copy(item, levels - 1, withheld));
            Value::Array(copied.collect())
        }
        Value::Object(map) => {
            let copied = map
                .iter()
                .map(|(key, value)| (key.clone(), copy(value, levels - 1, withheld)));
            Value::Object(copied.collect())
        }
        plain => plain.clone(),
    }
}

impl Run {
    /// Cuts every value of the run.
    pub(crate) fn withhold_deep(&mut self) -> u64 {
        let maps = [self.inputs.as_mut(), self.outputs.as_mut()];
        let maps = maps.into_iter().flatten().chain([&mut self.extra.other]);
        let runtime = self.extra.runtime.as_mut();
        let shared = runtime.into_iter().chain([&mut self.extra.metadata]);
        let events = self
            .events
            .iter_mut()
            .filter_map(|event| event.kwargs.as_mut());
        maps.map(withhold_deep_in).sum::<u64>()
            + shared.map(withhold_deep_in_shared).sum::<u64>()
            + events.map(withhold_deep).sum::<u64>()
    }
}

impl Feedback {
    fn withhold_deep(&mut self) -> u64 {
        let values = [&mut self.score, &mut self.value, &mut self.correction];
        let values = values.into_iter().flatten();
        values
            .chain([&mut self.feedback_source])
            .map(withhold_deep)
            .sum()
    }
}

impl RunOp {
    /// Cuts every value of the operation at [`MAX_VALUE_DEPTH`]; returns how many parts were cut off.
    pub(crate) fn withhold_deep(&mut self) -> u64 {
        match self {
            Self::Post(run) | Self::Patch(run) => run.withhold_deep(),
            Self::Feedback(feedback) => feedback.withhold_deep(),
        }
    }
}
