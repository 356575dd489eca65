//! The queue behind a client from scratch: what is taken in, and what becomes of it.

use std::fs::File;
use std::io::Write as _;

use serde_json::{Value, json};

use super::stage::Stage;
use crate::analysis::doctor::Books;
use crate::lab::ScratchFolder;

/// One run that waits.
#[derive(Clone)]
struct Waiting {
    run: Value,
    workspace: &'static str,
    bytes: usize,
}

/// Gathers runs, and sends them when it is told to.
pub(super) struct NaiveQueue<'a> {
    stage: &'a Stage,
    process: &'static str,
    waiting: Vec<Waiting>,
    accepted: u64,
    delivered: u64,
    spooled: u64,
    settled: f64,
    /// What was sent and is kept all the same; for a client that lets nothing go.
    sent: Option<Vec<Value>>,
    /// Most bytes in memory, and where what is over goes.
    bound: Option<(usize, ScratchFolder)>,
}

impl<'a> NaiveQueue<'a> {
    pub(super) fn new(stage: &'a Stage, process: &'static str) -> Self {
        Self {
            stage,
            process,
            waiting: Vec::new(),
            accepted: 0,
            delivered: 0,
            spooled: 0,
            settled: stage.clock.seconds(),
            sent: None,
            bound: None,
        }
    }

    /// Keeps what was sent.
    pub(super) fn keeping(mut self) -> Self {
        self.sent = Some(Vec::new());
        self
    }

    /// Holds so many bytes in memory, and writes the oldest beyond to a file.
    pub(super) fn bounded(mut self, bytes: usize) -> Self {
        self.bound = Some((bytes, ScratchFolder::new("catalogue")));
        self
    }

    /// Returns what a forked process has of it: the memory, and no thread that would send it.
    pub(super) fn forked(&self) -> Self {
        Self {
            waiting: self.waiting.clone(),
            sent: self.sent.clone(),
            bound: None,
            ..*self
        }
    }

    /// Takes a run, all of it.
    pub(super) fn post(&mut self, run: &Value) {
        self.post_for("", run);
    }

    /// Takes a run for a workspace.
    pub(super) fn post_for(&mut self, workspace: &'static str, run: &Value) {
        self.accepted += 1;
        self.waiting.push(Waiting {
            run: run.clone(),
            workspace,
            bytes: run.to_string().len(),
        });
        let Some((most, folder)) = &self.bound else {
            return;
        };
        // If it cannot be made, nothing is spooled, and the books say so.
        let _ = std::fs::create_dir_all(folder.path());
        let path = folder.path().join("spool.jsonl");
        let file = File::options().append(true).create(true).open(path);
        let Ok(mut file) = file else { return };
        while self.waiting.iter().map(|one| one.bytes).sum::<usize>() > *most {
            let oldest = self.waiting.remove(0);
            let line = json!({ "run": oldest.run });
            if writeln!(file, "{line}").is_ok() {
                self.spooled += 1;
            }
        }
    }

    /// Sends all that waits in one request, for the workspace of the first; keeps it if that fails.
    pub(super) fn flush(&mut self) -> u16 {
        let first = self.waiting.first().map_or("", |one| one.workspace);
        let all = std::mem::take(&mut self.waiting);
        let status = self.send(first, &all);
        if !(200..300).contains(&status) {
            self.waiting = all;
        }
        status
    }

    /// Sends what waits in a request for each workspace.
    pub(super) fn flush_each(&mut self) {
        let mut all = std::mem::take(&mut self.waiting);
        while let Some(workspace) = all.first().map(|one| one.workspace) {
            let (own, others): (Vec<_>, Vec<_>) =
                all.into_iter().partition(|one| one.workspace == workspace);
            self.send(workspace, &own);
            all = others;
        }
    }

    fn send(&mut self, workspace: &str, batch: &[Waiting]) -> u16 {
        let runs: Vec<&Value> = batch.iter().map(|one| &one.run).collect();
        let body = json!({ "post": runs, "patch": [] });
        let status = self
            .stage
            .post_for(workspace, "/runs/batch", body.to_string());
        if (200..300).contains(&status) {
            self.delivered += batch.len() as u64;
            self.settled = self.stage.clock.seconds();
            if let Some(sent) = &mut self.sent {
                sent.extend(batch.iter().map(|one| one.run.clone()));
            }
        }
        status
    }

    /// Returns the bytes that it holds, waiting or not.
    pub(super) fn held(&self) -> u64 {
        let kept = self.sent.iter().flatten();
        let kept: usize = kept.map(|run| run.to_string().len()).sum();
        (kept + self.waiting.iter().map(|one| one.bytes).sum::<usize>()) as u64
    }

    /// Returns its books at this moment.
    pub(super) fn books(&self) -> Books {
        let queued = self.waiting.len() as u64;
        let since = self.stage.clock.seconds() - self.settled;
        Books {
            process: self.process.to_owned(),
            accepted: self.accepted,
            delivered: self.delivered,
            queued,
            queued_bytes: self.waiting.iter().map(|one| one.bytes as u64).sum(),
            stalled_seconds: if queued > 0 { since } else { 0.0 },
            spooled: self.spooled,
            ..Books::default()
        }
    }
}
