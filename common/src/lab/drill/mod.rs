//! Incidents that nobody told you of: find what is wrong, against the clock.
//!
//! ```text
//! catalogue ──shuffled, dealt: logs · trace · doctor──► Incidents ──next──► Incident, and the time runs
//!                                                           ▲                   │ answer("LT002")
//!                        progress.jsonl ◄── right, how long ┴──── Verdict ◄─────┘
//!                              └─► DrillCard: median and accuracy, with counts, by what there was to look at
//! ```
//!
//! What is measured stays in the learner's file of progress, on this machine; without one it lasts as long as the
//! [`Incidents`]. It says how long a person needs, once, on this catalogue, and nothing more; what the doctor finds
//! without a person is in `docs/trace_doctor.md`. Start at [`Incidents::new`].
//!
//! ```
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() {
//! use common::lab::drill::Incidents;
//!
//! let mut drill = Incidents::new(7).take(3);
//! let incident = drill.next().await.expect("the first of three");
//! println!("{incident}");
//! let verdict = drill.answer(incident.choices()[0].code);
//! println!("{verdict}\n{}", drill.card());
//! # }
//! ```

mod card;
mod incident;
mod incidents;
mod verdict;

pub use card::DrillCard;
pub use incident::Incident;
pub use incidents::Incidents;
pub use verdict::Verdict;
