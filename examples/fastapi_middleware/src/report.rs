//! What the demonstration prints. Start at [`Report::of`].

use anyhow::{Context as _, Result};
use common::analysis::{Cost, REQUEST_ID, Scorecard, scorecard, text_tree};
use common::lab::terminal::say;
use common::langsmith_mock::LangSmithMock;
use common::model::TraceTree;

use crate::stage::Stage;
use crate::traffic::Sent;

/// The requests that are shown: the first of each kind also opened connections.
const SHOWN: [&str; 4] = ["forth-1", "back-1", "third-1", "fail-peer"];

/// What was captured, ready to be shown.
#[derive(Debug)]
pub struct Report {
    /// Traces over several services: one that began in Rust, one that began in the peer, and one through
    /// JavaScript, where that is there.
    pub joined: Vec<Joined>,
    /// A trace with an error of the peer's.
    pub failed: TraceTree,
    /// The five success metrics of all traffic.
    pub score: Scorecard,
}

/// A trace, and what it shows.
#[derive(Debug)]
pub struct Joined {
    /// The languages on the way.
    pub way: String,
    /// Who began it.
    pub lead: &'static str,
    /// Its runs.
    pub tree: TraceTree,
}

impl Report {
    /// Waits until all runs have arrived, and holds them against what was sent.
    ///
    /// # Errors
    /// If one of the traces to be shown is not there at all.
    pub async fn of(stage: &Stage, mut sent: Sent) -> Result<Self> {
        for peer in std::iter::once(&stage.peer).chain(&stage.express) {
            peer.flush().await?;
        }
        let tree = stage.lesson.tree(sent.runs).await;
        let mock = stage.lesson.mock();
        let requests = mock.requests();
        sent.ledger.cost(Cost {
            runs: tree.len() as u64,
            bytes: Some(requests.iter().map(|one| one.body_bytes as u64).sum()),
            ..Cost::default()
        });
        let joined = |way: String, lead, request: &str| -> Result<Joined> {
            let tree = trace(mock, &tree, request)?;
            Ok(Joined { way, lead, tree })
        };
        let [forth, back, third, failed] = SHOWN;
        let peer = match stage.peer.name {
            "fastapi" => "Python",
            _ => "second axum",
        };
        let began_here = "The trace begins in the gateway, which is Rust.";
        let began_there = "A client without a trace asked; the first service began one.";
        let mut traces = vec![
            joined(format!("Rust → {peer} → Rust"), began_here, forth)?,
            joined(format!("{peer} → Rust → {peer}"), began_there, back)?,
        ];
        if stage.express.is_some() {
            traces.push(joined(
                "Rust → JavaScript → Rust".into(),
                began_here,
                third,
            )?);
        }
        Ok(Self {
            joined: traces,
            failed: trace(mock, &tree, failed)?,
            score: scorecard(&tree, &sent.ledger),
        })
    }

    /// Prints the joined traces and the scorecard.
    pub fn print(&self) {
        for Joined { way, tree, .. } in &self.joined {
            let state = if tree.is_whole() {
                "one trace"
            } else {
                "BROKEN"
            };
            say(&format!(
                "{way}: {state}, {} runs\n\n{}",
                tree.len(),
                text_tree(tree)
            ));
        }
        let requests = self.score.completeness.complete.of;
        say(&format!(
            "Scorecard of all {requests} requests\n\n{}",
            self.score
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
