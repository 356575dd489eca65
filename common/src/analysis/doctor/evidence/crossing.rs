//! The headers of a call as far as rules look at them: there may be as many calls as runs.

use super::beside::Hop;
use super::names::{Name, Names};
use crate::analysis::doctor::read::id_of;
use crate::model::DottedOrder;

pub(in crate::analysis::doctor) const TRACE: &str = "langsmith-trace";

/// What a call says that is yes or no.
pub(in crate::analysis::doctor) mod told {
    /// It is told by the caller.
    pub(in crate::analysis::doctor) const OUT: u16 = 1;
    /// It is told by the callee.
    pub(in crate::analysis::doctor) const IN: u16 = 1 << 1;
    /// It has `langsmith-trace`.
    pub(in crate::analysis::doctor) const TRACE: u16 = 1 << 2;
    pub(in crate::analysis::doctor) const TRACEPARENT: u16 = 1 << 3;
    pub(in crate::analysis::doctor) const BAGGAGE: u16 = 1 << 4;
    /// Its baggage has members of LangSmith.
    pub(in crate::analysis::doctor) const MEMBERS: u16 = 1 << 5;
    /// Its `langsmith-trace` is no dotted order.
    pub(in crate::analysis::doctor) const GARBLED: u16 = 1 << 6;
    /// A browser asks whether it may send headers.
    pub(in crate::analysis::doctor) const PREFLIGHT: u16 = 1 << 7;
    /// It may not send this one.
    pub(in crate::analysis::doctor) const NO_TRACE: u16 = 1 << 8;
    pub(in crate::analysis::doctor) const NO_BAGGAGE: u16 = 1 << 9;
    pub(in crate::analysis::doctor) const NO_TRACEPARENT: u16 = 1 << 10;
    /// Strangers can call here.
    pub(in crate::analysis::doctor) const PUBLIC: u16 = 1 << 11;
}

/// One side of a call, without its headers.
#[derive(Debug, Clone, Copy)]
pub(in crate::analysis::doctor) struct Crossing {
    /// The run that the callee began; 0 if none is named.
    pub(in crate::analysis::doctor) run: u128,
    /// The trace that the header names; 0 if none.
    pub(in crate::analysis::doctor) trace: u128,
    pub(in crate::analysis::doctor) call: Name,
    pub(in crate::analysis::doctor) service: Name,
    pub(in crate::analysis::doctor) peer: Name,
    pub(in crate::analysis::doctor) carrier: Name,
    /// Bytes of all `baggage` headers.
    pub(in crate::analysis::doctor) baggage: u32,
    pub(in crate::analysis::doctor) status: u16,
    flags: u16,
}

impl Crossing {
    pub(super) fn read(hop: &Hop, names: &mut Names) -> Self {
        let has = |name: &str| hop.values(name).next().is_some();
        let members = hop
            .values("baggage")
            .any(|value| value.contains("langsmith-"));
        let order = hop.values(TRACE).next();
        let order = order.map(|value| value.trim().parse::<DottedOrder>());
        let trace = match &order {
            Some(Ok(order)) => order.trace_id().0.as_u128(),
            _ => 0,
        };
        let baggage = hop.values("baggage").map(str::len);
        let baggage = baggage.fold(0, usize::saturating_add);
        let refused = refused(hop);
        let flags = [
            (hop.direction == "out", told::OUT),
            (hop.direction == "in", told::IN),
            (has(TRACE), told::TRACE),
            (has("traceparent"), told::TRACEPARENT),
            (has("baggage"), told::BAGGAGE),
            (members, told::MEMBERS),
            (matches!(order, Some(Err(_))), told::GARBLED),
            (is_preflight(hop), told::PREFLIGHT),
            (refused[0], told::NO_TRACE),
            (refused[1], told::NO_BAGGAGE),
            (refused[2], told::NO_TRACEPARENT),
            (hop.public, told::PUBLIC),
        ];
        let flags = flags.into_iter().filter(|(is, _)| *is);
        Self {
            run: hop.run.as_deref().map_or(0, id_of),
            trace,
            call: names.keep(&hop.call),
            service: names.keep(&hop.service),
            peer: names.keep(&hop.peer),
            carrier: names.keep(&hop.carrier),
            baggage: u32::try_from(baggage).unwrap_or(u32::MAX),
            status: hop.status,
            flags: flags.fold(0, |flags, (_, flag)| flags | flag),
        }
    }

    pub(in crate::analysis::doctor) fn is(&self, flags: u16) -> bool {
        self.flags & flags != 0
    }

    /// Returns true if nothing tells of a trace.
    pub(in crate::analysis::doctor) fn carries_nothing(&self) -> bool {
        !self.is(told::TRACE | told::TRACEPARENT)
    }
}

fn is_preflight(hop: &Hop) -> bool {
    hop.method.eq_ignore_ascii_case("OPTIONS")
}

/// Tells which headers a browser asked for and was refused: `langsmith-trace`, `baggage`, `traceparent`.
fn refused(hop: &Hop) -> [bool; 3] {
    // An answer that nobody wrote down refuses nothing.
    let is_answered = hop.status != 0 || !hop.response_headers.is_empty();
    if !is_preflight(hop) || !is_answered {
        return [false; 3];
    }
    let words = |text: &str, wanted: &str| {
        let mut words = text.split(',').map(str::trim);
        words.any(|word| word.eq_ignore_ascii_case(wanted))
    };
    [TRACE, "baggage", "traceparent"].map(|name| {
        let asked = hop
            .values("access-control-request-headers")
            .any(|text| words(text, name));
        let allowed = hop
            .answered("access-control-allow-headers")
            .any(|text| words(text, name) || words(text, "*"));
        asked && !allowed
    })
}
