//! `common`, with default settings unless the name says otherwise.

use std::time::Duration;

use anyhow::Result;
use common::client::{Client, ClientBuilder, Config, TerminationGuard};
use common::export::RefuseReason;
use common::model::RunId;
use common::trace::{Anonymizer, RunBuilder, RunTree};
use serde::Serialize;

use super::{Library, Texts};
use crate::protocol::{Ending, Order};

/// Makes a client that sends to the sink; nothing if the name is of another library.
pub(super) fn library(name: &str, order: &Order) -> Result<Option<Box<dyn Library>>> {
    let builder = Client::builder()
        .endpoint(&order.url)
        .api_key("not-a-real-key")
        .project("bench");
    let builder = match name {
        "ours" | "ours-by-reference" => builder,
        "ours-masked" => builder.anonymizer(Anonymizer::secrets()),
        "ours-off" => builder.enabled(false),
        // The folder and the mode are in the environment, as they would be for a service.
        "ours-durable" | "ours-overflow" => ClientBuilder::from(Config::from_env()?)
            .endpoint(&order.url)
            .api_key("not-a-real-key")
            .project("bench"),
        _ => return Ok(None),
    };
    Ok(Some(Box::new(Ours::new(builder, name, order)?)))
}

struct Ours {
    client: Client,
    by_reference: bool,
    remembers: bool,
    ids: Vec<RunId>,
    /// Runs that came after the end of intake, as of the last trace.
    too_late: u64,
    _guard: Option<TerminationGuard>,
}

impl Ours {
    fn new(builder: ClientBuilder, name: &str, order: &Order) -> Result<Self> {
        let client = builder.build()?;
        let grace = Duration::from_secs(10);
        let graceful = order.ending == Ending::GracefulSignal;
        let guard = graceful.then(|| client.flush_on_termination(grace));
        Ok(Self {
            by_reference: name == "ours-by-reference",
            remembers: order.tells_ids,
            ids: Vec::new(),
            too_late: 0,
            _guard: guard.transpose()?,
            client,
        })
    }

    fn remember(&mut self, id: Option<RunId>) {
        if self.remembers {
            self.ids.extend(id);
        }
    }
}

/// A value of the program's own, of which only a reference is to be had.
#[derive(Serialize)]
struct Said<'a> {
    input: &'a str,
}

#[derive(Serialize)]
struct Told<'a> {
    output: &'a str,
}

/// Traces a root and its children, with the texts moved into them.
pub(crate) fn one_trace(client: &Client, texts: &mut Texts) {
    let mut texts = texts.drain(..);
    let Some((inputs, outputs)) = texts.next() else {
        return;
    };
    let run = client.run("answer").inputs(inputs).start();
    for (inputs, outputs) in texts {
        let child = run.child("step").inputs(inputs).start();
        child.end_with(outputs);
    }
    run.end_with(outputs);
}

impl Library for Ours {
    fn trace(&mut self, root: &'static str, texts: &mut Texts) {
        self.ids.clear();
        let by_reference = self.by_reference;
        let start = |run: RunBuilder, text: String| match by_reference {
            true => run.inputs_of(&Said { input: &text }).start(),
            false => run.inputs(text).start(),
        };
        let end = |run: &RunTree, text: String| match by_reference {
            true => run.end_of(&Told { output: &text }),
            false => run.end_with(text),
        };
        let mut texts = texts.drain(..);
        let Some((inputs, outputs)) = texts.next() else {
            return;
        };
        let run = start(self.client.run(root), inputs);
        self.remember(run.id());
        for (inputs, outputs) in texts {
            let child = start(run.child("step"), inputs);
            self.remember(child.id());
            end(&child, outputs);
        }
        end(&run, outputs);
    }

    fn last_ids(&mut self) -> Vec<String> {
        let refused = &self.client.stats().refused;
        let too_late = refused.get(&RefuseReason::Closed).copied().unwrap_or(0);
        if std::mem::replace(&mut self.too_late, too_late) < too_late {
            return Vec::new();
        }
        self.ids.iter().map(ToString::to_string).collect()
    }

    fn settle(&mut self, patience: Duration) {
        let _ = self.client.flush(patience);
    }

    fn flush(&mut self, patience: Duration) -> Option<String> {
        let _ = self.client.flush(patience);
        self.said()
    }

    fn said(&self) -> Option<String> {
        Some(self.client.stats().to_string())
    }
}
