//! Times in the forms that SDKs, exports and spans write them.

use chrono::{DateTime, NaiveDateTime};
use serde_json::Value;

/// Reads a time as microseconds since 1970: text, or a number of seconds, milliseconds, microseconds or
/// nanoseconds, told by its size.
pub(super) fn micros(value: Option<&Value>) -> Option<i64> {
    match value? {
        Value::String(text) => of_text(text),
        Value::Number(number) => match number.as_i64() {
            Some(whole) => of_whole(whole),
            None => of_number(number.as_f64()?),
        },
        _ => None,
    }
}

fn of_text(text: &str) -> Option<i64> {
    if let Ok(time) = DateTime::parse_from_rfc3339(text) {
        return Some(time.timestamp_micros());
    }
    // The API leaves the offset out.
    if let Ok(time) = text.parse::<NaiveDateTime>() {
        return Some(time.and_utc().timestamp_micros());
    }
    match text.parse() {
        Ok(whole) => of_whole(whole),
        Err(_) => of_number(text.parse().ok()?),
    }
}

/// Nanoseconds of today have more digits than a floating point number keeps.
fn of_whole(whole: i64) -> Option<i64> {
    match whole.unsigned_abs() {
        n if n < 100_000_000_000 => whole.checked_mul(1_000_000),
        n if n < 100_000_000_000_000 => whole.checked_mul(1_000),
        n if n < 100_000_000_000_000_000 => Some(whole),
        _ => Some(whole / 1_000),
    }
}

fn of_number(number: f64) -> Option<i64> {
    let scale = match number.abs() {
        n if n < 1e11 => 1e6,
        n if n < 1e14 => 1e3,
        n if n < 1e17 => 1.0,
        n if n < 1e20 => 1e-3,
        _ => return None,
    };
    Some((number * scale) as i64)
}

/// Reads the time of a segment of a dotted order, `20261021T072800250000Z`.
pub(super) fn of_segment(text: &str) -> Option<i64> {
    let text = text.strip_suffix('Z')?;
    let seconds = text.get(..15)?;
    let seconds = NaiveDateTime::parse_from_str(seconds, "%Y%m%dT%H%M%S").ok()?;
    let digits = text.get(15..)?;
    if digits.len() > 9 || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let fraction: i64 = format!("{digits:0<9}").parse().ok()?;
    Some(seconds.and_utc().timestamp_micros() + fraction / 1_000)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn one_moment_is_the_same_in_each_form() {
        let moment = 1_790_000_000_250_000;
        for form in [
            json!("2026-09-21T14:13:20.250000+00:00"),
            json!("2026-09-21T14:13:20.250Z"),
            json!("2026-09-21T14:13:20.25"),
            json!(1_790_000_000.25),
            json!(1_790_000_000_250_i64),
            json!(1_790_000_000_250_000_i64),
            json!("1790000000250000000"),
        ] {
            assert_eq!(micros(Some(&form)), Some(moment), "{form}");
        }
        assert_eq!(of_segment("20260921T141320250000Z"), Some(moment));
        assert_eq!(micros(Some(&json!("soon"))), None);
        assert_eq!(of_segment("20260921"), None);
    }
}
