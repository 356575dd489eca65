//! LT051 to LT054: where the time goes.

use super::super::evidence::Index;
use super::super::finding::Findings;

/// The faults of time are told by rules of their own, one function each, called from here.
pub(super) fn times(_index: &Index<'_>, _findings: &mut Findings<'_>) {}
