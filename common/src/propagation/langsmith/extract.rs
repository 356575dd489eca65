//! Headers → context.

use std::sync::Arc;

use super::{ReadRules, Unread};
use crate::model::{DottedOrder, ParseDottedOrderError, RunContext};
use crate::propagation::TRACE_HEADER;
use crate::propagation::carrier::Extractor;
use crate::propagation::extracted::{Extracted, Outcome};
use crate::propagation::limits::{MAX_TRACE_BYTES, MAX_TRACE_SEGMENTS};
use crate::propagation::trust::TrustPolicy;

pub(super) fn extract(
    rules: &Arc<ReadRules>,
    policy: &TrustPolicy,
    carrier: &dyn Extractor,
) -> Extracted {
    let dotted_order = match read_trace(carrier) {
        Ok(dotted_order) => dotted_order,
        Err(outcome) => return Extracted::nothing(outcome),
    };
    if !policy.trusts(carrier) {
        return Extracted::nothing(Outcome::Untrusted {
            trace_id: dotted_order.trace_id(),
            run_id: dotted_order.run_id(),
        });
    }
    let (baggage, text) = Unread::take(rules, carrier);
    let context = RunContext {
        dotted_order,
        baggage,
    };
    Extracted::continued(context, text)
}

/// Reads the trace header. Everything that costs less than parsing is checked first.
fn read_trace(carrier: &dyn Extractor) -> Result<DottedOrder, Outcome> {
    let mut lines = 0_usize;
    let mut found: Option<&[u8]> = None;
    carrier.values(TRACE_HEADER, &mut |value| {
        lines += 1;
        if !value.trim_ascii().is_empty() {
            found = Some(value);
        }
    });
    let value = found.ok_or(Outcome::Absent)?;
    if lines > 1 {
        return Err(Outcome::Ambiguous);
    }
    if value.len() > MAX_TRACE_BYTES {
        return Err(Outcome::Oversize);
    }
    let value = value.trim_ascii();
    // Nearly always it is an order, and then it is nothing else.
    match std::str::from_utf8(value).map(str::parse::<DottedOrder>) {
        Ok(Ok(order)) if order.depth() < MAX_TRACE_SEGMENTS => Ok(order),
        read => Err(why_not(value, read.ok().and_then(Result::err))),
    }
}

/// Says why a value is no order that is continued.
fn why_not(value: &[u8], error: Option<ParseDottedOrderError>) -> Outcome {
    let dots = || value.iter().filter(|byte| **byte == b'.').count();
    if !value.is_ascii() {
        Outcome::Malformed(ParseDottedOrderError::NotAscii)
    } else if value.contains(&b',') {
        Outcome::Ambiguous
    } else if dots() >= MAX_TRACE_SEGMENTS {
        Outcome::Oversize
    } else {
        Outcome::Malformed(error.unwrap_or(ParseDottedOrderError::NotAscii))
    }
}
