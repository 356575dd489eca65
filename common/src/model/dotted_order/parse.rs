//! Text → a segment, and the segments of a whole order.

use std::collections::HashSet;
use std::str::FromStr;

use chrono::NaiveDate;
use uuid::Uuid;
use uuid::fmt::Hyphenated;

use super::{DottedOrder, Segment};
use crate::model::clock::Timestamp;
use crate::model::ids::RunId;

impl FromStr for Segment {
    type Err = ParseDottedOrderError;

    /// Reads `YYYYMMDDTHHMMSS[f{0,6}]Z<uuid>`.
    ///
    /// Fractions of fewer than six digits occur: older SDKs wrote three, and the Python SDK reads
    /// one to six (and, by an accident of its parser, none).
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if !text.is_ascii() {
            return Err(ParseDottedOrderError::NotAscii);
        }
        let split = text
            .len()
            .checked_sub(36)
            .ok_or(ParseDottedOrderError::TooShort)?;
        let (time, id) = text.split_at(split);
        // `Uuid` reads braces, URNs and bare hex as well; on the wire only the hyphenated form is an id.
        let id: Hyphenated = id.parse().map_err(|_| ParseDottedOrderError::BadId)?;
        let id = RunId(id.into_uuid());
        if id.is_nil() {
            return Err(ParseDottedOrderError::NilId);
        }
        let start = parse_time(time.as_bytes()).ok_or(ParseDottedOrderError::BadTime)?;
        Ok(Self { start, id })
    }
}

fn parse_time(text: &[u8]) -> Option<Timestamp> {
    #[rustfmt::skip]
    let [y1, y2, y3, y4, m1, m2, d1, d2, b'T', h1, h2, n1, n2, s1, s2, fraction @ .., b'Z'] = text
    else {
        return None;
    };
    let mut no_digit = fraction.len() > 6;
    let mut digit = |byte: &u8| {
        let digit = byte.wrapping_sub(b'0');
        no_digit |= digit > 9;
        u32::from(digit)
    };
    let mut two = |tens, ones| 10 * digit(tens) + digit(ones);
    let (year, month, day) = (100 * two(y1, y2) + two(y3, y4), two(m1, m2), two(d1, d2));
    let (hour, minute, second) = (two(h1, h2), two(n1, n2), two(s1, s2));
    let (mut micros, mut unit) = (0, 100_000);
    for byte in fraction.iter().take(6) {
        micros += digit(byte) * unit;
        unit /= 10;
    }
    if no_digit {
        return None;
    }
    NaiveDate::from_ymd_opt(i32::try_from(year).ok()?, month, day)?
        .and_hms_micro_opt(hour, minute, second, micros)
        .map(|naive| naive.and_utc())
}

/// Levels up to which a list is searched faster than a set.
pub(super) const FEW: usize = 32;

/// The ids of an order so far. A few are compared fastest one by one, without an allocation; a stranger
/// may send tens of thousands.
struct Seen {
    count: usize,
    few: [Uuid; FEW],
    many: HashSet<Uuid>,
}

impl Seen {
    fn new() -> Self {
        Self {
            count: 0,
            few: [Uuid::nil(); FEW],
            many: HashSet::new(),
        }
    }

    /// Returns false if the id is known by now.
    fn insert(&mut self, id: Uuid) -> bool {
        let new = if let Some(free) = self.few.get_mut(self.count) {
            *free = id;
            !self.few[..self.count].contains(&id)
        } else {
            if self.count == FEW {
                self.many.extend(self.few);
            }
            self.many.insert(id)
        };
        self.count += 1;
        new
    }
}

impl FromStr for DottedOrder {
    type Err = ParseDottedOrderError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut seen = Seen::new();
        let (mut segment, mut behind) = first_of(text)?;
        seen.insert(segment.id.0);
        let trace = segment.id.into();
        let mut parent = None;
        while let Some(rest) = behind {
            parent = Some(segment.id);
            (segment, behind) = first_of(rest)?;
            if !seen.insert(segment.id.0) {
                return Err(ParseDottedOrderError::RepeatedId);
            }
        }
        Ok(Self {
            text: text.into(),
            trace,
            parent,
            run: segment.id,
            start: segment.start,
            depth: seen.count - 1,
            received: text.len(),
        })
    }
}

