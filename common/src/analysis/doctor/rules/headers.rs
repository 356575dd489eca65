//! LT007, LT011 to LT017: what became of the context between two services.

use std::collections::HashMap;

use uuid::Uuid;

use super::super::code::EvidenceKind::{Headers, Trace};
use super::super::evidence::{Crossing, Index, Name, flag, told};
use super::super::finding::{Findings, Said};

/// W3C promises that so many bytes of baggage are passed on.
const BAGGAGE_BYTES: u32 = 8_192;

/// LT011, LT007: what one side sent and the other did not get.
pub(super) fn passage(index: &Index<'_>, findings: &mut Findings<'_>) {
    let crossings = &index.evidence.crossings;
    let text = |name: Name| index.evidence.text(name);
    let arrived = crossings
        .iter()
        .filter(|hop| hop.is(told::IN) && hop.call.is_some());
    let arrived: HashMap<Name, &Crossing> = arrived.map(|hop| (hop.call, hop)).collect();
    for sent in crossings.iter().filter(|hop| hop.is(told::OUT)) {
        if sent.carries_nothing() && !sent.is(told::PREFLIGHT) {
            let words = format!(
                "{} calls {} by {} without any trace context",
                text(sent.service),
                text(sent.peer),
                carrier(text(sent.carrier))
            );
            let rows: &[u8] = match text(sent.carrier) {
                "mcp" => &[54],
                _ => &[0],
            };
            let said = Said::new("LT017", text(sent.call), &[Headers], words);
            findings.add(said.likely(rows));
            continue;
        }
        let Some(got) = arrived.get(&sent.call) else {
            continue;
        };
        let headers = [
            (told::TRACE, "langsmith-trace"),
            (told::TRACEPARENT, "traceparent"),
        ];
        let lost = headers.into_iter();
        let lost: Vec<&str> = lost
            .filter(|(header, _)| sent.is(*header) && !got.is(*header))
            .map(|(_, name)| name)
            .collect();
        if !lost.is_empty() {
            let words = format!(
                "{} sent {} to {}, where it did not arrive",
                text(sent.service),
                lost.join(" and "),
                text(got.service)
            );
            findings.add(Said::new("LT011", text(sent.call), &[Headers], words));
        } else if sent.is(told::MEMBERS) && !got.is(told::MEMBERS) {
            let words = format!(
                "{} sent LangSmith's members of `baggage`, and {} got none of them",
                text(sent.service),
                text(got.service)
            );
            let said = Said::new("LT007", text(sent.call), &[Headers], words);
            let rows: &[u8] = if got.is(told::BAGGAGE) { &[46] } else { &[0] };
            findings.add(said.likely(rows));
        }
    }
}

fn carrier(told: &str) -> &str {
    match told {
        "" => "http",
        told => told,
    }
}

/// LT012 to LT016: what the callee made of it.
pub(super) fn arrival(index: &Index<'_>, findings: &mut Findings<'_>) {
    let text = |name: Name| index.evidence.text(name);
    for hop in &index.evidence.crossings {
        preflight(index, hop, findings);
        too_large(index, hop, findings);
        if !hop.is(told::IN) {
            continue;
        }
        if hop.is(told::GARBLED) {
            let words = format!(
                "{} got a `langsmith-trace` that is no dotted order{}",
                text(hop.service),
                if hop.status >= 500 {
                    ", and answered with an error"
                } else {
                    ""
                }
            );
            findings.add(Said::new("LT014", text(hop.call), &[Headers], words));
            continue;
        }
        if !hop.is(told::TRACE) || hop.run == 0 {
            continue;
        }
        let Some(at) = index.find(hop.run) else {
            continue;
        };
        let run = index.run(at);
        let believed = run.trace == hop.trace;
        if believed && hop.is(told::PUBLIC) {
            let words = format!(
                "{} can be called by strangers, and continued the trace that a caller named",
                text(hop.service)
            );
            let said = Said::new("LT013", text(hop.call), &[Headers, Trace], words);
            findings.add(said.runs([at]));
        } else if !believed && !hop.is(told::PUBLIC) && !run.is(flag::RESTARTED) {
            let words = format!(
                "{} got the context of trace {}, and began trace {}",
                text(hop.service),
                Uuid::from_u128(hop.trace),
                Uuid::from_u128(run.trace)
            );
            let rows: &[u8] = match carrier(text(hop.carrier)) {
                "websocket" => &[52],
                "langgraph" => &[53],
                _ => &[0],
            };
            let said = Said::new("LT016", text(hop.call), &[Headers, Trace], words);
            findings.add(said.runs([at]).likely(rows));
        }
    }
}

/// LT012: a browser asks whether it may, and may not.
fn preflight(index: &Index<'_>, hop: &Crossing, findings: &mut Findings<'_>) {
    let refused = [
        (told::NO_TRACE, "langsmith-trace"),
        (told::NO_BAGGAGE, "baggage"),
        (told::NO_TRACEPARENT, "traceparent"),
    ];
    let refused = refused.into_iter().filter(|(header, _)| hop.is(*header));
    let refused: Vec<&str> = refused.map(|(_, name)| name).collect();
    if !refused.is_empty() {
        let words = format!(
            "a browser asked {} for leave to send {}, and got none",
            index.evidence.text(hop.service),
            refused.join(" and ")
        );
        let call = index.evidence.text(hop.call);
        findings.add(Said::new("LT012", call, &[Headers], words));
    }
}

/// LT015: more than a proxy has to pass on.
fn too_large(index: &Index<'_>, hop: &Crossing, findings: &mut Findings<'_>) {
    let refused = hop.status == 431 && !hop.carries_nothing();
    if hop.baggage > BAGGAGE_BYTES || refused {
        let words = format!(
            "{} {} `baggage` of {} bytes{}",
            index.evidence.text(hop.service),
            if hop.is(told::IN) { "got" } else { "sent" },
            hop.baggage,
            if refused {
                ", and the request was refused (431)"
            } else {
                ""
            }
        );
        let call = index.evidence.text(hop.call);
        findings.add(Said::new("LT015", call, &[Headers], words));
    }
}
