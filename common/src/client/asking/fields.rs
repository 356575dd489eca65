//! Values as servers of several ages write them.
//!
//! Times come with an offset, without one (then UTC is meant), or as milliseconds; costs as numbers or
//! as decimal text; lists and objects as `null`. What cannot be read is as if it were not there.

use chrono::{DateTime, NaiveDateTime, TimeDelta};
use serde_json::Value;
use uuid::Uuid;

use crate::model::{JsonMap, Timestamp};

/// Takes fields out of an object one by one; what is left is unknown.
#[derive(Debug)]
pub(super) struct Fields(pub(super) JsonMap);

impl Fields {
    /// Takes a field; `null` is none.
    pub(super) fn take(&mut self, name: &str) -> Option<Value> {
        self.0.shift_remove(name).filter(|value| !value.is_null())
    }

    pub(super) fn text(&mut self, name: &str) -> Option<String> {
        match self.take(name)? {
            Value::String(text) => Some(text),
            _ => None,
        }
    }

    pub(super) fn id(&mut self, name: &str) -> Option<Uuid> {
        id_of(&self.take(name)?)
    }

    pub(super) fn ids(&mut self, name: &str) -> Vec<Uuid> {
        self.list(name).iter().filter_map(id_of).collect()
    }

    pub(super) fn time(&mut self, name: &str) -> Option<Timestamp> {
        time_of(&self.take(name)?)
    }

    pub(super) fn object(&mut self, name: &str) -> Option<JsonMap> {
        match self.take(name)? {
            Value::Object(fields) => Some(fields),
            _ => None,
        }
    }

    pub(super) fn list(&mut self, name: &str) -> Vec<Value> {
        match self.take(name) {
            Some(Value::Array(items)) => items,
            _ => Vec::new(),
        }
    }

    /// Takes a number, also one written as text.
    pub(super) fn number(&mut self, name: &str) -> Option<f64> {
        number_of(&self.take(name)?)
    }

    pub(super) fn whole(&mut self, name: &str) -> Option<u64> {
        let value = self.take(name)?;
        let number = || number_of(&value).filter(|number| *number >= 0.0 && number.fract() == 0.0);
        // Above 2^53 a number with a point names no one whole number.
        value.as_u64().or_else(|| {
            number()
                .filter(|number| *number <= 9_007_199_254_740_992.0)
                .map(|number| number as u64)
        })
    }

    /// Takes a length of time in seconds.
    pub(super) fn seconds(&mut self, name: &str) -> Option<TimeDelta> {
        let micros = self.number(name)? * 1e6;
        // Beyond a thousand years it is no latency.
        (micros.abs() < 3e16).then(|| TimeDelta::microseconds(micros.round() as i64))
    }
}

fn id_of(value: &Value) -> Option<Uuid> {
    Uuid::parse_str(value.as_str()?).ok()
}

fn number_of(value: &Value) -> Option<f64> {
    let number = match value {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    };
    number.filter(|number: &f64| number.is_finite())
}

/// Reads a time.
pub(super) fn time_of(value: &Value) -> Option<Timestamp> {
    if let Some(millis) = value.as_i64() {
        return DateTime::from_timestamp_millis(millis);
    }
    let text = value.as_str()?.trim();
    if let Ok(time) = DateTime::parse_from_rfc3339(text) {
        return Some(time.to_utc());
    }
    ["%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%d %H:%M:%S%.f"]
        .into_iter()
        .find_map(|form| NaiveDateTime::parse_from_str(text, form).ok())
        .map(|time| time.and_utc())
}

/// Replaces the times of an object by ones that every reader takes; what is no time is removed.
pub(super) fn mend_times(fields: &mut JsonMap, names: &[&str]) {
    for name in names {
        if let Some(value) = fields.shift_remove(*name)
            && let Some(time) = time_of(&value)
        {
            fields.insert((*name).to_owned(), Value::from(time.to_rfc3339()));
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn times_are_read_with_and_without_an_offset() {
        let second = DateTime::from_timestamp(1_792_567_680, 250_000_000);
        for written in [
            json!("2026-10-21T07:28:00.25Z"),
            json!("2026-10-21T07:28:00.250000+00:00"),
            json!("2026-10-21T09:28:00.25+02:00"),
            json!("2026-10-21T07:28:00.250000"),
            json!("2026-10-21 07:28:00.25"),
            json!(1_792_567_680_250_i64),
        ] {
            assert_eq!(time_of(&written), second, "{written}");
        }
        for nonsense in [
            json!("soon"),
            json!(""),
            json!(null),
            json!([]),
            json!(i64::MAX),
        ] {
            assert_eq!(time_of(&nonsense), None, "{nonsense}");
        }
    }

    #[test]
    fn numbers_are_read_as_numbers_and_as_text() {
        let mut fields = Fields(
            json!({"a": "0.0012300", "b": 3, "c": "NaN", "d": null, "e": -1, "f": "7", "g": 1.5,
                   "h": 1e300})
            .as_object()
            .cloned()
            .unwrap_or_default(),
        );
        assert_eq!(fields.number("a"), Some(0.00123));
        assert_eq!(fields.number("b"), Some(3.0));
        assert_eq!(fields.number("c"), None);
        assert_eq!(fields.whole("d"), None);
        assert_eq!(fields.whole("e"), None);
        assert_eq!(fields.whole("f"), Some(7));
        assert_eq!(fields.seconds("g"), Some(TimeDelta::milliseconds(1_500)));
        assert_eq!(fields.seconds("h"), None);
    }
}
