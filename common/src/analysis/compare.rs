//! The shape of a tree: what must be the same when two ways of tracing are said to agree.
//!
//! ```text
//! TraceTree ──Shape::of──► name · run type · status · nesting      (no ids, no times)
//!                            └─ first_difference(other) ──► None, or a sentence
//! ```
//!
//! Start at [`Shape::of`].

use std::fmt;

use super::label::{clean, fit};
use super::rows::{Mark, rows};
use crate::model::{RunStatus, RunType, TraceTree};

/// Names, types, nesting and status of captured runs.
///
/// Two captures of the same work have equal shapes, although every id and time differs. Siblings
/// count in the order in which they started.
///
/// ```
/// use std::sync::Arc;
/// use common::analysis::Shape;
/// use common::model::TraceTree;
/// use common::trace::{MemorySink, Tracer};
///
/// let capture = |leaf: &str| {
///     let sink = Arc::new(MemorySink::new());
///     let root = Tracer::builder(sink.clone()).build().run("answer").start();
///     root.child(leaf).start().end();
///     root.end();
///     Shape::of(&TraceTree::build(sink.runs()))
/// };
/// assert_eq!(capture("retrieve"), capture("retrieve"));
/// assert_eq!(
///     capture("retrieve").first_difference(&capture("search")).as_deref(),
///     Some("below answer, the first has retrieve where the second has search")
/// );
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shape {
    // In pre-order with its depth: flat, so that no depth of nesting can exhaust the stack.
    runs: Vec<Node>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Node {
    depth: usize,
    name: String,
    run_type: RunType,
    status: RunStatus,
    place: Place,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Below,
    Root,
    Orphan,
}

impl Place {
    fn words(self) -> &'static str {
        match self {
            Self::Below => "a child",
            Self::Root => "a root",
            Self::Orphan => "without its parent",
        }
    }
}

impl Shape {
    /// Takes the shape of a tree.
    pub fn of(tree: &TraceTree) -> Self {
        let runs = rows(tree)
            .into_iter()
            .map(|row| Node {
                depth: row.depth,
                name: clean(&row.run.name),
                run_type: row.run.run_type.clone(),
                status: row.run.status(),
                place: match row.mark {
                    Some(Mark::NoParent(_) | Mark::Circle) => Place::Orphan,
                    _ if row.is_top => Place::Root,
                    _ => Place::Below,
                },
            })
            .collect();
        Self { runs }
    }

    /// Says in words where two shapes first differ, in the order of reading; `None` if they are
    /// equal.
    pub fn first_difference(&self, other: &Self) -> Option<String> {
        let both = self.runs.iter().zip(&other.runs);
        let Some(at) = both.clone().position(|(a, b)| a != b) else {
            return match self.runs.len().cmp(&other.runs.len()) {
                std::cmp::Ordering::Equal => None,
                std::cmp::Ordering::Less => Some(missing("first", &other.runs, self.runs.len())),
                std::cmp::Ordering::Greater => {
                    Some(missing("second", &self.runs, other.runs.len()))
                }
            };
        };
        let (a, b) = (&self.runs[at], &other.runs[at]);
        let name = |node: &Node| fit(&node.name, 48);
        Some(if a.depth < b.depth {
            missing("first", &other.runs, at)
        } else if a.depth > b.depth {
            missing("second", &self.runs, at)
        } else if a.name != b.name {
            let (a, b) = (name(a), name(b));
            format!(
                "{}the first has {a} where the second has {b}",
                above(&self.runs, at)
            )
        } else if a.place != b.place {
            format!(
                "{} is {} in the first and {} in the second",
                name(a),
                a.place.words(),
                b.place.words()
            )
        } else if a.run_type != b.run_type {
            let (a_type, b_type) = (fit(a.run_type.as_str(), 24), fit(b.run_type.as_str(), 24));
            format!(
                "{} is of type {a_type} in the first and {b_type} in the second",
                name(a)
            )
        } else {
            format!(
                "{} is {} in the first and {} in the second",
                name(a),
                a.status,
                b.status
            )
        })
    }
}

fn missing(which: &str, runs: &[Node], at: usize) -> String {
    format!(
        "{}the {which} lacks {}",
        above(runs, at),
        fit(&runs[at].name, 48)
    )
}

/// Names the parent of the run at a position.
fn above(runs: &[Node], at: usize) -> String {
    let parent = runs[..at]
        .iter()
        .rev()
        .find(|node| node.depth < runs[at].depth);
    parent.map_or_else(String::new, |node| {
        format!("below {}, ", fit(&node.name, 48))
    })
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for node in &self.runs {
            let indent = "  ".repeat(node.depth.min(64));
            write!(
                f,
                "{indent}{} [{}]",
                fit(&node.name, 80),
                fit(node.run_type.as_str(), 24)
            )?;
            if node.status != RunStatus::Success {
                write!(f, " {}", node.status)?;
            }
            if node.place == Place::Orphan {
                write!(f, " (no parent here)")?;
            }
            writeln!(f)?;
        }
        Ok(())
    }
}
