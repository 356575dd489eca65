//! Sixty broken traces that users of LangSmith know, each played with real moving parts, and each repaired.
//!
//! ```text
//! rows: the table ──► Scenario ──run──► Stage: stand-in, clients, services, clock ──► Broken: a capture ──► doctor
//!                        └─ repaired ──► the same work, with the mistake mended ─────────────────┘
//! ```
//!
//! | folder's file | what goes wrong there |
//! |---|---|
//! | `context` · `leaks` · `streams` | the current run is lost, is somebody else's, ends too early |
//! | `places` · `endings` | what a run says of its place and time; runs that do not end, or are not sent |
//! | `limits` · `weight` | what an endpoint takes; what tracing takes |
//! | `settings` · `sampling` · `projects` | what processes are set to, and differ in |
//! | `edges` · `baggage` · `carriers` | headers between services, and what is none |
//! | `spans` · `agents` · `python` | OpenTelemetry, frameworks of agents, the official SDK |
//!
//! Most repairs change the line that matters and nothing else. Some change more, as whoever repairs it would: row 20
//! takes another client, row 27 does without the switch of tracing, row 50 without the proxy that cuts the header.
//! The limit of row 29, "four requests a minute", counts the scenario's own sends alone.
//!
//! Time is the stage's own, and goes on by a millisecond a look: nothing is waited for. Limits of the endpoint are
//! smaller than LangSmith's, so that a scenario takes milliseconds. Start at [`scenarios`].
//!
//! ```
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() {
//! use common::lab::catalogue::scenario;
//!
//! let lost = scenario(9).expect("sixty are known");
//! assert_eq!(lost.run().await.examine().with_code(lost.code()).count(), 1);
//! assert!(lost.repaired().await.examine().is_clean());
//! # }
//! ```

mod agents;
mod baggage;
mod broken;
mod carriers;
mod clock;
mod context;
mod edges;
mod endings;
mod leaks;
mod limits;
mod logs;
mod naive;
mod places;
mod projects;
mod python;
mod queue;
mod rows;
mod sampling;
mod scenario;
mod settings;
mod spans;
mod stage;
mod streams;
mod watched;
mod way;
mod weight;

use crate::analysis::Table;

pub use broken::Broken;
pub use scenario::{Parts, Scenario};

/// Returns all scenarios, by their rows in the catalogue: 1 to 60.
pub fn scenarios() -> &'static [Scenario] {
    rows::ROWS
}

/// Returns the scenario of a row.
pub fn scenario(number: u8) -> Option<&'static Scenario> {
    scenarios()
        .iter()
        .find(|scenario| scenario.number() == number)
}

/// Returns the table of all scenarios: what a person sees, the code, what shows it, what moves, and the notebook.
pub fn overview() -> Table {
    let header = [
        "#", "scenario", "symptom", "code", "shown by", "moves", "notebook",
    ];
    scenarios().iter().fold(Table::new(header), |table, row| {
        let kinds: Vec<&str> = row.shown_by().iter().map(|kind| kind.as_str()).collect();
        table.row([
            row.number().to_string(),
            row.name().to_owned(),
            row.symptom().to_owned(),
            row.code().to_owned(),
            kinds.join(", "),
            row.parts().to_string(),
            row.chapter().number().to_owned(),
        ])
    })
}