/// Reads the first segment; returns what is behind its dot as well.
fn first_of(text: &str) -> Result<(Segment, Option<&str>), ParseDottedOrderError> {
    // Nearly all are as long as ours. No segment has a dot in it, so what is read this way is one.
    if let (Some(own), None | Some(b'.')) =
        (text.get(..Segment::LEN), text.as_bytes().get(Segment::LEN))
        && let Ok(segment) = own.parse()
    {
        return Ok((segment, text.get(Segment::LEN + 1..)));
    }
    match text.split_once('.') {
        Some((own, behind)) => Ok((own.parse()?, Some(behind))),
        None => Ok((text.parse()?, None)),
    }
}

/// Why a text is no dotted order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum ParseDottedOrderError {
    /// A segment has fewer characters than an id.
    #[error("a segment is shorter than an id")]
    TooShort,
    /// A character outside ASCII; digits of other scripts are not accepted.
    #[error("only ASCII is allowed")]
    NotAscii,
    /// The last 36 characters of a segment are no hyphenated UUID.
    #[error("a segment does not end in a hyphenated UUID")]
    BadId,
    /// A segment names the all-zero UUID.
    #[error("the nil UUID names no run")]
    NilId,
    /// The text before the id is no time of the form `YYYYMMDDTHHMMSSffffffZ`.
    #[error("a segment does not begin with a time like 20261122T100538926531Z")]
    BadTime,
    /// The same id stands at two levels.
    #[error("an id occurs twice in the chain")]
    RepeatedId,
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROOT: &str = "20261122T100538926531Z01a202b7-f0ee-7646-9e7b-a245c1fc89c2";

    #[test]
    fn what_is_no_dotted_order_says_why() {
        use ParseDottedOrderError as E;
        for (text, why) in [
            ("", E::TooShort),
            ("null", E::TooShort),
            (&ROOT[..57], E::BadId),
            (&format!("{ROOT}."), E::TooShort),
            (&format!("{ROOT}.{ROOT}"), E::RepeatedId),
            (
                &format!("{}.{}.{ROOT}", &ROOT[..10], &ROOT[..47]),
                E::TooShort,
            ),
            (
                "20261122T100538926531Z00000000-0000-0000-0000-000000000000",
                E::NilId,
            ),
            (
                "20261122T100561000000Z01a202b7-f0ee-7646-9e7b-a245c1fc89c2",
                E::BadTime,
            ),
            (
                "20261122T100538926531901Z01a202b7-f0ee-7646-9e7b-a245c1fc89c2",
                E::BadTime,
            ),
            (
                "２0261122T100538926531Z01a202b7-f0ee-7646-9e7b-a245c1fc89c2",
                E::NotAscii,
            ),
        ] {
            assert_eq!(text.parse::<DottedOrder>(), Err(why), "{text}");
        }
    }

    #[test]
    fn an_id_that_occurs_twice_is_found_at_any_distance() {
        let segment = |n: usize| format!("20261122T100538926531Z01a202b7-f0ee-7646-9e7b-{n:012x}");
        for levels in [2, FEW, FEW + 1, FEW + 2, 3 * FEW] {
            let mut parts: Vec<String> = (1..levels).map(segment).collect();
            let whole: DottedOrder = parts.join(".").parse().expect("each id once");
            assert!(whole.names(whole.trace_id().into()) && whole.names(whole.run_id()));
            for twice in [1, levels - 1] {
                parts.push(segment(twice));
                let repeated = parts.join(".").to_uppercase().parse::<DottedOrder>();
                assert_eq!(repeated, Err(ParseDottedOrderError::RepeatedId), "{levels}");
                parts.pop();
            }
        }
    }

    #[test]
    fn short_fractions_keep_their_value() {
        let three: Segment = "20230914T223155647Z01990000-0000-7000-8000-00000000000a"
            .parse()
            .expect("valid");
        assert_eq!(three.start.timestamp_subsec_micros(), 647_000);
    }
}
