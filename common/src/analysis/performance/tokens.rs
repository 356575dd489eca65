//! LT053: the first token of a streamed answer comes when the answer is nearly done.

use super::Seen;
use super::finding::{PerformanceCode, PerformanceFinding, said};
use crate::analysis::label::duration;
use crate::model::RunType;

/// Looks at calls of models that tell of their first token and have ended.
pub(super) fn find(seen: &Seen<'_>) -> Vec<PerformanceFinding> {
    let runs = seen.tree.nodes().iter().map(|node| &node.run);
    runs.filter(|run| run.run_type == RunType::Llm)
        .filter_map(|run| {
            let (latency, token) = (run.latency()?, run.first_token_time()?);
            let after = token - run.start_time;
            let micros = |span: chrono::TimeDelta| span.num_microseconds().unwrap_or(0) as f64;
            let late = micros(after) >= seen.limits.first_token_share * micros(latency);
            // A token after the end is a clock's fault, not the stream's.
            let is_late = late && after <= latency && latency >= seen.limits.streamed;
            is_late.then(|| PerformanceFinding {
                code: PerformanceCode::LateFirstToken,
                place: run.id,
                name: run.name.clone(),
                runs: vec![run.id],
                lost: after,
                words: format!(
                    "the first token of {} came after {} of {}",
                    said(&run.name),
                    duration(after),
                    duration(latency),
                ),
            })
        })
        .collect()
}
