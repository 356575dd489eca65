//! The dotted order: a run's place in its trace, as text that sorts like the tree.
//!
//! ```text
//! 20261122T100538926531Z01a202b7-f0ee-7646-9e7b-a245c1fc89c2 . 20261122T100538931000Z01a202b7-…
//! └ start, UTC, 6 digits ┘└ run id, 36 characters ──────────┘   └ one segment a level, root first
//! ```

use std::cmp::Ordering;
use std::collections::HashSet;
use std::fmt::{self, Write as _};
use std::hash::{Hash, Hasher};
use std::str::FromStr;
use std::sync::Arc;

use chrono::{Datelike as _, NaiveDate, Timelike as _};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use uuid::Uuid;
use uuid::fmt::Hyphenated;

use super::clock::Timestamp;
use super::ids::{RunId, TraceId};

/// One level of a dotted order: when a run started, and its id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Segment {
    /// The run's start time.
    pub start: Timestamp,
    /// The run's id.
    pub id: RunId,
}

impl Segment {
    /// Length in bytes of a segment as we write it: 22 of time and 36 of id.
    pub const LEN: usize = 58;

    /// Returns the text. Every run that starts asks for it, on the thread that is traced, so it is
    /// written digit by digit: the machinery of `write!` takes ten times as long.
    fn text(&self) -> [u8; Self::LEN] {
        let mut text = *b"00000000T000000000000Z00000000-0000-0000-0000-000000000000";
        let (date, time) = (self.start.date_naive(), self.start.time());
        // The builder of runs sees to it that a year has four digits.
        put(&mut text[..4], u32::try_from(date.year()).unwrap_or(0));
        put(&mut text[4..6], date.month());
        put(&mut text[6..8], date.day());
        put(&mut text[9..11], time.hour());
        put(&mut text[11..13], time.minute());
        put(&mut text[13..15], time.second());
        put(&mut text[15..21], time.nanosecond() / 1_000 % 1_000_000);
        self.id.0.hyphenated().encode_lower(&mut text[22..]);
        text
    }
}

/// Writes the last digits of a number, as many as there is room for.
fn put(digits: &mut [u8], mut number: u32) {
    for digit in digits.iter_mut().rev() {
        *digit = b'0' + (number % 10) as u8;
        number /= 10;
    }
}

impl fmt::Display for Segment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(ascii(&self.text()))
    }
}

/// Returns what only ASCII was written to.
fn ascii(text: &[u8]) -> &str {
    std::str::from_utf8(text).unwrap_or_default()
}

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
        let start = parse_time(time).ok_or(ParseDottedOrderError::BadTime)?;
        Ok(Self { start, id })
    }
}

fn parse_time(text: &str) -> Option<Timestamp> {
    let (date, time) = text.as_bytes().strip_suffix(b"Z")?.split_at_checked(8)?;
    let time = time.strip_prefix(b"T")?;
    // At most six digits at a time.
    let number = |part: &[u8]| {
        part.iter().try_fold(0_u32, |number, digit| {
            let digit = char::from(*digit).to_digit(10)?;
            Some(10 * number + digit)
        })
    };
    if !(6..=12).contains(&time.len()) {
        return None;
    }
    let year = i32::try_from(number(&date[..4])?).ok()?;
    let day = NaiveDate::from_ymd_opt(year, number(&date[4..6])?, number(&date[6..])?)?;
    let fraction = &time[6..];
    let micros = match fraction.len() {
        0 => 0,
        len => number(fraction)? * 10_u32.pow(u32::try_from(6 - len).ok()?),
    };
    day.and_hms_micro_opt(
        number(&time[..2])?,
        number(&time[2..4])?,
        number(&time[4..6])?,
        micros,
    )
    .map(|naive| naive.and_utc())
}

