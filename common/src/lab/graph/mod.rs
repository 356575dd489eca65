//! A state graph of agents, each step of it a run, as LangGraph's are.
//!
//! ```text
//! GraphBuilder: channels · nodes · edges · routers ──compile()──► Graph ──► shape()
//!                                                                   │
//!        invoke(input) · resume(thread, answer) ──► Invocation ─────┘
//!                                                     │ .await ──► Outcome: Finished · Interrupted
//!                                                     └ stream() ─► GraphEvent …
//! superstep 1 ────────► superstep 2 ────► …                            runs
//!  nodes at once         what routers said                              graph             chain
//!  updates ─reducers─►   State ──► Checkpoint (per thread)              ├─ node           chain, graph:step:1
//!                                                                       │  ├─ tool, model  seq:step:1
//!                                                                       │  └─ router       chain, seq:step:3
//! ```
//!
//! The engine is our own and small, because the shape of the trace is the point: a router belongs to the run of the
//! node that it leaves, `Send` makes several runs of a node in one superstep, and a superstep that waits for an
//! answer stays the same one. `adk-graph` 2.3 runs a router after the whole superstep, each node at most once in
//! it, and after a pause the successors of those that were done beside the node that asked.
//!
//! Nodes of a superstep are awaited together in the task of whoever awaits the graph, none is spawned: what is
//! current there is current in them, and dropping the graph's future ends them all. Work that keeps a processor
//! busy belongs in [`spawn_blocking`](crate::trace::spawn_blocking). Start at [`Graph::builder`].

mod builder;
mod calls;
mod checkpoint;
mod compiled;
mod context;
mod convention;
mod error;
mod event;
mod invocation;
pub mod message;
mod model;
mod route;
mod run;
mod state;
mod subgraph;
mod superstep;
mod update;

pub use builder::GraphBuilder;
pub use calls::{ModelCall, ModelReply};
pub use checkpoint::{Checkpoint, CheckpointError, Checkpoints, MemoryCheckpoints};
pub use compiled::{Graph, MAX_DEPTH, RECURSION_LIMIT};
pub use context::NodeContext;
pub use error::{CompileError, GraphError, NodeError};
pub use event::{GraphEvent, GraphEvents};
pub use invocation::{Invocation, Outcome};
pub use route::{Route, SendTo, tools_condition};
pub use state::{Reducer, State};
pub use update::Update;

pub use crate::analysis::{END, GraphNodeKind, GraphShape, START};
