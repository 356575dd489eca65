//! The two things that happen to a run on its way out: it is created, and it is updated.

use std::collections::HashMap;

use super::ids::RunId;
use super::run::Run;

/// One operation on a run, as the ingest API knows them.
#[derive(Debug, Clone, PartialEq)]
pub enum RunOp {
    /// Create the run.
    Post(Box<Run>),
    /// Update a run that was created before, or will be: the order of arrival is free.
    Patch(Box<Run>),
}

impl RunOp {
    /// Returns the run that the operation carries.
    pub fn run(&self) -> &Run {
        match self {
            Self::Post(run) | Self::Patch(run) => run,
        }
    }

    /// Returns the run that the operation carries, to change it before it leaves.
    pub fn run_mut(&mut self) -> &mut Run {
        match self {
            Self::Post(run) | Self::Patch(run) => run,
        }
    }
}

/// Merges operations into runs, in any interleaving, in the order of first mention.
///
/// A patch wins field by field over the post; `events`, `extra` and `outputs` are replaced whole, as
/// the server does.
pub fn merge_ops(ops: impl IntoIterator<Item = RunOp>) -> Vec<Run> {
    let mut at: HashMap<RunId, usize> = HashMap::new();
    let mut runs: Vec<(Option<Run>, Option<Run>)> = Vec::new();
    for op in ops {
        let index = *at.entry(op.run().id).or_insert_with(|| {
            runs.push((None, None));
            runs.len() - 1
        });
        let (post, patch) = &mut runs[index];
        match op {
            RunOp::Post(run) => *post = Some(*run),
            RunOp::Patch(run) => match patch {
                Some(earlier) => earlier.absorb(*run),
                None => *patch = Some(*run),
            },
        }
    }
    runs.into_iter()
        .filter_map(|pair| match pair {
            (Some(mut post), Some(patch)) => {
                post.absorb(patch);
                Some(post)
            }
            (post, patch) => post.or(patch),
        })
        .collect()
}