/// A run's place in its trace: the segments of all its ancestors, root first, and its own.
///
/// The text is kept as it was received, because the server sorts siblings and finds ancestors by
/// comparing text: rewriting a foreign parent's segment would cut the child off.
///
/// ```
/// use common::model::DottedOrder;
///
/// let root: DottedOrder = "20261122T100538926531Z01a202b7-f0ee-7646-9e7b-a245c1fc89c2".parse()?;
/// assert_eq!(root.depth(), 0);
/// assert_eq!(root.trace_id().to_string(), root.run_id().to_string());
/// # Ok::<(), common::model::ParseDottedOrderError>(())
/// ```
#[derive(Clone)]
pub struct DottedOrder {
    text: Arc<str>,
    // Derived from the text once, because every run asks for them.
    trace: TraceId,
    parent: Option<RunId>,
    run: RunId,
    start: Timestamp,
    // How much of the text came from elsewhere: where a replica may be rooted anew. No part of what
    // the order is, so it is not compared.
    received: usize,
}

impl DottedOrder {
    /// Makes the dotted order of a root run.
    pub fn root(segment: Segment) -> Self {
        Self {
            text: ascii(&segment.text()).into(),
            trace: segment.id.into(),
            parent: None,
            run: segment.id,
            start: segment.start,
            received: 0,
        }
    }

    /// Makes the dotted order of a run one level below this one.
    pub fn child(&self, segment: Segment) -> Self {
        let (above, own) = (self.text.as_bytes(), segment.text());
        let len = above.len() + 1 + Segment::LEN;
        let join = |text: &mut [u8]| {
            text[..above.len()].copy_from_slice(above);
            text[above.len()] = b'.';
            text[above.len() + 1..].copy_from_slice(&own);
        };
        // Few are so deep that the text has to be put together on the heap first.
        let mut near = [0; 8 * (Segment::LEN + 1)];
        let text = match near.get_mut(..len) {
            Some(text) => {
                join(text);
                ascii(text).into()
            }
            None => {
                let mut text = vec![0; len];
                join(&mut text);
                ascii(&text).into()
            }
        };
        Self {
            text,
            trace: self.trace,
            parent: Some(self.run),
            run: segment.id,
            start: segment.start,
            received: self.received,
        }
    }

    /// Returns the text as it goes over the wire.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Returns the id of the trace: the first segment's.
    pub fn trace_id(&self) -> TraceId {
        self.trace
    }

    /// Returns the id of the run: the last segment's.
    pub fn run_id(&self) -> RunId {
        self.run
    }

    /// Returns the id of the parent: the last segment's but one, none for a root.
    pub fn parent_run_id(&self) -> Option<RunId> {
        self.parent
    }

    /// Returns the number of ancestors: 0 for a root.
    pub fn depth(&self) -> usize {
        self.text.bytes().filter(|byte| *byte == b'.').count()
    }

    /// Returns the segments, root first.
    pub fn segments(&self) -> Vec<Segment> {
        self.text
            .split('.')
            .filter_map(|part| part.parse().ok())
            .collect()
    }

    /// Returns the start time of the run: the last segment's.
    pub fn start_time(&self) -> Option<Timestamp> {
        Some(self.start)
    }

    /// Returns true if `id` is the run's own or an ancestor's.
    pub fn names(&self, id: RunId) -> bool {
        let mut buffer = Uuid::encode_buffer();
        let id = id.0.hyphenated().encode_lower(&mut buffer).as_bytes();
        // Whoever wrote a segment may have used capitals.
        self.text.split('.').any(|segment| {
            let own = segment.as_bytes().last_chunk::<36>();
            // Ids of one moment begin alike and end differently.
            own.is_some_and(|own| {
                own[30..].eq_ignore_ascii_case(&id[30..]) && own.eq_ignore_ascii_case(id)
            })
        })
    }

    /// Returns the nearest ancestor in another process: the last one of the text that was received.
    /// None if the whole trace was started here.
    pub fn remote_parent(&self) -> Option<RunId> {
        // An order that was received whole is its own run's, which is nobody's child here.
        let above = self.text.get(..self.received)?;
        let above = self.text[above.len()..].starts_with('.').then_some(above)?;
        above.get(above.len().checked_sub(36)?..)?.parse().ok()
    }

