//! Which failures are seen under which sampling policy: done with the real client, read from the stand-in.
//!
//! ```text
//! for each policy: a client and a stand-in
//!   for each scenario: ten requests that fail so ──► runs that arrived ──► how many of the failures are seen
//! ```
//!
//! The ids of the requests are chosen, so that of ten exactly one is in a sample of a tenth: the matrix is the same
//! each time. Start at [`visibility_matrix`].

mod policy;
mod scenario;

use std::fmt;
use std::time::Duration;

use self::scenario::{Request, Scene};
use crate::analysis::{Figure, Table, heat_map};
use crate::client::Client;
use crate::langsmith_mock::LangSmithMock;

pub use self::policy::SamplingPolicy;
pub use self::scenario::FailureScenario;

/// Requests of each scenario.
const REQUESTS: u32 = 10;

/// How long the stand-in, which is near, may take.
const NEAR: Duration = Duration::from_secs(60);

/// What is seen of the failures of one scenario under one policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SeenFailures {
    /// Failures of which a run tells: with the class of the error, the service, and what it was given.
    pub seen: u32,
    /// Failures of which only a run arrived that never ended.
    pub pending: u32,
    /// Failures in all.
    pub of: u32,
}

/// Scenarios by policies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VisibilityMatrix {
    // One row a scenario, in the order of `FailureScenario::ALL`, and in it one cell a policy, likewise.
    rows: Vec<[SeenFailures; SamplingPolicy::ALL.len()]>,
}

/// Lets every scenario happen under every policy, and looks at what arrives. Takes a second or two.
///
/// ```no_run
/// use common::lab::sampling::{FailureScenario, SamplingPolicy, visibility_matrix};
///
/// # async fn lesson() {
/// let matrix = visibility_matrix().await;
/// let tenth = matrix.cell(FailureScenario::ToolError, SamplingPolicy::Tenth);
/// assert_eq!((tenth.seen, tenth.of), (1, 10));
/// println!("{matrix}");
/// # }
/// ```
///
/// # Panics
/// If no port of the loopback interface can be had.
pub async fn visibility_matrix() -> VisibilityMatrix {
    let mut columns = Vec::new();
    for policy in SamplingPolicy::ALL {
        columns.push(column(policy).await);
    }
    let row = |at: usize| std::array::from_fn(|policy| columns[policy][at]);
    VisibilityMatrix {
        rows: (0..FailureScenario::ALL.len()).map(row).collect(),
    }
}

/// Returns what is seen under a policy, scenario by scenario.
#[allow(clippy::expect_used, reason = "lessons stop where they cannot go on")]
async fn column(policy: SamplingPolicy) -> Vec<SeenFailures> {
    let mock = LangSmithMock::start().await;
    let client = Client::builder()
        .endpoint(mock.url())
        .api_key("visibility-matrix")
        .service(scenario::SERVICE)
        .sampling(policy.sampling())
        .build()
        .expect("the stand-in's address");
    let scene = Scene::new().await;
    let mut traces = Vec::new();
    for scenario in FailureScenario::ALL {
        let mut of_scenario = Vec::new();
        for number in 0..REQUESTS {
            let request = Request::new(&client, scenario, number);
            of_scenario.push(request.trace());
            scene.fails(scenario, request).await;
        }
        traces.push(of_scenario);
    }
    // As the exporter does by itself a moment after a run began.
    let _ = client.flush_async(NEAR).await;
    let _ = client.shutdown_async(NEAR).await;
    let cells = FailureScenario::ALL
        .into_iter()
        .zip(traces)
        .map(|(scenario, traces)| {
            let mut cell = SeenFailures {
                of: REQUESTS,
                ..SeenFailures::default()
            };
            for trace in traces {
                let runs = mock.runs_of(trace);
                if runs.iter().any(|run| scenario.is_told_by(run)) {
                    cell.seen += 1;
                } else if runs.iter().any(|run| run.end_time.is_none()) {
                    cell.pending += 1;
                }
            }
            cell
        });
    cells.collect()
}

impl VisibilityMatrix {
    /// Returns what is seen of a scenario under a policy.
    pub fn cell(&self, scenario: FailureScenario, policy: SamplingPolicy) -> SeenFailures {
        self.rows[scenario as usize][policy as usize]
    }

    /// Returns how many failures are seen under a policy, of how many, over all scenarios.
    pub fn total(&self, policy: SamplingPolicy) -> (u32, u32) {
        let cells = self.rows.iter().map(|row| row[policy as usize]);
        cells.fold((0, 0), |(seen, of), cell| (seen + cell.seen, of + cell.of))
    }

    /// Returns it as a table: failures seen of ten, and those that are pending for ever.
    pub fn table(&self) -> Table {
        let names = SamplingPolicy::ALL.map(|policy| policy.name().to_owned());
        let header = std::iter::once("failure".to_owned()).chain(names);
        FailureScenario::ALL
            .into_iter()
            .fold(Table::new(header), |table, scenario| {
                let cells = self.rows[scenario as usize].iter().map(ToString::to_string);
                table.row(std::iter::once(scenario.name().to_owned()).chain(cells))
            })
    }

    /// Draws it: the darker, the more is seen.
    pub fn heat_map(&self) -> Figure {
        let rows = FailureScenario::ALL.map(|scenario| {
            let shares = self.rows[scenario as usize];
            let shares = shares.map(|cell| f64::from(cell.seen) / f64::from(cell.of.max(1)));
            (scenario.name(), shares.to_vec())
        });
        let columns = SamplingPolicy::ALL.map(SamplingPolicy::name);
        heat_map("failures seen", &columns, &rows)
            .title("Which failures are seen under which policy")
    }

    /// Shows the picture as the result of a notebook cell.
    pub fn evcxr_display(&self) {
        self.heat_map().evcxr_display();
    }
}

impl fmt::Display for SeenFailures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.seen, self.of)?;
        match self.pending {
            0 => Ok(()),
            pending => write!(f, " ({pending} pending)"),
        }
    }
}

impl fmt::Display for VisibilityMatrix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.table().fmt(f)
    }
}
