//! LT007, LT011 to LT017: what became of the context between two services.

use std::collections::HashMap;

use uuid::Uuid;

use super::super::code::EvidenceKind::{Headers, Trace};
use super::super::evidence::{Hop, Index, flag};
use super::super::finding::{Findings, Said};
use super::super::read::id_of;
use crate::model::DottedOrder;

const TRACE: &str = "langsmith-trace";
/// W3C promises that so many bytes of baggage are passed on.
const BAGGAGE_BYTES: usize = 8_192;

/// LT011, LT007: what one side sent and the other did not get.
pub(super) fn passage(index: &Index<'_>, findings: &mut Findings<'_>) {
    let hops = &index.evidence.hops;
    let arrived = hops
        .iter()
        .filter(|hop| hop.direction == "in" && !hop.call.is_empty());
    let arrived: HashMap<&str, &Hop> = arrived.map(|hop| (hop.call.as_str(), hop)).collect();
    for sent in hops.iter().filter(|hop| hop.direction == "out") {
        if carries_nothing(sent) && sent.method != "OPTIONS" {
            let words = format!(
                "{} calls {} by {} without any trace context",
                sent.service,
                sent.peer,
                carrier(sent)
            );
            let rows: &[u8] = if sent.carrier == "mcp" { &[54] } else { &[0] };
            findings.add(Said::new("LT017", &sent.call, &[Headers], words).likely(rows));
            continue;
        }
        let Some(got) = arrived.get(sent.call.as_str()) else {
            continue;
        };
        let lost: Vec<&str> = [TRACE, "traceparent"]
            .into_iter()
            .filter(|name| sent.values(name).next().is_some() && got.values(name).next().is_none())
            .collect();
        if !lost.is_empty() {
            let words = format!(
                "{} sent {} to {}, where it did not arrive",
                sent.service,
                lost.join(" and "),
                got.service
            );
            findings.add(Said::new("LT011", &sent.call, &[Headers], words));
        } else if says_baggage(sent) && !says_baggage(got) {
            let words = format!(
                "{} sent LangSmith's members of `baggage`, and {} got none of them",
                sent.service, got.service
            );
            let other = got.values("baggage").next().is_some();
            let said = Said::new("LT007", &sent.call, &[Headers], words);
            findings.add(said.likely(if other { &[46] } else { &[0] }));
        }
    }
}

fn carries_nothing(hop: &Hop) -> bool {
    let names = [TRACE, "traceparent"];
    names
        .into_iter()
        .all(|name| hop.values(name).next().is_none())
}

fn says_baggage(hop: &Hop) -> bool {
    hop.values("baggage")
        .any(|value| value.contains("langsmith-"))
}

fn carrier(hop: &Hop) -> &str {
    match hop.carrier.as_str() {
        "" => "http",
        carrier => carrier,
    }
}

/// LT012 to LT016: what the callee made of it.
pub(super) fn arrival(index: &Index<'_>, findings: &mut Findings<'_>) {
    for hop in &index.evidence.hops {
        preflight(hop, findings);
        too_large(hop, findings);
        if hop.direction != "in" {
            continue;
        }
        let Some(value) = hop.values(TRACE).next() else {
            continue;
        };
        let Ok(order) = value.trim().parse::<DottedOrder>() else {
            let words = format!(
                "{} got a `langsmith-trace` that is no dotted order{}",
                hop.service,
                if hop.status >= 500 {
                    ", and answered with an error"
                } else {
                    ""
                }
            );
            findings.add(Said::new("LT014", &hop.call, &[Headers], words));
            continue;
        };
        let begun = hop.run.as_deref().map(id_of);
        let Some(at) = begun.and_then(|id| index.find(id)) else {
            continue;
        };
        let run = index.run(at);
        let believed = run.trace == order.trace_id().0.as_u128();
        if believed && hop.public {
            let words = format!(
                "{} can be called by strangers, and continued the trace that a caller named",
                hop.service
            );
            findings.add(Said::new("LT013", &hop.call, &[Headers, Trace], words).runs([at]));
        } else if !believed && !hop.public && !run.is(flag::RESTARTED) {
            let words = format!(
                "{} got the context of trace {}, and began trace {}",
                hop.service,
                order.trace_id(),
                Uuid::from_u128(run.trace)
            );
            let rows: &[u8] = match carrier(hop) {
                "websocket" => &[52],
                "langgraph" => &[53],
                _ => &[0],
            };
            let said = Said::new("LT016", &hop.call, &[Headers, Trace], words);
            findings.add(said.runs([at]).likely(rows));
        }
    }
}

/// LT012: a browser asks whether it may, and may not.
fn preflight(hop: &Hop, findings: &mut Findings<'_>) {
    if !hop.method.eq_ignore_ascii_case("OPTIONS") {
        return;
    }
    let words = |text: &str| -> Vec<String> {
        text.split(',')
            .map(|word| word.trim().to_ascii_lowercase())
            .collect()
    };
    let asked: Vec<String> = hop
        .values("access-control-request-headers")
        .flat_map(words)
        .collect();
    let allowed: Vec<String> = hop
        .answered("access-control-allow-headers")
        .flat_map(words)
        .collect();
    let refused = |name: &&str| {
        let all = allowed
            .iter()
            .any(|allowed| allowed == "*" || allowed == name);
        asked.iter().any(|asked| asked == name) && !all
    };
    let refused: Vec<&str> = [TRACE, "baggage", "traceparent"]
        .into_iter()
        .filter(refused)
        .collect();
    if !refused.is_empty() {
        let words = format!(
            "a browser asked {} for leave to send {}, and got none",
            hop.service,
            refused.join(" and ")
        );
        findings.add(Said::new("LT012", &hop.call, &[Headers], words));
    }
}

/// LT015: more than a proxy has to pass on.
fn too_large(hop: &Hop, findings: &mut Findings<'_>) {
    let bytes: usize = hop.values("baggage").map(str::len).sum();
    let refused = hop.status == 431 && !carries_nothing(hop);
    if bytes > BAGGAGE_BYTES || refused {
        let words = format!(
            "{} {} `baggage` of {bytes} bytes{}",
            hop.service,
            if hop.direction == "in" { "got" } else { "sent" },
            if refused {
                ", and the request was refused (431)"
            } else {
                ""
            }
        );
        findings.add(Said::new("LT015", &hop.call, &[Headers], words));
    }
}
