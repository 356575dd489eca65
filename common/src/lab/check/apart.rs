//! Why a run hangs where it hangs: the cause that a learner can do something about.

use super::capture::{Capture, service_of};
use crate::model::{DottedOrder, Run};
use crate::propagation::{INCOMING_TRACE_ID, TRACE_HEADER};

/// Says why a run that should be below `parent` has none.
pub(super) fn no_parent(run: &Run, parent: &Run, capture: &Capture) -> String {
    let crosses = service_of(run).filter(|service| Some(*service) != service_of(parent));
    let Some(service) = crosses else {
        return format!(
            "it was started as a root; begin it with `child` of `{}`, or carry that run to where it starts",
            parent.name
        );
    };
    if run.extra.metadata.contains_key(INCOMING_TRACE_ID) {
        return format!(
            "`{TRACE_HEADER}` arrived, but the {service}'s policy does not trust its caller"
        );
    }
    let arrivals = capture.arrivals_at(service);
    if arrivals.is_empty() {
        return format!("the {service} never read `{TRACE_HEADER}`, or nobody sent it");
    }
    let mut values = arrivals
        .iter()
        .filter_map(|arrival| arrival.header(TRACE_HEADER))
        .peekable();
    if values.peek().is_none() {
        format!("no `{TRACE_HEADER}` arrived at the {service}")
    } else if values.all(|value| value.trim().parse::<DottedOrder>().is_err()) {
        format!("the `{TRACE_HEADER}` that arrived at the {service} is no dotted order")
    } else {
        format!("the {service} never read `{TRACE_HEADER}`")
    }
}

/// Says what a run that hangs below another one than it should has to do with headers, if anything.
pub(super) fn other_parent(run: &Run, found: &Run) -> String {
    match (service_of(run), service_of(found)) {
        (Some(service), Some(caller)) if service != caller => {
            format!(": the `{TRACE_HEADER}` it was sent names `{}`", found.name)
        }
        _ => String::new(),
    }
}
