//! What a person sees of captured runs: text, pictures, tables.
//!
//! ```text
//!                 ┌─ text_tree ────► TextTree ─┐
//!                 ├─ waterfall ────► Figure ───┤             ┌ Display        terminals, snapshots
//! TraceTree ──────┼─ tree_diagram ─► Figure ───┼── each has ─┼ evcxr_display  notebooks
//!                 ├─ Shape::of ────► Shape     │             └ to_html        pages
//!                 └─ Outline::of ──► Figure ───┤     side_by_side(is, should be), gallery(several)
//!                 ├─ Waterfall::of(…).supersteps() ─► Figure
//!                 ├─ GraphShape::of_trace ─► GraphDiagram ─► Figure, beside the tree
//!                 ├─ SpendByAgent::of ─► Table, Figure
//!                 ├─ Loops::of ─► Table
//!                 ├─ CriticalPath, SelfTimes, Gaps ─► text, Table, underlined waterfall
//!                 ├─ performance_findings ─► PerformanceReport
//!                 └─ Golden ─► text for snapshots
//! two trees ──────── TraceDiff ──► text, Figure
//! many trees ─────── ClockSkew ──► text, Table, Figure, corrected tree
//! ingest log ─────── Film ───────► text, Figure, the tree at any step
//! captures ───────── doctor ─────► Report ─────┤
//! hops ───────────── sequence ─────► Figure ───┤
//! numbers ────────── bar_chart, line_chart,
//!                    heat_map ─────────────────┤
//! ledger, tree ───── scorecard ──► Scorecard ──┤
//! cells ──────────── Table ────────────────────┘
//! ```
//!
//! Everything here is a pure function from values to a value: no socket, no clock, no file. What
//! runs say about themselves is foreign text; it is cut, made visible and escaped on its way into a
//! picture. Start at [`text_tree`] and [`waterfall`].

mod chart;
mod compare;
mod critical_path;
mod diff;
pub mod doctor;
mod figure;
mod film;
mod gallery;
mod graph;
mod heat_map;
pub(crate) mod label;
mod outline;
mod palette;
mod performance;
pub(crate) mod rich_output;
mod rows;
mod scorecard;
mod sequence;
mod skew;
mod spend;
mod superstep_bands;
mod svg;
mod table;
mod text;
mod time_axis;
mod token_mark;
mod tree_diagram;
mod waterfall;

pub use chart::{Band, Series, bar_chart, line_chart, line_chart_in_bands};
pub use compare::Shape;
pub use critical_path::{
    CriticalPath, Gap, Gaps, PathSegment, SelfTime, SelfTimes, Unwaited, UnwaitedBecause,
};
pub use diff::{DiffChange, DiffMark, DiffOptions, DiffRow, Golden, TraceDiff};
pub use figure::Figure;
pub use film::{Film, FilmFault, FilmFaultKind, FilmStep, ReadFilmError, StepEffect};
pub use gallery::gallery;
pub use graph::{
    Cycle, END, GraphDiagram, GraphEdge, GraphNode, GraphNodeKind, GraphShape, Loops, NodeVisits,
    RUNS_PER_TRACE, START, TraceSize,
};
pub use heat_map::heat_map;
pub use outline::{Outline, side_by_side};
pub use performance::{
    PerformanceCode, PerformanceFinding, PerformanceLimits, PerformanceReport,
    performance_findings, performance_findings_within,
};
pub use scorecard::{
    Added, Asked, Completeness, Cost, Cut, Debugging, Diagnosis, Drill, EdgeScore, Failure, Flaw,
    Found, Impact, Ledger, Load, Means, Propagation, REQUEST_ID, ScenarioScore, Scorecard, Share,
    Timing, Unseen, Visibility, scorecard,
};
pub use sequence::{HeaderState, Hop, sequence};
pub use skew::{ClockSkew, HostPair};
pub use spend::{AgentSpend, Doubled, DoubledBy, Spend, SpendByAgent};
pub use table::Table;
pub use text::{TextTree, text_tree};
pub use tree_diagram::tree_diagram;
pub use waterfall::{Waterfall, waterfall};

pub(crate) use label::fit;
#[cfg(all(test, feature = "langsmith_mock"))]
pub(crate) use palette::of_type;

/// What the pages of the stand-in are made of as well.
#[cfg(feature = "langsmith_mock")]
pub(crate) use {
    label::{count, dollars, duration, first_line, is_unfit, or_else, short_id, thousands},
    rows::{Row, finding, rows},
    time_axis::TimeAxis,
};
