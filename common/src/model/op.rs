//! What happens to a run on its way out: it is created, it is updated, and somebody judges it.

use std::collections::HashMap;

use uuid::Uuid;

use super::feedback::Feedback;
use super::run::Run;

/// One operation on a run, as the ingest API knows them.
#[derive(Debug, Clone, PartialEq)]
pub enum RunOp {
    /// Create the run.
    Post(Box<Run>),
    /// Update a run that was created before, or will be: the order of arrival is free.
    Patch(Box<Run>),
    /// Record what somebody says of a run.
    Feedback(Box<Feedback>),
}

impl RunOp {
    /// Returns the run that the operation creates or updates; none for feedback.
    pub fn run(&self) -> Option<&Run> {
        match self {
            Self::Post(run) | Self::Patch(run) => Some(run),
            Self::Feedback(_) => None,
        }
    }

    /// Returns that run, to change it before it leaves.
    pub fn run_mut(&mut self) -> Option<&mut Run> {
        match self {
            Self::Post(run) | Self::Patch(run) => Some(run),
            Self::Feedback(_) => None,
        }
    }

    /// Returns the id of what the operation is about: of its run, or of the feedback itself.
    pub fn id(&self) -> Uuid {
        match self {
            Self::Post(run) | Self::Patch(run) => run.id.0,
            Self::Feedback(feedback) => feedback.id,
        }
    }
}

/// Merges operations into runs, in any interleaving, in the order of first mention. Feedback is left out.
///
/// A patch wins field by field over the post; `events`, `extra` and `outputs` are replaced whole, as
/// the server does.
pub fn merge_ops(ops: impl IntoIterator<Item = RunOp>) -> Vec<Run> {
    let mut at: HashMap<Uuid, usize> = HashMap::new();
    let mut runs: Vec<(Option<Run>, Option<Run>)> = Vec::new();
    for op in ops {
        let index = *at.entry(op.id()).or_insert_with(|| {
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
            RunOp::Feedback(_) => {}
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