    /// Returns the order with every id replaced, and all else as it was.
    pub(super) fn map_ids(&self, id: impl Fn(RunId) -> RunId) -> Self {
        let mut text = String::with_capacity(self.text.len());
        for segment in self.text.split('.') {
            if !text.is_empty() {
                text.push('.');
            }
            let (time, own) = segment.split_at(segment.len().saturating_sub(36));
            text.push_str(time);
            match own.parse::<RunId>() {
                // Writing to a String cannot fail.
                Ok(own) => drop(write!(text, "{}", id(own))),
                Err(_) => text.push_str(own),
            }
        }
        Self {
            text: text.into(),
            trace: id(self.trace.into()).into(),
            parent: self.parent.map(&id),
            run: id(self.run),
            start: self.start,
            received: self.received,
        }
    }

    /// Returns the order without the ancestor `above` and all that is above it; none if there is no
    /// such ancestor.
    pub fn below(&self, above: RunId) -> Option<Self> {
        let mut at = 0;
        let mut segments = self.text.split('.');
        loop {
            let segment = segments.next()?;
            at += segment.len() + 1;
            if segment.parse::<Segment>().is_ok_and(|it| it.id == above) {
                break;
            }
        }
        let text = self.text.get(at..)?;
        let first: Segment = segments.next()?.parse().ok()?;
        Some(Self {
            text: text.into(),
            trace: first.id.into(),
            parent: self.parent.filter(|parent| *parent != above),
            run: self.run,
            start: self.start,
            received: self.received.saturating_sub(at),
        })
    }

    /// Returns true if `ancestor` is a proper prefix of this order, level by level.
    pub fn is_below(&self, ancestor: &Self) -> bool {
        self.text
            .strip_prefix(&*ancestor.text)
            .is_some_and(|rest| rest.starts_with('.'))
    }
}

/// Levels up to which a list is searched faster than a set.
const FEW: usize = 32;

impl FromStr for DottedOrder {
    type Err = ParseDottedOrderError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut ids: Vec<RunId> = Vec::new();
        let mut start = Timestamp::UNIX_EPOCH;
        // A few ids are compared fastest one by one; a stranger may send tens of thousands.
        let mut many: HashSet<RunId> = HashSet::new();
        for part in text.split('.') {
            let segment: Segment = part.parse()?;
            if ids.len() == FEW {
                many.extend(&ids);
            }
            let repeated = if ids.len() < FEW {
                ids.contains(&segment.id)
            } else {
                !many.insert(segment.id)
            };
            if repeated {
                return Err(ParseDottedOrderError::RepeatedId);
            }
            ids.push(segment.id);
            start = segment.start;
        }
        let (Some(first), Some(last)) = (ids.first(), ids.last()) else {
            return Err(ParseDottedOrderError::TooShort);
        };
        Ok(Self {
            text: text.into(),
            trace: (*first).into(),
            parent: ids.len().checked_sub(2).map(|at| ids[at]),
            run: *last,
            start,
            received: text.len(),
        })
    }
}

impl PartialEq for DottedOrder {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for DottedOrder {}

impl PartialOrd for DottedOrder {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for DottedOrder {
    fn cmp(&self, other: &Self) -> Ordering {
        self.text.cmp(&other.text)
    }
}

impl Hash for DottedOrder {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.text.hash(state);
    }
}

impl fmt::Display for DottedOrder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for DottedOrder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DottedOrder({})", self.text)
    }
}

impl Serialize for DottedOrder {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.text)
    }
}

impl<'de> Deserialize<'de> for DottedOrder {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(serde::de::Error::custom)
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
    const CHILD: &str = "20261122T100539000000Z01a202b8-0d54-7f77-a104-7e8dfa69d346";

    #[test]
    fn text_survives_a_round_trip() {
        let text = format!("{ROOT}.{CHILD}");
        let order: DottedOrder = text.parse().expect("valid");
        assert_eq!(order.to_string(), text);
        assert_eq!(order.depth(), 1);
        assert_eq!(order.parent_run_id(), Some(order.trace_id().into()));
        let again = order
            .segments()
            .into_iter()
            .map(|s| s.to_string())
            .collect::<Vec<_>>();
        assert_eq!(again.join("."), text);
    }

    #[test]
    fn a_child_is_below_its_parent_and_not_below_a_sibling_prefix() {
        let root: DottedOrder = ROOT.parse().expect("valid");
        let child = root.child(CHILD.parse().expect("valid"));
        assert!(child.is_below(&root));
        assert!(!root.is_below(&root));
        assert!(child > root, "a child sorts after its parent");
    }

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
