//! What the demonstration prints. Start at [`Report::of`].

use std::io::Write as _;

use anyhow::{Context as _, Result};
use common::analysis::{Cost, REQUEST_ID, Scorecard, scorecard, text_tree};
use common::langsmith_mock::LangSmithMock;
use common::model::TraceTree;

use crate::stage::Stage;
use crate::traffic::Sent;

/// The requests that are shown: the first of each kind also opened connections.
const WARM: [&str; 3] = ["forth-1", "back-1", "fail-peer"];

/// What was captured, ready to be shown.
#[derive(Debug)]
pub struct Report {
    /// A trace that began in Rust.
    pub forth: TraceTree,
    /// A trace that began in the peer.
    pub back: TraceTree,
    /// A trace with an error of the peer's.
    pub failed: TraceTree,
    /// Names of the services on the way forth, and back.
    pub ways: [String; 2],
    /// The five success metrics of all traffic.
    pub score: Scorecard,
}

impl Report {
    /// Waits until all runs have arrived, and holds them against what was sent.
    ///
    /// # Errors
    /// If one of the traces to be shown is not there at all.
    pub async fn of(stage: &Stage, mut sent: Sent) -> Result<Self> {
        stage.peer.flush().await?;
        let tree = stage.lesson.tree(sent.runs).await;
        let mock = stage.lesson.mock();
        let received = mock.requests();
        sent.ledger.cost(Cost {
            runs: tree.len() as u64,
            bytes: Some(
                received
                    .iter()
                    .map(|request| request.body_bytes as u64)
                    .sum(),
            ),
            ..Cost::default()
        });
        let peer = if stage.peer.name == "fastapi" {
            "Python"
        } else {
            "second axum"
        };
        Ok(Self {
            forth: trace(mock, &tree, WARM[0])?,
            back: trace(mock, &tree, WARM[1])?,
            failed: trace(mock, &tree, WARM[2])?,
            ways: [
                format!("Rust → {peer} → Rust"),
                format!("{peer} → Rust → {peer}"),
            ],
            score: scorecard(&tree, &sent.ledger),
        })
    }

    /// Prints the two joined traces and the scorecard.
    pub fn print(&self) {
        let [forth, back] = &self.ways;
        for (way, tree) in [(forth, &self.forth), (back, &self.back)] {
            let whole = if tree.is_whole() {
                "one trace"
            } else {
                "BROKEN"
            };
            say(&format!(
                "{way}: {whole}, {} runs\n\n{}",
                tree.len(),
                text_tree(tree)
            ));
        }
        say(&format!(
            "Scorecard of all {} requests\n\n{}",
            self.score.completeness.complete.of, self.score
        ));
    }
}

/// Finds the trace of a request.
fn trace(mock: &LangSmithMock, tree: &TraceTree, request: &str) -> Result<TraceTree> {
    let mut nodes = tree.nodes().iter();
    let of_request = nodes.find(|node| {
        node.run
            .extra
            .metadata
            .get(REQUEST_ID)
            .and_then(|id| id.as_str())
            == Some(request)
    });
    let run = of_request.with_context(|| format!("no run of the request {request} arrived"))?;
    Ok(mock.trace(run.run.trace_id))
}

/// Prints on standard output; a reader who has gone (`| head`) is no failure.
pub fn say(text: &str) {
    let mut out = std::io::stdout().lock();
    let _ = writeln!(out, "{text}");
    let _ = out.flush();
}

/// Prints on standard error.
pub fn complain(text: &str) {
    let _ = writeln!(std::io::stderr(), "{text}");
}
