//! The `baggage` header beside a valid trace header, and what others wrote into it.

use common::propagation::{
    BAGGAGE_HEADER, LangSmithPropagator, Propagator as _, TRACE_HEADER, TrustPolicy,
};

use crate::extracted::{self, PROJECTS};
use crate::memory;

const PARENT: &str = "20260101T000000000000Z01990000-0000-7000-8000-00000000000a";

/// The goal for one header.
const MOST_BYTES: usize = 16 * 1024;

/// Reads each line of the data as one line of `baggage`. A bad member spoils no other, the parent is
/// always read, memory stays within 16 KiB, and writing leaves the members of others as they are.
pub fn baggage(data: &[u8]) {
    let lines: Vec<&[u8]> = data.split(|byte| *byte == b'\n').collect();
    let mut headers = vec![(TRACE_HEADER, PARENT.as_bytes())];
    headers.extend(lines.iter().map(|line| (BAGGAGE_HEADER, *line)));
    let reader = LangSmithPropagator::new()
        .policy(TrustPolicy::Continue)
        .allow_projects(PROJECTS);
    let extracted = memory::within(MOST_BYTES, "reading baggage", || reader.extract(&headers));
    extracted::check(&extracted);
    extracted::check_passing_on(&extracted);
    let context = extracted.context.expect("baggage spoils no parent");

    // The members of others go along untouched, whatever becomes of ours.
    let texts = lines
        .iter()
        .filter_map(|line| std::str::from_utf8(line).ok());
    let mut carrier: Vec<(String, String)> = texts
        .map(|text| (BAGGAGE_HEADER.to_owned(), text.to_owned()))
        .collect();
    let foreign = members_of_others(&carrier);
    let writer = LangSmithPropagator::new();
    writer.inject(&context, &mut carrier);
    assert_eq!(members_of_others(&carrier), foreign, "after inject");
    let once = carrier.clone();
    writer.inject(&context, &mut carrier);
    assert_eq!(carrier, once, "to write twice is to write once");
    writer.strip(&mut carrier);
    assert_eq!(members_of_others(&carrier), foreign, "after strip");
    assert!(carrier.iter().all(|(name, _)| name != TRACE_HEADER));
}

fn members_of_others(carrier: &[(String, String)]) -> Vec<String> {
    let lines = carrier.iter().filter(|(name, _)| name == BAGGAGE_HEADER);
    let members = lines.flat_map(|(_, line)| line.split(','));
    let ascii = |c: char| c.is_ascii_whitespace();
    members
        .map(|member| member.trim_matches(ascii).to_owned())
        .filter(|member| !member.is_empty() && !member.starts_with("langsmith-"))
        .collect()
}
