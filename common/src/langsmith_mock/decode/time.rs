//! Times in every form that the official SDKs send.

use chrono::{DateTime, NaiveDateTime, Timelike as _, Utc};
use serde_json::Value;

use crate::model::Timestamp;

/// Reads a time: RFC 3339 with `Z` or an offset, without an offset (then UTC), or milliseconds since
/// 1970 as a whole or broken number, as JavaScript sends its end times.
///
/// Anything finer than a microsecond is cut.
pub(super) fn read(value: &Value) -> Option<Timestamp> {
    let time = match value {
        Value::String(text) => DateTime::parse_from_rfc3339(text)
            .map(|time| time.with_timezone(&Utc))
            .or_else(|_| text.parse::<NaiveDateTime>().map(|time| time.and_utc()))
            .ok()?,
        Value::Number(number) => match number.as_i64() {
            Some(millis) => DateTime::from_timestamp_millis(millis)?,
            None => from_broken_millis(number.as_f64()?)?,
        },
        _ => return None,
    };
    time.with_nanosecond(time.timestamp_subsec_micros() * 1_000)
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "in range by the check before"
)]
fn from_broken_millis(millis: f64) -> Option<Timestamp> {
    let micros = (millis * 1_000.0).round();
    // 2^53: beyond it a float does not hold whole microseconds, and no run started then.
    (micros.abs() < 9_007_199_254_740_992.0)
        .then(|| DateTime::from_timestamp_micros(micros as i64))
        .flatten()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_form_means_the_same_moment() {
        let moment = read(&json!("2026-11-22T10:17:54.790Z")).expect("valid");
        for form in [
            json!("2026-11-22T10:17:54.790000+00:00"),
            json!("2026-11-22T12:17:54.79+02:00"),
            json!("2026-11-22T10:17:54.790"),
            json!("2026-11-22T10:17:54.790000123Z"),
            json!(1_795_342_674_790_i64),
            json!(1_795_342_674_790.0),
        ] {
            assert_eq!(read(&form), Some(moment), "{form}");
        }
        let broken = read(&json!(1_795_342_674_790.5)).expect("valid");
        assert_eq!(broken - moment, chrono::TimeDelta::microseconds(500));
        assert!(read(&json!("2026-11-22T10:17:54Z")).is_some());
        assert!(read(&json!("2026-11-22T10:17:54")).is_some());
    }

    #[test]
    fn what_is_no_time_is_none() {
        for form in [
            json!("soon"),
            json!(""),
            json!(true),
            json!(1e300),
            json!(i64::MAX),
        ] {
            assert_eq!(read(&form), None, "{form}");
        }
    }
}
